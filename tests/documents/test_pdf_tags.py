"""Headings that a tagged PDF names itself."""

import pymupdf
import pytest

from tests.documents.conftest import check_whole
from workbench.documents.load import load


def tagged(*elements, toc=None, damage=""):
    """A PDF of one page of tagged lines in one type: pairs of a tag and its lines."""
    pdf = pymupdf.open()
    page = pdf.new_page()
    font, content, root, parents = (pdf.get_new_xref() for _ in range(4))
    pdf.update_object(font, "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>")
    drawn, kids, y = [], [], 780
    for mark, (tag, lines) in enumerate(elements):
        element = pdf.get_new_xref()
        kids.append(element)
        pdf.update_object(element, f"<</Type/StructElem/S/{tag}/P {root} 0 R/Pg {page.xref} 0 R/K {mark}>>")
        drawn.append(f"/{tag} <</MCID {mark}>> BDC")
        for line in lines:
            drawn.append(f"BT /F1 11 Tf 72 {y} Td ({line}) Tj ET")
            y -= 14
        drawn.append("EMC")
        y -= 10
    shown = " ".join(f"{kid} 0 R" for kid in kids)
    pdf.update_object(parents, f"<</Nums[0 [{shown}]]>>")
    pdf.update_object(root, f"<</Type/StructTreeRoot/K[{shown}]/ParentTree {parents} 0 R>>")
    if damage:
        pdf.update_object(kids[0], damage)
    pdf.update_object(content, "<<>>")
    pdf.update_stream(content, "\n".join(drawn).encode())
    pdf.xref_set_key(page.xref, "Resources", f"<</Font<</F1 {font} 0 R>>>>")
    pdf.xref_set_key(page.xref, "StructParents", "0")
    page.set_contents(content)
    pdf.xref_set_key(pdf.pdf_catalog(), "StructTreeRoot", f"{root} 0 R")
    pdf.xref_set_key(pdf.pdf_catalog(), "MarkInfo", "<</Marked true>>")
    if toc:
        pdf.set_toc(toc)
    return pdf.tobytes()


LEASE = (
    ("H1", ["The lease of", "Kellynch Hall"]),
    ("P", ["It begins at Michaelmas.", "Nobody knew."]),
    ("H2", ["The rent"]),
    ("P", ["Five hundred a year."]),
)


def test_tagged_headings_make_the_outline_although_their_type_is_that_of_the_text():
    document = load(tagged(*LEASE), name="a.pdf")
    check_whole(document)
    assert [(s.level, s.title) for s in document.outline] == [(1, "The lease of Kellynch Hall"), (2, "The rent")]
    assert document.select("The rent").text == "The rent\nFive hundred a year.\n"


def test_bookmarks_and_numbered_headings_say_more_than_tags():
    document = load(tagged(*LEASE, toc=[[1, "Michaelmas", 1]]), name="a.pdf")
    assert [section.title for section in document.outline] == ["Michaelmas"]


@pytest.mark.parametrize("damage", ["null", "[1 2]", "<</S/H1/K 99>>", "<</S 7/K[0 0]>>"])
def test_damaged_tags_lose_no_text(damage):
    document = load(tagged(*LEASE, damage=damage), name="a.pdf")
    assert "Five hundred a year." in document.text
    check_whole(document)
