"""A folder of source code: its tree first, then every file with its path.

``.gitignore`` files are honoured. Binaries, links, what tools made and files that look like secrets are left out, and
listed.

Not covered: symbols, line numbers, a ``.gitignore`` above the folder.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pathspec

from workbench.documents.document import DocumentWarning, Page, Section
from workbench.documents.parsed import Parsed
from workbench.documents.readers.text import decode
from workbench.errors import DocumentError

_SECRETS = pathspec.GitIgnoreSpec.from_lines(
    [
        ".env", ".env.*", ".netrc", ".npmrc", ".pypirc", ".htpasswd", ".git-credentials", ".aws/", ".gnupg/", ".ssh/",
        "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore",
        "*.kdbx",
    ]
)  # fmt: skip
_MADE = pathspec.GitIgnoreSpec.from_lines([".git/", ".hg/", ".svn/", "__pycache__/", "node_modules/", ".venv/"])


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
    said: list[DocumentWarning] = []
    for path in files:
        name = _name(path, folder)
        try:
            data = path.read_bytes()
            text, guessed = decode(data, name)
        except (DocumentError, OSError):
            skipped.setdefault("binary or unreadable", []).append(name)
            continue
        texts.append((name, text))
        read.append(FoundFile(name, data))
        said += guessed
    warnings = (*said, *_warnings(skipped))
    if not texts:
        left = " ".join(warning.message for warning in warnings)
        raise DocumentError(
            f"{folder} holds no text file that may be read. {left}{' ' if left else ''}Give a folder with source code "
            "or notes."
        )
    return _join(folder.resolve().name, texts, warnings), read


def _name(path: Path, folder: Path) -> str:
    """The path inside the folder; bytes of it that are no UTF-8 become U+FFFD, or nothing could encode it."""
    return os.fsencode(path.relative_to(folder).as_posix()).decode("utf-8", "replace")


def _find(folder: Path) -> tuple[list[Path], dict[str, list[str]]]:
    """Files to read, in order; and what is left out, by reason."""
    ignored: list[tuple[Path, pathspec.GitIgnoreSpec]] = []
    skipped: dict[str, list[str]] = {}
    found: list[Path] = []

    def walk(place: Path) -> None:
        try:
            entries = sorted(place.iterdir(), key=lambda p: (p.is_dir(), p.name))
            own = _gitignore(place)
        except OSError:
            skipped.setdefault("binary or unreadable", []).append(_name(place, folder) + "/")
            return
        if own is not None:
            ignored.append((place, own))
        for path in entries:
            why = _left_out(path, folder, ignored)
            if why:
                skipped.setdefault(why, []).append(_name(path, folder) + ("/" if path.is_dir() else ""))
            elif path.is_dir():
                walk(path)
            else:
                found.append(path)

    walk(folder)
    return found, skipped


def _gitignore(place: Path) -> pathspec.GitIgnoreSpec | None:
    path = place / ".gitignore"
    if not path.is_file():
        return None
    patterns = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        with suppress(ValueError):  # git passes over lines that are no pattern, and so do we
            patterns += list(pathspec.GitIgnoreSpec.from_lines([line]).patterns)
    return pathspec.GitIgnoreSpec(patterns)


def _left_out(path: Path, folder: Path, ignored: list[tuple[Path, pathspec.GitIgnoreSpec]]) -> str:
    """Why a file or folder is not read; empty when it is."""
    name = path.relative_to(folder).as_posix() + ("/" if path.is_dir() else "")
    if path.is_symlink():
        return "links"
    if _MADE.match_file(name):
        return "made by tools"
    if _SECRETS.match_file(name):
        return "may hold secrets"
    for root, spec in reversed(ignored):  # the nearest .gitignore that says anything decides
        if path.is_relative_to(root):
            said = spec.check_file(path.relative_to(root).as_posix() + ("/" if path.is_dir() else "")).include
            if said is not None:
                return "ignored by .gitignore" if said else ""
    return "" if path.is_dir() or path.is_file() else "no regular files"


def _warnings(skipped: dict[str, list[str]]) -> list[DocumentWarning]:
    return [
        DocumentWarning(
            "skipped", f"{len(names)} left out ({why}): {', '.join(names[:20])}{' ...' if len(names) > 20 else ''}."
        )
        for why, names in sorted(skipped.items())
    ]


def _join(name: str, texts: list[tuple[str, str]], warnings: tuple[DocumentWarning, ...]) -> Parsed:
    pieces = [f"{name}/\n" + "".join(f"  {path}\n" for path, _ in texts) + "\n"]
    pages = [Page(1, "(files)", 0, len(pieces[0]))]
    outline: list[Section] = []
    for path, content in texts:
        pieces.append(f"===== {path} =====\n{content}" + ("" if content.endswith("\n") else "\n") + "\n")
        start, number = pages[-1].end_char, len(pages) + 1
        end = start + len(pieces[-1])
        pages.append(Page(number, path, start, end, "read" if content.strip() else "empty"))
        outline.append(Section(path, 1, start, end, number))
    return Parsed("".join(pieces), tuple(pages), tuple(outline), warnings)
