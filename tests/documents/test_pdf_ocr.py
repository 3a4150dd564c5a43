"""Pages that are pictures: recognised where an engine is installed, counted and explained where none is."""

import pymupdf
import pytest

from tests.documents.conftest import check_whole
from workbench.documents.load import load
from workbench.documents.readers.pdf import ocr

WORDS = "The quick brown fox jumps over the lazy dog and 12,345 items were sold in 2024."
needs_engine = pytest.mark.skipif(not ocr.is_installed(), reason="needs pip install 'qwen-workbench[ocr]'")


def scanned(*words, stamp="", beside=""):
    """A PDF of pages that are pictures of words."""
    pdf = pymupdf.open()
    for text in words:
        with pymupdf.open() as drawn:
            sheet = drawn.new_page(width=500, height=180)
            sheet.insert_text((40, 80), text, fontsize=12)
            pixels = sheet.get_pixmap(dpi=150)
        page = pdf.new_page(width=500, height=180)
        page.insert_image(page.rect, pixmap=pixels)
        if stamp:
            page.insert_text((40, 160), stamp)
    if beside:
        pdf.new_page().insert_text((72, 72), beside)
    return pdf.tobytes()


def sheet_size(turned):
    return (500, 300) if turned == 180 else (300, 500)


@needs_engine
def test_a_picture_of_words_is_recognised_and_marked_as_made_with_the_words_boxes():
    document = load(scanned(WORDS, beside="A page of text."), name="scan.pdf")
    assert [page.status for page in document.pages] == ["ocr", "read"]
    assert document.page_text(1).split() == WORDS.split()
    assert document.layout.is_made(0, 1)
    assert document.layout.is_made(len(WORDS) - 1, len(WORDS))
    assert not document.layout.is_made(document.pages[1].start_char, len(document.text))
    at = document.text.index("fox")
    x0, y0, x1, y1 = document.layout.boxes[at]
    left = 40 + pymupdf.get_text_length("The quick brown ", fontsize=12)
    assert abs(x0 - left) < 8
    assert x1 < left + 40
    assert y0 < 78 < y1
    (said,) = document.warnings
    assert (said.kind, said.pages) == ("ocr", (1,))
    assert "may have mistakes" in said.message
    check_whole(document)


@needs_engine
def test_a_stamp_on_a_scan_does_not_hide_that_the_rest_is_a_picture():
    document = load(scanned(WORDS, stamp="Exhibit 17"), name="scan.pdf")
    assert document.text.split("\n")[0] == "Exhibit 17"
    assert document.text.count("Exhibit") == 1
    assert "lazy dog" in document.text
    assert document.pages[0].status == "ocr"


@pytest.mark.parametrize("missing", [True, False])
def test_without_ocr_a_scan_is_counted_and_the_way_to_read_it_is_said(monkeypatch, missing):
    if missing:
        monkeypatch.setattr(ocr, "is_installed", lambda: False)
    elif not ocr.is_installed():
        pytest.skip("needs pip install 'qwen-workbench[ocr]'")
    document = load(scanned(WORDS, WORDS, beside="A page of text."), name="scan.pdf", ocr=missing)
    assert [page.status for page in document.pages] == ["scanned", "scanned", "read"]
    assert "was not read" in document.pages[0].reason
    (said,) = document.warnings
    assert (said.kind, said.pages) == ("scanned", (1, 2))
    assert ("pip install 'qwen-workbench[ocr]'" if missing else "ocr=True") in said.message
    check_whole(document)


def test_a_stamped_scan_that_was_not_read_is_said_although_it_has_text():
    document = load(scanned(WORDS, stamp="Exhibit 17"), name="scan.pdf", ocr=False)
    assert document.text == "Exhibit 17\n"
    assert "was not read" in document.pages[0].reason
    assert [(warning.kind, warning.pages) for warning in document.warnings] == [("scanned", (1,))]


@needs_engine
@pytest.mark.parametrize(
    "turned", [pytest.param(90, marks=pytest.mark.slow), 180, pytest.param(270, marks=pytest.mark.slow)]
)
def test_a_scan_that_lies_on_its_side_or_head_is_read_as_it_was_written(turned):
    with pymupdf.open() as drawn:
        sheet = drawn.new_page(width=500, height=300)
        for number, line in enumerate((WORDS, "A second line stands below the first one here.")):
            sheet.insert_text((40, 80 + 60 * number), line, fontsize=12)
        sheet.set_rotation(turned)
        pixels = sheet.get_pixmap(dpi=150)
        place = sheet.search_for("lazy")[0] * sheet.rotation_matrix
    pdf = pymupdf.open()
    page = pdf.new_page(width=sheet_size(turned)[0], height=sheet_size(turned)[1])
    page.insert_image(page.rect, pixmap=pixels)
    document = load(pdf.tobytes(), name="scan.pdf")
    assert document.text.split("\n")[:2] == [WORDS, "A second line stands below the first one here."]
    x0, y0, x1, y1 = document.layout.boxes[document.text.index("lazy")]
    assert abs((place & pymupdf.Rect(x0, y0, x1, y1)).get_area()) > 0.5 * place.get_area()


@needs_engine
@pytest.mark.slow
def test_a_page_that_its_rotation_sets_upright_is_read_upright():
    pdf = pymupdf.open(stream=scanned(WORDS))
    pdf[0].set_rotation(90)
    document = load(pdf.tobytes(), name="scan.pdf")
    assert document.text.split() == WORDS.split()
