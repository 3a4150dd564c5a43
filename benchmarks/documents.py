"""Pages per second of our PDF reader, with all its accounts, beside pymupdf4llm on the same files, in turns.

    python -m benchmarks.documents [--pages 40] [--rounds 3]

Each reads the same first pages of each file; the median of the rounds counts, in seconds of this process's CPU.
pymupdf4llm is measured both ways: with the layout model that it loads wherever ``pymupdf_layout`` is installed, which
is what its users get, and without, the rules alone.

Not covered: other formats; the worker process about a reader.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median
from typing import Annotated

import pymupdf
import pymupdf4llm
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.setups import ROOT
from workbench.documents.parsed import ReadOptions
from workbench.documents.parsing import File, read_here

FILES = ("eu-ai-act.pdf", "cms-1490s.pdf")
LEAST_RATIO = 0.5
"""Of pymupdf4llm's speed, as its users have it, that ours keeps with all its accounts."""


def first_pages(name: str, num_pages: int) -> bytes:
    """A sample cut to its first pages."""
    with pymupdf.open(ROOT / "sample_data" / name) as pdf:
        pdf.select(range(min(num_pages, len(pdf))))
        content: bytes = pdf.tobytes(garbage=3)
    return content


def ours(content: bytes) -> None:
    """Text, places, tables, outline, hidden text, running heads, warnings."""
    read_here(File(content, "a.pdf", "a.pdf"), ReadOptions(ocr=False))  # neither kept nor in another process


def with_layout(content: bytes) -> None:
    """Markdown, by the layout model."""
    pymupdf4llm.use_layout(True)
    with pymupdf.open(stream=content) as pdf:
        pymupdf4llm.to_markdown(pdf, use_ocr=False)


def by_rules(content: bytes) -> None:
    """Markdown, by rules alone."""
    pymupdf4llm.use_layout(False)
    with pymupdf.open(stream=content) as pdf:
        pymupdf4llm.to_markdown(pdf)


READERS: dict[str, Callable[[bytes], None]] = {
    "ours": ours,
    "pymupdf4llm, layout model": with_layout,
    "pymupdf4llm, rules": by_rules,
}


def seconds(read: Callable[[bytes], None], content: bytes) -> float:
    """Of CPU that a reader takes."""
    start = time.process_time()
    read(content)
    return time.process_time() - start


def speeds(content: bytes, rounds: int) -> dict[str, float]:
    """Pages per second of each reader."""
    with pymupdf.open(stream=content) as pdf:
        num_pages = len(pdf)
    took: dict[str, list[float]] = {name: [] for name in READERS}
    # The first round warms all up; in turns, so that a busy machine slows all alike.
    for _ in range(rounds + 1):
        for name, read in READERS.items():
            took[name].append(seconds(read, content))
    return {name: num_pages / median(times[1:]) for name, times in took.items()}


def main(
    pages: Annotated[int, typer.Option(help="Of each file, from the first.", min=1)] = 40,
    rounds: Annotated[int, typer.Option(help="Of which the median is taken.", min=1)] = 3,
) -> None:
    """Measure and show; fails when ours is too slow."""
    table = Table("file", *(f"{name}, pages/s" for name in READERS), "ratio to each")
    ratios = []
    for name in FILES:
        mine, *others = speeds(first_pages(name, pages), rounds).values()
        ratios.append(mine / others[0])
        shown = (f"{speed:.1f}" for speed in (mine, *others))
        table.add_row(name, *shown, ", ".join(f"{mine / other:.1f}" for other in others))
    Console(highlight=False).print(table)
    if min(ratios) < LEAST_RATIO:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
