"""A spreadsheet's sheets as tables: columns lettered, rows numbered as people know them, each cell with its address.

Empty rows and columns take no room. A sheet of a few cells far apart is written as a list of them.

Not covered: getting cells out of files (readers.xlsx, readers.odf).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from workbench.documents.draft import Draft
from workbench.documents.parsed import KeepOrDrop
from workbench.documents.readers.text import PAGE_CHARS

MAX_CELLS = 250_000
"""Cells that are read of a workbook; they fill several windows of the largest model."""

_MAX_SPREAD = 20
"""Cells of a table for each one that holds something, from which on it is written as a list."""
_SHOWN = 20


@dataclass(slots=True)
class Sheet:
    """A sheet.

    Attributes:
        title: its name.
        rows: text of each cell that holds something, by row and column (from 1).
        hidden: whether it is not shown at all.
        hidden_rows: that are not shown.
        hidden_columns: that are not shown.
        uncounted: addresses of formulas that have no stored value.
        comments: address, author and text.
        boxes: texts that float above the cells.
        last_row: the last row that was read (0: none), when there are more; else None.
    """

    title: str
    rows: dict[int, dict[int, str]] = field(default_factory=dict)
    hidden: bool = False
    hidden_rows: set[int] = field(default_factory=set)
    hidden_columns: set[int] = field(default_factory=set)
    uncounted: list[str] = field(default_factory=list)
    comments: list[tuple[str, str, str]] = field(default_factory=list)
    boxes: list[str] = field(default_factory=list)
    last_row: int | None = None


def column_letters(number: int) -> str:
    """``A`` for 1, ``AA`` for 27."""
    letters = ""
    while number > 0:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def write_sheet(draft: Draft, sheet: Sheet, hidden: KeepOrDrop) -> None:
    """A sheet on pages of its own, with what is to be said about it."""
    first_page = draft.num_pages + 1
    if sheet.hidden and hidden == "drop":
        draft.page(sheet.title, "excluded", "a hidden sheet")
        draft.warn("hidden", f"Sheet {sheet.title!r} is hidden; it was left out, as asked.", (first_page,))
        return
    if hidden == "drop":
        sheet.rows = {
            row: {column: text for column, text in cells.items() if column not in sheet.hidden_columns}
            for row, cells in sheet.rows.items()
            if row not in sheet.hidden_rows
        }
    draft.page(sheet.title)
    if sheet.rows or sheet.comments or sheet.boxes:
        draft.head(1, sheet.title)
        with draft.region("sheet", sheet.title):
            draft.add(sheet.title)
            draft.make("\n\n")
            _write_cells(draft, sheet)
            _write_notes(draft, sheet)
            draft.make("\n")
    pages = tuple(range(first_page, draft.num_pages + 1))
    _say(draft, sheet, pages, "kept" if hidden == "keep" else "left out, as asked")


def _write_cells(draft: Draft, sheet: Sheet) -> None:
    columns = sorted({column for cells in sheet.rows.values() for column in cells})
    num_cells = sum(map(len, sheet.rows.values()))
    sparse = len(sheet.rows) * len(columns) > _MAX_SPREAD * num_cells + 1_000
    letters = {column: column_letters(column) for column in columns}
    page_start = draft.num_chars
    if columns and not sparse:
        draft.make("| | " + " | ".join(letters.values()) + " |\n" + "| --- " * (len(columns) + 1) + "|\n")
    for row, cells in sorted(sheet.rows.items()):
        if draft.num_chars - page_start >= PAGE_CHARS:
            draft.page(sheet.title)
            page_start = draft.num_chars
        if sparse:
            for column, text in sorted(cells.items()):
                draft.make(f"{letters[column]}{row}: ")
                draft.named_cell(f"{sheet.title}!{letters[column]}{row}", text)
                draft.make("\n")
            continue
        draft.make(f"| {row} ")
        for column in columns:
            draft.make("| ")
            if column in cells:
                draft.named_cell(f"{sheet.title}!{letters[column]}{row}", cells[column])
                draft.make(" ")
        draft.make("|\n")


def _write_notes(draft: Draft, sheet: Sheet) -> None:
    for address, author, text in sheet.comments:
        with draft.region("annotation", f"{sheet.title}!{address}"):
            draft.make(f"\n[Comment on {address} by {author or 'unnamed'}: ")
            draft.cell(text)
            draft.make("]\n")
    for number, text in enumerate(sheet.boxes, 1):
        with draft.region("note", f"{sheet.title}, text box {number}"):
            draft.make(f"\n[Text box {number}: ")
            draft.cell(text)
            draft.make("]\n")


def _say(draft: Draft, sheet: Sheet, pages: tuple[int, ...], done: str) -> None:
    name = f"Sheet {sheet.title!r}"
    if sheet.hidden:
        draft.warn("hidden", f"{name} is hidden; it was {done}.", pages)
    for numbers, what in (
        ([str(row) for row in sorted(sheet.hidden_rows)], "rows"),
        ([column_letters(column) for column in sorted(sheet.hidden_columns)], "columns"),
    ):
        if numbers:
            draft.warn("hidden", f"{name} has {len(numbers)} hidden {what}: {_some(numbers)}; they were {done}.", pages)
    if sheet.uncounted:
        draft.warn(
            "formulas",
            f"{name} has {len(sheet.uncounted)} formulas whose values are not stored: {_some(sheet.uncounted)}. They "
            "stand as formulas; open the file in Excel or LibreOffice, save it, and load it again.",
            pages,
        )
    if sheet.last_row is not None:
        draft.warn(
            "truncated",
            f"{name} was read to row {sheet.last_row:,} and no further: {MAX_CELLS:,} cells of a workbook are read. "
            "Choose its rows with polars (pl.read_excel), save them as CSV, and load that.",
            pages,
        )


def _some(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (" ..." if len(names) > _SHOWN else "")
