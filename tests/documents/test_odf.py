"""OpenDocument files as LibreOffice and odfdo write them."""

import pytest
from odfdo import Document, Header, List, Paragraph, Table

from tests.documents.conftest import check_whole, named_regions, rezip, said, without_made
from workbench.documents.load import load
from workbench.documents.readers import ods, sheets
from workbench.errors import DocumentError


def saved(document, tmp_path):
    document.save(str(tmp_path / "saved"))
    return (tmp_path / "saved").read_bytes()


def with_content(data, body):
    """The same file with other elements in its body."""

    def change(name, content):
        if name != "content.xml":
            return content
        head, _, rest = content.partition(b"<office:body>")
        return head + b"<office:body>" + body.encode() + b"</office:body></office:document-content>" + rest[:0]

    return rezip(data, change)


@pytest.fixture
def text(tmp_path):
    document = Document("text")
    document.body.clear()
    return document, lambda: saved(document, tmp_path)


def test_text_has_headings_lists_tables_notes_and_comments(text):
    document, save = text
    document.body.append(Header(1, "Lease"))
    paragraph = Paragraph("The rent is due.")
    paragraph.insert_note(after="rent", note_id="n1", citation="1", body="In May.")
    paragraph.insert_annotation(after="due", body="Really?", creator="Anna")
    document.body.append(paragraph)
    document.body.append(List(["first", "second"]))
    table = Table("T", width=2, height=1)
    table.set_values([["a", "b"], ["c", "d"]])
    document.body.append(table)
    found = load(save(), name="a.odt")
    check_whole(found)
    assert found.outline[0].title == "Lease"
    assert found.text == (
        "Lease\n\nThe rent[^1] is due.\n\n[^1]: In May.\n\n[Comment by Anna] Really?\n\n• first\n• second\n"
        "| a | b |\n| --- | --- |\n| c | d |\n\n"
    )
    assert set(named_regions(found, "note")) == {"note 1"}
    assert "[^1]" not in without_made(found)
    assert "is due." in without_made(found)
    assert set(named_regions(found, "annotation")) == {"comment by Anna"}
    assert found.source.media_type.endswith("opendocument.text")


def test_tracked_deletions_are_left_out_and_counted(text):
    document, save = text
    document.body.append(Paragraph("x"))
    body = (
        "<office:text><text:tracked-changes><text:changed-region><text:deletion><text:p>ten</text:p></text:deletion>"
        "</text:changed-region></text:tracked-changes><text:p>five<text:s text:c='2'/>years</text:p></office:text>"
    )
    found = load(with_content(save(), body), name="a.odt")
    assert found.text == "five  years\n\n"
    assert "1 deletions are left out" in said(found, "changes")


def test_sheets_have_addresses_and_empty_repeats_cost_nothing(tmp_path):
    document = Document("spreadsheet")
    document.body.clear()
    table = Table("Rent")
    table.set_values([["Month", "Sum"], ["May", 12]])
    document.body.append(table)
    body = (
        '<office:spreadsheet><table:table table:name="Rent"><table:table-row><table:table-cell><text:p>Month</text:p>'
        '</table:table-cell><table:table-cell table:number-columns-repeated="16383"/></table:table-row>'
        '<table:table-row table:number-rows-repeated="1048570">'
        '<table:table-cell table:number-columns-repeated="16384"/>'
        '</table:table-row><table:table-row table:visibility="collapse"><table:table-cell table:formula="of:=1+1"/>'
        "</table:table-row></table:table></office:spreadsheet>"
    )
    data = saved(document, tmp_path)
    assert named_regions(load(data, name="a.ods"), "cell")["Rent!A2"] == "May"
    found = load(with_content(data, body), name="a.ods")
    check_whole(found)
    assert named_regions(found, "cell") == {"Rent!A1": "Month", "Rent!A1048572": "of:=1+1"}
    assert "1 formulas whose values are not stored: A1048572" in said(found, "formulas")
    assert "1 hidden rows: 1048572" in said(found, "hidden")


def test_a_million_rows_of_the_same_cell_are_cut_and_said(tmp_path, monkeypatch):
    for module in (ods, sheets):
        monkeypatch.setattr(module, "MAX_CELLS", 1_000)
    rows = 'table:number-rows-repeated="1048576"'
    row = f"<table:table-row {rows}><table:table-cell><text:p>x</text:p></table:table-cell></table:table-row>"
    body = f'<office:spreadsheet><table:table table:name="S">{row}</table:table></office:spreadsheet>'
    found = load(with_content(saved(Document("spreadsheet"), tmp_path), body), name="a.ods")
    assert "'S' was read to row 1,000 and no further" in said(found, "truncated")


def test_slides_are_pages_with_their_notes(tmp_path):
    slide = (
        '<draw:page draw:name="{0}"><draw:frame presentation:class="title">'
        "<draw:text-box><text:p>{0}</text:p></draw:text-box>"
        "</draw:frame><draw:frame><draw:text-box><text:p>body</text:p></draw:text-box></draw:frame>"
        "<presentation:notes><draw:frame><draw:text-box><text:p>note</text:p></draw:text-box></draw:frame>"
        "</presentation:notes></draw:page>"
    )
    body = "<office:presentation>" + slide.format("One") + slide.format("Two") + "</office:presentation>"
    found = load(with_content(saved(Document("presentation"), tmp_path), body), name="a.odp")
    check_whole(found)
    assert [(s.title, s.page) for s in found.outline] == [("One", 1), ("Two", 2)]
    assert found.page_text(1) == "One\n\nbody\n\n[Notes] note\n\n"


def test_headers_are_read_once_and_left_out_on_request(text):
    document, save = text
    document.body.append(Paragraph("Body."))

    def change(name, content):
        if name != "styles.xml":
            return content
        header = b"<style:header><text:p>Private</text:p></style:header>"
        return content.replace(b"</office:master-styles>", header + b"</office:master-styles>")

    data = rezip(save(), change)
    assert without_made(load(data, name="a.odt")).split() == ["Body.", "Private"]
    assert load(data, name="a.odt", headers="drop").text.split() == ["Body."]


def test_locked_files_and_entities_are_refused(text):
    _, save = text
    locked = rezip(
        save(),
        lambda name, content: (
            content.replace(b"</manifest:manifest>", b"<manifest:encryption-data/></manifest:manifest>")
            if name == "META-INF/manifest.xml"
            else content
        ),
    )
    with pytest.raises(DocumentError, match="locked with a password"):
        load(locked, name="a.odt")
    bomb = rezip(
        save(), lambda name, content: b'<!DOCTYPE a [<!ENTITY b "c">]>' + content if name == "content.xml" else content
    )
    with pytest.raises(DocumentError, match="declares a document type or entities"):
        load(bomb, name="a.odt")
