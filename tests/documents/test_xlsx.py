"""Excel files: every cell at its address, whatever the sheet says of its size."""

import datetime
import io

import openpyxl
import pytest
import xlsxwriter
from openpyxl.comments import Comment

from tests.documents.conftest import check_whole, named_regions, rezip, said, without_made
from workbench.documents.load import load
from workbench.documents.readers import sheets, xlsx
from workbench.errors import DocumentError


def saved(book):
    data = io.BytesIO()
    book.save(data)
    return data.getvalue()


def book_of(rows, title="Sheet1"):
    book = openpyxl.Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    return book


def test_each_cell_has_its_address():
    book = book_of([["Name", "Sum"], ["Anne|Elliot", 12.5], [None, True], ["May", datetime.date(2024, 5, 1)]])
    document = load(saved(book), name="a.xlsx")
    check_whole(document)
    cells = named_regions(document, "cell")
    assert cells["Sheet1!A2"] == "Anne\\|Elliot"
    assert (cells["Sheet1!B2"], cells["Sheet1!B3"], cells["Sheet1!B4"]) == ("12.5", "TRUE", "2024-05-01")
    assert document.text.splitlines()[:4] == ["Sheet1", "", "| | A | B |", "| --- | --- | --- |"]
    assert "| 4 | May | 2024-05-01 |" in document.text
    assert without_made(document) == "Sheet1NameSumAnne|Elliot12.5TRUEMay2024-05-01"


def test_sheets_are_pages_and_sections_and_long_ones_several():
    book = book_of([[f"row {number}", number] for number in range(500)], "Long")
    book.create_sheet("Other").append(["x"])
    book.create_sheet("Void")
    document = load(saved(book), name="a.xlsx")
    check_whole(document)
    assert [section.title for section in document.outline] == ["Long", "Other"]
    assert document.pages[0].label == document.pages[1].label == "Long"
    assert [(page.label, page.status) for page in document.pages[-2:]] == [("Other", "read"), ("Void", "empty")]
    assert named_regions(document, "cell")["Long!A500"] == "row 499"


def test_formulas_stand_as_their_values_and_those_without_are_said():
    data = io.BytesIO()
    with xlsxwriter.Workbook(data) as book:
        sheet = book.add_worksheet("Sums")
        sheet.write_formula("A1", "=1+1", None, 2)
        sheet.write_formula("A2", "=A1*2", None, "")
    document = load(data.getvalue(), name="a.xlsx")
    assert named_regions(document, "cell") == {"Sums!A1": "2", "Sums!A2": "=A1*2"}
    assert "'Sums' has 1 formulas whose values are not stored: A2" in said(document, "formulas")
    assert "=1+1" not in document.text


def test_hidden_sheets_rows_and_columns_are_said_and_left_out_on_request():
    book = book_of([["a", "b"], ["c", "d"]], "Shown")
    book.active.row_dimensions[2].hidden = True
    book.active.column_dimensions["B"].hidden = True
    secret = book.create_sheet("Secret")
    secret.append(["s"])
    secret.sheet_state = "veryHidden"
    kept = load(saved(book), name="a.xlsx")
    assert set("abcds") <= set(without_made(kept))
    for words in (
        "'Shown' has 1 hidden rows: 2; they were kept",
        "1 hidden columns: B",
        "'Secret' is hidden; it was kept",
    ):
        assert words in said(kept, "hidden")
    dropped = load(saved(book), name="a.xlsx", hidden="drop")
    assert without_made(dropped) == "Showna"
    assert [(page.label, page.status) for page in dropped.pages] == [("Shown", "read"), ("Secret", "excluded")]


def test_comments_stand_below_the_table_with_their_cell():
    book = book_of([["x"]])
    book.active["A1"].comment = Comment("Check this.", "Anna")
    assert named_regions(load(saved(book), name="a.xlsx"), "annotation") == {
        "Sheet1!A1": "\n[Comment on A1 by Anna: Check this.]\n"
    }


def test_text_boxes_are_read_and_charts_counted():
    data = io.BytesIO()
    with xlsxwriter.Workbook(data) as book:
        sheet = book.add_worksheet("S")
        sheet.write_column("A1", [1, 2])
        sheet.insert_textbox("C3", "Provisional figures")
        chart = book.add_chart({"type": "line"})
        chart.add_series({"values": "=S!$A$1:$A$2"})
        sheet.insert_chart("C9", chart)
    document = load(data.getvalue(), name="a.xlsx")
    assert "[Text box 1: Provisional figures]" in document.text
    assert "1 charts were not read" in said(document)


def test_a_sheet_that_claims_a_million_rows_is_read_for_what_it_holds():
    def change(name, content):
        return content.replace(b'ref="A1:A1"', b'ref="A1:XFD1048576"') if "sheet1" in name else content

    assert without_made(load(rezip(saved(book_of([["x"]])), change), name="a.xlsx")) == "Sheet1x"


def test_cells_far_apart_are_listed():
    book = openpyxl.Workbook()
    for step in range(60):
        book.active.cell(1 + step * 1_000, 1 + step * 20, f"v{step}")
    book.active.title = "Far"
    document = load(saved(book), name="a.xlsx")
    assert len(document.text) < 3_000
    assert "A1: v0\nU1001: v1\n" in document.text
    assert named_regions(document, "cell")["Far!A1"] == "v0"


def test_what_goes_beyond_the_limit_of_cells_is_said_with_the_row(monkeypatch):
    monkeypatch.setattr(xlsx, "MAX_CELLS", 10)
    monkeypatch.setattr(sheets, "MAX_CELLS", 10)
    book = book_of([[number, number] for number in range(50)], "Big")
    book.create_sheet("Next").append(["x"])
    document = load(saved(book), name="a.xlsx")
    assert "'Big' was read to row 5 and no further: 10 cells" in said(document, "truncated")
    assert "'Next' was read to row 0" in said(document, "truncated")


@pytest.mark.parametrize("part", ["xl/workbook.xml", "xl/worksheets/sheet1.xml", "xl/_rels/workbook.xml.rels"])
@pytest.mark.parametrize("content", [b"junk", None, b"<a/>"])
def test_a_damaged_file_is_refused_or_read_for_what_is_left(part, content):
    data = rezip(saved(book_of([["x"]])), lambda name, old: content if name == part else old)
    with pytest.raises(DocumentError):
        load(data, name="a.xlsx")
