"""Files of a table: a workbook, a Parquet file, a page. Each keeps the sources, and replaces what is there at once.

Knows frames, not who made them. Text of documents stays text: nothing becomes a formula or a link.

Not covered: how a table looks (workbench.views).
"""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from workbench.errors import ConfigError

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

SHEET_ROWS = 1_048_575
"""Rows of a sheet below its header."""

_CELL_CHARS = 32_767
_COMMENT_CHARS = 1_000
_EXACT_INTEGER = 2**53
_FIRST_DATE = date(1900, 3, 1)  # Excel's calendar is wrong before it
_LISTED = "; "
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to; it takes the place of ``path`` once all is written, and is gone if that fails.

    Raises:
        ConfigError: the folder is missing, or nothing can be written there.
    """
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".workbench-") as folder:
            temporary = Path(folder) / path.name
            yield temporary
            temporary.replace(path)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written: {error.strerror or error}. Name a file in a folder of yours."
        ) from error


def write_excel(frame: pl.DataFrame, cells: pl.DataFrame, about: Mapping[str, object], path: Path) -> Path:
    """A workbook of three sheets: the table with a comment on each sourced value, the sources, and ``about``.

    Raises:
        ConfigError: too many rows, or the path cannot be written.
    """
    import xlsxwriter

    if max(frame.height, cells.height) > SHEET_ROWS:
        raise ConfigError(
            f"A sheet holds {SHEET_ROWS:,} rows; the table has {frame.height:,} and {cells.height:,} sources. "
            "Write it with to_parquet."
        )
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with replacing(path) as temporary, xlsxwriter.Workbook(str(temporary), options) as book:
        table = book.add_worksheet("Table")
        _write_frame(book, table, frame)
        _write_comments(table, frame.columns, cells)
        _write_frame(book, book.add_worksheet("Sources"), cells.with_columns(pl.col("row") + 2))
        sheet = book.add_worksheet("About")
        for number, (name, value) in enumerate(about.items()):
            sheet.write_string(number, 0, name)
            said = _plain(value)
            # What a cell does not hold goes on in the next.
            for part, at in enumerate(range(0, len(said), _CELL_CHARS), 1):
                sheet.write_string(number, part, said[at : at + _CELL_CHARS])
        sheet.set_column(0, 1, 40)
    return path


def _write_frame(book: Workbook, sheet: Worksheet, frame: pl.DataFrame) -> None:
    bold, day = book.add_format({"bold": True}), book.add_format({"num_format": "yyyy-mm-dd"})
    for column, name in enumerate(frame.columns):
        sheet.write_string(0, column, _within(name, _CELL_CHARS), bold)
        for row, value in enumerate(frame[name], 1):
            _write_value(sheet, row, column, value, day)
    sheet.freeze_panes(1, 0)
    if frame.width:
        sheet.set_column(0, frame.width - 1, 22)


def _write_value(sheet: Worksheet, row: int, column: int, value: object, day: Format) -> None:
    """In its own type; what a workbook cannot hold exactly is text."""
    if value is None:
        return
    if isinstance(value, bool):
        sheet.write_boolean(row, column, value)
    elif isinstance(value, int | float) and math.isfinite(value) and abs(value) <= _EXACT_INTEGER:
        sheet.write_number(row, column, value)
    elif isinstance(value, date) and not isinstance(value, datetime) and value >= _FIRST_DATE:
        sheet.write_datetime(row, column, datetime(value.year, value.month, value.day), day)
    else:
        sheet.write_string(row, column, _within(_plain(value), _CELL_CHARS))


def _plain(value: object) -> str:
    if isinstance(value, pl.Series | list | tuple):
        return _LISTED.join(map(str, value))
    return json.dumps(value, ensure_ascii=False, default=str) if isinstance(value, Mapping) else str(value)


def _within(text: str, limit: int) -> str:
    """Text that shows where it was cut off."""
    return text if len(text) <= limit else f"{text[: limit - 2]} …"


def _write_comments(sheet: Worksheet, columns: list[str], cells: pl.DataFrame) -> None:
    sourced: dict[tuple[int, str], list[str]] = {}
    for cell in cells.iter_rows(named=True):
        if cell["page"] is not None and cell["column"] in columns:
            place = cell["where"] or f"page {cell['label'] or cell['page']}"
            said = f"“{cell['quote']}”\n{cell['document']}, {place} ({cell['status']})"
            sourced.setdefault((cell["row"], cell["column"]), []).append(said)
    for (row, column), every in sourced.items():
        comment = _within("\n".join(every), _COMMENT_CHARS)
        sheet.write_comment(row + 1, columns.index(column), comment, {"author": "", "x_scale": 2})


def write_parquet(frame: pl.DataFrame, cells: pl.DataFrame, about: Mapping[str, object], path: Path) -> Path:
    """The frame with a column ``sources`` (a list of the row's cells); ``about`` is the file's metadata ``workbench``.

    Raises:
        ConfigError: the frame has a column ``sources``, or the path cannot be written.
    """
    if "sources" in frame.columns:
        raise ConfigError("The table has a column 'sources', which is where a Parquet file keeps them; rename it.")
    each = [name for name in cells.columns if name != "row"]
    sources = cells.group_by("row", maintain_order=True).agg(pl.struct(each).alias("sources"))
    rows = frame.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("sources"))
    joined = rows.join(sources.rename({"row": "_", "sources": "found"}), left_on="sources", right_on="_", how="left")
    whole = joined.drop("sources").rename({"found": "sources"}).select(*frame.columns, "sources")
    with replacing(path) as temporary:
        whole.write_parquet(temporary, metadata={"workbench": json.dumps(about, ensure_ascii=False, default=str)})
    return path


def write_html(body: str, title: str, path: Path) -> Path:
    """A page around ``body``, which is HTML; it loads and runs nothing.

    Raises:
        ConfigError: the path cannot be written.
    """
    page = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f'<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title></head>\n<body>{body}</body></html>\n"
    )
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8", errors="replace")
    return path
