"""PowerPoint files: a slide is a page, with tables, notes, and the numbers of charts."""

import io

import pptx
import pymupdf
import pytest
from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE
from pptx.util import Inches

from tests.documents.conftest import check_whole, named_regions, rezip, said
from workbench.documents.load import load
from workbench.errors import DocumentError

BOX = (Inches(1), Inches(1), Inches(4), Inches(2))


def saved(deck):
    data = io.BytesIO()
    deck.save(data)
    return data.getvalue()


def slide_of(deck, title, body=""):
    slide = deck.slides.add_slide(deck.slide_layouts[1])
    slide.shapes.title.text = title
    slide.placeholders[1].text = body
    return slide


def picture():
    pixels = pymupdf.Pixmap(pymupdf.csRGB, pymupdf.IRect(0, 0, 4, 4), False)
    pixels.clear_with(200)
    return io.BytesIO(pixels.tobytes("png"))


def test_slides_are_pages_with_their_titles_as_outline_and_their_notes():
    deck = pptx.Presentation()
    slide_of(deck, "Results", "Rent rose\nCosts fell").notes_slide.notes_text_frame.text = "Mention the deposit."
    slide_of(deck, "Outlook", "More of it")
    document = load(saved(deck), name="a.pptx")
    check_whole(document)
    assert [(s.title, s.page) for s in document.outline] == [("Results", 1), ("Outlook", 2)]
    assert document.page_text(1) == "Results\n\nRent rose\nCosts fell\n\n[Notes] Mention the deposit.\n\n"
    assert named_regions(document, "note") == {"notes of slide 1": "[Notes] Mention the deposit.\n\n"}
    assert set(named_regions(document, "slide")) == {"slide 1", "slide 2"}


def test_tables_groups_and_charts_are_read():
    deck = pptx.Presentation()
    slide = slide_of(deck, "Numbers")
    table = slide.shapes.add_table(2, 2, *BOX).table
    for index, text in enumerate(("Month", "Sum", "May", "12")):
        table.cell(index // 2, index % 2).text = text
    group = slide.shapes.add_group_shape()
    group.shapes.add_textbox(*BOX).text_frame.text = "in a group"
    data = CategoryChartData()
    data.categories = ["East", "West"]
    data.add_series("2024", (1.5, 2))
    slide.shapes.add_chart(XL_CHART_TYPE.COLUMN_CLUSTERED, *BOX, data)
    text = load(saved(deck), name="a.pptx").text
    assert "| Month | Sum |\n| --- | --- |\n| May | 12 |\n" in text
    assert "in a group\n" in text
    assert "|  | 2024 |\n| --- | --- |\n| East | 1.5 |\n| West | 2 |\n" in text


def test_a_slide_that_is_a_picture_is_scanned_and_pictures_are_counted():
    deck = pptx.Presentation()
    slide_of(deck, "One", "text").shapes.add_picture(picture(), *BOX)
    deck.slides.add_slide(deck.slide_layouts[6]).shapes.add_picture(picture(), *BOX)
    deck.slides.add_slide(deck.slide_layouts[6])
    document = load(saved(deck), name="a.pptx")
    check_whole(document)
    assert [page.status for page in document.pages] == ["read", "scanned", "empty"]
    assert "Not read: 2 pictures" in said(document)


def test_hidden_slides_are_said_and_left_out_on_request():
    deck = pptx.Presentation()
    slide_of(deck, "Shown")
    slide_of(deck, "Secret").element.set("show", "0")
    assert "Slide 2 is hidden; it was kept" in said(load(saved(deck), name="a.pptx"), "hidden")
    dropped = load(saved(deck), name="a.pptx", hidden="drop")
    assert "Secret" not in dropped.text
    assert [page.status for page in dropped.pages] == ["read", "excluded"]


@pytest.mark.parametrize("part", ["ppt/presentation.xml", "ppt/slides/slide1.xml", "ppt/_rels/presentation.xml.rels"])
@pytest.mark.parametrize("content", [b"junk", None])
def test_a_damaged_file_is_refused(part, content):
    deck = pptx.Presentation()
    slide_of(deck, "One")
    with pytest.raises(DocumentError):
        load(rezip(saved(deck), lambda name, old: content if name == part else old), name="a.pptx")
