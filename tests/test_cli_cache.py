"""``workbench cache`` as a person types it, and readings asked by name, over a store of a random model."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

import workbench as wb
from tests.session.test_store import flip
from tests.test_cli import HOSTILE, OBEYED, refused, run, said

TEXT = b"It rained in Bath. " * 20


@pytest.fixture
def model(checkpoint: Callable[[str], Path]) -> str:
    return str(checkpoint("llama"))


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty store of the user's."""
    monkeypatch.setenv("WORKBENCH_STORE", str(tmp_path / "store"))
    return tmp_path / "store"


@pytest.fixture
def full(store: Path, model: str) -> Path:
    """A store with two readings."""
    with wb.Workbench(model) as bench:
        for number, name in enumerate(("novel.txt", "other.txt"), 1):
            bench.read(wb.load(TEXT + name.encode(), name=name), progress=None).close()
            os.utime(store / bench.readings()["key"][0], (number, number))
    return store


def names(store: Path) -> set[str]:
    return set(re.findall(r"^(\w+\.txt)", said("cache", "ls"), re.MULTILINE))


def folder_of(store: Path, name: str) -> Path:
    return next(path for path in store.iterdir() if path.is_dir() and name.encode() in (path / "document").read_bytes())


def test_an_empty_store_has_no_readings(store: Path) -> None:
    assert said("cache", "ls").splitlines()[0].startswith("0 readings, 0.0 MB of ")
    assert not store.exists(), "looking makes nothing"
    assert said("cache", "prune") == "Nothing had to go.\n"
    assert said("cache", "verify") == ""


def test_readings_are_listed_those_used_last_first(full: Path) -> None:
    head, first, second, total, folder = said("cache", "ls").splitlines()
    assert head.split() == ["name", "tokens", "size", "model", "used", "key"]
    assert first.startswith("other.txt ")
    assert second.startswith("novel.txt ")
    assert total.startswith("2 readings, ")
    assert folder == str(full)


def test_a_name_cannot_drive_the_terminal(store: Path, model: str) -> None:
    name = f"a\nkey  forged {HOSTILE}[red].txt"
    with wb.Workbench(model) as bench:
        bench.read(wb.load(TEXT, name=name), progress=None).close()
        key = bench.readings()["key"][0]
    for command in (["ls"], ["show", key], ["verify", key], ["pin", key], ["rm", key]):
        out = said("cache", *command)
        assert not OBEYED & set(out)
        assert "forged" in out
        assert not re.search("^key  forged", out, re.MULTILINE)


def test_show_says_all_that_is_written_down(full: Path) -> None:
    lines = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in said("cache", "show", "novel").splitlines())
    assert lines["name"] == "novel.txt"
    assert lines["pinned"] == "no"
    assert lines["reading"] == folder_of(full, "novel.txt").name
    assert re.fullmatch(r"([\d,]+) of \1 read", lines["tokens"])
    assert lines["kv"] == "float32"


def test_readings_are_removed_by_name(full: Path) -> None:
    assert said("cache", "rm", "novel").startswith("Removed novel.txt (")
    assert names(full) == {"other.txt"}
    assert "Did you mean 'other.txt'?" in refused("cache", "rm", "othr.txt")
    assert not any("novel" in path.name for path in full.iterdir())


def test_an_unknown_name_removes_nothing_of_the_others(full: Path) -> None:
    refused("cache", "rm", "novel", "nothing")
    assert names(full) == {"novel.txt", "other.txt"}


def test_pruning_leaves_what_is_pinned(full: Path) -> None:
    assert said("cache", "pin", "novel") == "novel.txt is pinned.\n"
    assert re.search(r"^novel\.txt .* pinned *$", said("cache", "ls"), re.MULTILINE)
    assert said("cache", "prune", "--to", "0").startswith("Removed other.txt (")
    assert names(full) == {"novel.txt"}
    assert said("cache", "pin", "novel", "--off") == "novel.txt is no longer pinned.\n"
    said("cache", "prune", "--to", "0")
    assert names(full) == set()


