"""Zips without trust: nothing escapes, nothing swells, and what is refused says why."""

import io
import stat
import struct
import zipfile
import zlib

import pytest

from tests.documents.conftest import check_whole, said
from workbench.documents import unpacking
from workbench.documents.load import load
from workbench.errors import DocumentError


def packed(**files):
    return packed_as({name.replace("__", "/"): content for name, content in files.items()})


def packed_as(files):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()


@pytest.mark.parametrize(
    "name", ["../a.txt", "a/../../b.txt", "/etc/passwd", "C:/a.txt", "..\\a.txt", "a\\..\\..\\b.txt", "\\\\host\\a.txt"]
)
def test_names_outside_the_archive_are_refused(name):
    with pytest.raises(DocumentError, match="points outside the archive"):
        load(packed_as({"a.txt": "x", name: "y"}), name="a.zip")


def test_names_with_two_dots_in_them_are_not():
    assert "x" in load(packed_as({"a..b/c...txt": "x"}), name="a.zip").text


def test_links_are_left_out_and_said_to_be():
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("a.txt", "text")
        link = zipfile.ZipInfo("link.txt")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    document = load(data.getvalue(), name="a.zip")
    assert "1 left out (links): link.txt" in said(document)
    assert "passwd" not in document.text


def test_a_bomb_is_refused_before_it_is_unpacked():
    data = packed_as({"zeros.txt": bytes(30_000_000)})
    assert len(data) < 60_000
    with pytest.raises(DocumentError, match=r"30,000,000, \d,?\d+ times as much \(200 are allowed\)"):
        load(data, name="a.zip")
    for name, part in (("a.docx", "word/document.xml"), ("a.epub", "c1.xhtml"), ("a.odt", "content.xml")):
        office = packed_as({"[Content_Types].xml": "<a/>", part: bytes(30_000_000)})
        with pytest.raises(DocumentError, match="was refused"):
            load(office, name=name)


def test_more_than_is_allowed_in_all_is_refused_nested_or_not(monkeypatch):
    monkeypatch.setattr(unpacking.Allowance.__init__, "__defaults__", (10_000, 20))
    with pytest.raises(DocumentError, match="would unpack to more than"):
        load(packed_as({f"{number}.txt": "x" for number in range(30)}), name="a.zip")
    inner = packed_as({"a.txt": "y" * 6_000})
    document = load(packed_as({"one.zip": inner, "two.zip": inner}), name="a.zip")
    assert document.text.count("y" * 6_000) == 1
    assert "two.zip was refused" in said(document, "unreadable")


def test_zips_in_zips_are_opened_to_a_small_depth():
    data = packed_as({"deep.txt": "at the bottom"})
    for number in range(2):
        data = packed_as({f"level{number}.zip": data, "beside.txt": f"beside {number}"})
    document = load(data, name="a.zip")
    check_whole(document)
    assert "===== level1.zip/level0.zip/deep.txt =====\nat the bottom\n" in document.text
    deeper = load(packed_as({"out.zip": packed_as({"outer.zip": data}), "a.txt": "x"}), name="a.zip")
    assert "to a depth of 3" in said(deeper, "unreadable")
    assert "beside 1" not in deeper.text or "at the bottom" not in deeper.text


def test_a_damaged_entry_is_a_page_with_its_reason_and_the_others_are_read():
    data = bytearray(packed_as({"a.txt": "first " * 50, "b.txt": "second " * 50}))
    at = data.index(b"a.txt") + 12
    data[at : at + 4] = b"\xff\xff\xff\xff"
    document = load(bytes(data), name="a.zip")
    assert "second" in document.text
    (page,) = [page for page in document.pages if page.status == "unreadable"]
    assert page.label == "a.txt"
    assert "damaged in its archive" in page.reason


def test_locked_entries_are_said_and_opened_with_the_password():
    locked = lock(b"the secret text", b"open sesame")
    with pytest.raises(DocumentError, match=r"a\.txt is locked with a password\. Give load"):
        load(locked, name="a.zip")
    with pytest.raises(DocumentError, match="the password is not the right one"):
        load(locked, name="a.zip", password="wrong")
    assert "the secret text" in load(locked, name="a.zip", password="open sesame").text


def lock(content, password):
    """A zip of ``a.txt``, encrypted as PKZIP does (APPNOTE 6.1): Python only reads such."""
    keys = [0x12345678, 0x23456789, 0x34567890]

    def crc(byte, value):
        return zlib.crc32(bytes([byte]), value ^ 0xFFFFFFFF) ^ 0xFFFFFFFF

    def update(byte):
        keys[0] = crc(byte, keys[0])
        keys[1] = ((keys[1] + (keys[0] & 0xFF)) * 134_775_813 + 1) & 0xFFFFFFFF
        keys[2] = crc(keys[1] >> 24, keys[2])

    def encrypt(byte):
        mask = keys[2] | 2
        update(byte)
        return byte ^ ((mask * (mask ^ 1)) >> 8 & 0xFF)

    for byte in password:
        update(byte)
    check = zlib.crc32(content) >> 24
    secret = bytes(encrypt(byte) for byte in bytes(11) + bytes([check]) + content)
    fields = (20, 1, 0, 0, 0, zlib.crc32(content), len(secret), len(content), 5, 0)
    head = struct.pack("<4s5H3I2H", b"PK\x03\x04", *fields) + b"a.txt"
    entry = struct.pack("<4s6H3I5H2I", b"PK\x01\x02", 20, *fields, 0, 0, 0, 0, 0) + b"a.txt"
    end = struct.pack("<4s4H2IH", b"PK\x05\x06", 0, 0, 1, 1, len(entry), len(head) + len(secret), 0)
    return head + secret + entry + end


@pytest.mark.parametrize("cut", [4, 30, -30, -5])
def test_a_truncated_zip_is_refused(cut):
    with pytest.raises(DocumentError, match="damaged zip archive"):
        load(packed_as({"a.txt": "text " * 100})[:cut], name="a.zip")


def test_an_empty_zip_is_refused():
    with pytest.raises(DocumentError, match="holds no text file"):
        load(packed_as({}), name="a.zip")
