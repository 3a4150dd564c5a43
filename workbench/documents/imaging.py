"""A page as a picture, a passage on it marked.

It is drawn from the file, where that still is the one that was read, else from the text.

Not covered: the drawing itself (drawing), where a passage stands (places).
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from workbench import config
from workbench.display import Displayed
from workbench.documents.document import Document, Page, Source
from workbench.documents.layout import covers, moved
from workbench.documents.places import Passage, is_prose, line_boxes, member_at, span_of
from workbench.documents.selection import page_by_number
from workbench.errors import ConfigError, DocumentError
from workbench.types import Span

if TYPE_CHECKING:
    from workbench.documents.drawing import FilePage

DPI = 110
"""Dots per inch of a picture that nobody asked to be finer."""

MAX_DPI = 600

MAX_CHARS = 6_000
"""Of a page drawn from text; of a longer one, such as a source file, what is around the passage is drawn."""

MAX_LINES = 120

_PDF = "application/pdf"
_drawing = threading.Lock()  # MuPDF works for one thread at a time; dashboards have many
_ALIGNED = re.compile(r"\S {3,}\S|\t|\|")
_ALIGNED_SHARE = 0.2
_LINE_ENDS = re.compile("\n")


@dataclass(frozen=True, slots=True)
class PageImage(Displayed):
    """A page as a picture.

    Attributes:
        document_name: whose page it is.
        page: its number.
        label: as printed in the document.
        png: the picture.
        width: in pixels.
        height: in pixels.
        drawn_from: the ``file`` that was read, or the ``text`` that was read out of it.
        num_marked: passages that are marked on it.
        note: why it is drawn from the text, or what of the page is not shown; mostly empty.
    """

    document_name: str
    page: int
    label: str
    png: bytes = field(repr=False)
    width: int
    height: int
    drawn_from: Literal["file", "text"]
    num_marked: int = 0
    note: str = ""

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the PNG to a file; its path.

        Raises:
            ConfigError: it cannot be written.
        """
        target = Path(path).expanduser()
        try:
            target.write_bytes(self.png)
        except OSError as error:
            raise ConfigError(
                f"{target} cannot be written: {error.strerror}. Give a file in a folder of yours."
            ) from error
        return target


def page_image(
    document: Document, page: int | Passage, highlight: Sequence[Passage] = (), *, dpi: int = DPI
) -> PageImage:
    """A page by its number, or the one on which a passage begins, which is then marked.

    Raises:
        ConfigError: no such page or passage here.
    """
    if not 0 < dpi <= MAX_DPI:
        raise ConfigError(f"dpi={dpi} is out of range: give 1 to {MAX_DPI} dots per inch.")
    if isinstance(page, int):
        shown = page_by_number(document, page)
    else:
        shown, highlight = document.page_at(span_of(document, page).start_char), (page, *highlight)
    spans = [span_of(document, passage) for passage in highlight if passage.start_char is not None]
    marks = [
        Span(max(start, shown.start_char), min(end, shown.end_char))
        for start, end in sorted(spans)
        if start < shown.end_char and end > shown.start_char
    ]
    with _drawing:
        try:
            return _from_file(document, shown, marks, dpi)
        except DocumentError as error:
            return _from_text(document, shown, marks, dpi, str(error))


def _from_file(document: Document, page: Page, marks: Sequence[Span], dpi: int) -> PageImage:
    """The page of a PDF.

    Raises:
        DocumentError: there is no such file any more, or it has no such page; empty where that is no surprise.
    """
    from workbench.documents.drawing import size

    source, index = _origin(document, page)
    if source.media_type != _PDF:
        raise DocumentError("")
    boxes = [line_boxes(document, mark) for mark in marks]
    if not all(boxes):
        raise DocumentError("the passage has no place on the page of the file")
    flat = [box for lines in boxes for box in lines]
    png = _drawn(document.name, _unchanged(source), {"page": index, "boxes": flat, "dpi": dpi})
    return PageImage(document.name, page.number, page.label, png, *size(png), "file", len(marks))


