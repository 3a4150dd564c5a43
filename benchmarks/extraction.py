"""How good tables are: one row from each of the 60 patient notes, held against gold made by hand.

    python -m benchmarks.extraction [--model small] [--first 0] [--notes 60]

Prints, for each column, the share of gold values that were found (recall) and of values marked ``supported`` that are
gold; how many cells have no status, how many values a note does not have were invented, and the seconds a note takes.
The complaint counts as found where it has the gold's words or they have it (``Anxiety`` of ``Anxiety disorder``);
everything else has to be equal. Each note is a line of ``build/bench/extraction-MODEL.jsonl`` as soon as it is done,
with what its cells should have been; a note that has one is not asked again, and the figures are of all of them.
Remove the file to begin anew.
"""

from __future__ import annotations

import csv
import json
import time
from datetime import date
from pathlib import Path
from typing import Annotated, Any

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


def measure(model: str, names: list[str], path: Path) -> None:
    """A line for each note that has none yet."""
    left = [name for name in names if name not in {note["note"] for note in kept(path)}]
    wanted = gold()
    with wb.Workbench(model) as bench:
        for name in left:
            with bench.read(wb.load(NOTES / f"{name}.txt"), progress=None) as reading:
                began = time.perf_counter()
                table = reading.extract(Note, rows="one")
                seconds = time.perf_counter() - began
            cells = [cell | {"gold": wanted[name][cell["column"]]} for cell in table.cells.to_dicts()]
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"note": name, "seconds": seconds, "cells": cells}) + "\n")


def kept(path: Path) -> list[dict[str, Any]]:
    """The notes that were measured."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def report(notes: list[dict[str, Any]], model: str) -> None:
    """The figures as a table, and each cell that is marked ``supported`` and is not gold."""
    lines = [
        cell | {"note_name": note["note"], "right": is_gold(cell["column"], cell["value"], cell["gold"])}
        for note in notes for cell in note["cells"]
    ]  # fmt: skip
    cells, seconds = pl.DataFrame(lines, infer_schema_length=None), [note["seconds"] for note in notes]
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
    for cell in cells.filter((pl.col("status") == "supported") & ~pl.col("right")).iter_rows(named=True):
        console.print(f"{cell['note_name']} {cell['column']}: {cell['value']}, and gold is {cell['gold'] or 'nothing'}")
    console.print(f"cells without a status: {cells.filter(pl.col('status').is_null()).height}")
    console.print(f"seconds a note: {sum(seconds) / len(seconds):.1f}, at most {max(seconds):.1f}")


def main(
    model: Annotated[str, typer.Option(help="A name from `workbench models`.")] = "small",
    first: Annotated[int, typer.Option(min=0, help="Of the notes, from 0.")] = 0,
    notes: Annotated[int, typer.Option(min=0, help="How many of the 60; 0 prints what was measured.")] = 60,
) -> None:
    """Extract, write, compare, print."""
    path = ROOT / "build" / "bench" / f"extraction-{Path(model).name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    if notes:
        measure(model, list(gold())[first : first + notes], path)
    report(kept(path), model)


if __name__ == "__main__":
    typer.run(main)
