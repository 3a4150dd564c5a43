"""Which kinds of file are read, how each is recognised, and by which reader.

Content decides where it has a signature, the suffix elsewhere.

Not covered: reading (readers).
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass

from workbench.documents.parsed import Reader

_HTML = (b"<!doctype html", b"<html", b"<?xml")
_ZIP = b"PK\x03\x04"


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file.

    Attributes:
        name: as people call it.
        media_type: its MIME type.
        suffixes: of its files, in lower case.
        reader: module in ``readers`` and function in it.
        isolated: whether it is parsed in a process of its own; plain text needs none.
    """

    name: str
    media_type: str
    suffixes: tuple[str, ...]
    reader: str
    isolated: bool = True

    def load_reader(self) -> Reader:
        """The reader's function; its libraries are imported now and not before."""
        module, _, function = self.reader.partition(":")
        found: Reader = getattr(importlib.import_module(f"workbench.documents.readers.{module}"), function)
        return found


PDF = Format("PDF", "application/pdf", (".pdf",), "pdf:read_pdf")
EPUB = Format("EPUB", "application/epub+zip", (".epub",), "epub:read_epub")
HTML = Format("HTML", "text/html", (".html", ".htm", ".xhtml"), "markup:read_html")
MARKDOWN = Format("Markdown", "text/markdown", (".md", ".markdown"), "markup:read_markdown", isolated=False)
TEXT = Format("text", "text/plain", (".txt",), "text:read_text", isolated=False)

FORMATS = (PDF, EPUB, HTML, MARKDOWN, TEXT)


def recognise(data: bytes, suffix: str) -> Format:
    """The format of a file; what nothing else claims is text, whose reader says so when it is not."""
    head = data[:1_024].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if head.startswith(b"%pdf-"):
        return PDF
    if data.startswith(_ZIP) and b"application/epub+zip" in data[:200]:
        return EPUB
    # Text and source files may begin with a tag and are still to be read as they stand.
    if suffix == "" and head.startswith(_HTML) and b"<html" in head:
        return HTML
    return next((kind for kind in FORMATS if suffix in kind.suffixes), TEXT)
