"""The lines of a page in the order in which people read them.

What the file draws first is mostly read first, and that order is kept where the places do not speak against it: a
running head that is drawn last still comes first, and columns are read one after the other even when they are drawn
line by line.

Source: recursive cuts at white space (Nagy and Seth 1984), gutters found by the lines beside them, not by a tree.

Not covered: tables (tables); lines that are turned or vertical, which keep the file's order.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heapify, heappop, heappush
from itertools import pairwise
from statistics import median
from typing import Protocol, TypeVar

import numpy as np

BBox = tuple[float, float, float, float]


class Placed(Protocol):
    """Whatever takes up a place on a page."""

    @property
    def bbox(self) -> BBox:
        """x0, y0, x1, y1."""

    @property
    def is_level(self) -> bool:
        """Whether it is neither turned nor vertical."""

    @property
    def number(self) -> int:
        """Its place in the file's own order."""


P = TypeVar("P", bound=Placed)

_MIN_LINES = 5
"""Lines on each side that a gutter must part."""
_MARGIN_ROWS = 3
"""Rows that a head or foot of a page may have."""
_GUTTER = 6.0
"""Width of the narrowest gutter, in points."""


def in_order(lines: Sequence[P]) -> list[P]:
    """The lines as they are read; those that are turned come last, unless most are."""
    level = [line for line in lines if line.is_level]
    turned = [line for line in lines if not line.is_level]
    if len(turned) >= len(level):
        return list(lines)
    head, body, foot = _margins(level)
    return [*_by_place(head), *_columns(body), *_by_place(foot), *turned]


def _margins(lines: Sequence[P]) -> tuple[list[P], list[P], list[P]]:
    """Few rows at the top and at the bottom that white space over the whole width parts from the rest."""
    strips: list[list[P]] = []
    bottom = float("-inf")
    for line in sorted(lines, key=lambda line: line.bbox[1]):
        if line.bbox[1] > bottom + (line.bbox[3] - line.bbox[1]) * 0.4:
            strips.append([])
        strips[-1].append(line)
        bottom = max(bottom, line.bbox[3])
    if len(strips) < 3:
        return [], list(lines), []
    tops = [min(line.bbox[1] for line in strip) for strip in strips]
    ends = [max(line.bbox[3] for line in strip) for strip in strips]
    first = max((n for n in range(1, _MARGIN_ROWS + 1) if n < len(strips) and tops[n] - ends[n - 1] > 12), default=0)
    last = max((n for n in range(1, _MARGIN_ROWS + 1) if n < len(strips) and tops[-n] - ends[-n - 1] > 12), default=0)
    if first + last >= len(strips):
        return [], list(lines), []
    end = len(strips) - last
    flat = [[line for strip in part for line in strip] for part in (strips[:first], strips[first:end], strips[end:])]
    return flat[0], flat[1], flat[2]


def _columns(lines: list[P]) -> list[P]:
    """Lines that cross the gutter part the page into bands; in each the left column is read before the right."""
    gutter = _gutter(lines)
    if gutter is None:
        return _by_place(lines)
    ordered: list[P] = []
    left: list[P] = []
    right: list[P] = []
    for line in sorted(lines, key=lambda line: (line.bbox[1] + line.bbox[3], line.bbox[0])):
        if line.bbox[2] <= gutter:
            left.append(line)
        elif line.bbox[0] >= gutter:
            right.append(line)
        else:
            ordered += [*_columns(left), *_columns(right), line]
            left, right = [], []
    return [*ordered, *_columns(left), *_columns(right)]


