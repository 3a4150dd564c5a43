"""Files, folders and bytes become Documents: the right reader by suffix or content, and an error that says why not.

Nothing is ever fetched. What cannot be read is an error or a warning, never silence.

Not covered: what each format means (readers).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from workbench.documents.document import Document, Source
from workbench.documents.readers.text import Parsed
from workbench.errors import DocumentError

MADE_NAME = "document"
"""Name of bytes that came without one."""


def load(source: str | os.PathLike[str] | bytes, *, name: str | None = None) -> Document:
    """Load a document whole: text, Markdown, HTML, EPUB, PDF, or a folder of source code.

    Args:
        source: a path, or the bytes of a file.
        name: what people shall call it; its suffix also names the format of bytes.

    Raises:
        DocumentError: it is missing, empty, binary, locked or damaged; the message says which.
    """
    if isinstance(source, bytes):
        return _from_bytes(source, name or MADE_NAME, name or "(bytes)")
    path = Path(source).expanduser()
    try:
        if path.is_dir():
            return _from_folder(path, name)
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise DocumentError(f"There is no file {path}. {_neighbours(path)}") from error
    except OSError as error:
        raise DocumentError(f"{path} cannot be read: {error.strerror or error}.") from error
    return _from_bytes(data, name or path.name, str(path), path.suffix)


def _neighbours(path: Path) -> str:
    from rapidfuzz import process

    if not path.parent.is_dir():
        return f"The folder {path.parent} does not exist either; check the path."
    here = [entry.name for entry in path.parent.iterdir()]
    close = process.extractOne(path.name, here, score_cutoff=70)
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
        digest.update(f"{file.path}\0{len(file.data)}\0".encode("utf-8", "surrogatepass") + file.data)
    num_bytes = sum(len(file.data) for file in files)
    source = Source(str(folder), digest.hexdigest(), num_bytes, "inode/directory")
    return _document(name or folder.resolve().name, parsed, source)


def _document(name: str, parsed: Parsed, source: Source) -> Document:
    if not parsed.text.strip():
        scanned = sum(page.status == "scanned" for page in parsed.pages)
        why = (
            f"{scanned} of its {len(parsed.pages)} pages are pictures; run OCR on it and load the result"
            if scanned
            else "there is nothing but white space in it"
        )
        raise DocumentError(f"{name} holds no text: {why}.")
    return Document(name, parsed.text, parsed.pages, parsed.outline, parsed.warnings, source)


def _reader(data: bytes, suffix: str) -> tuple[str, Callable[[bytes, str], Parsed]]:
    """The media type and its reader: content decides where it has a signature, the suffix elsewhere."""
    if data[:1_024].lstrip().startswith(b"%PDF-") or suffix == ".pdf":
        from workbench.documents.readers.pdf import read_pdf

        return "application/pdf", read_pdf
    if data.startswith(b"PK\x03\x04") and (suffix == ".epub" or b"application/epub+zip" in data[:200]):
        from workbench.documents.readers.epub import read_epub

        return "application/epub+zip", read_epub
    if suffix in (".html", ".htm", ".xhtml") or data[:256].lstrip().lower().startswith((b"<!doctype html", b"<html")):
        from workbench.documents.readers.markup import read_html

        return "text/html", read_html
    if suffix in (".md", ".markdown"):
        from workbench.documents.readers.markup import read_markdown

        return "text/markdown", read_markdown
    from workbench.documents.readers.text import read_text

    return "text/plain", read_text
