"""Parsed documents on disk: once parsed, there at once; never the wrong one, never a damaged one, never a secret."""

import os
import stat
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

import workbench as wb
from tests.documents.test_pdf import make
from workbench import config
from workbench.documents import parse_cache, parsing
from workbench.documents.archive import to_bytes
from workbench.documents.parse_cache import ParseCache, key_of
from workbench.documents.parsed import ReadOptions
from workbench.errors import ConfigError, DocumentError

PDF = make("It rained in Bath.", "It stopped.")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where parsed documents of a user are kept who named nothing but a home."""
    monkeypatch.delenv("WORKBENCH_STORE")
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "documents"


@pytest.fixture
def read(monkeypatch):
    """How often a file was really read, by name."""
    names = []
    really = parsing.read_here

    def counted(file, *args):
        names.append(file.name)
        return really(file, *args)

    monkeypatch.setattr(parsing, "read_here", counted)
    return names


def load(data=PDF, name="a.pdf", **options):
    return wb.load(data, name=name, progress=None, **options)


def test_a_file_is_parsed_once(folder, read):
    first = load()
    assert load() == first
    assert read == ["a.pdf"]
    assert len(list(folder.iterdir())) == 1


def test_a_document_parsed_apart_is_kept_too(folder, monkeypatch):
    monkeypatch.delenv("WORKBENCH_ISOLATION")
    first = load()
    monkeypatch.setattr(sys, "executable", "/nothing/there")  # no second process can be started
    assert load() == first


def test_the_same_bytes_elsewhere_are_found_and_keep_their_own_path(folder, read, tmp_path):
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "a.pdf").write_bytes(PDF)
        document = wb.load(tmp_path / place / "a.pdf", progress=None)
        assert document.source.path == str(tmp_path / place / "a.pdf")
    assert read == ["a.pdf"]


def test_other_bytes_another_name_and_other_options_are_parsed_anew(folder, read):
    load()
    load(make("It rained in Bath!"))
    load(name="b.pdf")
    load(hidden="drop")
    load(headers="drop")
    load(ocr=False)
    assert len(read) == 6
    assert len(list(folder.iterdir())) == 6


def test_another_version_of_what_reads_parses_anew(folder, read, monkeypatch):
    load()
    monkeypatch.setattr(parse_cache, "_version", lambda library: "99")
    parse_cache.readers_version.cache_clear()
    load()
    parse_cache.readers_version.cache_clear()
    assert len(read) == 2


def test_what_a_password_opened_is_never_kept(folder, read):
    load(password="hush")
    load(password="hush")
    assert len(read) == 2
    assert not folder.exists()


def test_plain_text_needs_no_keeping(folder):
    load(b"It rained.", name="a.txt")
    assert not folder.exists()


def test_the_first_document_kept_says_where_unless_somebody_named_the_place(folder, monkeypatch, tmp_path):
    notes = []
    monkeypatch.setattr(parse_cache, "note", notes.append)
    load()
    assert notes == []
    monkeypatch.delenv("WORKBENCH_HOME")
    monkeypatch.setattr(config, "user_cache_path", lambda *_, **__: tmp_path / "own")
    load()
    load(name="b.pdf")
    assert len(notes) == 1
    assert str(tmp_path / "own" / "documents") in notes[0]
    assert "WORKBENCH_STORE=off" in notes[0]


def test_an_error_is_not_kept(folder, read):
    for _ in range(2):
        with pytest.raises(DocumentError):
            load(b"%PDF-1.4 none")
    assert len(read) == 2


def test_nothing_is_written_when_the_store_is_off(folder, read, monkeypatch):
    monkeypatch.setenv("WORKBENCH_STORE", "off")
    load()
    load()
    assert len(read) == 2
    assert not folder.parent.exists()


def test_a_store_somebody_named_holds_the_documents_too(folder, monkeypatch, tmp_path):
    monkeypatch.setenv("WORKBENCH_STORE", str(tmp_path / "store"))
    load()
    assert len(list((tmp_path / "store" / "documents").iterdir())) == 1
    assert not folder.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="modes are of POSIX")
def test_folder_and_files_are_their_owners_alone(folder):
    before = os.umask(0)
    try:
        load()
    finally:
        os.umask(before)
    (path,) = folder.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_place_that_cannot_be_written_to_is_worked_without(folder, read):
    folder.parent.mkdir()
    folder.write_text("a file where the folder should be")
    load()
    load()
    assert len(read) == 2
    assert folder.read_text() == "a file where the folder should be"


@pytest.mark.parametrize("damage", [lambda raw: raw[:-1], lambda raw: b"", lambda raw: raw + b"x"])
def test_a_damaged_entry_is_parsed_again(folder, read, damage, caplog):
    first = load()
    (path,) = folder.iterdir()
    path.write_bytes(damage(path.read_bytes()))
    assert load() == first
    assert len(read) == 2
    assert "parsed again" in caplog.text
    assert "Bath" not in caplog.text
    assert load() == first
    assert len(read) == 2


@given(st.data())
def test_no_flipped_byte_is_believed(tmp_path_factory, data):
    cache = ParseCache(tmp_path_factory.mktemp("cache"), 1 << 20)
    content = bytearray(to_bytes(load(b"It rained in Bath.", name="a.txt")))
    cache.keep("key", content)
    (path,) = cache.folder.iterdir()
    raw = bytearray(path.read_bytes())
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(raw)
    assert cache.damaged()
    assert cache.find("key") is None
    assert list(cache.folder.iterdir()) == []


def test_what_was_used_longest_ago_makes_room(tmp_path):
    document = to_bytes(load(b"It rained in Bath.", name="a.txt"))
    cache = ParseCache(tmp_path / "cache", 3 * (len(document) + 100))
    for number, key in enumerate("abc", 1):
        cache.keep(key, document)
        os.utime(tmp_path / "cache" / f"{key}.document", (number, number))
    assert cache.find("a") is not None  # used now
    cache.keep("d", document)
    assert [key for key in "abcd" if cache.find(key)] == ["a", "c", "d"]
    assert cache.held().num_bytes <= cache.max_bytes
    cache.keep("e", document * 4)
    assert cache.held().num == 3


def test_what_a_killed_process_left_half_written_goes(tmp_path):
    cache = ParseCache(tmp_path, 1 << 20)
    old, new = tmp_path / ".a.123", tmp_path / ".b.456"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (1, 1))
    cache.keep("c", to_bytes(load(b"It rained.", name="a.txt")))
    assert not old.exists()
    assert new.exists()
    assert cache.held().num == 1


def test_a_size_that_is_no_number_is_said(folder, monkeypatch):
    monkeypatch.setenv("WORKBENCH_DOCUMENTS_GB", "much")
    with pytest.raises(ConfigError, match="WORKBENCH_DOCUMENTS_GB='much' is not a number of gigabytes above 0; try 2"):
        load()


def test_the_key_is_none_for_what_shall_not_be_kept():
    assert key_of("0" * 64, "a\ud800.pdf", "PDF", ReadOptions())
    assert key_of("0" * 64, "a.pdf", "PDF", ReadOptions(password="")) is None


def test_every_library_of_the_readers_is_part_of_their_version():
    import ast
    from importlib.metadata import packages_distributions
    from pathlib import Path

    distributions, used = packages_distributions(), set()
    for path in Path(parse_cache.__file__).parent.joinpath("readers").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                used |= {alias.name.partition(".")[0] for alias in node.names}
            if isinstance(node, ast.ImportFrom) and node.module:
                used.add(node.module.partition(".")[0])
    outside = used - sys.stdlib_module_names - {"workbench"}
    named = {library.replace("_", "-").lower() for library in parse_cache.LIBRARIES}
    for module in outside:
        found = {name.replace("_", "-").lower() for name in distributions.get(module, [module])}
        assert found & named, f"{module} is missing in parse_cache.LIBRARIES"
