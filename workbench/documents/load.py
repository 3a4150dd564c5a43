"""Files, folders and bytes become Documents: the right reader by suffix or content, and an error that says why not.

Nothing is ever fetched. What cannot be read is an error or a warning, never silence.

Not covered: what each format means (readers).
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from workbench.documents.document import Document, DocumentWarning, Source
from workbench.documents.readers.text import Parsed
from workbench.errors import DocumentError

MADE_NAME = "document"
"""Name of bytes that came without one."""

_LONE = re.compile("[\ud800-\udfff]")
_SHOWN_CHARS = 200
_HTML = (b"<!doctype html", b"<html", b"<?xml")


def load(source: str | os.PathLike[str] | bytes, *, name: str | None = None) -> Document:
    """Load a document whole: text, Markdown, HTML, EPUB, PDF, or a folder of source code.

    Args:
        source: a path, or the bytes of a file.
        name: what people shall call it; its suffix also names the format of bytes.

    Raises:
        DocumentError: it is missing, empty, binary, locked or damaged; the message says which.
    """
    if isinstance(source, bytes | bytearray | memoryview):
        return _from_bytes(bytes(source), name or MADE_NAME, name or "(bytes)")
    given = os.fspath(source)
    shown = given if len(given) <= _SHOWN_CHARS else given[:_SHOWN_CHARS] + " ..."
    if not given.strip():
        raise DocumentError("The path is empty. Give a file, or a folder of source code ('.' for this one).")
    try:
        path = Path(given).expanduser()
        if path.is_dir():
            return _from_folder(path, name)
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise DocumentError(f"There is no file {shown}. {_advice(given)}") from error
    except (OSError, ValueError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DocumentError(f"{shown} cannot be read: {reason}. Give the path of a file or a folder.") from error
    return _from_bytes(data, name or path.name, str(path), path.suffix)


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


def _from_bytes(data: bytes, name: str, path: str, suffix: str | None = None) -> Document:
    if not data:
        raise DocumentError(f"{name} is empty (0 bytes).")
    media_type, read = _reader(data, (suffix if suffix is not None else Path(name).suffix).lower())
    parsed = read(data, name)
    source = Source(path, hashlib.sha256(data).hexdigest(), len(data), media_type)
    return _document(name, parsed, source)


def _from_folder(folder: Path, name: str | None) -> Document:
    from workbench.documents.readers.code import read_folder

    parsed, files = read_folder(folder)
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.path}\0{len(file.data)}\0".encode() + file.data)
    num_bytes = sum(len(file.data) for file in files)
    source = Source(str(folder), digest.hexdigest(), num_bytes, "inode/directory")
    return _document(name or folder.resolve().name, parsed, source)


def _document(name: str, parsed: Parsed, source: Source) -> Document:
    if not parsed.text.strip():
        unread = {status: sum(page.status == status for page in parsed.pages) for status in ("scanned", "unreadable")}
        total = len(parsed.pages)
        why = [
            f"{unread['scanned']} of its {total} pages are pictures; run OCR on it and load the result",
            f"{unread['unreadable']} of its {total} pages are damaged; open it in a viewer and save it anew",
        ]
        said = [reason for reason, num in zip(why, unread.values(), strict=True) if num]
        raise DocumentError(f"{name} holds no text: {'; '.join(said) or 'there is nothing but white space in it'}.")
    # Half of a surrogate pair is no character, and nothing after us could encode it; some PDFs yield them.
    text, num_lone = _LONE.subn("�", parsed.text)
    warnings = parsed.warnings
    if num_lone:
        message = f"{num_lone:,} characters are broken in the file and became �."
        warnings = (*warnings, DocumentWarning("encoding", message))
    pages = tuple(replace(page, label=_LONE.sub("�", page.label)) for page in parsed.pages)
    outline = tuple(replace(section, title=_LONE.sub("�", section.title)) for section in parsed.outline)
    return Document(name, text, pages, outline, warnings, source)


def _reader(data: bytes, suffix: str) -> tuple[str, Callable[[bytes, str], Parsed]]:
    """The media type and its reader: content decides where it has a signature, the suffix elsewhere."""
    head = data[:1_024].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if head.startswith(b"%pdf-") or suffix == ".pdf":
        from workbench.documents.readers.pdf import read_pdf

        return "application/pdf", read_pdf
    if suffix == ".epub" or (data.startswith(b"PK\x03\x04") and b"application/epub+zip" in data[:200]):
        from workbench.documents.readers.epub import read_epub

        return "application/epub+zip", read_epub
    # Text and source files may begin with a tag and are still to be read as they stand.
    looks_html = suffix == "" and head.startswith(_HTML) and b"<html" in head
    if suffix in (".html", ".htm", ".xhtml") or looks_html:
        from workbench.documents.readers.markup import read_html

        return "text/html", read_html
    if suffix in (".md", ".markdown"):
        from workbench.documents.readers.markup import read_markdown

        return "text/markdown", read_markdown
    from workbench.documents.readers.text import read_text

    return "text/plain", read_text
