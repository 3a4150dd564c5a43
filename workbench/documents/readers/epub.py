"""EPUB: the texts of the spine in order; the table of contents makes the outline.

What the file names and does not hold is reported, not passed over.

Not covered: notes put where they are called, pictures, fixed layouts, protected books (DRM).
"""

from __future__ import annotations

import io
import warnings
import zlib
from collections.abc import Iterable, Iterator
from urllib.parse import unquote
from zipfile import BadZipFile

from ebooklib import epub
from lxml.etree import LxmlError

from workbench.documents.document import DocumentWarning
from workbench.documents.parsed import Job, Parsed
from workbench.documents.readers.markup import Rendered, decode_html, render
from workbench.documents.readers.text import nest, paginate, with_pages
from workbench.errors import DocumentError

_DAMAGE = (
    epub.EpubException, BadZipFile, zlib.error, LxmlError, LookupError, OSError, AttributeError, ValueError, TypeError,
    SyntaxError, RuntimeError, NotImplementedError, EOFError, AssertionError,  # lxml's, of an empty tree
)  # fmt: skip


class _Reader(epub.EpubReader):  # type: ignore[misc]
    """ebooklib's reader, which goes on when a part or the table of contents is damaged.

    Attributes:
        missing: names that the book lists and the archive does not give.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data), {"ignore_ncx": False})
        self.missing: list[str] = []

    def read_file(self, name: str) -> bytes:
        try:
            return bytes(super().read_file(name))
        except (LookupError, BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError):
            self.missing.append(name)
            return b""

    def _parse_ncx(self, data: bytes) -> None:
        try:
            super()._parse_ncx(data)
        except _DAMAGE:
            self.book.toc = []

    def _parse_nav(self, data: bytes, base_path: str, navtype: str = "toc") -> None:
        try:
            super()._parse_nav(data, base_path, navtype)
        except _DAMAGE:
            if navtype == "toc":
                self.book.toc = []


def read_epub(job: Job) -> Parsed:
    """An EPUB file.

    Raises:
        DocumentError: it is damaged beyond opening, or no part of it can be read.
    """
    name = job.name
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # ebooklib announces its own next defaults
            book = _Reader(job.data).load()
    except _DAMAGE as error:
        raise DocumentError(f"{name} cannot be opened as EPUB: {error}. Make it anew, or save it as HTML.") from error
    parts, broken, said = _parts(book)
    if not parts:
        raise DocumentError(f"{name}: none of its {len(broken)} parts can be read; it is damaged or protected (DRM).")
    text, flat = "", []
    for rendered, listed in parts:
        heads = [(rendered.anchors.get(anchor, 0), level, title) for level, title, anchor in listed] or rendered.heads
        flat += [(len(text) + start, level, title) for start, level, title in sorted(heads, key=lambda head: head[0])]
        text += rendered.text.rstrip() + "\n\n"
    outline = nest(flat, len(text))
    pages = paginate(text, outline)
    if broken:
        message = f"{len(broken)} parts are missing or damaged and were not read: {', '.join(broken)}."
        said.append(DocumentWarning("unreadable", message))
    return Parsed(text, pages, with_pages(outline, pages), tuple(said))


Listed = list[tuple[int, str, str]]


def _parts(book: epub.EpubBook) -> tuple[list[tuple[Rendered, Listed]], list[str], list[DocumentWarning]]:
    """Texts of the spine with their entries of the table of contents; parts that cannot be read; warnings."""
    contents = _by_file(book)
    parts: list[tuple[Rendered, Listed]] = []
    broken: list[str] = []
    said: list[DocumentWarning] = []
    for item_id, _linear in book.spine:
        item = book.get_item_with_id(item_id)
        if isinstance(item, epub.EpubNav):
            continue
        if item is None or not item.content:
            broken.append(item.get_name() if item else str(item_id))
            continue
        listed = contents.get(item.get_name(), [])
        try:
            html, guessed = decode_html(item.content, item.get_name())
            rendered = render(html, item.get_name(), [anchor for _, _, anchor in listed if anchor])
        except DocumentError:
            broken.append(item.get_name())
            continue
        said += guessed
        parts.append((rendered, listed))
    return parts, broken, said


def _by_file(book: epub.EpubBook) -> dict[str, Listed]:
    """Level, title and anchor of the entries of the table of contents, by the file they point into."""
    files = {item.get_name() for item in book.get_items()}
    # Some books write the paths as seen from elsewhere; the file's own name tells as well, if it is the only one.
    endings: dict[str, list[str]] = {}
    for file in files:
        endings.setdefault(file.rpartition("/")[2], []).append(file)
    listed: dict[str, Listed] = {}
    for href, level, title in _contents(book.toc if isinstance(book.toc, list | tuple) else [book.toc], 1):
        path, _, anchor = href.partition("#")
        path = unquote(path)
        same = endings.get(path.rpartition("/")[2], [])
        file = path if path in files or len(same) != 1 else same[0]
        listed.setdefault(file, []).append((level, title, unquote(anchor)))
    return listed


def _contents(entries: Iterable[object], level: int) -> Iterator[tuple[str, int, str]]:
    for entry in entries:
        head, below = entry if isinstance(entry, tuple) else (entry, ())
        href, title = getattr(head, "href", "") or "", getattr(head, "title", "") or ""
        if href and title.strip():
            yield href, level, " ".join(title.split())
        yield from _contents(below, level + 1)
