"""Folders: every text file with its path; what is left out is said."""

import os

import pytest

from tests.documents.conftest import check_whole
from workbench.documents.load import load
from workbench.errors import DocumentError


def grow(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def read_names(document):
    return [section.title for section in document.outline]


def said(document):
    return " ".join(warning.message for warning in document.warnings)


def test_a_real_project_is_read_whole(sample, samples):
    document = sample("itsdangerous-2.2.0")
    files = [path for path in (samples / "itsdangerous-2.2.0").rglob("*") if path.is_file()]
    assert sorted(read_names(document)) == sorted(str(p.relative_to(samples / "itsdangerous-2.2.0")) for p in files)
    for path in files:
        assert path.read_text(encoding="utf-8") in document.text
    assert document.text.startswith("itsdangerous-2.2.0/\n  CHANGES.rst\n")
    assert document.source.media_type == "inode/directory"
    assert document.warnings == ()


def test_a_file_of_a_project_is_a_section_and_a_page(sample):
    document = sample("itsdangerous-2.2.0")
    part = document.select("src/itsdangerous/timed.py")
    assert part.text.startswith("===== src/itsdangerous/timed.py =====\n")
    assert [page.label for page in part.pages] == ["src/itsdangerous/timed.py"]


def test_sixty_notes_are_sixty_pages_behind_their_list(sample):
    document = sample("patient-notes")
    assert read_names(document) == [f"note-{number:02}.txt" for number in range(60)]
    assert [page.label for page in document.pages] == ["(files)", *read_names(document)]


def test_gitignore_files_are_honoured_and_the_nearest_decides(tmp_path):
    grow(
        tmp_path,
        {
            ".gitignore": "*.log\n/out/\n!keep.log\n\\\n",
            "a.py": "a",
            "x.log": "x",
            "keep.log": "k",
            "out/b.py": "b",
            "src/out/c.py": "c",
            "src/.gitignore": "!y.log\nc.txt\n",
            "src/y.log": "y",
            "src/c.txt": "c",
            "c.txt": "c",
        },
    )
    document = load(tmp_path)
    assert set(read_names(document)) == {
        ".gitignore",
        "a.py",
        "c.txt",
        "keep.log",
        "src/.gitignore",
        "src/y.log",
        "src/out/c.py",
    }
    assert "3 left out (ignored by .gitignore): x.log, out/, src/c.txt." in said(document)


def test_secrets_are_left_out_and_said_to_be(tmp_path):
    secrets = [".env", ".env.local", "key.pem", "id_rsa", "sub/server.key", ".npmrc"]
    grow(tmp_path, {"a.py": "a", **dict.fromkeys(secrets, "hunter2"), ".aws/config": "hunter2"})
    document = load(tmp_path)
    assert read_names(document) == ["a.py"]
    assert "hunter2" not in document.text
    assert "7 left out (may hold secrets)" in said(document)
    assert all(name in said(document) for name in secrets)


def test_links_binaries_and_what_tools_made_are_left_out_and_said_to_be(tmp_path):
    outside = tmp_path / "outside.txt"
    outside.write_text("outside")
    folder = grow(
        tmp_path / "project", {"a.py": "a", "b.bin": b"\0\1", ".git/HEAD": "ref", "c/__pycache__/d.pyc": b"\0"}
    )
    (folder / "link.txt").symlink_to(outside)
    (folder / "loop").symlink_to(folder)
    (folder / "broken").symlink_to(folder / "nowhere")
    os.mkfifo(folder / "pipe")
    document = load(folder)
    assert read_names(document) == ["a.py"]
    assert "1 left out (binary): b.bin." in said(document)
    assert "3 left out (links): broken, link.txt, loop/." in said(document)
    assert "2 left out (made by tools): .git/, c/__pycache__/." in said(document)
    assert "1 left out (no regular files): pipe." in said(document)


def test_a_folder_may_be_reached_by_a_link_or_a_dot(tmp_path, monkeypatch):
    folder = grow(tmp_path / "project", {"a.py": "a"})
    (tmp_path / "link").symlink_to(folder)
    assert load(tmp_path / "link").hash == load(folder).hash
    monkeypatch.chdir(folder)
    assert load(".").name == "project"
    assert load(".").hash == load(folder).hash


def test_a_guessed_encoding_in_a_folder_is_said(tmp_path):
    document = load(grow(tmp_path, {"a.txt": "Voilà où ça mène, président.".encode("latin-1"), "b.txt": "b"}))
    assert "Voilà où ça mène" in document.text
    assert "a.txt is not UTF-8; it was read as cp1252" in said(document)


def test_an_empty_file_is_listed_and_its_page_is_empty(tmp_path):
    document = load(grow(tmp_path, {"__init__.py": "", "a.py": "a\n"}))
    assert [(page.label, page.status) for page in document.pages] == [
        ("(files)", "read"),
        ("__init__.py", "empty"),
        ("a.py", "read"),
    ]
    check_whole(document)


def test_a_name_that_is_no_unicode_can_still_be_hashed(tmp_path):
    with open(os.fsencode(tmp_path) + b"/caf\xe9.txt", "wb") as file:
        file.write(b"text")
    document = load(tmp_path)
    assert read_names(document) == ["caf�.txt"]
    assert document.hash


def test_form_feeds_and_page_marks_in_source_stay(tmp_path):
    document = load(grow(tmp_path, {"a.el": "one\f[page 3]\ntwo\n"}))
    assert "one\f[page 3]\ntwo\n" in document.text


@pytest.mark.parametrize("files", [{}, {"a.bin": b"\0"}, {".env": "secret"}])
def test_a_folder_without_text_is_refused_with_what_was_left_out(tmp_path, files):
    with pytest.raises(DocumentError, match="holds no text file that may be read") as caught:
        load(grow(tmp_path, files))
    assert all(name in str(caught.value) for name in files)


def test_the_hash_of_the_bytes_changes_with_names_and_contents(tmp_path):
    one = load(grow(tmp_path / "one" / "p", {"a.py": "a", "b.py": "b"}))
    same = load(grow(tmp_path / "two" / "p", {"a.py": "a", "b.py": "b"}))
    other = load(grow(tmp_path / "three" / "p", {"a.py": "b", "b.py": "a"}))
    assert (one.hash, one.source.sha256) == (same.hash, same.source.sha256)
    assert one.source.sha256 != other.source.sha256
    assert one.hash != other.hash