def _drawn(name: str, data: bytes, asked: FilePage) -> bytes:
    """The picture, drawn where files are read: in a process of its own, unless that is turned off."""
    from workbench.documents.drawing import FILE_TASK, draw_file
    from workbench.documents.isolation import Worker

    if not config.isolation():
        return draw_file(data, asked)
    with Worker() as worker:
        return bytes(worker.run(FILE_TASK, data, asked, name=name))


def _origin(document: Document, page: Page) -> tuple[Source, int]:
    """The source of a page, and its index in it."""
    member = member_at(document, page.start_char)
    return (member.source, page.number - member.first_page) if member else (document.source, page.number - 1)


def _unchanged(source: Source) -> bytes:
    """The bytes of a file that still are those that were read.

    Raises:
        DocumentError: they are not.
    """
    path = Path(source.path)
    try:
        here = path.is_file() and path.stat().st_size
        data = path.read_bytes() if here == source.num_bytes else b""
    except (OSError, ValueError) as error:
        raise DocumentError(f"the file cannot be read: {error}") from error
    if here is False:
        raise DocumentError("there is no file of it here")
    if hashlib.sha256(data).hexdigest() != source.sha256:
        raise DocumentError("the file has changed since it was read")
    return data


def _from_text(document: Document, page: Page, marks: Sequence[Span], dpi: int, why: str) -> PageImage:
    """The page's text on white paper."""
    from workbench.documents.drawing import draw_text, size

    shown = _window(document.text, Span(page.start_char, page.end_char), marks)
    text = document.text[shown.start_char : shown.end_char]
    inside = [moved(mark, [shown]) for mark in marks]
    left = shown.start_char - page.start_char, page.end_char - shown.end_char
    cut = f"{left[0]:,} characters of the page stand above, {left[1]:,} below" if any(left) else ""
    numbers = [] if is_prose(document) else _numbers(document, shown)
    png = draw_text(text.encode("utf-8", "replace"), {
        "marks": [part for parts in inside for part in parts],
        "numbers": numbers,
        "code": any(numbers) or _aligned(text),
        "above": f"{document.name} · page {page.label or page.number} · drawn from the text{f': {why}' if why else ''}",
        "below": cut,
        "dpi": dpi,
    })  # fmt: skip
    note = "; ".join(part for part in (why, cut) if part)
    num_marked = sum(bool(parts) for parts in inside)
    return PageImage(document.name, page.number, page.label, png, *size(png), "text", num_marked, note)


def _window(text: str, page: Span, marks: Sequence[Span]) -> Span:
    """The page, or where it is too long the lines around its first mark."""
    if page.end_char - page.start_char <= MAX_CHARS and text.count("\n", *page) <= MAX_LINES:
        return page
    mark = marks[0].start_char if marks else page.start_char
    before = _LINE_ENDS.finditer(text, max(mark - MAX_CHARS // 4, page.start_char), mark)
    starts = [end.end() for end in before][-MAX_LINES // 4 :]
    start = starts[0] if starts else max(mark - MAX_CHARS // 4, page.start_char)
    ends = [end.end() for end in _LINE_ENDS.finditer(text, mark, min(start + MAX_CHARS, page.end_char))][:MAX_LINES]
    return Span(start, ends[-1] if ends else min(start + MAX_CHARS, page.end_char))


def _numbers(document: Document, shown: Span) -> list[int]:
    """For each line its number in its file or cell, 0 where it has none or the reader made it."""
    layout, text = document.layout, document.text
    lined = [r for r in layout.regions if r.first_line and moved(Span(r.start_char, r.end_char), [shown])]
    numbers = []
    for start in (shown.start_char, *(end.end() for end in _LINE_ENDS.finditer(text, *shown))):
        region = next((r for r in reversed(lined) if r.start_char <= start < r.end_char), None)
        counts = region is not None and not covers(layout.made, start)
        numbers.append(region.first_line + layout.num_lines(text, region.start_char, start) if region and counts else 0)
    return numbers


def _aligned(text: str) -> bool:
    """Whether its lines are laid out with spaces, tabs or pipes, as tables are."""
    lines = [line for line in text.split("\n") if line.strip()]
    return sum(bool(_ALIGNED.search(line)) for line in lines) > _ALIGNED_SHARE * len(lines)
