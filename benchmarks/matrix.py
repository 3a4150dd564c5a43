"""How good a matrix is: five questions to each of the 60 patient notes, held against the gold of benchmarks.extraction.

    python -m benchmarks.matrix [--model small] [--notes 60]

Each cell is kept in ``build/bench/matrix-MODEL.jsonl`` as it comes, as in ``Workbench.matrix``: stop it with Ctrl-C and
run it again to go on. Prints the figures of ``benchmarks.extraction``, and how many cells were kept before; the seconds
are those of this run.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from rich.console import Console

import workbench as wb
from benchmarks.extraction import COLUMNS, NOTES, ROOT, gold, report
from workbench.analysis.matrix import STOPPED

QUESTIONS = {
    "patient": wb.Column("What is the name of the patient?", kind="name"),
    "age": wb.Column("How old is the patient?", kind="number"),
    "complaint": wb.Column("What is the chief complaint?"),
    "doctor": wb.Column("Which doctor has seen the patient?", kind="name"),
    "visit_date": wb.Column("On which date was the patient seen?", kind="date"),
}


def main(
    model: Annotated[str, typer.Option(help="A name from `workbench models`.")] = "small",
    notes: Annotated[int, typer.Option(min=1, help="How many of the 60.")] = 60,
) -> None:
    """Fill, compare, print."""
    path = ROOT / "build" / "bench" / f"matrix-{Path(model).name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    before = len(path.read_bytes().splitlines()) if path.exists() else 0
    wanted, began = gold(), time.perf_counter()
    names = list(wanted)[:notes]
    with wb.Workbench(model) as bench:
        table = bench.matrix([NOTES / f"{name}.txt" for name in names], QUESTIONS, out=path)
    seconds = time.perf_counter() - began
    asked = table.cells.filter(pl.col("note") != STOPPED)
    lines = [
        {"note": name, "seconds": seconds / notes, "cells": [
            cell | {"gold": wanted[name][cell["column"]]}
            for cell in asked.filter(pl.col("row") == row).to_dicts()
        ]}
        for row, name in enumerate(names)
    ]  # fmt: skip
    report(lines, model)
    console = Console()
    console.print(f"{len(asked)} of {notes * len(COLUMNS)} cells, {before} of them kept before; {table.frame.schema}")
    for warning in table.warnings:
        console.print(warning)


if __name__ == "__main__":
    typer.run(main)
