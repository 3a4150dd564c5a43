"""What a page draws, in order: text, pictures, filled and ruled shapes, with their places on the page as shown.

Not covered: the characters (glyphs), what the shapes mean (hidden, tables).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pymupdf

Rects = npt.NDArray[np.float32]
_FLAT = 1.0
"""A rule may be this far from level or upright, in points."""
_MAX_RECTS = 2_000
"""Of a kind on one page that are looked at, the largest first: maps and plots have a hundred thousand."""
_SHEER = 0.95
"""Opacity below which a filled shape hides nothing."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """A page's marks. A rectangle is x0, y0, x1, y1 in points; a mark drawn later has the greater ordinal.

    Attributes:
        text: (n, 4) where text is drawn.
        text_order: (n,) its ordinals.
        images: (m, 4) pictures.
        image_order: (m,) their ordinals.
        fills: (k, 4) rectangles filled with an opaque colour.
        fill_order: (k,) their ordinals.
        fill_colors: (k,) uint32, 0xRRGGBB.
        num_paths: lines and shapes of all kinds.
        rules: (r, 4) level and upright lines, those of rectangles too.
    """

    text: Rects
    text_order: npt.NDArray[np.int32]
    images: Rects
    image_order: npt.NDArray[np.int32]
    fills: Rects
    fill_order: npt.NDArray[np.int32]
    fill_colors: npt.NDArray[np.uint32]
    num_paths: int
    rules: Rects


def drawn_on(page: pymupdf.Page) -> Drawn:
    """All marks of a page, annotations included."""
    log = page.get_bboxlog()
    turn = page.rotation_matrix if page.rotation else None
    text = [(n, box) for n, (kind, box) in enumerate(log) if kind in ("fill-text", "stroke-text")]
    images = [(n, box) for n, (kind, box) in enumerate(log) if kind in ("fill-image", "fill-shade")]
    num_paths = sum(kind.endswith("-path") for kind, _ in log)
    paths = page.get_cdrawings() if num_paths else []
    fills = [(path["seqno"], path["rect"], _rgb(path["fill"])) for path in paths if _is_opaque_box(path)]
    fills = sorted(sorted(fills, key=lambda fill: -abs(pymupdf.Rect(fill[1])))[:_MAX_RECTS])
    images = images[:_MAX_RECTS]
    rules = [rule for path in paths for item in path["items"] for rule in _rules(item)]
    return Drawn(
        _rects([box for _, box in text], turn),
        np.array([n for n, _ in text], np.int32),
        _rects([box for _, box in images], turn),
        np.array([n for n, _ in images], np.int32),
        _rects([box for _, box, _ in fills], turn),
        np.array([n for n, _, _ in fills], np.int32),
        np.array([color for _, _, color in fills], np.uint32),
        num_paths,
        _rects(rules, turn),
    )


def _rects(boxes: list[tuple[float, ...]], turn: pymupdf.Matrix | None) -> Rects:
    if turn is not None:
        boxes = [tuple(pymupdf.Rect(box) * turn) for box in boxes]
    return np.array(boxes, np.float32).reshape(-1, 4)


def _is_opaque_box(path: dict[str, Any]) -> bool:
    """Whether a path is one rectangle, filled so that nothing is seen through it."""
    if "f" not in path["type"] or path.get("fill_opacity", 1.0) < _SHEER or path.get("fill") is None:
        return False
    items = path["items"]
    if len(items) == 1:
        return items[0][0] in ("re", "qu")
    lines = len(items) in (3, 4) and all(item[0] == "l" for item in items)
    return lines and all(abs(a[0] - b[0]) < _FLAT or abs(a[1] - b[1]) < _FLAT for _, a, b in items)


def _rgb(color: tuple[float, ...]) -> int:
    parts = [round(255 * value) for value in color]
    parts = parts * 3 if len(parts) == 1 else parts
    return parts[0] << 16 | parts[1] << 8 | parts[2]


def _rules(item: tuple[Any, ...]) -> list[tuple[float, ...]]:
    """The level and upright lines of one item of a path."""
    if item[0] == "l":
        (x0, y0), (x1, y1) = item[1], item[2]
        straight = abs(x0 - x1) < _FLAT or abs(y0 - y1) < _FLAT
        return [(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))] if straight else []
    if item[0] != "re":
        return []
    x0, y0, x1, y1 = item[1]
    # A thin rectangle is a rule; the edges of a filled or stroked one are four.
    if x1 - x0 < 3 or y1 - y0 < 3:
        return [(x0, y0, x1, y1)]
    return [(x0, y0, x1, y0), (x0, y1, x1, y1), (x0, y0, x0, y1), (x1, y0, x1, y1)]
