"""A cell of a matrix from an answer, verified by code; cells that are kept on disk; the table of them.

Not covered: kinds of answers (analysis.columns), asking (session.filling).
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path

import polars as pl

from workbench import tables
from workbench.analysis import prompts
from workbench.analysis.belonging import Claim, Labels
from workbench.analysis.cells import occurrences, passage
from workbench.analysis.columns import Column, Value, as_schema, dtype, value_of
from workbench.analysis.manifest import digest
from workbench.analysis.statuses import assess
from workbench.analysis.values import date_order
from workbench.documents.document import Document
from workbench.documents.quotes import spell
from workbench.documents.sentences import index, sentences, words
from workbench.errors import ConfigError
from workbench.results import Answer, CitationStatus, Table
from workbench.types import Span

STOPPED = "Not asked: it was stopped. Call it again to go on."
"""The note of a cell that nobody came to."""


TOLD = ("value", "status", "written", "page", "note")
"""Of a cell, what a manifest says of it in words."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What a document says to a question, as plain values that JSON holds; columns as in ``tables.CELLS``."""

    value: str | int | float | bool | None = None
    written: str | None = None
    quote: str | None = None
    page: int | None = None
    label: str | None = None
    start_char: int | None = None
    end_char: int | None = None
    status: CitationStatus = "no_source"
    where: str = ""
    note: str = ""


class Form:
    """A document as the columns of a matrix see it, by its labels.

    Attributes:
        document: that is asked.
        asked: columns by name.
    """

    def __init__(self, document: Document, asked: Mapping[str, Column]) -> None:
        schema = as_schema(asked)
        self.document, self.asked = document, asked
        self._columns = {column.name: column for column in schema.columns}
        self._labels = Labels(document.text, schema, begun=False)

    def task(self, name: str) -> str:
        """A column's question as this document is asked it: with the label that it has for the answer."""
        task, named = self.asked[name].task, self._labels.copied_from(self._columns[name])
        return f"{task} {prompts.behind(named[0].label)}." if named else task

    def without_label(self, name: str, said: str) -> str:
        """What was said, without the label that it was to be copied from behind."""
        for field in self._labels.copied_from(self._columns[name]):
            said = said.removeprefix(f"{field.label}:").strip()
        return said

    def source(self, name: str, said: str) -> Span | None:
        """The line of the label that names a column, if it has what was said."""
        column = self._columns[name]
        for field in self._labels.copied_from(column):
            if self._labels.agrees(field, column, said):
                return passage(self.document.text, field.value)
        return None

    def judged(self, name: str, made: Cell) -> Cell:
        """A cell whose value stands behind the label of another column, or outside its own, has only its quote.

        What no label tells is not judged: a question's words are not those of the document.
        """
        column, start, end, written = self._columns[name], made.start_char, made.end_char, made.written
        if made.status != "supported" or not column.copied or start is None or end is None or written is None:
            return made
        source, naming = Span(start, end), self._labels.naming(column)
        inside = [
            Span(start + place.start_char, start + place.end_char)
            for said in (written.rstrip("."), str(made.value))
            for place in occurrences(self.document.text[start:end], said)
        ]
        own = [field.value for field in naming if start <= field.value.start_char < field.value.end_char <= end]
        named = [place for place in inside if self._labels.named(column, place)]
        if not (inside or naming):
            return made
        verdict = self._labels.judge(Claim(column, written, (*named, *(inside or own), source)[0]))
        if verdict.status != "quote_only":
            return made
        return replace(made, status="quote_only", note="; ".join(filter(None, (made.note, verdict.note))))


def cell(form: Form, name: str, answer: Answer) -> Cell:
    """The value of an answer, if it has one and the document has words for it; not yet ``Form.judged``."""
    document, column, said = form.document, form.asked[name], answer.text.strip()
    if prompts.says_absent(said):
        return Cell(note=prompts.ABSENT)
    if answer.finish_reason == "length":
        return Cell(written=said, note="The answer was cut off.")
    order = date_order(document.text) if column.kind == "date" else None
    said = form.without_label(name, said)
    value, note = value_of(column, said, order)
    if value is None:
        return Cell(written=said, note=f"The answer has {note}: {said}")
    sources = [Span(each.start_char or 0, each.end_char or 0) for each in answer.citations if each.page is not None]
    if (labelled := form.source(name, said)) is not None:
        sources.insert(0, labelled)
    statuses = [assess(document.text[slice(*source)], value, column.kind) for source in sources]
    best = next((n for n, status in enumerate(statuses) if status == "supported"), None)
    literal = None if best is not None or isinstance(value, bool) else _literal(document, column.question, said, value)
    if literal is not None and assess(document.text[slice(*literal)], value, column.kind) == "supported":
        sources, statuses, best = [literal], ["supported"], 0
    if sources:
        source, status = sources[best or 0], statuses[best or 0]
    else:
        # Yes and no have no words of their own: the passage that has the question's.
        near = index(document.text).nearest(column.question) if column.kind in ("bool", "choice") else None
        if near is None:
            return Cell(written=said, note=f"The document has no passage for it: {said}")
        source, status = near, assess(document.text[slice(*near)], value, column.kind)
    place, page = document.locate(source)[0], document.page_at(source.start_char)
    kept = value.isoformat() if isinstance(value, date) else value
    quote = document.text[slice(*source)]
    return Cell(kept, said, quote, page.number, page.label, *source, status, place.where or "", note)


