"""Whether evidence finds the page: facts planted in real documents, the answer given, pages ranked by the attention.

    python -m benchmarks.evidence [--model tiny] [--documents 10] [--pages 10] [--seed 1] [--store FOLDER]

No answer is sampled: the right one is fed, and ``reading.evidence`` says how the attention behind its tokens was
shared. Reported is how often the planted page is the first, and among the first three, by raw share and by lift, beside
what chance would give. Writes ``build/bench/evidence-MODEL.json`` after each document.

Not covered: answers that rest on several pages, and on none.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.plants import planted
from benchmarks.setups import ROOT
from workbench.session import Reading, Workbench

TOP = 3


def ranks(reading: Reading, answer: str, question: str, page: int) -> dict[str, int]:
    """Rank of a page, from 1, by raw share and by lift; an answer of several sentences counts as their mean."""
    frame = reading.evidence(answer, question).group_by("page").agg(pl.col("share", "lift").mean())
    return {
        by: frame.sort(by, descending=True)["page"].to_list().index(page) + 1 for by in ("share", "lift")
    }  # fmt: skip


def main(
    model: Annotated[str, typer.Option(help="As Workbench takes it.")] = "tiny",
    documents: Annotated[int, typer.Option(help="Each is read once, and asked five times.", min=1)] = 10,
    pages: Annotated[int, typer.Option(help="Of each document, of 300 words or more.", min=5)] = 10,
    seed: Annotated[int, typer.Option(help="Of documents and facts.")] = 1,
    store: Annotated[Path | None, typer.Option(help="Keeps the readings there, to go on later.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for the JSON.")] = ROOT / "build" / "bench",
) -> None:
    """Measure, print, write."""
    console, rows = Console(), list[dict[str, object]]()
    out.mkdir(parents=True, exist_ok=True)
    with Workbench(model, store=store or False) as bench:
        for document, plants in planted(documents, pages, seed):
            with bench.read(document, progress=None) as reading:
                found = [ranks(reading, plant.answer, plant.question, plant.page) for plant in plants]
                tokens = reading.num_tokens
            for plant, rank in zip(plants, found, strict=True):
                rows.append({"document": document.name, "tokens": tokens, "page": plant.page, **rank})
            console.print(f"{document.name}, {tokens:,} tokens: ranks by lift {[rank['lift'] for rank in found]}")
            record = {"model": bench.name, "pages": pages, "seed": seed, "plants": rows}
            (out / f"evidence-{bench.name}.json").write_text(json.dumps(record, indent=1))
    console.print(table(bench.name, rows, pages))


def table(model: str, rows: list[dict[str, object]], pages: int) -> Table:
    """Shares of the plants that are found."""
    shown = Table("by", "first", f"among the first {TOP}", title=f"{model}: {len(rows)} facts, {pages} pages")
    for by in ("share", "lift"):
        found = [int(str(row[by])) for row in rows]
        first, top = (sum(rank <= most for rank in found) / len(found) for most in (1, TOP))
        shown.add_row(by, f"{first:.0%}", f"{top:.0%}")
    shown.add_row("chance", f"{1 / pages:.0%}", f"{TOP / pages:.0%}")
    return shown


if __name__ == "__main__":
    typer.run(main)
