"""How good tables are: one row from each of the 60 patient notes, held against gold made by hand.

    python -m benchmarks.extraction [--model small] [--notes 60]

Prints, for each column, the share of gold values that were found (recall) and of values marked ``supported`` that are
gold; how many cells have no status, how many values a note does not have were invented, and the seconds a note takes.
The complaint counts as found where it has the gold's words or they have it (``Anxiety`` of ``Anxiety disorder``);
everything else has to be equal. Writes ``build/bench/extraction-MODEL.json``, each cell with what it should have been.
"""

from __future__ import annotations

import csv
import json
import time
from datetime import date
from pathlib import Path
from typing import Annotated

import polars as pl
import typer
from pydantic import BaseModel, Field
from rich.console import Console
from rich.table import Table

import workbench as wb
from workbench.analysis.values import parse
from workbench.documents.quotes import spell

ROOT = Path(__file__).parents[1]
NOTES = ROOT / "sample_data" / "patient-notes"
GOLD = ROOT / "tests" / "gold" / "patient_notes.tsv"
COLUMNS = ("patient", "age", "complaint", "doctor", "visit_date")


class Note(BaseModel):
    """One visit of a patient."""

    patient: str = Field(description="name of the patient")
    age: int = Field(description="of the patient, in years")
    complaint: str = Field(description="chief complaint, behind CC")
    doctor: str = Field(description="who has seen the patient, behind Seen by")
    visit_date: date = Field(description="when the patient was seen")


def gold() -> dict[str, dict[str, str]]:
    """What each note says, by its name; empty for what it does not say."""
    lines = [line for line in GOLD.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return {row["note"]: row for row in csv.DictReader(lines, delimiter="\t")}


def is_gold(column: str, value: str | None, wanted: str) -> bool:
    """Whether a cell says what the note does."""
    if value is None or not wanted:
        return value is None and not wanted
    if column == "visit_date":
        return value == str(parse(wanted, "date", "month").value)
    said, told = spell(value).strip(" .,;:"), spell(wanted).strip(" .,;:")
    return said == told or (column == "complaint" and (said in told or told in said))


def measured(model: str, num_notes: int) -> tuple[pl.DataFrame, list[float]]:
    """A line for each cell, and the seconds of each note."""
    lines, seconds = [], []
    with wb.Workbench(model) as bench:
        for note, wanted in list(gold().items())[:num_notes]:
            with bench.read(wb.load(NOTES / f"{note}.txt"), progress=None) as reading:
                began = time.perf_counter()
                table = reading.extract(Note, rows="one")
                seconds.append(time.perf_counter() - began)
            for cell in table.cells.iter_rows(named=True):
                right = is_gold(cell["column"], cell["value"], wanted[cell["column"]])
                lines.append(cell | {"note_name": note, "gold": wanted[cell["column"]], "right": right})
    return pl.DataFrame(lines, infer_schema_length=None), seconds


def report(cells: pl.DataFrame, seconds: list[float], model: str) -> None:
    """The figures as a table."""
    shown = Table(
        "column", "recall", "supported", "supported and gold", "invented", title=f"{model}, {len(seconds)} notes"
    )
    for column in (*COLUMNS, ""):
        own = cells.filter(pl.col("column") == column) if column else cells
        there, supported = own.filter(pl.col("gold") != ""), own.filter(pl.col("status") == "supported")
        invented = own.filter((pl.col("gold") == "") & pl.col("value").is_not_null())
        shown.add_row(
            column or "all", f"{there['right'].mean():.3f}", f"{len(supported)}",
            f"{supported['right'].mean() or 0:.3f}", f"{len(invented)}",
        )  # fmt: skip
    console = Console()
    console.print(shown)
    console.print(f"cells without a status: {cells.filter(pl.col('status').is_null()).height}")
    console.print(f"seconds a note: {sum(seconds) / len(seconds):.1f}, at most {max(seconds):.1f}")


def main(
    model: Annotated[str, typer.Option(help="A name from `workbench models`.")] = "small",
    notes: Annotated[int, typer.Option(min=1, help="How many of the 60.")] = 60,
) -> None:
    """Extract, compare, print, write."""
    cells, seconds = measured(model, notes)
    folder = ROOT / "build" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"extraction-{Path(model).name}.json"
    path.write_text(json.dumps({"seconds": seconds, "cells": cells.to_dicts()}, indent=1), encoding="utf-8")
    report(cells, seconds, model)


if __name__ == "__main__":
    typer.run(main)
