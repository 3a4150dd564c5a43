"""Which format a file is: by content first, and what is not read says what to do."""

import io
import zipfile

import pytest

from workbench.documents.formats import FORMATS, ZIP, recognise
from workbench.documents.load import load
from workbench.errors import DocumentError

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100)


@pytest.mark.parametrize(
    ("data", "name", "reason"),
    [
        (OLE, "a.doc", "old Office file .* save it as DOCX, XLSX, PPTX or EML"),
        (OLE, "a.xls", "old Office file"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "a.docx", "Office file locked with a password"),
        (b"\x89PNG\r\n\x1a\n\0\0", "a.png", "picture .* run OCR"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "scan", "picture"),
        (b"ID3\x03\0\0\0", "a.mp3", "sound or film .* transcribed"),
        (b"MZ\x90\0\x03\0", "a.exe", "program or library"),
        (b"\x1f\x8b\x08\0\0\0", "a.tar.gz", "packed archive .* Unpack it"),
        (b"7z\xbc\xaf\x27\x1c\0\4", "a", "packed archive"),
        (b"SQLite format 3\0", "a.db", "database .* CSV or Parquet"),
        (b"bare", "a.doc", "old Office file"),
    ],
)
def test_kinds_that_are_not_read_are_named_with_what_to_do(data, name, reason):
    with pytest.raises(DocumentError, match=reason):
        load(data, name=name)


@pytest.mark.parametrize(
    "text", ["MZ was his name.", "BMW, II* and GIF8", "ID3 tags", "Rar! he said", "PAR1 PAR2", "BZh"]
)
def test_text_that_begins_like_a_signature_is_text(text):
    assert load(text.encode(), name="a.txt").text == text


def test_a_zip_that_holds_an_office_folder_by_chance_is_a_zip():
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("word/list.txt", "hello")
    assert recognise(data.getvalue(), ".zip") is ZIP
    assert "hello" in load(data.getvalue(), name="words").text


def test_every_format_names_a_reader_that_is_there():
    for kind in FORMATS:
        assert callable(kind.load_reader())
        assert all(suffix == suffix.lower() and suffix[0] == "." for suffix in kind.suffixes)
    suffixes = [suffix for kind in FORMATS for suffix in kind.suffixes]
    assert len(suffixes) == len(set(suffixes))
