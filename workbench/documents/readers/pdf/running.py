"""Running heads and feet: lines that come again at the same place of many pages, page numbers included.

A number in such a line may stay the same or count with the pages; "12." at the top of a page does neither, and is
text.

Not covered: taking them out (draft.Cut).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from workbench.types import Span

_ZONE = 0.13
"""Share of a page's height, at the top and at the bottom, in which they stand."""
_MIN_PAGES = 3
_DENSITY = 0.4
"""Share of the pages between the first and the last on which it must stand: heads may change sides."""
_MAX_NUMBERS = 3
_MAX_CHARS = 200
_ROMAN = re.compile(r"[ivxlc]+", re.IGNORECASE)
_DIGITS = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}


@dataclass(frozen=True, slots=True)
class Edge:
    """A line near the top or bottom of a page.

    Attributes:
        page: index of its page.
        span: its characters, the line break included.
        text: of it.
        is_top: whether it stands at the top.
        y: of its upper edge, in points.
    """

    page: int
    span: Span
    text: str
    is_top: bool
    y: float


def near_edge(bbox: tuple[float, float, float, float], height: float) -> bool | None:
    """True at the top of a page, False at the bottom, None between."""
    if bbox[3] <= height * _ZONE:
        return True
    return False if bbox[1] >= height * (1 - _ZONE) else None


def running(edges: Sequence[Edge]) -> list[Edge]:
    """Those of them that are running heads or feet."""
    groups: dict[tuple[bool, str], list[Edge]] = defaultdict(list)
    for edge in edges:
        for form in _forms(edge):
            groups[edge.is_top, form].append(edge)
    found: set[Edge] = set()
    for group in groups.values():
        found.update(_again(group))
    return sorted(found, key=lambda edge: edge.span)


def _again(group: list[Edge]) -> Iterator[Edge]:
    """The lines of one form that stand at one place on enough pages."""
    places: dict[int, list[Edge]] = defaultdict(list)
    for edge in group:
        # Two grids, so that a place near the border of one lies within the other.
        places[int(edge.y // 8) * 2].append(edge)
        places[int((edge.y + 4) // 8) * 2 + 1].append(edge)
    for same in places.values():
        pages = sorted({edge.page for edge in same})
        if len(pages) >= _MIN_PAGES and len(pages) >= _DENSITY * (pages[-1] - pages[0] + 1):
            yield from same


def _forms(edge: Edge) -> Iterator[str]:
    """Its text with each number as it stands, or as a number that counts with the pages."""
    text = " ".join(edge.text.split()).casefold()
    if not text or len(text) > _MAX_CHARS:
        return
    if _ROMAN.fullmatch(text):
        yield f"roman {_value(text) - edge.page}"
        return
    parts = re.split(r"(\d{1,6})", text)
    numbers = parts[1::2]
    letters = sum(char.isalpha() for char in text)
    counting = (
        product((False, True), repeat=len(numbers)) if len(numbers) <= _MAX_NUMBERS else [(False,) * len(numbers)]
    )
    for counts in counting:
        # Without letters nothing but a number that counts tells a page number from a line of text.
        if letters < 2 and not any(counts):
            continue
        shown = [f"\0{int(n) - edge.page}" if c else n for n, c in zip(numbers, counts, strict=True)]
        yield "".join(part + n for part, n in zip(parts[::2], [*shown, ""], strict=True))


def _value(roman: str) -> int:
    values = [_DIGITS[letter] for letter in roman]
    return sum(-v if v < after else v for v, after in zip(values, [*values[1:], 0], strict=True))
