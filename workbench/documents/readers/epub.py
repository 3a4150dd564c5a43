"""EPUB: the texts of the spine in order; the table of contents makes the outline.

What the file names and does not hold is reported, not passed over. Notes stand where the book has them, at the end of
their part as a rule, and are named; those in files outside the spine stand at the end.

Not covered: pictures, fixed layouts, protected books (DRM).
"""

from __future__ import annotations

import io
import posixpath
import re
import warnings
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from urllib.parse import unquote

from ebooklib import epub
from lxml.etree import LxmlError

from workbench.documents.document import DocumentWarning
from workbench.documents.layout import Layout, Region
from workbench.documents.parsed import Job, Parsed
from workbench.documents.readers.markup import Rendered, decode_html, render
from workbench.documents.readers.text import nest, paginate, with_pages
from workbench.documents.unpacking import open_zip
from workbench.errors import DocumentError

_DAMAGE = (
    epub.EpubException, zipfile.BadZipFile, zlib.error, LxmlError, LookupError, OSError, AttributeError, ValueError,
    TypeError, SyntaxError, RuntimeError, AssertionError, NotImplementedError, EOFError,
)  # fmt: skip

_CALL = re.compile(rb"<a\b[^>]{0,500}\bnoteref\b[^>]{0,500}>", re.IGNORECASE)
_TARGET = re.compile(rb"""href\s*=\s*["']([^"']*)["']""", re.IGNORECASE)


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
        except (LookupError, zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError):
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
    if zipfile.is_zipfile(io.BytesIO(job.data)):
        open_zip(job.data, name)  # ebooklib reads whatever it is given
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
    regions: list[Region] = []
    for done, (rendered, listed) in enumerate(parts, 1):
        job.report(done, len(parts))
        regions += _noted(rendered, len(text), len(regions))
        heads = [(rendered.anchors.get(anchor, 0), level, title) for level, title, anchor in listed] or rendered.heads
        flat += [(len(text) + start, level, title) for start, level, title in sorted(heads, key=lambda head: head[0])]
        text += rendered.text.rstrip() + "\n\n"
    outline = nest(flat, len(text))
    pages = paginate(text, outline)
    if broken:
        message = f"{len(broken)} parts are missing or damaged and were not read: {', '.join(broken)}."
        said.append(DocumentWarning("unreadable", message))
    return Parsed(text, pages, with_pages(outline, pages), tuple(said), Layout(regions=tuple(regions)))


def _noted(rendered: Rendered, offset: int, num_before: int) -> list[Region]:
    """The notes of a part that begins at a character."""
    spans = []
    for start, end in sorted(rendered.notes.values()):
        if not re.search(r"[^\W\d_]", rendered.text[start:end]):  # the id is on an empty mark before the note
            end = (rendered.text + "\n\n").index("\n\n", start)
        end = min(end, len(rendered.text.rstrip()))
        spans += [(start, end)] if start < end else []
    return [
        Region("note", f"note {number}", offset + start, offset + end)
        for number, (start, end) in enumerate(spans, num_before + 1)
    ]


Listed = list[tuple[int, str, str]]


def _parts(book: epub.EpubBook) -> tuple[list[tuple[Rendered, Listed]], list[str], list[DocumentWarning]]:
    """Texts of the spine with their entries of the table of contents; parts that cannot be read; warnings."""
    contents = _by_file(book)
    items = [(item_id, book.get_item_with_id(item_id)) for item_id, _linear in book.spine]
    notes = _notes(book)
    spine = {item.get_name() for _, item in items if item is not None}
    items += [(item.id, item) for item in book.get_items() if item.get_name() in set(notes) - spine]
    parts: list[tuple[Rendered, Listed]] = []
    broken: list[str] = []
    said: list[DocumentWarning] = []
    for item_id, item in items:
        if isinstance(item, epub.EpubNav):
            continue
        if item is None or not item.content:
            broken.append(item.get_name() if item else str(item_id))
            continue
        listed = contents.get(item.get_name(), [])
        try:
            html, guessed = decode_html(item.content, item.get_name())
            anchors = [anchor for _, _, anchor in listed if anchor]
            rendered = render(html, item.get_name(), anchors, notes.get(item.get_name(), ()))
        except DocumentError:
            broken.append(item.get_name())
            continue
        said += guessed
        parts.append((rendered, listed))
    return parts, broken, said


def _notes(book: epub.EpubBook) -> dict[str, list[str]]:
    """Ids of the notes that are called anywhere, by the file that they stand in."""
    found: dict[str, dict[str, None]] = {}
    for item in book.get_items():
        if not isinstance(item, epub.EpubHtml):
            continue
        for call in _CALL.finditer(item.content or b""):
            target = _TARGET.search(call[0])
            path, _, anchor = unquote(target[1].decode("utf-8", "replace")).partition("#") if target else ("", "", "")
            here = item.get_name()
            file = posixpath.normpath(posixpath.join(posixpath.dirname(here), path)) if path else here
            if anchor:
                found.setdefault(file, {})[anchor] = None
    return {file: list(anchors) for file, anchors in found.items()}


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