def _gutter(lines: Sequence[P]) -> float | None:
    """The middle of the white space that parts most lines into two columns of text, if any does."""
    if len(lines) < 2 * _MIN_LINES:
        return None
    boxes = np.array([line.bbox for line in lines])
    start, end = boxes[:, 0].min(), boxes[:, 2].max()
    edges = np.arange(start, end, 2.0)
    crossing = np.searchsorted(np.sort(boxes[:, 0]), edges, "right") - np.searchsorted(
        np.sort(boxes[:, 2]), edges, "right"
    )
    low = np.flatnonzero(crossing <= 0.2 * len(lines))
    best: tuple[int, float] | None = None
    for run in np.split(low, np.flatnonzero(np.diff(low) > 1) + 1):
        if len(run) * 2.0 < _GUTTER:
            continue
        middle = float(edges[run[int(np.argmin(crossing[run]))]]) + 0.5
        # Lines that end or begin within the run belong to its sides; the emptiest place of it parts them best.
        lowest = run[crossing[run] == crossing[run].min()]
        middle = float(edges[lowest[len(lowest) // 2]])
        found = _parted(lines, middle, end - start)
        if found and (best is None or found > best[0]):
            best = (found, middle)
    return best[1] if best else None


def _parted(lines: Sequence[P], x: float, width: float) -> int:
    """How many lines the smaller side has, when both sides are columns of text; else 0."""
    left = [line for line in lines if line.bbox[2] <= x]
    right = [line for line in lines if line.bbox[0] >= x]
    if min(len(left), len(right)) < _MIN_LINES:
        return 0
    top = max(min(line.bbox[1] for line in side) for side in (left, right))
    bottom = min(max(line.bbox[3] for line in side) for side in (left, right))
    reach = min(max(line.bbox[3] for line in side) - min(line.bbox[1] for line in side) for side in (left, right))
    if bottom - top < 0.4 * reach:
        return 0
    widths = [[line.bbox[2] - line.bbox[0] for line in side] for side in (left, right)]
    if any(median(side) < 0.14 * width for side in widths):
        return 0
    # Cells of a table are drawn row by row and rarely fill their column; lines of text do.
    sides = [line.bbox[2] <= x for line in sorted((*left, *right), key=lambda line: line.number)]
    changes = sum(one != other for one, other in pairwise(sides))
    full = all(sum(w > 0.7 * max(side) for w in side) > 0.6 * len(side) for side in widths)
    return min(len(left), len(right)) if full or changes <= 0.1 * len(sides) else 0


def _by_place(lines: Sequence[P]) -> list[P]:
    """The file's order, but nothing before what stands wholly above it."""
    runs = _runs(sorted(lines, key=lambda line: line.number))
    boxes = [_around(line.bbox for line in run) for run in runs]
    waits = [[_above(boxes[a], boxes[b]) for a in range(len(runs))] for b in range(len(runs))]
    left = [sum(row) for row in waits]
    ready = [index for index, count in enumerate(left) if not count]
    heapify(ready)
    ordered: list[P] = []
    while ready:
        index = heappop(ready)
        ordered += runs[index]
        for other, row in enumerate(waits):
            if row[index]:
                left[other] -= 1
                if not left[other]:
                    heappush(ready, other)
    return ordered if len(ordered) == len(lines) else list(lines)


def _runs(lines: Sequence[P]) -> list[list[P]]:
    """Lines that are drawn one below the other, or side by side in one row."""
    runs: list[list[P]] = []
    for line in lines:
        before = runs[-1][-1].bbox if runs else None
        height = line.bbox[3] - line.bbox[1]
        follows = before is not None and -0.5 * height <= line.bbox[1] - before[1] <= 3 * height + before[3] - before[1]
        runs[-1].append(line) if follows else runs.append([line])
    return runs


def _around(boxes: Iterable[BBox]) -> BBox:
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    return min(x0), min(y0), max(x1), max(y1)


def _above(one: BBox, other: BBox) -> bool:
    """Whether one stands over the other: higher, and in some column with it."""
    slack = 0.3 * min(one[3] - one[1], other[3] - other[1])
    return one[1] < other[1] and one[3] <= other[1] + slack and one[0] < other[2] and other[0] < one[2]
