"""Excel files: each sheet's cells with their stored values, comments and text boxes.

Rows are streamed, and what a sheet says of its own size is not believed. Numbers are written as they are stored, dates
as ISO 8601; formats (per cent, currency) are not applied.

Not covered: charts and pictures (counted, and said), formulas that have stored values.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta

import openpyxl
from lxml.etree import LxmlError
from openpyxl.worksheet._read_only import ReadOnlyWorksheet
from openpyxl.worksheet._reader import FORMULA_TAG, WorkSheetParser

from workbench.documents.draft import Draft
from workbench.documents.parsed import Job, Parsed
from workbench.documents.readers.package import Package, attribute, below, whole
from workbench.documents.readers.sheets import MAX_CELLS, Sheet, column_letters, write_sheet
from workbench.documents.unpacking import DAMAGE
from workbench.errors import DocumentError

_BROKEN = (*DAMAGE, LxmlError, SyntaxError, TypeError, AttributeError, ArithmeticError)
_MAX_COLUMN, _MAX_ROW = 16_384, 1_048_576
_NO_TIME = time()


def read_xlsx(job: Job) -> Parsed:
    """An Excel file; a sheet begins a page.

    Raises:
        DocumentError: it is damaged or unsafe.
    """
    package = Package(job.data, job.name)
    draft = Draft()
    num_cells = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # openpyxl announces features that it would not write back
        try:
            book = openpyxl.load_workbook(io.BytesIO(job.data), read_only=True, data_only=True, keep_links=False)
            sheets = book.worksheets
            for done, source in enumerate(sheets):
                sheet = _read_sheet(source, MAX_CELLS - num_cells)
                num_cells += sum(map(len, sheet.rows.values()))
                _add_notes(sheet, package, source._worksheet_path, draft)
                write_sheet(draft, sheet, job.options.hidden)
                job.report(done + 1, len(sheets))
        except _BROKEN as error:
            raise DocumentError(
                f"{job.name} cannot be read as an Excel file: {error}. Open it in Excel or LibreOffice and save it "
                "anew."
            ) from error
    if book.chartsheets:
        draft.warn("skipped", f"{len(book.chartsheets)} sheets are charts; they were not read.")
    pictures = [path for path in package.parts if path.startswith("xl/media/")]
    if pictures:
        draft.warn("skipped", f"{len(pictures)} pictures were not read. If one holds text, run OCR on a PDF of it.")
    return draft.parsed()


class _Parser(WorkSheetParser):  # type: ignore[misc]
    """openpyxl's, which gives a formula that has no stored value as the formula itself."""

    def parse_cell(self, element: object) -> Mapping[str, object]:
        cell: dict[str, object] = super().parse_cell(element)
        formula = element.find(FORMULA_TAG) if cell["value"] is None else None  # type: ignore[attr-defined]
        if formula is not None:
            cell |= {"value": "=" + (formula.text or " (as in another cell)"), "data_type": "f"}
        return cell


def _read_sheet(source: ReadOnlyWorksheet, num_left: int) -> Sheet:
    sheet = Sheet(str(source.title), hidden=source.sheet_state != "visible")
    book = source.parent
    with source._get_source() as file:
        parser = _Parser(
            file,
            source._shared_strings,
            data_only=True,
            epoch=book.epoch,
            date_formats=book._date_formats,
            timedelta_formats=book._timedelta_formats,
        )
        for row, cells in parser.parse():
            if num_left <= 0:
                sheet.last_row = max(sheet.rows, default=row - 1)
                break
            for cell in cells:
                text = _shown(cell["value"])
                if not text or not 0 < cell["column"] <= _MAX_COLUMN or not 0 < row <= _MAX_ROW:
                    continue
                sheet.rows.setdefault(row, {})[cell["column"]] = text
                if cell["data_type"] == "f":
                    sheet.uncounted.append(f"{column_letters(cell['column'])}{row}")
                num_left -= 1
    # Rows and columns that are hidden and empty hide nothing.
    sheet.hidden_rows = {int(row) for row, about in parser.row_dimensions.items() if _is_set(about)} & set(sheet.rows)
    columns = {column for cells in sheet.rows.values() for column in cells}
    for about in parser.column_dimensions.values():
        if _is_set(about):
            first, last = whole(about.get("min")), whole(about.get("max"))
            sheet.hidden_columns |= {column for column in columns if first <= column <= last}
    return sheet


def _is_set(about: Mapping[str, str]) -> bool:
    return about.get("hidden") in ("1", "true")


def _shown(value: object) -> str:
    """A value as Excel would put it into a text file."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, datetime):
        return str(value.date()) if value.time() == _NO_TIME else value.isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value) if isinstance(value, timedelta) else str(value).strip()


def _add_notes(sheet: Sheet, package: Package, path: str, draft: Draft) -> None:
    """Comments and text boxes, which hang on a sheet as parts of their own."""
    charts = 0
    for kind, target in package.relations(path).values():
        root = package.xml(target) if kind in ("comments", "drawing") else None
        if root is None:
            continue
        if kind == "comments":
            authors = ["".join(map(str, one.itertext())) for one in below(root, "author")]
            for comment in below(root, "comment"):
                author = authors[at : at + 1] if (at := whole(attribute(comment, "authorId"), -1)) >= 0 else []
                text = "".join(one.text or "" for one in below(comment, "t"))
                sheet.comments.append((attribute(comment, "ref") or "", "".join(author), text))
        else:
            charts += sum(1 for _ in below(root, "graphicFrame"))
            for body in below(root, "txBody"):
                words = " ".join("".join(one.text or "" for one in below(p, "t")) for p in below(body, "p"))
                sheet.boxes += [words] if words.strip() else []
    if charts:
        draft.warn("skipped", f"Sheet {sheet.title!r}: {charts} charts were not read; their numbers stand in cells.")
