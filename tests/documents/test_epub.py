"""EPUB: chapters of Persuasion as a book, tables of contents of every kind, and books with something missing."""

import io
import re
import warnings
import zipfile
from pathlib import Path

import pytest
from ebooklib import epub

from tests.documents.conftest import check_whole, named_regions
from workbench.documents.load import load
from workbench.errors import DocumentError


def pack(chapters, toc=None, folder=""):
    """An EPUB of (title, body) chapters; ``toc`` makes the table of contents of the items."""
    book = epub.EpubBook()
    book.set_identifier("test")
    book.set_title("Persuasion")
    book.set_language("en")
    items = []
    for number, (title, body) in enumerate(chapters, 1):
        item = epub.EpubHtml(title=title, file_name=f"{folder}c{number}.xhtml", lang="en")
        item.content = f"<html><head><title>x</title></head><body>{body}</body></html>"
        book.add_item(item)
        items.append(item)
    book.toc = toc(items) if toc else [epub.Link(item.file_name, item.title, f"u{n}") for n, item in enumerate(items)]
    book.add_item(epub.EpubNcx())
    book.add_item(epub.EpubNav())
    book.spine = ["nav", *items]
    data = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        epub.write_epub(data, book)
    return data.getvalue()


def repack(data, change):
    """The same archive with ``change(name, content)``; None drops a file."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            content = change(info.filename, old.read(info))
            if content is not None:
                new.writestr(info.filename, content)
    return out.getvalue()


def paragraphs(text):
    blocks = [block for block in re.split(r"\n{2,}", text.strip()) if block]
    return f"<h2>{blocks[0]}</h2>" + "".join(f"<p>{block}</p>" for block in blocks[1:])


@pytest.fixture(scope="module")
def chapters(persuasion):
    return [(f"Chapter {n}", paragraphs(persuasion.select(f"Chapter {n}").text)) for n in (1, 2, 3)]


@pytest.fixture(scope="module")
def book(chapters):
    return load(pack(chapters), name="persuasion.epub")


def test_every_word_of_the_chapters_is_there_in_order(book, persuasion):
    assert book.text.split() == persuasion.select("Chapter 1..Chapter 3").text.split()
    assert book.warnings == ()
    assert book.source.media_type == "application/epub+zip"
    check_whole(book)


def test_the_table_of_contents_makes_the_outline(book):
    assert [(section.level, section.title) for section in book.outline] == [(1, f"Chapter {n}") for n in (1, 2, 3)]
    assert book.pages[0].label == "Chapter 1 · 1"
    assert book.select("Chapter II").text.lstrip().startswith("Chapter 2")


def test_an_epub_is_known_by_its_content(chapters):
    assert load(pack(chapters[:1])).source.media_type == "application/epub+zip"


def test_entries_that_point_into_one_file_stand_at_their_anchors():
    body = '<p>Head.</p><h2 id="a">First</h2><p>one</p><p>x<a id="b"></a>Second, run in</p><p>two</p>'

    def toc(items):
        links = [epub.Link("c1.xhtml#a", "First", "a"), epub.Link("c1.xhtml#b", "Second", "b")]
        return [(epub.Section("Part", "c1.xhtml"), links)]

    document = load(pack([("Part", body)], toc), name="a.epub")
    assert [(s.level, s.title) for s in document.outline] == [(1, "Part"), (2, "First"), (2, "Second")]
    starts = [document.text[s.start_char :].split()[0] for s in document.outline]
    assert starts == ["Head.", "First", "Second,"]
    check_whole(document)


def test_chapters_without_entries_fall_back_to_their_headings():
    document = load(pack([("a", "<h1>One</h1><p>x</p><h2>Below</h2><p>y</p>")], lambda items: []), name="a.epub")
    assert [(s.level, s.title) for s in document.outline] == [(1, "One"), (2, "Below")]


def test_entries_to_nowhere_and_strange_paths_do_no_harm():
    def toc(items):
        return [
            epub.Link("gone.xhtml", "Gone", "a"),
            epub.Link("Text/c1.xhtml", "One", "b"),
            epub.Link("c2.xhtml#gone", "Two", "c"),
        ]

    document = load(pack([("x", "<p>first</p>"), ("y", "<p>second</p>")], toc, folder="Text/"), name="a.epub")
    assert [(s.title, document.text[s.start_char :].split()[0]) for s in document.outline] == [
        ("One", "first"),
        ("Two", "second"),
    ]


@pytest.mark.parametrize(
    "ncx",
    [b"", b"no xml", b'<ncx xmlns="http://www.daisy.org/z3986/2005/ncx/"><navMap/></ncx>'],
    ids=["empty", "junk", "bare"],
)
def test_a_broken_table_of_contents_loses_no_text(chapters, ncx):
    def change(name, content):
        if name.endswith("nav.xhtml"):
            return b"<html><body><p>no toc</p></body></html>"
        return ncx if name.endswith(".ncx") else content

    document = load(repack(pack(chapters[:2]), change), name="a.epub")
    assert document.text.count("Chapter") >= 2
    assert [section.title for section in document.outline] == ["Chapter 1", "Chapter 2"]


def test_a_missing_part_is_said_and_the_others_are_read(chapters):
    data = repack(pack(chapters), lambda name, content: None if name.endswith("c2.xhtml") else content)
    document = load(data, name="a.epub")
    assert [section.title for section in document.outline] == ["Chapter 1", "Chapter 3"]
    assert "1 parts are missing or damaged and were not read: c2.xhtml" in document.warnings[0].message


def test_a_part_of_bytes_that_are_no_text_is_said(chapters):
    data = repack(pack(chapters[:2]), lambda name, content: b"\0\1\2" * 99 if name.endswith("c1.xhtml") else content)
    assert "c1.xhtml" in load(data, name="a.epub").warnings[0].message


def test_a_protected_book_is_refused(chapters):
    data = repack(pack(chapters), lambda name, content: b"\0\xff" * 99 if re.search(r"c\d", name) else content)
    with pytest.raises(DocumentError, match=r"none of its 3 parts can be read; it is damaged or protected"):
        load(data, name="a.epub")


def test_text_beside_elements_and_letters_of_old_encodings_are_kept():
    data = pack([("a", "<p>x</p>")])

    def change(name, content):
        if not name.endswith("c1.xhtml"):
            return content
        page = '<?xml version="1.0" encoding="iso-8859-1"?><html><body>bare café <p>in</p> tail</body></html>'
        return page.encode("latin-1")

    assert load(repack(data, change), name="a.epub").text.split() == ["bare", "café", "in", "tail"]


@pytest.mark.parametrize("cut", [10, 200, 1_000, -40])
def test_a_truncated_book_is_refused(chapters, cut):
    with pytest.raises(DocumentError, match=r"cannot be opened as EPUB"):
        load(pack(chapters[:1])[:cut], name="a.epub")


def test_a_zip_that_is_no_book_is_refused(tmp_path):
    path = Path(tmp_path, "a.epub")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "text")
    with pytest.raises(DocumentError, match=r"cannot be opened as EPUB"):
        load(path)


def test_a_book_without_words_is_refused():
    with pytest.raises(DocumentError, match="holds no text"):
        load(pack([("a", "<p> </p>")]), name="a.epub")


CALL = '<p>Rent<a epub:type="noteref" href="{}">1</a> rises.</p>'


def test_notes_at_the_end_of_a_part_are_named():
    body = CALL.format("#n1") + '<aside epub:type="footnote" id="n1"><p>In <b>May</b>.</p></aside><p>After.</p>'
    document = load(pack([("a", body)]), name="a.epub")
    assert {key: " ".join(text.split()) for key, text in named_regions(document, "note").items()} == {
        "note 1": "In May."
    }
    assert document.text.split() == ["Rent1", "rises.", "In", "May.", "After."]


def test_notes_whose_mark_is_empty_reach_to_the_end_of_their_paragraph():
    body = CALL.format("#n1") + '<p><a id="n1"></a>1. In May.</p><p>After.</p>'
    document = load(pack([("a", body)]), name="a.epub")
    assert named_regions(document, "note") == {"note 1": "1. In May."}


def test_notes_in_a_file_outside_the_spine_stand_at_the_end():
    book = pack([("notes", '<p id="n1">In May.</p>'), ("text", CALL.format("c1.xhtml#n1"))])

    def change(name, content):
        return content.replace(b'<itemref idref="chapter_0"/>', b"") if name.endswith("opf") else content

    document = load(repack(book, change), name="a.epub")
    assert document.text.split() == ["Rent1", "rises.", "In", "May."]
    assert named_regions(document, "note") == {"note 1": "In May."}


@pytest.mark.parametrize("part", ["content.opf", "c1.xhtml", "toc.ncx", "META-INF/container.xml"])
def test_entities_in_a_book_are_neither_expanded_nor_fetched(part, tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("hunter2")
    declared = (
        f'<!DOCTYPE x [<!ENTITY a SYSTEM "{secret.as_uri()}"><!ENTITY b "{"b" * 1000}"><!ENTITY c "{"&b;" * 1000}">]>'
    )

    def change(name, content):
        if not name.endswith(part):
            return content
        _, mark, rest = content.partition(b"?>")
        rest = rest if mark else content
        return (
            b"<?xml version='1.0'?>"
            + declared.encode()
            + rest.replace(b"text", b"text &a;&c;&c;").replace(b"<!DOCTYPE html>", b"")
        )

    try:
        document = load(repack(pack([("a", "<p>text</p>")]), change), name="a.epub")
    except DocumentError:
        return
    assert "hunter2" not in document.text
    assert len(document.text) < 3_000
