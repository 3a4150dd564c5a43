"""Tables from results: for the terminal, and as ``benchmarks/README.md``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import dedent

from rich.console import Console
from rich.table import Table

from benchmarks.results import Key, Results
from benchmarks.setups import ANSWER_TOKENS, QUESTION_TOKENS, TOGETHER

NONE = "–"

HOW = f"""\
Every engine runs in a process of its own with the same number of threads, on the same token ids; only one computes at a
time, and each round goes through all of them in turn, beginning with another. Figures are medians of the rounds, in
brackets the least and the greatest. Before the first round each engine reads 600 tokens to warm up.

- **Prefill** reads into an empty cache, 512 tokens at a time, logits for the last token only.
- **Decode** is {ANSWER_TOKENS} tokens, greedy, one stream, after a question of {QUESTION_TOKENS} tokens; from its first
  token to its last.
- **First token**: question 1 with the reading before it; question 2 behind the same reading; and in a new process with
  the model loaded, nothing computed yet and the file in the page cache, from opening the saved reading to the first
  token. An answer that differs from the one before saving counts as a failure.
- **{TOGETHER} at once**: {TOGETHER} questions behind one reading; tokens of all from when each has its first, and that
  against one stream of the same precision.
- **Milliseconds of a decoded token**: products with rounded weights and attention as Python's profiler sees them, the
  rest by subtraction; the first reads every weight once, the second every key and value.
- **Peak** is the most memory the process took for loading, reading and one answer, less what it took after its imports;
  **held** is what must be there: weights, keys and values.
- **llama.cpp** loads the GGUF file that our weights were converted from, with llama-cpp-python's defaults; a second row
  turns flash attention on. **transformers** runs `sdpa` with `DynamicCache` and the shortest decoding loop there is.
"""


@dataclass(frozen=True)
class Sheet:
    """A table: its title, its header, its rows."""

    title: str
    header: list[str]
    rows: list[list[str]]


def sheets(results: Results) -> Iterator[Sheet]:
    """All tables."""
    for model in results.models():
        deepest = max(results.depths(model, "prefill"))
        for measure in ("prefill", "decode"):
            depths = results.depths(model, measure)
            columns = [(f"{depth:,} tokens", measure, depth) for depth in depths]
            yield _sheet(results, model, f"`{model}`: {measure}, tokens/s", columns)
        firsts = [("question 1", "first"), ("question 2", "second"), ("reopened", "reopened")]
        title = f"`{model}`: seconds to the first token, {deepest:,} tokens read"
        yield _sheet(results, model, title, [(name, measure, deepest) for name, measure in firsts])
        yield _costs(results, model, deepest)
        yield from _profile(results, model, deepest)


def _sheet(results: Results, model: str, title: str, columns: list[tuple[str, str, int]]) -> Sheet:
    rows = []
    for setup in results.setups(model):
        cells = [_figure(results, Key(model, *setup, measure, depth)) for _, measure, depth in columns]
        rows.append([*setup, *cells])
    return Sheet(title, ["engine", "weights", "KV", *(name for name, _, _ in columns)], rows)


def _costs(results: Results, model: str, depth: int) -> Sheet:
    """Memory, disk, and several questions at once."""
    rows = []
    for setup in results.setups(model):
        disk, peak, held, together, single = (
            results.median(Key(model, *setup, measure, depth))
            for measure in ("disk", "peak", "held", "together", "decode")
        )
        gain = f"{together / single:.1f} times" if together and single else NONE
        rate = _figure(results, Key(model, *setup, "together", depth))
        rows.append([*setup, *(_megabytes(num_bytes) for num_bytes in (disk, peak, held)), rate, gain])
    header = ["engine", "weights", "KV", "on disk", "peak", "held", f"{TOGETHER} at once, tokens/s", "against one"]
    return Sheet(f"`{model}`: memory, and questions at once, {depth:,} tokens read", header, rows)


def _profile(results: Results, model: str, depth: int) -> Iterator[Sheet]:
    """Where the time of a decoded token goes, of those who can tell."""
    rows = []
    for setup in results.setups(model):
        decode, products, attention = (
            results.median(Key(model, *setup, measure, depth)) for measure in ("decode", "products", "attention")
        )
        if decode and products and attention:
            rest = 1e3 / decode - products - attention
            rows.append([*setup, *(_short(ms) for ms in (1e3 / decode, products, attention, rest))])
    if rows:
        header = ["engine", "weights", "KV", "a token", "products", "attention", "rest"]
        yield Sheet(f"`{model}`: milliseconds of a decoded token, {depth:,} tokens read", header, rows)


def _figure(results: Results, key: Key) -> str:
    row = results.rows.get(key)
    if row is None or row.median is None:
        return NONE
    spread = f" ({_short(min(row.values))}–{_short(max(row.values))})" if len(row.values) > 1 else ""
    return f"{_short(row.median)}{spread}"


def _short(value: float) -> str:
    """Three digits are all that a shared machine can tell."""
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}"


def _megabytes(num_bytes: float | None) -> str:
    return NONE if num_bytes is None else f"{num_bytes / 1e6:,.0f} MB"


def missing(results: Results) -> list[str]:
    """A sentence for each reason: who lacks what, and why."""
    lacking: dict[tuple[str, ...], list[str]] = {}
    for key, row in results.rows.items():
        if row.missing:
            lacking.setdefault((key.model, key.engine, key.weights, key.kv, row.missing), []).append(key.measure)
    return [
        f"`{model}`, {engine} ({weights}, {kv}): {', '.join(dict.fromkeys(measures))}: {reason}"
        for (model, engine, weights, kv, reason), measures in lacking.items()
    ]


def conditions(results: Results) -> str:
    """Machine, versions and date in a line."""
    facts = results.machine
    versions = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    return (
        f"{facts['cpu']}, {facts['threads']} threads ({facts['capability']}), {facts['system']}, Python "
        f"{facts['python']}, {versions}; rounds: {results.rounds}, {facts['date']}."
    )


def show(results: Results, console: Console) -> None:
    """Print all tables."""
    for sheet in sheets(results):
        table = Table(*sheet.header, title=sheet.title.replace("`", ""))
        for row in sheet.rows:
            table.add_row(*row)
        console.print(table)
    for sentence in missing(results):
        console.print(f"{NONE} {sentence}", markup=False)
    console.print(conditions(results), markup=False)


def markdown(results: Results, plot_name: str) -> str:
    """``benchmarks/README.md``.

    Args:
        results: what to show.
        plot_name: file name of the plot, beside it.
    """
    parts = [
        "# Benchmarks",
        "Written by `make bench` from what it measured; do not edit.",
        f"![Prefill and decode by engine]({plot_name})",
        conditions(results),
    ]
    for sheet in sheets(results):
        lines = [_line(sheet.header), _line(["---"] * 3 + ["---:"] * (len(sheet.header) - 3)), *map(_line, sheet.rows)]
        parts += [f"## {sheet.title}", "\n".join(lines)]
    reasons = missing(results)
    if reasons:
        parts += ["## What is missing", "\n".join(f"- {sentence}" for sentence in reasons)]
    parts += ["## How it is measured", f"```\n{results.command}\n```", dedent(HOW).rstrip()]
    return "\n\n".join(parts) + "\n"


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