def _literal(document: Document, question: str, said: str, value: Value) -> Span | None:
    """The sentence that has the answer letter by letter, a number by its figures, and most of the question's words."""
    figures = not isinstance(value, str | date)
    wanted, asked = str(value) if figures else spell(said.rstrip(".")).strip(), words(question)
    found = [span for span in sentences(document.text) if wanted and wanted in spell(document.text[slice(*span)])]
    return max(found, key=lambda span: len(asked & words(document.text[slice(*span)])), default=None)


class Kept:
    """Cells on disk, a JSON object a line; what is damaged is passed over and counted.

    Args:
        path: of the file, made when the first cell is kept; None keeps nothing.

    Attributes:
        before: keys of the cells that were there already.
        num_damaged: lines that could not be read.
    """

    def __init__(self, path: Path | None) -> None:
        self._path, self.num_damaged = path, 0
        self._cells: dict[str, Cell] = {}
        try:
            lines = path.read_bytes().split(b"\n") if path is not None else []
        except FileNotFoundError:
            lines = []
        except OSError as error:
            raise ConfigError(f"The answers kept in {path} cannot be read: {error.strerror}.") from error
        self._torn = bool(lines and lines[-1])  # killed while it was writing
        for line in filter(None, lines):
            try:
                record = json.loads(line)
                self._cells[record["key"]] = Cell(**record["cell"])
            except (ValueError, TypeError, KeyError):
                self.num_damaged += 1
        self.before = frozenset(self._cells)

    def get(self, key: str) -> Cell | None:
        """A cell that was kept."""
        return self._cells.get(key)

    def add(self, key: str, made: Cell) -> None:
        """Keep a cell, for the owner's eyes only.

        Raises:
            ConfigError: the file cannot be written.
        """
        self._cells[key] = made
        if self._path is None:
            return
        line = ("\n" if self._torn else "") + json.dumps({"key": key, "cell": asdict(made)}) + "\n"
        self._torn = False
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as file:
                file.write(line.encode())
        except OSError as error:
            raise ConfigError(
                f"Answers cannot be kept in {self._path}: {error.strerror}. Give another out=."
            ) from error


def cell_key(document: Document, column: Column, task: str, fingerprint: str) -> str:
    """Changes with the document, the question as asked, the model and the prompts: blake2b, hex, 32 characters."""
    parts = [document.hash, task, column.kind, fingerprint, str(prompts.VERSION)]
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def answered(
    sources: Sequence[Mapping[str, object]], asked: Mapping[str, Column], cells: Mapping[tuple[int, str], Cell]
) -> dict[str, object]:
    """What a manifest says of the documents and of each cell that has an answer, to hold another run against.

    Args:
        sources: row by row, which document it is.
        asked: columns by name.
        cells: those that have an answer, by row and column.
    """
    kept = [
        {"row": row, "column": name, **{told: getattr(one, told) for told in TOLD},
         "digest": digest(json.dumps(asdict(one), sort_keys=True))}
        for row in range(len(sources)) for name in asked if (one := cells.get((row, name))) is not None
    ]  # fmt: skip
    return {"documents": list(sources), "cells": kept}


def table(
    names: Sequence[str],
    asked: Mapping[str, Column],
    cells: Mapping[tuple[int, str], Cell],
    manifest: dict[str, object],
    warnings: tuple[str, ...],
) -> Table:
    """One row a document, one column a question; a cell that is missing says that nobody came to it."""
    missing, rows = Cell(note=STOPPED), []
    frame: dict[str, pl.Series] = {"document": pl.Series(names, dtype=pl.String)}
    for name, column in asked.items():
        found = [cells.get((row, name), missing) for row in range(len(names))]
        values = [date.fromisoformat(str(each.value)) if column.kind == "date" and each.value else each.value
                  for each in found]  # fmt: skip
        frame[name] = pl.Series(name, values, dtype=dtype(column, values))
    for row, document in enumerate(names):
        for name in asked:
            one = cells.get((row, name), missing)
            said = {**asdict(one), "value": None if one.value is None else str(one.value)}
            rows.append({"document": document, "row": row, "column": name, **said})
    return Table(pl.DataFrame(frame), pl.DataFrame(rows, schema=tables.CELLS), "Matrix", manifest, warnings)
