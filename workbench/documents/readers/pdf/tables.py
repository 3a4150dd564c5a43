"""Tables of a page, kept as Markdown: each cell's characters stay the page's own, pipes are made.

Looking for ruled tables takes far longer than reading a page, so it is done only where level and upright lines cross.

Not covered: which lines are a table without rules (aligned); cells over several columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pymupdf

from workbench.documents.readers.pdf.aligned import aligned_rows
from workbench.documents.readers.pdf.drawn import Drawn
from workbench.documents.readers.pdf.glyphs import Line
from workbench.documents.readers.pdf.order import BBox

_MIN_RULES = 3
"""Level and upright lines at different places that two rows of two cells have."""
_LEVEL_POINTS, _UPRIGHT_POINTS = 20.0, 6.0
_SNAP_POINTS = 3.0


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a line that stands in one cell.

    Attributes:
        line: the whole of it.
        start: its first character there.
        end: one past its last.
    """

    line: Line
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its cells filled.

    Attributes:
        bbox: x0, y0, x1, y1.
        rows: cells of each row; pieces of each cell in order.
        number: place of its first line in the file's order.
        is_level: always; a turned table stays lines.
    """

    bbox: BBox
    rows: tuple[tuple[tuple[Piece, ...], ...], ...]
    number: int
    is_level: bool = True


def with_tables(page: pymupdf.Page, lines: Sequence[Line], drawn: Drawn) -> list[Line | Table]:
    """The lines, those of each table replaced by it."""
    parts = _with_ruled(page, lines) if _may_hold(drawn) else list(lines)
    left = [part for part in parts if isinstance(part, Line)]
    tables = [_of_rows(rows) for rows in aligned_rows(left)]
    inside = {piece.line.number for table in tables for row in table.rows for cell in row for piece in cell}
    return [*(part for part in parts if isinstance(part, Table) or part.number not in inside), *tables]


def _of_rows(rows: Sequence[Sequence[Line]]) -> Table:
    """A table without rules."""
    boxes = [line.bbox for row in rows for line in row]
    x0, y0, x1, y1 = zip(*boxes, strict=True)
    cells = tuple(tuple((Piece(line, 0, len(line.text)),) for line in row) for row in rows)
    return Table((min(x0), min(y0), max(x1), max(y1)), cells, rows[0][0].number)


def _with_ruled(page: pymupdf.Page, lines: Sequence[Line]) -> list[Line | Table]:
    finder = page.find_tables(use_layout=False)
    left: list[Line] = list(lines)
    tables: list[Table] = []
    for found in finder.tables if finder is not None else []:
        if found.row_count < 2 or found.col_count < 2:
            continue
        inside = [line for line in left if line.is_level and _holds(found.bbox, line.bbox)]
        table = _filled(found, inside)
        if table is not None:
            tables.append(table)
            left = [line for line in left if line not in inside]
    return [*left, *tables]


def _may_hold(drawn: Drawn) -> bool:
    """Whether enough lines are drawn for two rows of two cells."""
    if len(drawn.rules) < 2 * _MIN_RULES:
        return False
    widths, heights = drawn.rules[:, 2] - drawn.rules[:, 0], drawn.rules[:, 3] - drawn.rules[:, 1]
    levels = drawn.rules[(widths >= _LEVEL_POINTS) & (heights < _SNAP_POINTS), 1]
    uprights = drawn.rules[(heights >= _UPRIGHT_POINTS) & (widths < _SNAP_POINTS), 0]
    return min(_num_places(levels), _num_places(uprights)) >= _MIN_RULES


def _num_places(values: npt.NDArray[np.float32]) -> int:
    return int((np.diff(np.sort(values)) > _SNAP_POINTS).sum()) + 1 if len(values) else 0


def _holds(outer: BBox, bbox: BBox) -> bool:
    x, y = (bbox[0] + bbox[2]) / 2, (bbox[1] + bbox[3]) / 2
    return outer[0] <= x <= outer[2] and outer[1] <= y <= outer[3]


def _filled(found: pymupdf.table.Table, inside: Sequence[Line]) -> Table | None:
    """The table with the lines in its cells; None when it is a frame about text: most rows have one cell filled."""
    grid = [(r, c, cell) for r, row in enumerate(found.rows) for c, cell in enumerate(row.cells) if cell is not None]
    if not inside or not grid:
        return None
    places = np.array([cell for _, _, cell in grid], np.float32)
    rows: list[list[list[Piece]]] = [[[] for _ in row.cells] for row in found.rows]
    for line in sorted(inside, key=lambda line: line.number):
        for start, end, at in _pieces(line, places):
            r, c, _ = grid[at]
            rows[r][c].append(Piece(line, start, end))
    filled = [sum(bool(cell) for cell in row) for row in rows]
    if sum(num > 1 for num in filled) < max(2, sum(num > 0 for num in filled) / 2):
        return None
    kept = tuple(tuple(tuple(cell) for cell in row) for row in rows if any(row))
    return Table(tuple(found.bbox), kept, min(line.number for line in inside))


def _pieces(line: Line, places: npt.NDArray[np.float32]) -> list[tuple[int, int, int]]:
    """Start, end and cell of a line's parts; what stands on a rule goes to the nearest cell, so that none is lost."""
    x, y = (line.boxes[:, 0] + line.boxes[:, 2]) / 2, (line.boxes[:, 1] + line.boxes[:, 3]) / 2
    across = np.maximum(places[:, 0] - x[:, None], x[:, None] - places[:, 2])
    down = np.maximum(places[:, 1] - y[:, None], y[:, None] - places[:, 3])
    away = np.maximum(across, 0) + np.maximum(down, 0)
    cells = np.where(np.isnan(x), -1, np.argmin(np.nan_to_num(away, nan=np.inf), axis=1))
    pieces: list[tuple[int, int, int]] = []
    for at, cell in enumerate(cells.tolist()):
        if pieces and (cell < 0 or pieces[-1][2] == cell):
            pieces[-1] = (pieces[-1][0], at + 1, pieces[-1][2])
        elif cell >= 0:
            pieces.append((at, at + 1, cell))
    return [piece for piece in pieces if line.text[piece[0] : piece[1]].strip()]