def test_verify_finds_what_is_damaged(full: Path) -> None:
    assert said("cache", "verify") == "other.txt: whole\nnovel.txt: whole\n"
    flip(folder_of(full, "novel.txt") / "blocks")
    result = run("cache", "verify")
    assert result.exit_code == 1
    assert re.search(r"^novel\.txt: damaged, its tokens 0 to", result.stdout, re.MULTILINE)
    assert "other.txt: whole" in result.stdout
    assert result.stderr.startswith("CacheCorrupt: 1 damaged")
    assert said("cache", "verify", "other") == "other.txt: whole\n"
    flip(folder_of(full, "other.txt") / "manifest.json")
    assert "2 damaged" in run("cache", "verify").stderr
    assert "manifest" in said("cache", "ls")


@pytest.mark.parametrize("command", [["ls"], ["show", "x"], ["rm", "x"], ["prune"], ["pin", "x"], ["verify"]])
def test_without_a_store_every_command_says_so(command: list[str]) -> None:
    assert refused("cache", *command).startswith("ConfigError: WORKBENCH_STORE=off keeps nothing on disk")


@pytest.mark.parametrize("command", ["show", "rm", "pin", "verify"])
def test_an_unknown_name_has_its_neighbour(full: Path, command: str) -> None:
    assert "Did you mean 'novel.txt'?" in refused("cache", command, "novell.txt")


def test_a_stored_reading_is_asked_by_its_name(full: Path, model: str, tmp_path: Path) -> None:
    key = folder_of(full, "novel.txt").name
    for name in ("novel", "novel.txt", key[:8]):
        result = run("ask", name, "Why?", "-m", model, "--max-tokens", "2")
        assert result.exit_code == 0, result.output
        assert "2 written" in result.stdout
        assert result.stderr == ""
    out = said("read", "novel", "-m", model)
    assert out.startswith("document        novel.txt (text/plain")
    assert "in the cache" in out


def test_a_file_of_that_name_comes_before_the_stored_reading(
    full: Path, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = folder_of(full, "novel.txt").name
    monkeypatch.chdir(tmp_path)
    (tmp_path / "novel.txt").write_text("Another text.")
    assert re.search(r"13 bytes", said("read", "novel.txt", "-m", model))
    assert f"{len(TEXT) + 9} bytes" in said("read", key, "-m", model)


def test_neither_a_file_nor_a_reading_names_both(full: Path, model: str) -> None:
    err = refused("ask", "novell.txt", "Why?", "-m", model)
    assert err.startswith("DocumentError: There is no file novell.txt")
    assert "Nor is it a stored reading" in err
    assert "Did you mean 'novel.txt'?" in err
    assert "name of a stored reading" in " ".join(said("ask", "--help").split())


def test_what_people_should_hear_is_a_line_on_standard_error(store: Path, model: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(TEXT)
    result = run("read", str(tmp_path / "a.txt"), "-m", model)
    (line,) = result.stderr.splitlines()
    assert line == f"Readings are kept in {store} (see them with: workbench cache ls)."
    assert run("read", str(tmp_path / "a.txt"), "-m", model).stderr == ""
    flip(folder_of(store, "a.txt") / "blocks")
    assert "damaged" in run("read", str(tmp_path / "a.txt"), "-m", model).stderr


def test_documents_to_serve_are_paths_or_names(
    full: Path, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[wb.Document] = []
    monkeypatch.setattr("workbench.dashboards.serve", lambda documents, *_, **__: served.extend(documents))
    (tmp_path / "a.txt").write_bytes(TEXT)
    said("serve", str(tmp_path / "a.txt"), "novel", "-m", model)
    assert [document.name for document in served] == ["a.txt", "novel.txt"]


def test_parsed_documents_are_counted_verified_and_emptied(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORKBENCH_ISOLATION", "off")
    for name in ("a.html", "b.html"):
        wb.load(b"<html><p>It rained in Bath.", name=name, progress=None)
    assert re.search(r"^2 parsed documents, 0\.0 MB, ", said("cache", "ls"), re.MULTILINE)
    assert said("cache", "verify") == "2 parsed documents: 2 whole\n"
    flip(next((store / "documents").iterdir()))
    result = run("cache", "verify")
    assert result.exit_code == 1
    assert re.search(r"^Parsed document \w{8}: it does not match its checksum\n2 parsed", result.stdout, re.MULTILINE)
    assert result.stderr.startswith("CacheCorrupt: 1 damaged")
    assert said("cache", "prune") == "Removed 2 parsed documents (0.0 MB).\n"
    assert "parsed documents" not in said("cache", "ls")
    assert said("cache", "prune") == "Nothing had to go.\n"
