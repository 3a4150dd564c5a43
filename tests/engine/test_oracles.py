"""Our engine against plain transformers on random checkpoints: the same token ids, or it is wrong."""

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.checkpoints import MAKERS
from workbench.config import SamplingParams
from workbench.engine import checkpoint as checkpoints
from workbench.engine.local import GRID, LocalEngine
from workbench.engine.store import Store
from workbench.types import Prefix, ReadProgress

CPU = torch.device("cpu")
QUESTION = list(range(40, 57))
LENGTHS = (1, 255, 256, 257, 511, 512, 513, 1_500)
NO_END: frozenset[int] = frozenset()


def make_engine(
    folder: Path,
    weights: str = "fp32",
    window: int = 4_096,
    kv: torch.dtype = torch.float32,
    store: Store | None = None,
) -> LocalEngine:
    config = checkpoints.text_config(folder)
    layout = checkpoints.kv_layout(config, kv, CPU)
    return LocalEngine(checkpoints.load(folder, weights, CPU), layout, window, seed=0, store=store)


def load_plain(folder: Path) -> torch.nn.Module:
    # Sinks are in transformers' eager attention only.
    kind = "eager" if checkpoints.text_config(folder).model_type == "gpt_oss" else "sdpa"
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation=kind).eval()


@pytest.fixture(scope="module", params=sorted(MAKERS))
def pair(request: pytest.FixtureRequest, checkpoint: Callable[[str], Path]):
    """Our engine and the plain model of the same checkpoint."""
    folder = checkpoint(request.param)
    plain = load_plain(folder)
    engine = make_engine(folder)
    yield engine, plain
    engine.close()


def document(num_tokens: int) -> list[int]:
    return torch.randint(0, 256, (num_tokens,), generator=torch.Generator().manual_seed(num_tokens)).tolist()


def read(engine: LocalEngine, ids: list[int]) -> Prefix:
    *progress, prefix = engine.read(ids)
    assert all(isinstance(event, ReadProgress) for event in progress)
    assert not isinstance(prefix, ReadProgress)
    return prefix


def ask(engine: LocalEngine, prefix: Prefix, question: list[int], **params: object) -> list[int]:
    branch = engine.fork(prefix)
    try:
        steps = list(engine.generate(branch, question, SamplingParams(**{"max_tokens": 12, **params}), NO_END))
    finally:
        branch.close()
    return [step.token_id for step in steps if step.token_id is not None]


def plain_ids(plain: torch.nn.Module, prompt: list[int], num_tokens: int = 12) -> list[int]:
    input_ids = torch.tensor([prompt])
    with torch.inference_mode():
        # Without a mask of ones, generate would guess one and hide every token that has the id of the padding.
        out = plain.generate(
            input_ids, attention_mask=torch.ones_like(input_ids), max_new_tokens=num_tokens, do_sample=False,
            eos_token_id=None, pad_token_id=0,
        )  # fmt: skip
    return out[0, len(prompt) :].tolist()


@pytest.mark.parametrize("num_tokens", LENGTHS)
def test_greedy_ids_equal_one_shot_generate(pair, num_tokens: int):
    engine, plain = pair
    ids = document(num_tokens)
    prefix = read(engine, ids)
    assert ask(engine, prefix, QUESTION) == plain_ids(plain, ids + QUESTION)
    prefix.close()
    assert engine.memory.pool.num_used == 0


def test_logits_equal_those_of_transformers(pair):
    engine, plain = pair
    ids = document(1_100)
    prefix = read(engine, ids)
    branch = prefix.sequence.fork()
    ours = engine._runner.forward(branch, QUESTION)
    with torch.inference_mode():
        theirs = plain(torch.tensor([ids + QUESTION])).logits[0, -1]
    torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)
    branch.close()
    prefix.close()


