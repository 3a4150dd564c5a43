"""Where a passage stands in its source: page, boxes, lines, cell, section, member of a collection.

A page's boxes and a region's lines come from the document's layout; this module only looks them up.

Not covered: making a layout (readers), drawing a page (imaging).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from math import isnan
from pathlib import PurePath
from typing import NamedTuple, Protocol

from workbench.display import Displayed
from workbench.documents.document import Document, Member, Page
from workbench.documents.layout import Region
from workbench.errors import ConfigError
from workbench.types import Span

_NAMING = frozenset({"file", "cell", "sheet", "slide", "message", "attachment"})
"""Regions by whose names people look a passage up; others only say more about a page."""

_PAGED = frozenset({"file", "attachment"})  # they may have many pages

_PROSE = frozenset({"", ".txt", ".text", ".md", ".markdown"})
"""Endings of text that is no source code: people look passages up by page and chapter, not by line."""

_SAME_LINE = 0.5
"""Share of the lower of two boxes that both must cover to stand on one line."""

_MAX_GAP = 2.0
"""Gap between two boxes of one line, in their heights; wider ones part columns and cells."""


_MAX_GROWTH = 1.5
"""Height of a line's box, in that of its highest character; width of a column's in that of its widest."""


class Passage(Protocol):
    """Whatever names characters: a ``Span``, a ``Citation``, a ``Section``."""

    @property
    def start_char(self) -> int | None:
        """First character; None when it does not stand in the document."""
        ...

    @property
    def end_char(self) -> int | None:
        """One past the last."""
        ...


class Box(NamedTuple):
    """A rectangle on a page as it is shown, in points from its top left."""

    x0: float
    y0: float
    x1: float
    y1: float


@dataclass(frozen=True, slots=True)
class Place(Displayed):
    """A passage, or its part on one page.

    Attributes:
        page: number of the page.
        label: of the page.
        where: in words: ``page iv``, ``src/app.py, line 12``, ``Sheet1!B4``.
        start_char: first character in ``Document.text``.
        end_char: one past the last.
        boxes: one for each line of it; none for formats without pages of their own.
        lines: first and last in the file or cell; None where lines mean nothing.
        regions: names of what it stands in or reaches into, the outer ones first: files, sheets, cells, tables.
        sections: titles of the sections that its first character stands in, the outer ones first.
        member: name of the document, in a collection.
        made: those of its characters that are the reader's own, such as the pipes of a table.
    """

    page: int
    label: str
    where: str
    start_char: int
    end_char: int
    boxes: tuple[Box, ...] = field(default=(), repr=False)
    lines: tuple[int, int] | None = None
    regions: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    member: str = ""
    made: tuple[Span, ...] = ()


def span_of(document: Document, passage: Passage) -> Span:
    """The characters that a passage names.

    Raises:
        ConfigError: it has none, or they are not all in this document, or it is a citation of another one.
    """
    start, end = passage.start_char, passage.end_char
    if start is None or end is None:
        raise ConfigError("This quote does not stand in the document, so it has no place in it.")
    if not 0 <= start < end <= len(document.text):
        raise ConfigError(
            f"{document.name} has no characters {start:,} to {end:,}: its range is 0 to {len(document.text):,}, and a "
            "passage has at least one. document.find('...') gives the span of a quote."
        )
    cited = getattr(passage, "passage", "")
    if cited and document.text[start:end] != cited:
        raise ConfigError(
            f"Characters {start:,} to {end:,} of {document.name} are not the passage that is cited, which is of "
            "another document or selection. Ask the one that was read: reading.document."
        )
    return Span(start, end)


def locate(document: Document, passage: Passage) -> tuple[Place, ...]:
    """Where a passage stands: a place for each page that it touches.

    Raises:
        ConfigError: as for ``span_of``.
    """
    span = span_of(document, passage)
    return tuple(_place(document, page, part) for page, part in _by_page(document, span))


def _by_page(document: Document, span: Span) -> Iterator[tuple[Page, Span]]:
    index = bisect_right(document.pages, span.start_char, key=lambda page: page.end_char)
    for page in document.pages[index:]:
        if page.start_char >= span.end_char:
            return
        if page.start_char < page.end_char:
            yield page, Span(max(page.start_char, span.start_char), min(page.end_char, span.end_char))


def _place(document: Document, page: Page, span: Span) -> Place:
    layout = document.layout
    touched = [r for r in layout.regions if r.start_char < span.end_char and r.end_char > span.start_char]
    member = member_at(document, span.start_char)
    lines = _lines(document, touched, span)
    return Place(
        page=page.number,
        label=page.label,
        where=_in_words(page, "", (), None)
        if is_prose(document)
        else _in_words(page, member.name if member else "", touched, lines),
        start_char=span.start_char,
        end_char=span.end_char,
        boxes=line_boxes(document, span),
        lines=lines,
        regions=tuple(region.name for region in touched),
        sections=tuple(s.title for s in document.outline if s.start_char <= span.start_char < s.end_char),
        member=member.name if member else "",
        made=layout.made_in(*span),
    )


def is_prose(document: Document) -> bool:
    """Whether it is a single text, whose lines are counted but seldom asked for."""
    source = document.source
    return not document.members and source.media_type.startswith("text/") and PurePath(source.path).suffix in _PROSE


def member_at(document: Document, char: int) -> Member | None:
    """The member of a collection that holds a character."""
    return next((m for m in document.members if m.start_char <= char < m.end_char), None)


def _leaves(touched: Sequence[Region]) -> list[Region]:
    """Those that hold no other one."""
    pairs = zip_longest(touched, touched[1:])
    return [region for region, after in pairs if after is None or after.end_char > region.end_char]


def _lines(document: Document, touched: Sequence[Region], span: Span) -> tuple[int, int] | None:
    """First and last line in the one region with lines; of several, nobody would know whose they are."""
    lined = _leaves([region for region in touched if region.first_line])
    if len(lined) != 1:
        return None
    region, layout = lined[0], document.layout
    start, end = max(span.start_char, region.start_char), min(span.end_char, region.end_char)
    if layout.made_in(start, end) == (Span(start, end),):
        return None
    first = region.first_line + layout.num_lines(document.text, region.start_char, start)
    # The break at the end of a line belongs to that line.
    return first, first + layout.num_lines(document.text, start, end - 1)


def _in_words(page: Page, member: str, touched: Sequence[Region], lines: tuple[int, int] | None) -> str:
    """Outer names, the name or names it stands in, then the line, or the page where there may be several."""
    named = [region for region in touched if region.kind in _NAMING]
    leaves = _leaves(named)
    first = leaves[0] if leaves else None
    outer = [r.name for r in named if first and r not in leaves and r.end_char >= first.end_char]
    words = [name for name in (member, *outer) if name and not (first and first.name.startswith(name))]
    if first:
        words.append(first.name if first is leaves[-1] else f"{first.name} to {leaves[-1].name}")
    if lines:
        words.append(f"line {lines[0]}" if lines[0] == lines[1] else f"lines {lines[0]}–{lines[1]}")
    elif first is None or (first.kind in _PAGED and page.label != first.name):
        # In a collection labels begin with the document: contract.pdf · 3
        words.append(f"page {(page.label or str(page.number)).removeprefix(f'{words[-1]} · ' if words else '')}")
    return ", ".join(dict.fromkeys(words))


def line_boxes(document: Document, span: Span) -> tuple[Box, ...]:
    """The boxes of a span's characters, those of a line joined."""
    boxes = document.layout.boxes
    if not len(boxes):
        return ()
    runs: list[_Run] = []
    broken = True
    for char, sides in zip(document.text[slice(*span)], boxes[slice(*span)].tolist(), strict=True):
        box = Box(*sides)
        if char == "\n":
            broken = True
        if isnan(box.x0) or char.isspace():
            continue
        if broken or not runs[-1].take(box):
            runs.append(_Run(box))
        broken = False
    return tuple(run.around for run in runs)


