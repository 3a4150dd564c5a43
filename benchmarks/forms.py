"""Tables from twenty short documents that nothing was tuned to word by word: forms, and prose without a label.

    python -m benchmarks.forms [--model small]

What is held against ``benchmarks.extraction``, whose notes are all alike. Prints for each kind of document the share of
gold values that were found, how many cells are ``supported`` and how many of these are gold, then each cell that is
not gold. A document is a line of ``build/bench/forms-MODEL.jsonl``; one that has one is not asked again.
"""

from __future__ import annotations

import json
import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import polars as pl
import typer
from pydantic import BaseModel, Field, create_model
from rich.console import Console
from rich.table import Table

import workbench as wb
from benchmarks.extraction import ROOT, kept

FORMS = ROOT / "tests" / "gold" / "forms.toml"
KINDS = {"text": str, "date": date, "number": float}


def measure(model: str, path: Path) -> None:
    """A line for each document that has none yet."""
    said = tomllib.loads(FORMS.read_text(encoding="utf-8"))
    done = {line["document"] for line in kept(path)}
    with wb.Workbench(model) as bench:
        for form in said["documents"]:
            if form["name"] in done:
                continue
            document = wb.load(form["text"].encode(), name=f"{form['name']}.txt")
            with bench.read(document, progress=None) as reading:
                cells = reading.extract(schema(form["schema"], said["schemas"]), rows="one").cells.to_dicts()
            for cell in cells:
                gold = form["gold"][cell["column"]]
                cell |= {"kind": form["schema"], "gold": gold}
                cell["right"] = not gold if cell["value"] is None else cell["value"] in gold
            with path.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"document": form["name"], "cells": cells}) + "\n")


def schema(name: str, columns: dict[str, dict[str, dict[str, str]]]) -> type[BaseModel]:
    """The model of a kind of document."""
    fields: dict[str, Any] = {
        column: (KINDS[each["kind"]], Field(description=each["description"] or None))
        for column, each in columns[name].items()
    }
    return create_model(name.title(), **fields)


def report(cells: pl.DataFrame, model: str) -> None:
    """The figures as a table, and each cell that is not gold."""
    shown = Table("kind", "recall", "supported", "supported and gold", title=f"{model}, {len(cells)} cells")
    for kind in (*cells["kind"].unique(maintain_order=True), ""):
        own = cells.filter(pl.col("kind") == kind) if kind else cells
        there, supported = own.filter(pl.col("gold").list.len() > 0), own.filter(pl.col("status") == "supported")
        found = f"{there['right'].sum()} of {len(there)}"
        shown.add_row(kind or "all", found, f"{len(supported)}", f"{supported['right'].sum()}")
    console = Console()
    console.print(shown)
    for cell in cells.filter(~pl.col("right")).iter_rows(named=True):
        console.print(f"{cell['document']} {cell['column']}: {cell['value']} ({cell['status']}), gold {cell['gold']}")


def main(model: Annotated[str, typer.Option(help="A name from `workbench models`.")] = "small") -> None:
    """Extract, write, compare, print."""
    path = ROOT / "build" / "bench" / f"forms-{Path(model).name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    measure(model, path)
    report(pl.DataFrame([cell for line in kept(path) for cell in line["cells"]], infer_schema_length=None), model)


if __name__ == "__main__":
    typer.run(main)
