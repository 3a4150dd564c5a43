"""Sheets of OpenDocument files: what repeats a million times costs nothing unless it holds something.

Values are as LibreOffice shows them.

Not covered: charts and pictures (readers.odf counts them).
"""

from __future__ import annotations

from collections.abc import Iterator

from workbench.documents.draft import Draft
from workbench.documents.parsed import Job
from workbench.documents.readers.package import Element, attribute, below, local, whole
from workbench.documents.readers.sheets import MAX_CELLS, Sheet, column_letters, write_sheet

_VALUES = ("value", "date-value", "time-value", "boolean-value", "string-value")
_MAX_COLUMN = 16_384


def child_text(element: Element, name: str) -> list[str]:
    """The words of all descendants of a name."""
    return ["".join(map(str, one.itertext())) for one in below(element, name)]


def own(parent: Element, *names: str) -> Iterator[Element]:
    """Rows of a table or cells of a row, through groups, not those of tables within it."""
    for element in parent:
        if local(element) in names:
            yield element
        elif local(element) not in ("table", "table-cell", "covered-table-cell"):
            yield from own(element, *names)


def times(element: Element, name: str) -> int:
    """How often an element is repeated."""
    return max(whole(attribute(element, name), 1), 1)


def _undisplayed(root: Element) -> set[str]:
    """Names of the styles that hide a sheet."""
    return {
        attribute(style, "name") or ""
        for style in below(root, "style")
        if any(attribute(one, "display") == "false" for one in below(style, "table-properties"))
    }


def write_sheets(draft: Draft, body: Element, root: Element, job: Job) -> None:
    """All sheets of a file: ``body`` holds them, ``root`` the styles that hide some."""
    hiding = _undisplayed(root)
    tables = [one for one in body if local(one) == "table"]
    num_left = MAX_CELLS
    for done, table in enumerate(tables, 1):
        sheet = Sheet(attribute(table, "name") or f"Sheet {done}", hidden=attribute(table, "style-name") in hiding)
        num_left = _fill(sheet, table, num_left)
        write_sheet(draft, sheet, job.options.hidden)
        job.report(done, len(tables))


def _fill(sheet: Sheet, table: Element, num_left: int) -> int:
    """Put the cells of a table into a sheet; how many more may be read."""
    column = 1
    for one in own(table, "table-column"):
        repeats = times(one, "number-columns-repeated")
        if attribute(one, "visibility") in ("collapse", "filter"):
            sheet.hidden_columns |= set(range(column, column + min(repeats, _MAX_COLUMN)))
        column += repeats
    row = 1
    for line in own(table, "table-row"):
        repeats = times(line, "number-rows-repeated")
        cells = dict(_cells(sheet, line, row))
        for number in range(row, row + repeats) if cells else ():
            if num_left <= 0:
                sheet.last_row = number - 1
                return 0
            sheet.rows[number] = cells
            num_left -= len(cells)
            if attribute(line, "visibility") in ("collapse", "filter"):
                sheet.hidden_rows.add(number)
        row += repeats
    used = {column for cells in sheet.rows.values() for column in cells}
    sheet.hidden_columns &= used
    return num_left


def _cells(sheet: Sheet, line: Element, row: int) -> Iterator[tuple[int, str]]:
    """Column and text of the cells of a row that hold something."""
    column = 1
    for cell in own(line, "table-cell", "covered-table-cell"):
        repeats = times(cell, "number-columns-repeated")
        address = f"{column_letters(column)}{row}"
        paragraphs = [one for one in cell if local(one) == "p"]
        text = " ".join("".join(map(str, one.itertext())) for one in paragraphs)
        text = text or next((value for name in _VALUES if (value := attribute(cell, name))), "")
        formula = attribute(cell, "formula")
        if formula and not text:
            sheet.uncounted.append(address)
            text = formula
        for note in (one for one in cell if local(one) == "annotation"):
            author = "".join(child_text(note, "creator"))
            sheet.comments.append((address, author, " ".join(child_text(note, "p"))))
        for at in range(column, column + min(repeats, _MAX_COLUMN)) if text.strip() else ():
            yield at, text
        column += repeats
