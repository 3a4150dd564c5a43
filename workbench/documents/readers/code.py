"""A folder of source code: its tree first, then every file with its path.

``.gitignore`` files are honoured. Binaries, hidden folders and files that look like secrets are left out, and listed.

Not covered: symbols, line numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pathspec

from workbench.documents.document import DocumentWarning, Page, Section
from workbench.documents.readers.text import Parsed, decode
from workbench.errors import DocumentError

_SECRETS = pathspec.GitIgnoreSpec.from_lines(
    [".env", ".env.*", "*.pem", "*.key", "*.p12", "*.pfx", "id_rsa*", "id_ed25519*", ".netrc", ".pypirc", "*.kdbx"]
)
_NOISE = pathspec.GitIgnoreSpec.from_lines(
    [".git/", ".hg/", ".svn/", "__pycache__/", "node_modules/", ".venv/", "*.pyc"]
)


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that is to be read: its path inside the folder, and its bytes."""

    path: str
    data: bytes


def read_folder(folder: Path) -> tuple[Parsed, list[FoundFile]]:
    """Every text file below a folder, in order of path; and the files, for hashing.

    Raises:
        DocumentError: there is no text file.
    """
    files, skipped = _find(folder)
    texts: list[tuple[str, str]] = []
    read: list[FoundFile] = []
    for path in files:
        name = path.relative_to(folder).as_posix()
        try:
            data = path.read_bytes()
            text, _ = decode(data, name)
        except (DocumentError, OSError):
            skipped.setdefault("binary or unreadable", []).append(name)
            continue
        texts.append((name, text))
        read.append(FoundFile(name, data))
    if not texts:
        raise DocumentError(f"{folder} holds no text file that may be read. Give a folder with source code or notes.")
    return _join(folder.name, texts, skipped), read


def _find(folder: Path) -> tuple[list[Path], dict[str, list[str]]]:
    ignored: list[tuple[Path, pathspec.GitIgnoreSpec]] = []
    skipped: dict[str, list[str]] = {}
    found: list[Path] = []

    def walk(place: Path) -> None:
        own = place / ".gitignore"
        if own.is_file():
            lines = own.read_text(encoding="utf-8", errors="replace").splitlines()
            ignored.append((place, pathspec.GitIgnoreSpec.from_lines(lines)))
        for path in sorted(place.iterdir(), key=lambda p: (p.is_dir(), p.name)):
            name = path.relative_to(folder).as_posix()
            tested = name + "/" if path.is_dir() else name
            if path.is_symlink():
                skipped.setdefault("links", []).append(name)
            elif _NOISE.match_file(tested):
                continue
            elif _SECRETS.match_file(tested):
                skipped.setdefault("may hold secrets", []).append(name)
            elif any(_ignores(root, spec, path) for root, spec in ignored):
                skipped.setdefault("ignored by .gitignore", []).append(name)
            elif path.is_dir():
                walk(path)
            elif path.is_file():
                found.append(path)

    walk(folder)
    return found, skipped


def _ignores(root: Path, spec: pathspec.GitIgnoreSpec, path: Path) -> bool:
    if not path.is_relative_to(root):
        return False
    return spec.match_file(path.relative_to(root).as_posix() + ("/" if path.is_dir() else ""))


def _join(name: str, texts: list[tuple[str, str]], skipped: dict[str, list[str]]) -> Parsed:
    text = f"{name}/\n" + "".join(f"  {path}\n" for path, _ in texts) + "\n"
    pages = [Page(1, "(files)", 0, len(text))]
    outline: list[Section] = []
    for path, content in texts:
        piece = f"===== {path} =====\n{content}" + ("" if content.endswith("\n") else "\n") + "\n"
        start, number = len(text), len(pages) + 1
        pages.append(Page(number, path, start, start + len(piece), "read" if content.strip() else "empty"))
        outline.append(Section(path, 1, start, start + len(piece), number))
        text += piece
    warnings = [
        DocumentWarning(
            "skipped", f"{len(names)} left out ({why}): {', '.join(names[:20])}{' ...' if len(names) > 20 else ''}."
        )
        for why, names in sorted(skipped.items())
    ]
    return Parsed(text, tuple(pages), tuple(outline), tuple(warnings))
