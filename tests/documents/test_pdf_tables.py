"""Tables with rules and without, form fields and annotations of a PDF."""

import pymupdf
import pytest

from tests.documents.conftest import check_whole
from workbench.documents.load import load

CELLS = [["Item", "Price", "Note"], ["Apples", "1.20", "fresh"], ["Pears", "2.40", ""], ["a|b", "7", "two\nlines"]]


def ruled(page, cells=CELLS, top=200):
    for r in range(len(cells) + 1):
        page.draw_line((72, top + 40 * r), (72 + 120 * len(cells[0]), top + 40 * r))
    for c in range(len(cells[0]) + 1):
        page.draw_line((72 + 120 * c, top), (72 + 120 * c, top + 40 * len(cells)))
    for r, row in enumerate(cells):
        for c, text in enumerate(row):
            for n, line in enumerate(text.split("\n")):
                page.insert_text((80 + 120 * c, top + 16 + 40 * r + 14 * n), line)


def make(draw, rotation=0):
    pdf = pymupdf.open()
    page = pdf.new_page()
    page.insert_text((72, 72), "Before the table.")
    page.insert_text((72, 700), "After the table.")
    draw(page)
    page.set_rotation(rotation)
    return pdf.tobytes()


def test_a_ruled_table_is_markdown_whose_pipes_are_made():
    document = load(make(ruled), name="a.pdf")
    before, *rows, after = document.text.rstrip("\n").split("\n")
    assert (before, after) == ("Before the table.", "After the table.")
    assert rows == [
        "| Item | Price | Note |",
        "| --- | --- | --- |",
        "| Apples | 1.20 | fresh |",
        "| Pears | 2.40 | |",
        "| a\\|b | 7 | two lines |",
    ]
    (region,) = document.layout.regions
    assert (region.kind, region.name) == ("table", "table 1 on page 1")
    assert document.text[region.start_char : region.end_char].split("\n")[:-1] == rows
    own = [n for n, char in enumerate(document.text) if char == "|"]
    escaped = document.text.index("\\|") + 1
    assert [n for n in own if not document.layout.is_made(n, n + 1)] == [escaped]
    for word in ("Apples", "2.40", "lines"):
        at = document.text.index(word)
        assert not document.layout.is_made(at, at + len(word))
    x0, y0, x1, y1 = document.layout.boxes[document.text.index("2.40")]
    assert 200 <= x0 < x1 <= 240
    assert 280 <= y0 < y1 <= 320
    check_whole(document)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_table_that_the_page_turns_upright_is_a_table(rotation):
    pdf = pymupdf.open()
    page = pdf.new_page(width=595, height=842)
    with pymupdf.open() as other:
        ruled(other.new_page(width=842 if rotation % 180 else 595, height=595 if rotation % 180 else 842), top=100)
        page.show_pdf_page(page.rect, other, 0, rotate=rotation)
    page.set_rotation(rotation)
    document = load(pdf.tobytes(), name="a.pdf")
    assert "| Apples | 1.20 | fresh |" in document.text


def test_a_frame_about_text_and_a_bar_chart_are_no_tables():
    def draw(page):
        for n in range(4):
            page.draw_rect((72, 100 + 60 * n, 500, 150 + 60 * n))
            page.insert_text((80, 130 + 60 * n), f"Framed words {n}")

    assert "|" not in load(make(draw)).text


def test_fields_and_annotations_stand_after_the_text_with_their_values():
    def draw(page):
        for name, kind, value, top in (
            ("Your name", pymupdf.PDF_WIDGET_TYPE_TEXT, "Anne Elliot", 100),
            ("Address", pymupdf.PDF_WIDGET_TYPE_TEXT, "", 130),
            ("Agreed", pymupdf.PDF_WIDGET_TYPE_CHECKBOX, True, 160),
            ("Other", pymupdf.PDF_WIDGET_TYPE_CHECKBOX, False, 190),
        ):
            field = pymupdf.Widget()
            field.field_name = field.field_label = name
            field.field_type, field.field_value = kind, value
            field.rect = pymupdf.Rect(72, top, 300 if kind == pymupdf.PDF_WIDGET_TYPE_TEXT else 90, top + 18)
            page.add_widget(field)
        note = page.add_text_annot((100, 300), "Check the date.")
        note.set_info(title="Reviewer")
        note.update()
        page.add_freetext_annot((100, 400, 300, 430), "Written on the page")

    document = load(make(draw), name="a.pdf")
    assert document.text.split("\n")[2:-1] == [
        "Your name: Anne Elliot",
        "Agreed: checked",
        "[Text by Reviewer: Check the date.]",
        "[FreeText: Written on the page]",
    ]
    assert [(r.kind, r.name) for r in document.layout.regions] == [
        ("field", "Your name"),
        ("field", "Agreed"),
        ("annotation", "Text by Reviewer"),
        ("annotation", "FreeText"),
    ]
    at = document.text.index("Anne")
    assert document.layout.is_made(at, at + 1)
    assert document.layout.boxes[at].tolist() == [72, 100, 300, 118]
    (said,) = document.warnings
    assert (said.kind, said.pages) == ("fields", (1,))
    assert "2 of 4 form fields are filled in" in said.message


SUMS = [
    ["Year", "Rent", "Repairs", "Left over"],
    ["2021", "500.00", "12.50", "487.50"],
    ["2022", "520.00", "1,040.00", "-520.00"],
    ["2023", "540.00", "0.00", "540.00"],
]


def unruled(page, *, by_row=True, cells=SUMS):
    """Cells whose figures end at one edge."""
    places = [(r, c) for r in range(len(cells)) for c in range(len(cells[0]))]
    for r, c in places if by_row else sorted(places, key=lambda place: place[::-1]):
        width = pymupdf.get_text_length(cells[r][c], fontsize=11)
        page.insert_text((150 + 110 * c - (width if c else 40), 200 + 16 * r), cells[r][c], fontsize=11)


def test_a_table_without_rules_is_markdown():
    document = load(make(unruled), name="a.pdf")
    assert document.text.split("\n")[:-1] == [
        "Before the table.",
        "| Year | Rent | Repairs | Left over |",
        "| --- | --- | --- | --- |",
        "| 2021 | 500.00 | 12.50 | 487.50 |",
        "| 2022 | 520.00 | 1,040.00 | -520.00 |",
        "| 2023 | 540.00 | 0.00 | 540.00 |",
        "After the table.",
    ]
    (region,) = document.layout.regions
    assert (region.kind, region.name) == ("table", "table 1 on page 1")
    check_whole(document)


WORDS = ["of the lease", "which he had", "never before", "seen, and he", "was not told", "that it was"]


def scattered(page):
    for n, word in enumerate(WORDS * 2):
        page.insert_text((72 + 97 * n % 400, 200 + 16 * (n // 3)), word)


@pytest.mark.parametrize(
    "draw",
    [
        lambda page: unruled(page, cells=[[row[0], row[3]] for row in SUMS]),  # a list of contents has two columns
        lambda page: unruled(page, cells=SUMS[:2]),
        lambda page: unruled(page, by_row=False, cells=[[word] * 3 for word in WORDS]),  # columns of text
        lambda page: [
            page.insert_text((72 + 97 * n % 400, 200 + 16 * (n // 3)), word) for n, word in enumerate(WORDS * 2)
        ],
    ],
)
def test_lines_that_only_stand_side_by_side_are_no_table(draw):
    document = load(make(draw), name="a.pdf")
    assert document.layout.regions == ()
    assert "|" not in document.text
