"""RTF: words in any code page, and what stands aside of them."""

import pytest

from tests.documents.conftest import check_whole, said, without_made
from workbench.documents.load import load
from workbench.errors import DocumentError


def test_text_in_code_pages_and_unicode_is_read():
    document = load(rb"{\rtf1\ansi\ansicpg1252 Caf\'e9 \b bold\b0 {\u29483?} \{x\}\par Next.\par}", name="a.rtf")
    check_whole(document)
    assert document.text.split() == ["Café", "bold猫", "{x}", "Next."]
    assert document.source.media_type == "application/rtf"


def test_notes_comments_and_boxes_stand_where_they_are_called():
    document = load(
        rb"{\rtf1 Rent{\footnote\pard In {\b May}.} is due{\*\annotation Check} now.{\*\shptxt Boxed}\par}",
        name="a.rtf",
    )
    assert document.text.strip() == "Rent [In May.] is due [Check] now. [Boxed]"
    assert "[" not in without_made(document)


def test_tables_keep_their_cells():
    document = load(rb"{\rtf1 \trowd a\cell b\cell\row \trowd c\cell d\cell\row}", name="a.rtf")
    assert document.text.split() == ["a|b|", "c|d|"]


def test_what_is_not_read_is_counted():
    document = load(rb"{\rtf1 {\header Top}Text.{\pict\pngblip 00ff}{\pict 00}\par}", name="a.rtf")
    assert document.text.strip() == "Text."
    assert "1 headers were not read" in said(document)
    assert "2 pictures were not read" in said(document)


@pytest.mark.parametrize(
    "tail", [b"", b"{" * 5_000, b"}" * 5_000, rb"{\footnote " * 300, rb"\bin99999999 x", rb"\u999999999?"]
)
def test_broken_rtf_is_read_or_refused(tail):
    try:
        document = load(rb"{\rtf1 text " + tail, name="a.rtf")
    except DocumentError:
        return
    assert document.text.startswith("text")
