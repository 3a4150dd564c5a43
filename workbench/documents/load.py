"""Files, folders and bytes become Documents: the right reader by suffix or content, and an error that says why not.

Nothing is ever fetched. What cannot be read is an error or a warning, never silence.

Not covered: what each format means (readers).
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

from workbench.documents.assemble import document_of
from workbench.documents.document import Document, Source
from workbench.documents.parsed import KeepOrDrop, PageCallback, ReadOptions, unheard
from workbench.documents.parsing import File, parse
from workbench.errors import DocumentError

MADE_NAME = "document"
"""Name of bytes that came without one."""

_SHOWN_CHARS = 200


def load(
    source: str | os.PathLike[str] | bytes,
    *,
    name: str | None = None,
    password: str | None = None,
    hidden: KeepOrDrop = "keep",
    headers: KeepOrDrop = "keep",
    ocr: bool = True,
    progress: PageCallback | None = None,
) -> Document:
    """Load a document whole: text, Markdown, HTML, EPUB, PDF, or a folder of source code.

    Args:
        source: a path, or the bytes of a file.
        name: what people shall call it; its suffix also names the format of bytes.
        password: of an encrypted file.
        hidden: ``"drop"`` takes out text that a person would not see; it is warned of in either case.
        headers: ``"drop"`` takes out lines that come again at the top or bottom of pages.
        ocr: whether pages that are pictures are recognised, where an engine is installed.
        progress: told how many pages are read, and of how many.

    Raises:
        DocumentError: it is missing, empty, binary, locked or damaged; the message says which.
        ConfigError: an unknown choice.
    """
    options = ReadOptions(password, hidden, headers, ocr)
    report = progress or unheard
    if isinstance(source, bytes | bytearray | memoryview):
        return parse(File(bytes(source), name or MADE_NAME, name or "(bytes)"), options, report)
    given = os.fspath(source)
    shown = given if len(given) <= _SHOWN_CHARS else given[:_SHOWN_CHARS] + " ..."
    if not given.strip():
        raise DocumentError("The path is empty. Give a file, or a folder of source code ('.' for this one).")
    try:
        path = Path(given).expanduser()
        if path.is_dir():
            return _from_folder(path, name, hidden)
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise DocumentError(f"There is no file {shown}. {_advice(given)}") from error
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DocumentError(f"{shown} cannot be read: {reason}. Give the path of a file or a folder.") from error
    return parse(File(data, name or path.name, str(path), path.suffix), options, report)


def _advice(given: str) -> str:
    """What to try instead of a path that is not there."""
    from rapidfuzz import fuzz, process

    if re.match(r"[a-z][a-z0-9+.-]+://", given):
        return "Nothing is ever fetched: save the page or file, and load that."
    path = Path(given).expanduser()
    try:
        here = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return f"The folder {path.parent} cannot be read either; check the path."
    close = process.extractOne(path.name, here, scorer=fuzz.ratio, processor=str.casefold, score_cutoff=60)
    return f"Did you mean {close[0]!r}?" if close else f"Check the path; relative ones start at {Path.cwd()}."


def _from_folder(folder: Path, name: str | None, hidden: KeepOrDrop) -> Document:
    from workbench.documents.readers.code import read_folder

    parsed, files = read_folder(folder)
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.path}\0{len(file.data)}\0".encode() + file.data)
    num_bytes = sum(len(file.data) for file in files)
    source = Source(str(folder), digest.hexdigest(), num_bytes, "inode/directory")
    return document_of(name or folder.resolve().name, parsed, source, hidden)
