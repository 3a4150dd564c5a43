"""Prefill and time to first token against stock transformers, on the same weights and tokens, interleaved in one run.

    python benchmarks/speed.py [--tokens 7000] [--rounds 3]

Prints medians and ratios; a time alone means nothing on a shared machine.
"""

import platform
import statistics
import time
from pathlib import Path
from typing import cast

import torch
import transformers
import typer
from rich.console import Console
from rich.table import Table
from transformers import AutoModelForCausalLM, DynamicCache

from workbench.config import EngineOptions, SamplingParams
from workbench.engine import checkpoint, convert, registry
from workbench.engine.local import GRID, LocalEngine
from workbench.engine.tokenizer import HubTokenizer
from workbench.types import Prefix

NOVEL = Path(__file__).parents[1] / "sample_data" / "persuasion.txt"
NUM_QUESTION_TOKENS = 30


def ours(engine: LocalEngine, ids: list[int], question: list[int]) -> tuple[float, float, float]:
    """Seconds of prefill, and to the first token of a first and a second question, prefill included in the first."""
    started = time.perf_counter()
    prefix = cast(Prefix, list(engine.read(ids))[-1])
    prefill_s = time.perf_counter() - started
    first_s = prefill_s + first_token_s(engine, prefix, question)
    second_s = first_token_s(engine, prefix, question[::-1])
    prefix.close()
    return prefill_s, first_s, second_s


def first_token_s(engine: LocalEngine, prefix: Prefix, question: list[int]) -> float:
    """Seconds from a question to the first token of its answer."""
    started = time.perf_counter()
    branch = engine.fork(prefix)
    next(engine.generate(branch, question, SamplingParams(max_tokens=1), frozenset()))
    spent = time.perf_counter() - started
    branch.close()
    return spent


@torch.inference_mode()
def stock(model: torch.nn.Module, ids: list[int]) -> float:
    """Seconds of chunked prefill with DynamicCache and sdpa, in chunks of our grid."""
    cache = DynamicCache()
    started = time.perf_counter()
    for start in range(0, len(ids), GRID):
        model(torch.tensor([ids[start : start + GRID]]), past_key_values=cache, logits_to_keep=1)
    return time.perf_counter() - started


def main(tokens: int = 7_000, rounds: int = 3) -> None:
    """Measure ``tiny`` on the beginning of Persuasion."""
    folder = convert.ensure(registry.find("tiny"), "fp32")
    ids = HubTokenizer(folder).encode(NOVEL.read_text(encoding="utf-8"))[: tokens + NUM_QUESTION_TOKENS]
    ids, question = ids[:tokens], ids[tokens:]
    cpu, options = torch.device("cpu"), EngineOptions()
    layout = checkpoint.kv_layout(checkpoint.text_config(folder), torch.float32, cpu)
    engine = LocalEngine(checkpoint.load(folder, "fp32", cpu), layout, 8_192, options.seed)
    plain = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="sdpa").eval()
    ours(engine, ids[: 2 * GRID], question)  # warm up
    stock(plain, ids[: 2 * GRID])
    runs = [(*ours(engine, ids, question), stock(plain, ids)) for _ in range(rounds)]
    prefill_s, first_s, second_s, stock_s = (statistics.median(column) for column in zip(*runs, strict=True))
    table = Table("figure", "median", title=f"tiny, fp32, {tokens:,} tokens, {rounds} rounds")
    table.add_row("prefill, ours", f"{prefill_s:.1f} s, {tokens / prefill_s:.0f} tokens/s")
    table.add_row("prefill, stock transformers", f"{stock_s:.1f} s, {tokens / stock_s:.0f} tokens/s")
    table.add_row("ours against stock", f"{stock_s / prefill_s:.2f} times as fast")
    table.add_row("first token, first question", f"{first_s:.2f} s")
    table.add_row("first token, second question", f"{second_s:.2f} s, {first_s / second_s:.0f} times sooner")
    console = Console()
    console.print(table)
    console.print(
        f"{platform.machine()}, {torch.get_num_threads()} threads, {torch.backends.cpu.get_cpu_capability()}, "
        f"torch {torch.__version__}, transformers {transformers.__version__}"
    )


if __name__ == "__main__":
    typer.run(main)