@pytest.mark.parametrize("kind", ["gemma3", "gpt-oss"])
@pytest.mark.parametrize("sliding_window", [1, 24, 300, 2_000])
def test_windows_of_any_size_against_chunks_of_any_size(
    checkpoint: Callable[[str], Path], tmp_path: Path, kind: str, sliding_window: int
):
    folder = Path(shutil.copytree(checkpoint(kind), tmp_path / "model"))
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**settings, "sliding_window": sliding_window}))
    plain, engine = load_plain(folder), make_engine(folder)
    ids = document(400)
    with torch.inference_mode():
        expected = plain(torch.tensor([ids + QUESTION])).logits[0]
    for grid in (7, 100):
        engine._runner.grid = grid
        prefix = read(engine, ids)
        branch, together = prefix.sequence.fork(), prefix.sequence.fork()
        one_by_one = torch.stack([engine._runner.forward(branch, [token]) for token in QUESTION])
        torch.testing.assert_close(one_by_one, expected[len(ids) :], atol=1e-4, rtol=0)
        torch.testing.assert_close(engine._runner.forward(together, QUESTION), expected[-1], atol=1e-4, rtol=0)
        for each in (branch, together, prefix):
            each.close()
    engine.close()


def test_questions_do_not_hear_of_each_other_and_a_warm_answer_is_a_cold_one_bit_for_bit(pair):
    engine, _ = pair
    ids = document(700)
    prefix = read(engine, ids)
    first = prefix.sequence.fork()
    cold = engine._runner.forward(first, QUESTION).clone()
    ask(engine, prefix, list(range(90, 130)))
    open_branch = engine.fork(prefix)
    list(engine.generate(open_branch, [3, 4, 5], SamplingParams(max_tokens=5), NO_END))
    second = prefix.sequence.fork()
    assert torch.equal(engine._runner.forward(second, QUESTION), cold)
    again = read(engine, ids)
    third = again.sequence.fork()
    assert torch.equal(engine._runner.forward(third, QUESTION), cold)
    for each in (first, second, third, open_branch, prefix, again):
        each.close()
    assert engine.memory.pool.num_used == 0
    assert engine.memory.num_bytes == 0


def test_a_read_that_was_cancelled_goes_on_from_its_last_chunk_with_the_same_bits(pair):
    engine, _ = pair
    ids = document(2 * GRID + 100)
    whole = read(engine, ids)
    cancel = threading.Event()
    done = 0
    for event in engine.read(ids, cancel):
        assert isinstance(event, ReadProgress)
        done = event.done_tokens
        if done >= GRID:
            cancel.set()
    events = list(engine.read(ids))
    assert events[0].done_tokens == events[0].reused_tokens >= GRID
    assert events[0].done_tokens % GRID == 0
    branches = [prefix.sequence.fork() for prefix in (whole, events[-1])]
    assert torch.equal(*(engine._runner.forward(branch, QUESTION) for branch in branches))
    for each in (*branches, whole, events[-1]):
        each.close()


def test_a_pass_that_breaks_off_between_layers_leaves_no_trace(pair):
    engine, _ = pair
    prefix = read(engine, document(300))
    plain_branch, broken = prefix.sequence.fork(), prefix.sequence.fork()
    expected = engine._runner.forward(plain_branch, QUESTION)
    last = broken.layers[-1]
    original, calls = last.update, []

    def fail_once(*args: object, **kwargs: object) -> object:
        if not calls:
            calls.append(1)
            raise RuntimeError("broken off")
        return original(*args, **kwargs)

    last.update = fail_once
    with pytest.raises(RuntimeError, match="broken off"):
        engine._runner.forward(broken, QUESTION)
    assert broken.num_tokens == broken.table.num_tokens == 300
    assert torch.equal(engine._runner.forward(broken, QUESTION), expected)
    for each in (plain_branch, broken, prefix):
        each.close()


def test_ten_forks_hold_one_copy_of_the_document(pair):
    engine, _ = pair
    prefix = read(engine, document(1_000))
    used = engine.memory.pool.num_used
    forks = [engine.fork(prefix) for _ in range(10)]
    assert engine.memory.pool.num_used == used == 4
    for fork in forks:
        list(engine.generate(fork, QUESTION, SamplingParams(max_tokens=2), NO_END))
    assert engine.memory.pool.num_used == used + 10
    prefix.close()
    for fork in forks:
        fork.close()
    assert engine.memory.pool.num_used == engine.memory.num_bytes == 0


def test_sampling_with_a_seed_says_the_same_again_and_another_seed_does_not(pair):
    engine, _ = pair
    prefix = read(engine, document(200))
    answers = [ask(engine, prefix, QUESTION, temperature=1.5, seed=seed, max_tokens=20) for seed in (1, 1, 2)]
    assert answers[0] == answers[1] != answers[2]
    assert ask(engine, prefix, QUESTION, temperature=1.5, top_k=1) == ask(engine, prefix, QUESTION)
    prefix.close()
