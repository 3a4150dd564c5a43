"""Fonts that do not say which letters they draw, and scripts that run in other directions."""

import pymupdf
import pytest

from tests.documents.conftest import check_whole, said
from workbench.documents.load import load
from workbench.documents.readers.pdf import ocr
from workbench.errors import DocumentError

WORDS = "The quick brown fox jumps over the lazy dog and everybody saw it."
needs_engine = pytest.mark.skipif(not ocr.is_installed(), reason="needs pip install 'qwen-workbench[ocr]'")


def without_letters(*wordless, beside=""):
    """A PDF whose font has its glyphs only; what stands beside it has letters."""
    pdf = pymupdf.open()
    for text in wordless:
        page = pdf.new_page()
        page.insert_font(fontname="F1", fontbuffer=pymupdf.Font("cjk").buffer)
        page.insert_text((72, 72), text, fontname="F1", fontsize=12)
        if beside:
            page.insert_text((72, 200), beside, fontsize=12)
    for xref in range(1, pdf.xref_length()):
        pdf.xref_set_key(xref, "ToUnicode", "null") if pdf.xref_get_key(xref, "ToUnicode")[0] != "null" else None
    return pdf


def test_a_page_whose_fonts_have_no_letters_is_unreadable_and_not_gibberish():
    pdf = without_letters(WORDS)
    pdf.new_page().insert_text((72, 72), "A page of text.")
    document = load(pdf.tobytes(), name="a.pdf", ocr=False)
    check_whole(document)
    assert document.text == "A page of text.\n"
    assert (document.pages[0].status, document.pages[0].reason) == (
        "unreadable",
        "its fonts do not say which letters they draw",
    )
    assert "1 of 2 pages have fonts that do not say which letters they draw" in said(document, "unreadable")
    assert document.share_read == 0.5
    with pytest.raises(DocumentError, match="holds no text"):
        load(without_letters(WORDS).tobytes(), name="a.pdf", ocr=False)


@needs_engine
def test_a_page_whose_fonts_have_no_letters_is_recognised_as_a_picture():
    document = load(without_letters(WORDS).tobytes(), name="a.pdf")
    assert document.pages[0].status == "ocr"
    assert document.text.split() == WORDS.split()
    assert document.layout.is_made(0, 1)


def test_a_few_signs_without_letters_are_said_and_the_page_is_read():
    document = load(without_letters("ab", beside=WORDS).tobytes(), name="a.pdf", ocr=False)
    assert document.pages[0].status == "read"
    assert WORDS in document.text
    assert "2 characters have no letter in their fonts" in said(document, "encoding")


def test_vertical_text_is_read_column_by_column_from_the_right():
    pdf = pymupdf.open()
    page = pdf.new_page()
    page.insert_font(fontname="F1", fontbuffer=pymupdf.Font("cjk").buffer)
    for x, column in ((400, "吾輩は猫である。"), (370, "名前はまだ無い。")):
        page.insert_text((x, 100), column, fontname="F1", fontsize=14)
    for xref in range(1, pdf.xref_length()):
        if pdf.xref_get_key(xref, "Encoding") == ("name", "/Identity-H"):
            pdf.xref_set_key(xref, "Encoding", "/Identity-V")
    document = load(pdf.tobytes(), name="a.pdf")
    assert document.text == "吾輩は猫である。\n名前はまだ無い。\n"
    boxes = document.layout.boxes
    assert boxes[0, 1] < boxes[1, 1] < boxes[7, 1]
    assert abs(boxes[0, 0] - boxes[7, 0]) < 3
    check_whole(document)


def drawn_as(shapes):
    """A PDF whose font draws each letter as a box, and says which letter it is."""
    pdf = pymupdf.open()
    page = pdf.new_page()
    codes = range(1, len(shapes) + 1)
    glyph, letters, font, content = (pdf.get_new_xref() for _ in range(4))
    for xref in (glyph, letters, content):
        pdf.update_object(xref, "<<>>")
    pdf.update_stream(glyph, b"600 0 0 0 500 700 d1 0 0 500 700 re f")
    pairs = " ".join(f"<{code:02x}> <{ord(shape):04x}>" for code, shape in zip(codes, shapes, strict=True))
    pdf.update_stream(
        letters,
        f"begincmap 1 begincodespacerange <00> <ff> endcodespacerange {len(shapes)} beginbfchar {pairs} endbfchar "
        "endcmap".encode(),
    )
    names = " ".join(f"/g{code}" for code in codes)
    glyphs = " ".join(f"/g{code} {glyph} 0 R" for code in codes)
    pdf.update_object(
        font,
        f"<</Type/Font/Subtype/Type3/FontBBox[0 0 600 700]/FontMatrix[.001 0 0 .001 0 0]/CharProcs<<{glyphs}>>"
        f"/Encoding<</Type/Encoding/Differences[1 {names}]>>/FirstChar 1/LastChar {len(shapes)}"
        f"/Widths[{'600 ' * len(shapes)}]/Resources<<>>/ToUnicode {letters} 0 R>>",
    )
    pdf.xref_set_key(page.xref, "Resources", f"<</Font<</F3 {font} 0 R>>>>")
    text = "".join(f"{code:02x}" for code in codes)
    pdf.update_stream(content, f"BT /F3 12 Tf 72 700 Td <{text}> Tj ET".encode())
    page.set_contents(content)
    return pdf


def test_arabic_is_in_logical_order_and_in_plain_letters_whatever_shapes_are_drawn():
    shown = "\ufee1\ufefc\ufeb3 \ufe94\ufee4\ufee0\ufedb"  # from the left, in the shapes of their places
    document = load(drawn_as(shown).tobytes(), name="a.pdf")
    assert document.text == "كلمة سلام\n"
    boxes = document.layout.boxes
    assert boxes[0, 0] > boxes[3, 0] > boxes[8, 0]
    assert list(boxes[6]) == list(boxes[7])  # one shape is two letters
