"""The text as it grows page by page, with boxes, what was made, and regions; and how parts are taken out again.

Not covered: what stands on a page (pages), what is to go (running, hyphens).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from workbench.documents.document import Page, PageStatus
from workbench.documents.layout import Boxes, Layout, Region, RegionKind, merged
from workbench.types import Span


@dataclass(slots=True)
class Draft:
    """What is read so far.

    Attributes:
        pieces: texts, to be joined.
        boxes: of each piece, (num_chars, 4) float32.
        num_chars: so far.
        made: characters that are not in the source.
        regions: fields, tables, annotations.
        pages: those that are finished.
    """

    pieces: list[str] = field(default_factory=list)
    boxes: list[Boxes] = field(default_factory=list)
    num_chars: int = 0
    made: list[Span] = field(default_factory=list)
    regions: list[Region] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)
    _num_joined: int = 0

    def add(self, text: str, boxes: Boxes | None = None, *, made: bool = False) -> Span:
        """Text at the end; without boxes it has none."""
        span = Span(self.num_chars, self.num_chars + len(text))
        if text:
            self.pieces.append(text)
            self.boxes.append(np.full((len(text), 4), np.nan, np.float32) if boxes is None else boxes)
            self.num_chars = span.end_char
            if made:
                self.made.append(span)
        return span

    def name(self, kind: RegionKind, name: str, start_char: int) -> None:
        """What was added since a character is a region."""
        self.regions.append(Region(kind, name, start_char, self.num_chars))

    def finish(self, label: str, status: PageStatus, reason: str = "") -> None:
        """The page ends here."""
        start = self.pages[-1].end_char if self.pages else 0
        number = len(self.pages) + 1
        # A page's many small pieces become one, which takes a fraction of their memory.
        if self._num_joined < len(self.pieces):
            self.pieces[self._num_joined :] = ["".join(self.pieces[self._num_joined :])]
            self.boxes[self._num_joined :] = [np.concatenate(self.boxes[self._num_joined :])]
            self._num_joined += 1
        self.pages.append(Page(number, label or str(number), start, self.num_chars, status, reason))

    def whole(self) -> tuple[str, Layout]:
        """Text and layout; the draft is used up, so that boxes are not held twice."""
        text = "".join(self.pieces)
        boxes = np.empty((len(text), 4), np.float32)
        at = 0
        for index, piece in enumerate(self.boxes):
            boxes[at : at + len(piece)] = piece
            at += len(piece)
            self.boxes[index] = piece[:0].copy()
        return text, Layout(
            boxes, merged(self.made), tuple(sorted(self.regions, key=lambda r: (r.start_char, -r.end_char)))
        )


@dataclass(frozen=True, slots=True)
class Cut:
    """Takes spans out of a text and of all that counts its characters.

    Attributes:
        gone: in order, apart from each other.
    """

    gone: tuple[Span, ...]

    def text(self, text: str) -> str:
        """What is left of it."""
        ends = [0, *(span.end_char for span in self.gone)]
        starts = [*(span.start_char for span in self.gone), len(text)]
        return "".join(text[start:end] for start, end in zip(ends, starts, strict=True))

    def places(self, chars: Sequence[int]) -> list[int]:
        """Where characters are now; one that is gone, where it would have been."""
        if not self.gone:
            return list(chars)
        old = np.asarray(chars, np.int64)
        starts = np.array([span.start_char for span in self.gone], np.int64)
        sizes = np.array([span.end_char - span.start_char for span in self.gone], np.int64)
        before = np.concatenate([[0], np.cumsum(sizes)])
        at = np.searchsorted(starts, old, side="right")
        last = np.maximum(at - 1, 0)
        within = np.where(at > 0, np.minimum(old - starts[last], sizes[last]), 0)
        left: list[int] = (old - np.where(at > 0, before[last] + within, 0)).tolist()
        return left

    def spans(self, spans: Sequence[Span]) -> tuple[Span, ...]:
        """What is left of spans."""
        starts, ends = self.places([span[0] for span in spans]), self.places([span[1] for span in spans])
        return tuple(Span(start, end) for start, end in zip(starts, ends, strict=True) if start < end)

    def layout(self, layout: Layout) -> Layout:
        """What is left of it; the boxes move up within their array, which is far too large to be held twice."""
        if not self.gone:
            return layout
        boxes, at = layout.boxes, self.gone[0].start_char
        ends = [*(span.start_char for span in self.gone[1:]), len(boxes)]
        for (_, start), end in zip(self.gone, ends, strict=True):
            boxes[at : at + end - start] = boxes[start:end]
            at += end - start
        moved = self.places([char for region in layout.regions for char in (region.start_char, region.end_char)])
        regions = tuple(
            replace(region, start_char=start, end_char=end)
            for region, start, end in zip(layout.regions, moved[::2], moved[1::2], strict=True)
            if start < end
        )
        return Layout(boxes[:at], merged(self.spans(layout.made)), regions)

    def pages(self, pages: Sequence[Page]) -> tuple[Page, ...]:
        """The same pages about what is left."""
        moved = self.places([char for page in pages for char in (page.start_char, page.end_char)])
        return tuple(
            replace(page, start_char=start, end_char=end)
            for page, start, end in zip(pages, moved[::2], moved[1::2], strict=True)
        )
