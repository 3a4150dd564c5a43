"""Characters that are in the file and that a person looking at the page does not see.

Colours are not compared but looked at: where text is nearly white, or as a shape beneath it, or has something drawn
over it, the page is rendered, and if nothing stands out at the place nothing is to be seen there.

Text without ink over a picture that fills the page is what an earlier OCR recognised in it: it is the page's text.

Not covered: zero-width and bidirectional control characters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt
import pymupdf

from workbench.documents.readers.pdf.drawn import Drawn, Rects
from workbench.documents.readers.pdf.glyphs import Line, Mask, clipped_in

Reason = Literal[
    "drawn without ink", "in the colour of the page", "tiny", "off the page", "covered", "clipped away", "OCR layer"
]
REASONS: tuple[Reason, ...] = get_args(Reason)
Codes = npt.NDArray[np.uint8]
"""(num_chars,) 0 for what can be seen, else 1 + the index of its reason."""

_INKLESS, _PALE, _TINY, _OFF, _COVERED, _CLIPPED, _OCR = range(1, 8)
TINY_POINTS = 1.5
_NEAR = 24
"""Steps of 255 within which colours look alike."""
_WHITE = 255 - _NEAR
_PICTURE = 0.4
"""Share of the page from which a picture is the page."""
_MAX_PIXELS = 2_000_000


def hidden_in(page: pymupdf.Page, lines: Sequence[Line], drawn: Drawn) -> list[Codes]:
    """For each line why each of its characters is not seen."""
    if not lines:
        return []
    ends = np.cumsum([len(line.text) for line in lines])
    boxes = np.concatenate([line.boxes for line in lines])
    centres = np.stack([(boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2], axis=1)
    codes = np.zeros(len(boxes), np.uint8)
    solid = ~np.isnan(boxes[:, 0])
    colors = np.concatenate([line.colors for line in lines])
    suspects: Mask = solid & (_is_pale(colors) | _like_ground(centres, colors, drawn))
    under_fill, under_picture = _overdrawn(centres, drawn)
    suspects |= solid & under_fill
    if suspects.any():
        unseen = _without_contrast(page, boxes, suspects)
        codes[unseen] = _PALE
        codes[unseen & under_fill] = _COVERED
    codes[solid & under_picture] = _COVERED
    clipped = clipped_in(page, lines)
    if clipped is not None:
        codes[solid & np.concatenate(clipped)] = _CLIPPED
    codes[solid & (np.concatenate([line.sizes for line in lines]) < TINY_POINTS)] = _TINY
    codes[~np.concatenate([line.inked for line in lines])] = _INKLESS
    x0, y0, x1, y1 = page.rect
    off: Mask = (centres[:, 0] < x0) | (centres[:, 0] > x1) | (centres[:, 1] < y0) | (centres[:, 1] > y1)
    codes[solid & off] = _OFF
    scan = _large(drawn.images, page.rect)
    if len(scan):
        codes[np.isin(codes, (_INKLESS, _COVERED)) & _within(centres, scan).any(axis=1)] = _OCR
    codes[np.array([char.isspace() for line in lines for char in line.text], np.bool_)] = 0
    return np.split(codes, ends[:-1])


def _is_pale(colors: npt.NDArray[np.uint32]) -> Mask:
    return ((colors >> 16) >= _WHITE) & (((colors >> 8) & 255) >= _WHITE) & ((colors & 255) >= _WHITE)


def _within(centres: npt.NDArray[np.float32], rects: Rects) -> Mask:
    """(num_chars, num_rects) whether a character's middle lies in a rectangle."""
    x, y = centres[:, :1], centres[:, 1:]
    found: Mask = (x >= rects[:, 0]) & (x <= rects[:, 2]) & (y >= rects[:, 1]) & (y <= rects[:, 3])
    return found


def _like_ground(centres: npt.NDArray[np.float32], colors: npt.NDArray[np.uint32], drawn: Drawn) -> Mask:
    """Characters over a filled rectangle of nearly their own colour."""
    if not len(drawn.fills):
        return np.zeros(len(centres), np.bool_)
    alike = np.ones((len(colors), len(drawn.fills)), np.bool_)
    for shift in (16, 8, 0):
        own, ground = (colors >> shift & 255).astype(np.int16), (drawn.fill_colors >> shift & 255).astype(np.int16)
        np.logical_and(alike, np.abs(own[:, None] - ground) <= _NEAR, out=alike)
    found: Mask = np.any(alike & _within(centres, drawn.fills), axis=1)
    return found


def _overdrawn(centres: npt.NDArray[np.float32], drawn: Drawn) -> tuple[Mask, Mask]:
    """Characters over which a rectangle, or a picture, is drawn later than all text at their place."""
    found = []
    first = drawn.text_order.min() if len(drawn.text) else np.inf
    for rects, order in ((drawn.fills, drawn.fill_order), (drawn.images, drawn.image_order)):
        over = np.zeros(len(centres), np.bool_)
        late = order > first
        if late.any():
            candidates = np.flatnonzero(_within(centres, rects[late]).any(axis=1))
            last = np.where(_within(centres[candidates], drawn.text), drawn.text_order, -1).max(axis=1)
            above = _within(centres[candidates], rects[late]) & (order[late] > last[:, None]) & (last >= 0)[:, None]
            over[candidates] = above.any(axis=1)
        found.append(over)
    return found[0], found[1]


def _large(images: Rects, page: pymupdf.Rect) -> Rects:
    """The pictures that fill a page, or much of it."""
    areas = (images[:, 2] - images[:, 0]) * (images[:, 3] - images[:, 1])
    large: Rects = images[areas >= _PICTURE * page.width * page.height]
    return large


def fills_page(drawn: Drawn, page: pymupdf.Rect) -> bool:
    """Whether a picture is most of a page."""
    return len(_large(drawn.images, page)) > 0


def _without_contrast(page: pymupdf.Page, boxes: Rects, suspects: Mask) -> Mask:
    """Those of the suspects at whose place the rendered page has one colour."""
    scale = min(2.0, (_MAX_PIXELS / max(page.rect.width * page.rect.height, 1)) ** 0.5)
    picture = page.get_pixmap(matrix=pymupdf.Matrix(scale, scale), colorspace=pymupdf.csRGB, alpha=False)
    pixels = np.frombuffer(picture.samples_mv, np.uint8).reshape(picture.height, picture.stride)
    image = pixels[:, : picture.width * 3].reshape(picture.height, picture.width, 3)
    unseen = suspects.copy()
    for index in np.flatnonzero(suspects):
        x0, y0, x1, y1 = boxes[index] * scale
        part = image[max(int(y0), 0) : max(int(y1), 0) + 1, max(int(x0), 0) : max(int(x1), 0) + 1]
        if part.size:
            # The quarter of a letter that is darkest differs from its lightest: single pixels are a neighbour's edge.
            flat = part.reshape(-1, 3)
            low, high = np.percentile(flat, (4, 96), axis=0)
            unseen[index] = bool((high - low).max() < _NEAR)
    return unseen
