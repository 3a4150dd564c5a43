"""Bytes of every encoding: read right, read with a word of warning, or refused."""

import os

import pytest

from tests.documents.conftest import check_whole
from workbench.documents.load import load
from workbench.documents.readers.text import decode
from workbench.errors import DocumentError

FRENCH = "Le président a déclaré que l'été dernier était très chaud à l'Élysée. Voilà où ça mène.\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_unicode_of_any_width_is_read_without_a_warning(encoding):
    document = load(("“Straße” — " + FRENCH).encode(encoding))
    assert document.text == "“Straße” — " + FRENCH
    assert document.warnings == ()


def test_utf_16_of_either_byte_order_is_read():
    for mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")):
        assert load(mark + "Élysée".encode(encoding)).text == "Élysée"


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252"])
@pytest.mark.parametrize("text", ["café\n", FRENCH, "He went to the café in Paris with Anne.\n"])
def test_western_european_text_is_read_right_and_said_to_be_a_guess(text, encoding):
    document = load(text.encode(encoding), name="letter.txt")
    assert document.text == text
    assert "letter.txt is not UTF-8; it was read as cp1252" in document.warnings[0].message


def test_other_old_encodings_are_recognised():
    russian = "Все люди рождаются свободными и равными в своем достоинстве и правах.\n" * 3
    assert load(russian.encode("cp1251")).text == russian
    japanese = "すべての人間は、生まれながらにして自由である。\n" * 3
    assert load(japanese.encode("shift_jis")).text == japanese


def test_damaged_utf_8_keeps_its_other_letters_and_says_where_the_damage_is(samples):
    data = (samples / "abouammo-v-united-states.txt").read_bytes()
    line = data[:5_000].count(b"\n") + 1
    document = load(data[:5_000] + b"\xff" + data[5_000:], name="opinion.txt")
    assert document.text.count("�") == 1
    assert "§1519" in document.text
    assert document.warnings[0].kind == "encoding"
    assert f"(1 times, first in line {line})" in document.warnings[0].message


def test_damaged_utf_16_is_said_to_be():
    assert "UTF-16" in load(b"\xff\xfea\0b\0\xd8").warnings[0].message


@pytest.mark.parametrize(
    "data", [b"text\0more", b"\xff\xfe\x01\0\0\0\x02\0", b"\xff\xfe\0\0\xff\xff\xff\xff", bytes(range(1, 256)) * 40]
)
def test_bytes_that_are_no_text_are_refused(data):
    with pytest.raises(DocumentError, match=r"binary|neither UTF-8"):
        decode(data, "a.bin")


def test_random_bytes_never_raise_anything_but_our_error():
    for seed in range(50):
        data = os.urandom(200 + seed * 7)
        try:
            check_whole(load(data, name="a.txt"))
        except DocumentError:
            continue
