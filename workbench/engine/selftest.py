"""A tiny random model, run by our engine and by plain transformers on the device at hand: the same logits, or no start.

Everything rests on seams of transformers, and on CUDA on kernels that were never run where this was written. So the
first model that is loaded on a CUDA device, and ``workbench doctor`` on any, try: a document in two chunks, two forks
whose blocks lie apart, a question, single tokens. flash-attn is used if it passes; if not, torch's own attention is
tried, with one line in the log; if that fails too, nothing is loaded.

The kernels of Gated DeltaNet layers are transformers' choice: it takes flash-linear-attention (``fla``) and
``causal-conv1d`` when they can be imported at the time the model's module is, each function for itself, and torch's
own code otherwise; both sides of the comparison run on the same ones.

Not covered: speed; the weights of a real model. The CUDA side has not been run here.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from contextlib import nullcontext
from functools import cache
from importlib.util import find_spec

import torch
import transformers

from workbench.engine import flash
from workbench.engine.attention import ATTENTION_NAME
from workbench.engine.blocks import BLOCK_SIZE, BlockTable
from workbench.engine.cache import SequenceCache
from workbench.engine.checkpoint import kv_layout, quiet_transformers
from workbench.engine.memory import BlockMemory
from workbench.engine.runner import Runner
from workbench.errors import EngineError

_log = logging.getLogger(__name__)

TOLERANCES = {torch.float32: 1e-3, torch.bfloat16: 4e-2}
"""Norm of the difference of two logits over the norm of the logits, at most; an attention that forgets or mixes up
a block is off by several times that (tests/engine/test_selftest.py)."""

_CHUNKS = (200, 100)  # the document
_TAIL = (BLOCK_SIZE, 20)  # a question that fills a block, and goes on after another fork has taken the next one
_SINGLE = 3


@cache
def verify(device: torch.device) -> str:
    """Try the engine on a device, once a process; says in a few words what attends there, and why not flash-attn.

    Raises:
        EngineError: the engine does not give transformers' logits here.
    """
    call, why = (flash.installed() if device.type == "cuda" else None), ""
    flash.choose(call)
    if call is not None and (wrong := _attempt(device)):
        _log.warning("flash-attn does not pass the self-test (%s); torch's attention is used instead.", wrong)
        call, why = None, f" (flash-attn does not pass the self-test: {wrong})"
        flash.choose(call)
    if call is None and (wrong := _attempt(device)):
        raise EngineError(
            f"On {device} this engine does not give the logits of transformers {transformers.__version__} with torch "
            f"{torch.__version__}: {wrong}. Nothing is loaded, its answers would be wrong. Use device='cpu', or the "
            "versions that pyproject.toml names."
        )
    return flash.name() + why if device.type == "cuda" else "torch's flash attention for CPU, and kernels of our own"


def verify_here() -> str:
    """``verify`` on the GPU, or on the CPU of a machine without."""
    return verify(torch.device("cuda" if torch.cuda.is_available() else "cpu"))


def linear_kernels() -> str:
    """Which of the packages that transformers takes for Gated DeltaNet layers are here."""
    names = {"fla": "flash-linear-attention", "causal_conv1d": "causal-conv1d"}
    found = [named for module, named in names.items() if find_spec(module)]
    return ", ".join(found) or "torch's own (neither flash-linear-attention nor causal-conv1d is installed)"


def _attempt(device: torch.device) -> str:
    """What is wrong on a device, or nothing."""
    dtype = torch.float32 if device.type == "cpu" else torch.bfloat16
    # On CUDA transformers' advice on kernels is worth hearing; on a CPU it is not.
    quiet = quiet_transformers() if device.type == "cpu" else nullcontext()
    try:
        with quiet:
            off = deviation(device, dtype)
    except (RuntimeError, TypeError, ValueError, EngineError) as error:  # kernels fail in their own ways
        return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else 'no message'}"
    return "" if off <= TOLERANCES[dtype] else f"logits are off by {off:.1%}"


def tiny_model(device: torch.device, dtype: torch.dtype) -> transformers.PreTrainedModel:
    """A random Qwen3.5 of four layers, the same every time."""
    config = transformers.Qwen3_5TextConfig(
        vocab_size=512, hidden_size=128, intermediate_size=256, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=2, head_dim=64, linear_num_key_heads=2, linear_num_value_heads=4,
        linear_key_head_dim=64, linear_value_head_dim=64, max_position_embeddings=4_096, pad_token_id=0,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32)
        for name, parameter in model.named_parameters():
            if "self_attn" in name and parameter.dim() > 1:
                parameter.mul_(8)  # at their default size attention would hardly show in the logits
    return model.to(device, dtype).eval().requires_grad_(False)


@torch.inference_mode()
def deviation(device: torch.device, dtype: torch.dtype) -> float:
    """The largest share by which logits of our engine differ from those of plain transformers."""
    model, length = tiny_model(device, dtype), sum(_CHUNKS) + sum(_TAIL) + _SINGLE
    ids = torch.randint(0, 512, (length,), generator=torch.Generator().manual_seed(0)).tolist()
    model.set_attn_implementation("sdpa")
    expected = model(torch.tensor([ids], device=device)).logits[0].float()
    model.set_attn_implementation(ATTENTION_NAME)
    memory = BlockMemory(kv_layout(model.config, dtype, device))
    worst = 0.0
    for num_tokens, logits in _ours(Runner(model, BLOCK_SIZE, 0), memory, ids):
        theirs = expected[num_tokens - 1]
        off = float((logits.float() - theirs).norm() / theirs.norm())
        worst = max(worst, float("inf") if math.isnan(off) else off)
    return worst


def _ours(runner: Runner, memory: BlockMemory, ids: Sequence[int]) -> list[tuple[int, torch.Tensor]]:
    """Logits after some numbers of tokens, by our engine."""
    document = SequenceCache(memory, BlockTable(memory.pool, memory.add_slab(2, shared=False)))
    found, done = [], 0
    for num_tokens in _CHUNKS:
        found.append((done + num_tokens, runner.forward(document, ids[done : done + num_tokens])))
        done += num_tokens
    question, other = document.fork(), document.fork()
    for num_tokens in (*_TAIL, *[1] * _SINGLE):
        found.append((done + num_tokens, runner.forward(question, ids[done : done + num_tokens])))
        done += num_tokens
        if not other.num_tokens > document.num_tokens:
            runner.forward(other, ids[:10])  # takes the block that would have come next
    for sequence in (question, other, document):
        sequence.close()
    return found
