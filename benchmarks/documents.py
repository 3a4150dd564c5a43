"""Pages per second of our PDF reader, with all its accounts, beside pymupdf4llm on the same files, in turns.

    python -m benchmarks.documents [--pages 40] [--rounds 3]

Each reads the same first pages of each file; the median of the rounds counts, in seconds of this process's CPU.

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
from workbench.documents.load import load

FILES = ("eu-ai-act.pdf", "cms-1490s.pdf")


def first_pages(name: str, num_pages: int) -> bytes:
    """A sample cut to its first pages."""
    with pymupdf.open(ROOT / "sample_data" / name) as pdf:
        pdf.select(range(min(num_pages, len(pdf))))
        content: bytes = pdf.tobytes(garbage=3)
    return content


def ours(content: bytes) -> None:
    """Text, places, tables, outline, hidden text, running heads, warnings."""
    load(content, name="a.pdf", ocr=False)


def theirs(content: bytes) -> None:
    """Markdown."""
    with pymupdf.open(stream=content) as pdf:
        pymupdf4llm.to_markdown(pdf, use_ocr=False)


def seconds(read: Callable[[bytes], None], content: bytes) -> float:
    """Of CPU that a reader takes."""
    start = time.process_time()
    read(content)
    return time.process_time() - start


def main(
    pages: Annotated[int, typer.Option(help="Of each file, from the first.", min=1)] = 40,
    rounds: Annotated[int, typer.Option(help="Of which the median is taken.", min=1)] = 3,
) -> None:
    """Measure and show."""
    table = Table("file", "pages", "ours, pages/s", "pymupdf4llm, pages/s", "ratio")
    for name in FILES:
        content = first_pages(name, pages)
        with pymupdf.open(stream=content) as pdf:
            num_pages = len(pdf)
        took: dict[str, list[float]] = {"ours": [], "theirs": []}
        # The first round warms both up; in turns, so that a busy machine slows both alike.
        for _ in range(rounds + 1):
            took["ours"].append(seconds(ours, content))
            took["theirs"].append(seconds(theirs, content))
        mine, other = (num_pages / median(times[1:]) for times in took.values())
        table.add_row(name, str(num_pages), f"{mine:.1f}", f"{other:.1f}", f"{mine / other:.1f}")
    Console(highlight=False).print(table)


if __name__ == "__main__":
    typer.run(main)