class _Run:
    """Boxes of characters beside each other on a line, or under each other in vertical writing.

    Attributes:
        around: the box around them all.
    """

    def __init__(self, box: Box) -> None:
        self.around = self._last = box
        self._height, self._width = box.y1 - box.y0, box.x1 - box.x0

    def take(self, box: Box) -> bool:
        """Take a box in if it stands beside or under the last one; whether it does."""
        last = self._last
        height, width = max(self._height, box.y1 - box.y0), max(self._width, box.x1 - box.x0)
        down, across = _overlap(last.y0, last.y1, box.y0, box.y1), _overlap(last.x0, last.x1, box.x0, box.x1)
        (x0, y0, x1, y1), at = self.around, box
        around = Box(min(x0, at.x0), min(y0, at.y0), max(x1, at.x1), max(y1, at.y1))
        # Slanted writing, such as a watermark, would have a box with half the page in it.
        level = around.y1 - around.y0 <= _MAX_GROWTH * height
        upright = around.x1 - around.x0 <= _MAX_GROWTH * width
        lower = min(last.y1 - last.y0, box.y1 - box.y0)
        narrower = min(last.x1 - last.x0, box.x1 - box.x0)
        beside = level and down >= _SAME_LINE * lower and -across <= _MAX_GAP * lower
        under = upright and across >= _SAME_LINE * narrower and box.y0 >= last.y0 and -down <= _SAME_LINE * narrower
        if beside or under:
            self.around, self._last, self._height, self._width = around, box, height, width
        return beside or under


def _overlap(start: float, end: float, other_start: float, other_end: float) -> float:
    """Length that two stretches share; below zero, the gap between them."""
    return min(end, other_end) - max(start, other_start)
