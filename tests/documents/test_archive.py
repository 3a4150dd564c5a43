"""A document as the store keeps it: every field comes back, and what is no document is never believed."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import workbench as wb
from tests.conftest import SAMPLES
from workbench.documents.archive import from_bytes, to_bytes

PATHS = [
    *sorted(path for path in SAMPLES.iterdir() if path.suffix in (".txt", ".pdf", ".md") or path.is_dir()),
    SAMPLES / "patient-notes" / "note-00.txt",
]


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.name)
def test_every_sample_comes_back_as_it_was(path: Path):
    document = wb.load(path)
    again = from_bytes(to_bytes(document))
    assert again == document
    assert again.hash == document.hash
    part = document.select(pages=[document.pages[0].number])
    assert from_bytes(to_bytes(part)) == part


def test_letters_of_every_kind_come_back():
    document = wb.load("Ein Mädchen, 猫, \U0001f600, \u202e and \x1b[31m.\f\f[page 3] “x”".encode(), name="a\nb.txt")
    assert from_bytes(to_bytes(document)) == document


def stored(**changes: object) -> bytes:
    fields = json.loads(to_bytes(wb.load(b"One.\f\fThree.", name="a.md")))
    return json.dumps(fields | changes).encode()


PAGE = {"number": 1, "label": "1", "start_char": 0, "end_char": 11, "status": "read", "reason": ""}

WARNING = {"kind": "empty", "message": "x", "pages": [], "spans": []}

BROKEN = {
    "nothing": b"",
    "no text": b"\xff\xfe\x00",
    "a list": b"[]",
    "a number": b"7",
    "no fields": b'{"version": 2}',
    "too deep": b"[" * 200_000,
    "a number of too many digits": b'{"version": ' + b"9" * 10_000 + b"}",
    "cut": stored()[:-20],
    "of another version": stored(version=1),
    "a name that is none": stored(name=3),
    "a text that is none": stored(text=["One."]),
    "no pages": stored(pages=[]),
    "pages that are none": stored(pages="abc"),
    "a page with a field of its own": stored(pages=[PAGE | {"more": 1}]),
    "a page at no number": stored(pages=[PAGE | {"start_char": "0"}]),
    "a page behind the end": stored(pages=[PAGE | {"end_char": 12_000}]),
    "a page that begins before the text": stored(pages=[PAGE | {"start_char": -1}]),
    "a page of no known status": stored(pages=[PAGE | {"status": "burnt"}]),
    "an outline behind the end": stored(
        outline=[{"title": "One", "level": 1, "start_char": 0, "end_char": 10**9, "page": 1}]
    ),
    "a warning that says nothing": stored(warnings=[WARNING | {"message": None}]),
    "a warning on pages that are none": stored(warnings=[WARNING | {"pages": ["1"]}]),
    "a source that is none": stored(source="a.md"),
    "a source of half a byte": stored(source={"path": "a", "sha256": "0", "num_bytes": 0.5, "media_type": "x"}),
    "a parent that is none": stored(parent=None),
    "a warning behind the end": stored(warnings=[WARNING | {"spans": [[0, 10**9]]}]),
    "a region of no known kind": stored(
        layout={"made": [], "regions": [{"kind": "x", "name": "", "start_char": 0, "end_char": 1, "first_line": 0}]}
    ),
    "boxes of too few characters": stored() + bytes(32),
    "half a box": stored() + bytes(3),
}  # fmt: skip


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_what_is_no_document_is_refused(content: bytes):
    with pytest.raises(wb.CacheCorrupt, match="read its file again"):
        from_bytes(content)


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_a_flipped_byte_gives_a_document_or_our_error(at: int, flipped: int):
    content = bytearray(stored())
    content[at % len(content)] ^= flipped
    try:
        document = from_bytes(bytes(content))
    except wb.CacheCorrupt:
        return
    assert len(document.hash) == 32
    assert document.page_text(document.pages[0].number) is not None
