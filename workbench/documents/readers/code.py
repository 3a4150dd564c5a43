"""A folder of source code: which of its files are read, and a file of it as it was written, with its lines.

``.gitignore`` files are honoured. Links, what tools made and files that look like secrets are left out, and listed.

Not covered: symbols, a ``.gitignore`` above the folder; how the files become one text (collection).
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pathspec

from workbench.documents.collection import Contents, Item, LeftOut, encodable
from workbench.documents.document import Page
from workbench.documents.layout import Layout, Region
from workbench.documents.parsed import Job, Parsed
from workbench.documents.readers.text import decode

_SECRETS = pathspec.GitIgnoreSpec.from_lines(
    [
        ".env", ".env.*", ".netrc", ".npmrc", ".pypirc", ".htpasswd", ".git-credentials", ".aws/", ".gnupg/", ".ssh/",
        "id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.keystore",
        "*.kdbx",
    ]
)  # fmt: skip
_MADE = pathspec.GitIgnoreSpec.from_lines(
    [".git/", ".hg/", ".svn/", "__pycache__/", "node_modules/", ".venv/", "__MACOSX/", ".DS_Store"]
)


def read_source(job: Job) -> Parsed:
    """A file as it was written, on one page, with the numbers of its lines.

    Raises:
        DocumentError: it is no text.
    """
    text, warnings = decode(job.data, job.name)
    region = Region("file", job.name, 0, len(text), first_line=1)
    return Parsed(text, (Page(1, job.name, 0, len(text)),), (), warnings, Layout(regions=(region,)))


def folder_contents(folder: Path) -> Contents:
    """The files below a folder in order of path, files before folders; and what is left out."""
    ignored: list[tuple[Path, pathspec.GitIgnoreSpec]] = []
    left_out: list[LeftOut] = []
    found: list[Item] = []

    def walk(place: Path) -> None:
        try:
            entries = sorted(place.iterdir(), key=lambda p: (p.is_dir(), p.name))
            own = _gitignore(place)
        except OSError as error:
            left_out.append(LeftOut(_name(place, folder) + "/", f"unreadable: {error.strerror}"))
            return
        if own is not None:
            ignored.append((place, own))
        for path in entries:
            why = _left_out(path, folder, ignored)
            if why:
                left_out.append(LeftOut(_name(path, folder) + ("/" if path.is_dir() else ""), why))
            elif path.is_dir():
                walk(path)
            else:
                found.append(Item(_name(path, folder), str(path), path.read_bytes))

    walk(folder)
    return Contents(found, left_out)


def why_not(name: str) -> str:
    """Why a file, by its path, is not read from a folder or zip; empty when it is."""
    if _MADE.match_file(name):
        return "made by tools"
    return "may hold secrets" if _SECRETS.match_file(name) else ""


def _name(path: Path, folder: Path) -> str:
    """The path inside the folder."""
    return encodable(path.relative_to(folder).as_posix())


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
    why = "links" if path.is_symlink() else why_not(name)
    if why:
        return why
    for root, spec in reversed(ignored):  # the nearest .gitignore that says anything decides
        if path.is_relative_to(root):
            said = spec.check_file(path.relative_to(root).as_posix() + ("/" if path.is_dir() else "")).include
            if said is not None:
                return "ignored by .gitignore" if said else ""
    return "" if path.is_dir() or path.is_file() else "no regular files"
