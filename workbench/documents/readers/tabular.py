"""CSV and Parquet: what columns there are, and the rows as text.

A CSV stays as it was written, line by line. More than ``ROWS_CHARS`` characters of rows are not read: what is left out
is said, with the way to get it.

Not covered: sums and selections (polars does them; load what comes out).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

import polars as pl

from workbench.documents.draft import Draft
from workbench.documents.parsed import Job, Parsed
from workbench.documents.readers.text import decode
from workbench.errors import DocumentError

ROWS_CHARS = 2_000_000
"""Characters of rows that are read: several windows of the largest model."""

_SNIFFED_CHARS = 20_000
_SEPARATORS = ",;\t|"
_SLICE_CELLS = 50_000
_BROKEN = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError, TypeError)


def read_csv(job: Job) -> Parsed:
    """A CSV or TSV file.

    Raises:
        DocumentError: it is no text.
    """
    text, said = decode(job.data, job.name)
    draft = Draft()
    for warning in said:
        draft.warn(warning.kind, warning.message)
    separator = _separator(text)
    try:
        frame = pl.read_csv(io.BytesIO(text.encode()), separator=separator, infer_schema_length=None)
        draft.make(_described("CSV", frame.height, frame.schema))
        num_rows = frame.height
    except _BROKEN as error:
        first = next(iter(str(error).splitlines()), "")[:200]
        draft.warn("table", f"It is no regular table ({first}); it was read as text, as it stands.")
        num_rows = 0
    kept = _whole_rows(text, ROWS_CHARS)
    with draft.region("file", job.name, first_line=1):
        draft.add(kept)
    if len(kept) < len(text):
        num_kept = kept.count("\n") - 1
        _truncated(draft, num_kept, max(num_rows, text.count("\n") - 1), len(kept), "pl.read_csv")
    job.report(1, 1)
    return draft.parsed()


def _separator(text: str) -> str:
    try:
        return csv.Sniffer().sniff(text[:_SNIFFED_CHARS].rpartition("\n")[0] or text, _SEPARATORS).delimiter
    except csv.Error:
        first = text.partition("\n")[0]
        return max(_SEPARATORS, key=first.count)


def _whole_rows(text: str, num_chars: int) -> str:
    """The beginning of a text, up to the end of a line that is no line break within quotation marks."""
    if len(text) <= num_chars:
        return text
    end = text.rfind("\n", 0, num_chars) + 1
    while end > 0 and text.count('"', 0, end) % 2:
        end = text.rfind("\n", 0, end - 1) + 1
    return text[: end or num_chars]


def read_parquet(job: Job) -> Parsed:
    """A Parquet file.

    Raises:
        DocumentError: it is damaged, or has no rows.
    """
    draft = Draft()
    try:
        frame = pl.scan_parquet(io.BytesIO(job.data))
        schema = frame.collect_schema()
        num_rows = int(frame.select(pl.len()).collect().item())
        draft.make(_described("Parquet", num_rows, schema))
        if num_rows == 0:
            raise DocumentError(f"{job.name} has {len(schema)} columns and no rows.")
        names = list(schema)
        draft.make("| | " + " | ".join(" ".join(name.split()) for name in names) + " |\n")
        draft.make("| --- " * (len(names) + 1) + "|\n")
        start, done, step = draft.num_chars, 0, max(_SLICE_CELLS // max(len(names), 1), 1)
        while done < num_rows and draft.num_chars - start < ROWS_CHARS:
            for row in frame.slice(done, step).collect().iter_rows():
                done += 1
                _row(draft, done, row)
                if draft.num_chars - start >= ROWS_CHARS:
                    break
            job.report(done, num_rows)
    except _BROKEN as error:
        raise DocumentError(f"{job.name} cannot be read as Parquet: {error}. Write it anew.") from error
    if done < num_rows:
        _truncated(draft, done, num_rows, draft.num_chars - start, "pl.read_parquet")
    return draft.parsed()


def _row(draft: Draft, number: int, values: tuple[object, ...]) -> None:
    draft.make(f"| {number} ")
    with draft.region("cell", f"row {number}"):
        for value in values:
            draft.make("| ")
            draft.cell("" if value is None else str(value))
            draft.make(" ")
    draft.make("|\n")


def _described(kind: str, num_rows: int, schema: Mapping[str, object]) -> str:
    columns = ", ".join(f"{name} ({dtype})" for name, dtype in schema.items())
    return f"[{kind}: {num_rows:,} rows, {len(schema)} columns: {columns}]\n\n"


def _truncated(draft: Draft, num_kept: int, num_rows: int, num_chars: int, function: str) -> None:
    draft.warn(
        "truncated",
        f"{num_kept:,} of {num_rows:,} rows were read ({num_chars:,} characters); the other {num_rows - num_kept:,} "
        f"were not. Choose the rows and columns you need with polars ({function}), write them to a file, and load "
        "that.",
    )
