"""Where the characters of a Document came from: boxes on pages, named regions, and what the reader made itself.

Boxes are in points from the top left of the page as it is shown, one for each character; formats without pages of
their own have none. Regions are files, cells, sheets: whatever has a name that people would look a passage up by.

Not covered: looking a passage up (places), drawing it (imaging).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from workbench.types import Span

Boxes = npt.NDArray[np.float32]
RegionKind = Literal["file", "cell", "sheet", "slide", "message", "attachment", "note", "table", "field", "annotation"]
REGION_KINDS: tuple[str, ...] = get_args(RegionKind)


@dataclass(frozen=True, slots=True)
class Region:
    """A stretch of text with a name in its source.

    Attributes:
        kind: what it is.
        name: as people call it: ``src/app.py``, ``cell 3``, ``Sheet1!B4``.
        start_char: first character in ``Document.text``.
        end_char: one past the last.
        first_line: number, from 1, of its first line in the source; 0 where lines mean nothing.
    """

    kind: RegionKind
    name: str
    start_char: int
    end_char: int
    first_line: int = 0


def no_boxes() -> Boxes:
    """Of a format that has none."""
    return np.empty((0, 4), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Where characters stand.

    Attributes:
        boxes: (num_chars, 4) float32: x0, y0, x1, y1 in points; NaN for a character that has no box; (0, 4) where
            no character has one.
        made: characters that are not in the source, in order: table pipes, markers between files, text of OCR.
        regions: in order of their start, an outer one before those inside it.
    """

    boxes: Boxes = field(default_factory=no_boxes)
    made: tuple[Span, ...] = ()
    regions: tuple[Region, ...] = ()

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Layout)
            and (self.made, self.regions) == (other.made, other.regions)
            and np.array_equal(self.boxes, other.boxes, equal_nan=True)
        )

    __hash__ = None  # type: ignore[assignment]

    def made_in(self, start_char: int, end_char: int) -> tuple[Span, ...]:
        """Those of these characters that are the reader's own."""
        found = []
        for start, end in self.made[bisect_right(self.made, start_char, key=lambda span: span.end_char) :]:
            if start >= end_char:
                break
            found.append(Span(max(start, start_char), min(end, end_char)))
        return tuple(found)

    def is_made(self, start_char: int, end_char: int) -> bool:
        """Whether any of these characters is the reader's own."""
        return start_char < end_char and bool(self.made_in(start_char, end_char))

    def num_lines(self, text: str, start_char: int, end_char: int) -> int:
        """Line breaks of the source between two characters of the text; those that the reader made are none."""
        made = sum(text.count("\n", *span) for span in self.made_in(start_char, end_char))
        return text.count("\n", start_char, end_char) - made

    def part(self, spans: Sequence[Span], text: str = "") -> Layout:
        """The layout of the text that these spans, in order, make together.

        Args:
            spans: what is kept.
            text: of the whole; lines are counted in it. Without it, a region that loses characters before or between
                those that are kept has no line numbers any more.
        """
        boxes = np.concatenate([self.boxes[start:end] for start, end in spans]) if len(self.boxes) else no_boxes()
        cut = Cut(spans)
        made = merged(piece for span in self.made for piece in cut.moved(span))
        regions = [piece for region in self.regions for piece in self._pieces(region, spans, text)]
        # Pieces of an outer region may begin behind pieces of an inner one.
        regions.sort(key=lambda region: (region.start_char, -region.end_char))
        return Layout(boxes, made, tuple(regions))

    def _pieces(self, region: Region, kept: Sequence[Span], text: str) -> list[Region]:
        """What is left of a region: one piece; where lines count, one for each run of them, with its own first line."""
        pieces = list[Region]()
        offset = before = 0
        for start, end in kept:
            first, last = max(region.start_char, start), min(region.end_char, end)
            if first < last:
                at, to = first - start + offset, last - start + offset
                if pieces and (not region.first_line or first == before):
                    pieces[-1] = replace(pieces[-1], end_char=to)
                else:
                    known = region.first_line and (text or first == region.start_char)
                    line = region.first_line + self.num_lines(text, region.start_char, first) if known else 0
                    pieces.append(replace(region, start_char=at, end_char=to, first_line=line))
            before, offset = end, offset + end - start
        return pieces


class Cut:
    """Where the characters of a text come to stand when only some of it is kept.

    Args:
        kept: what stays, in order, no two overlapping.
    """

    def __init__(self, kept: Sequence[Span]) -> None:
        self._kept = kept
        self._before = [0, *accumulate(end - start for start, end in kept)]

    def place(self, char: int) -> int:
        """The place of a character; of one that was left out, where it would have been."""
        at = bisect_right(self._kept, char, key=lambda span: span.start_char) - 1
        if at < 0:
            return 0
        start, end = self._kept[at]
        return self._before[at] + min(char, end) - start

    def moved(self, span: Span) -> list[Span]:
        """What is left of a span, a piece for each kept span that it reaches into."""
        found = []
        for at in range(bisect_right(self._kept, span.start_char, key=lambda kept: kept.end_char), len(self._kept)):
            start, end = self._kept[at]
            if start >= span.end_char:
                break
            if start < end:
                first, last = max(span.start_char, start), min(span.end_char, end)
                found.append(Span(first - start + self._before[at], last - start + self._before[at]))
        return found


def moved(span: Span, kept: Sequence[Span]) -> list[Span]:
    """What is left of a span in the text that the ``kept`` spans, in order, make together."""
    return Cut(kept).moved(span)


def joined(parts: Iterable[tuple[Layout, int]]) -> Layout:
    """The layout of texts put one behind the other, each with its number of characters."""
    parts = list(parts)
    boxed = any(len(layout.boxes) for layout, _ in parts)
    boxes: list[Boxes] = []
    made: list[Span] = []
    regions: list[Region] = []
    offset = 0
    for layout, num_chars in parts:
        if boxed:
            boxes.append(layout.boxes if len(layout.boxes) else np.full((num_chars, 4), np.nan, np.float32))
        made += [Span(start + offset, end + offset) for start, end in layout.made]
        regions += [
            replace(region, start_char=region.start_char + offset, end_char=region.end_char + offset)
            for region in layout.regions
        ]
        offset += num_chars
    return Layout(np.concatenate(boxes) if boxed else no_boxes(), merged(made), tuple(regions))


def merged(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Spans in order, those that touch joined."""
    found: list[Span] = []
    for span in sorted(spans):
        if found and span.start_char <= found[-1].end_char:
            found[-1] = Span(found[-1].start_char, max(found[-1].end_char, span.end_char))
        elif span.start_char < span.end_char:
            found.append(span)
    return tuple(found)


def covers(spans: Sequence[Span], char: int) -> bool:
    """Whether spans in order hold a character."""
    at = bisect_left(spans, char + 1, key=lambda span: span.start_char) - 1
    return at >= 0 and char < spans[at].end_char
