"""Loading: what comes out of files, folders and bytes, and what is said when nothing can."""

import hashlib
import os
import pickle
import socket
from dataclasses import replace
from pathlib import Path

import pytest

import workbench as wb
from tests.documents.conftest import check_whole
from workbench.documents.load import load
from workbench.errors import DocumentError

EVERY_SAMPLE = [
    "persuasion.txt",
    "sherlock_two_adventures.txt",
    "abouammo-v-united-states.txt",
    "abouammo-v-united-states.syllabus.txt",
    "eu-ai-act.pdf",
    "cms-1490s.pdf",
    "patient-notes",
    "patient-notes/note-07.txt",
    "itsdangerous-2.2.0",
]


@pytest.mark.parametrize("name", EVERY_SAMPLE)
def test_every_character_of_a_sample_stands_on_exactly_one_page(sample, name):
    document = sample(name)
    check_whole(document)
    assert "".join(document.page_text(page.number) for page in document.pages) == document.text


def test_loading_opens_no_connection(samples, monkeypatch):
    def refuse(*_):
        raise AssertionError("a document was to be fetched")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    page = b'<html><body><img src="http://127.0.0.1:9/a.png"><iframe src="http://127.0.0.1:9/"></iframe>Text.</body>'
    assert load(page, name="page.html").text.strip() == "Text."
    load(samples / "cms-1490s.pdf")


def test_a_path_may_be_a_string_or_path_like(samples, opinion):
    class Elsewhere(os.PathLike):
        def __fspath__(self):
            return str(samples / "abouammo-v-united-states.txt")

    assert load(str(samples / "abouammo-v-united-states.txt")) == opinion
    assert load(Elsewhere()) == opinion
    assert wb.load is load


def test_bytes_take_their_format_from_the_name(samples):
    data = (samples / "abouammo-v-united-states.txt").read_bytes()
    document = load(data, name="opinion.txt")
    assert (document.name, document.source.path, len(document.pages)) == ("opinion.txt", "opinion.txt", 9)
    assert document.source.sha256 == hashlib.sha256(data).hexdigest()
    assert load(b"# One\n\ntext\n", name="a.md").outline[0].title == "One"
    assert load(b"just a text").name == "document"
    assert load(bytearray(b"just a text")) == load(memoryview(b"just a text")) == load(b"just a text")


@pytest.mark.parametrize(
    ("head", "media_type"),
    [
        (b"<!DOCTYPE html><html><body>x", "text/html"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<html><body>x', "text/html"),
        (b"<?xml version='1.0'?><note>x</note>", "text/plain"),
        (b"x <html>", "text/plain"),
    ],
)
def test_bytes_without_a_name_are_known_by_their_content(head, media_type):
    assert load(head).source.media_type == media_type


def test_a_text_file_that_begins_with_a_tag_is_read_as_it_stands(tmp_path):
    path = tmp_path / "page.txt"
    path.write_text("<html>\n<b>bold</b>\n")
    assert load(path).text == "<html>\n<b>bold</b>\n"


def test_the_hash_is_of_text_and_pages_and_not_of_the_path(tmp_path, opinion, samples):
    copy = tmp_path / "copy.txt"
    copy.write_bytes((samples / "abouammo-v-united-states.txt").read_bytes())
    assert load(copy).hash == opinion.hash
    assert replace(opinion, text=opinion.text[:-1] + "!").hash != opinion.hash
    relabelled = (replace(opinion.pages[0], label="i"), *opinion.pages[1:])
    assert replace(opinion, pages=relabelled).hash != opinion.hash
    moved = (replace(opinion.pages[0], end_char=10), replace(opinion.pages[1], start_char=10), *opinion.pages[2:])
    assert replace(opinion, pages=moved).hash != opinion.hash


def test_a_document_shows_itself_without_its_text(persuasion):
    shown = [repr(persuasion), *map(str, persuasion._repr_mimebundle_().values())]
    for text in shown:
        assert "persuasion.txt" in text.replace("\\", "")
        assert "Sir Walter Elliot, of Kellynch Hall" not in text
        assert len(text) < 10_000


def test_a_document_survives_pickling(opinion):
    again = pickle.loads(pickle.dumps(opinion))  # noqa: S301
    assert again == opinion
    assert again.hash == opinion.hash


def test_a_missing_file_is_named_with_its_nearest_neighbour(samples):
    with pytest.raises(DocumentError, match=r"There is no file .*persuassion\.txt\. Did you mean 'persuasion\.txt'\?"):
        load(samples / "persuassion.txt")
    with pytest.raises(DocumentError, match=r"Did you mean 'persuasion\.txt'\?"):
        load(samples / "PERSUASION.TXT")
    with pytest.raises(DocumentError, match=r"There is no file .* Check the path"):
        load(samples / "zzzz-0123456789")
    with pytest.raises(DocumentError, match=r"nowhere cannot be read either"):
        load(samples / "nowhere" / "a.txt")


def test_an_address_is_not_fetched(tmp_path):
    with pytest.raises(DocumentError, match="Nothing is ever fetched"):
        load("https://example.org/book.txt")


@pytest.mark.parametrize(
    ("data", "name", "reason"),
    [
        (b"", "a.txt", r"a\.txt is empty \(0 bytes\)"),
        (b" \n\t\n", "a.txt", "holds no text: there is nothing but white space"),
        (b"\f\f\n", "a.txt", "nothing but white space"),
        (b"\x7fELF\x02\x01\0\0\0", "program", "program is a program or library .* Give its source code"),
        (b"\1\0\2", "data", "is a binary file, not text"),
        (b"\x89PNG\r\n\x1a\n\0\0", "a.pdf", "a.pdf"),
        (b"no zip", "a.epub", "cannot be opened as EPUB"),
        (b"<html><body></body></html>", "a.html", "nothing but white space"),
    ],
)
def test_what_holds_no_text_is_refused_with_the_reason(data, name, reason):
    with pytest.raises(DocumentError, match=reason):
        load(data, name=name)


@pytest.mark.parametrize("path", ["", "  ", "a\0b", "~nobody-of-this-name/a.txt", "x" * 5_000])
def test_what_is_no_path_is_refused_in_one_short_sentence(path):
    with pytest.raises(DocumentError) as caught:
        load(path)
    assert len(str(caught.value)) < 500


def test_half_a_surrogate_pair_becomes_a_character_that_can_be_encoded(monkeypatch):
    from workbench.documents.readers import text

    monkeypatch.setattr(text, "decode", lambda *_: ("broken \ud835 pair", ()))
    document = load(b"x")
    assert document.text == "broken � pair"
    assert document.warnings[0].kind == "encoding"
    assert document.hash


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    Path(tmp_path, "notes.txt").write_text("at home")
    assert load("~/notes.txt").text == "at home"
