"""Tables without rules: rows of short texts that stand in the same columns, one row below the other.

Columns of running text look like that too, but are drawn one after the other; a table is taken for one only where it
is drawn row by row. Where that is uncertain, the lines stay lines, which lose nothing but the pipes.

Not covered: two columns, which lists of contents have; cells of several lines; cells over several columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from workbench.documents.readers.pdf.glyphs import Line

Row = tuple[Line, ...]
Boxes = npt.NDArray[np.float64]
"""(num_rows, num_columns, 4): x0, y0, x1, y1 of each cell, in points."""

_MIN_COLUMNS, _MIN_ROWS = 3, 3
_SAME_POINTS = 3.0
"""How far the edges, or the middles, of one column's cells may be from each other."""
_MIN_GAP = 0.8
"""White space between cells as a share of the type."""
_MAX_STEP = 3.0
"""From row to row, as a share of the type."""
_MAX_CELL_CHARS = 40
"""Of most cells; longer ones are text."""


def aligned_rows(lines: Sequence[Line]) -> list[list[Row]]:
    """The rows of each table, with a cell for each column.

    Args:
        lines: of a page, outside its ruled tables.
    """
    found: list[list[Row]] = []
    run: list[Row] = []
    for row in _rows(lines):
        if run and not _goes_on(run[-1], row):
            found += _tables(run)
            run = []
        run = [*run, row] if len(row) >= _MIN_COLUMNS else []
    return [*found, *_tables(run)]


def _rows(lines: Sequence[Line]) -> Iterator[Row]:
    """Lines side by side that are drawn one after the other from left to right; others by themselves."""
    row: list[Line] = []
    for line in sorted(lines, key=lambda line: line.number):
        if row and not _beside(row[-1], line):
            yield tuple(row)
            row = []
        row.append(line)
    if row:
        yield tuple(row)


def _beside(left: Line, line: Line) -> bool:
    """Whether a line is the next cell of a row."""
    height = min(left.bbox[3] - left.bbox[1], line.bbox[3] - line.bbox[1])
    overlap = min(left.bbox[3], line.bbox[3]) - max(left.bbox[1], line.bbox[1])
    apart = line.bbox[0] - left.bbox[2] >= _MIN_GAP * line.size
    return left.is_level and line.is_level and apart and overlap > 0.6 * height


def _goes_on(row: Row, below: Row) -> bool:
    """Whether a row stands below another one with as many cells."""
    step = below[0].bbox[1] - row[0].bbox[1]
    return len(row) == len(below) and 0 < step <= _MAX_STEP * max(row[0].size, below[0].size)


def _tables(run: Sequence[Row]) -> Iterator[list[Row]]:
    """The run of rows as a table, when its cells are short and in line."""
    if len(run) < _MIN_ROWS:
        return
    sizes = [len(line.text) for row in run for line in row]
    boxes = np.array([[line.bbox for line in row] for row in run])
    if np.median(sizes) <= _MAX_CELL_CHARS and _is_straight(boxes) and _is_apart(boxes):
        yield list(run)


def _is_straight(boxes: Boxes) -> bool:
    """Whether each column has its left edges, its right edges, or its middles in one line, the head row aside."""
    left, right = boxes[1:, :, 0], boxes[1:, :, 2]
    spread = [np.ptp(places, axis=0) for places in (left, right, (left + right) / 2)]
    return bool((np.min(spread, axis=0) <= _SAME_POINTS).all())


def _is_apart(boxes: Boxes) -> bool:
    """Whether white space parts each column from the next one over all rows."""
    starts, ends = boxes[:, :, 0].min(axis=0), boxes[:, :, 2].max(axis=0)
    return bool((ends[:-1] <= starts[1:]).all())
