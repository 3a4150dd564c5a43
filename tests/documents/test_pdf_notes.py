"""Footnotes of a PDF: they are named, and the numbers that call them are no part of the words before."""

import pymupdf

from tests.documents.conftest import check_whole, named_regions, without_made
from workbench.documents.load import load


def raised(page, x, y, before, mark, after, size=10.0):
    """A line with a raised mark in it."""
    page.insert_text((x, y), before, fontsize=size)
    x += pymupdf.get_text_length(before, fontsize=size)
    page.insert_text((x, y - 0.35 * size), mark, fontsize=0.6 * size)
    x += pymupdf.get_text_length(mark, fontsize=0.6 * size)
    page.insert_text((x, y), after, fontsize=size)


def page_with(*lines, notes=()):
    pdf = pymupdf.open()
    page = pdf.new_page()
    for number, line in enumerate(lines):
        raised(page, 72, 100 + 14 * number, *line)
    for number in range(10):
        page.insert_text((72, 300 + 14 * number), "Text that fills the page with its own type.", fontsize=10)
    for number, line in enumerate(notes):
        raised(page, 72, 700 + 10 * number, *line, size=8)
    return load(pdf.tobytes(), name="a.pdf")


def test_a_call_is_set_apart_from_its_word_and_its_note_is_named():
    document = page_with(
        ("The term is ten years", "1", " from today."),
        ("", "", "It ends in 2030"),
        ("It was extended in 2019", "2", " once."),
        notes=[("", "1", " As in the first draft,"), ("which nobody signed.", "", ""), ("", "2", " By both parties.")],
    )
    check_whole(document)
    assert "ten years[^1] from today." in document.text
    assert "in 2019[^2] once." in document.text
    assert named_regions(document, "note") == {
        "note 1 on page 1": "[^1]:  As in the first draft,\nwhich nobody signed.\n",
        "note 2 on page 1": "[^2]:  By both parties.\n",
    }
    assert "ten years1 from" in without_made(document)


def test_a_raised_number_that_calls_no_note_stays_as_it_is():
    document = page_with(
        ("About 10", "9", " m"),
        (
            "and E = mc",
            "2",
            ", with (",
        ),
        ("see (", "3", "), below"),
    )
    assert "About 109 m" in document.text
    assert "mc2, with" in document.text
    assert "see (3), below" in document.text
    assert named_regions(document, "note") == {}


def test_a_mark_behind_a_word_is_a_call_wherever_its_note_stands():
    document = page_with(
        (
            "It is not certain",
            "12",
            " yet, they said.",
        ),
        ("They said so.", "*", " Twice."),
    )
    assert "certain[^12] yet" in document.text
    assert "said so.[^*] Twice" in document.text


def test_the_title_of_a_heading_is_without_the_call_of_its_note():
    pdf = pymupdf.open()
    page = pdf.new_page()
    raised(page, 72, 100, "Section 3. The rent", "1", "", size=16)
    for number in range(10):
        page.insert_text((72, 300 + 14 * number), "Text that fills the page with its own type.", fontsize=10)
    document = load(pdf.tobytes(), name="a.pdf")
    assert document.text.startswith("Section 3. The rent[^1]\n")
    assert [section.title for section in document.outline] == ["Section 3. The rent"]


def test_the_ai_act_has_58_footnotes(sample):
    notes = named_regions(sample("eu-ai-act.pdf"), "note")
    assert len(notes) == 58
    assert notes["note 58 on page 121"].startswith("(58)\nDirective (EU) 2020/1828")
