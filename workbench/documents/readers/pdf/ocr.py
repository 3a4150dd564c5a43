"""Words recognised in a picture of a page by RapidOCR, whose models come inside its package; nothing is fetched.

A page that was scanned upside down or on its side is read in the turn in which its letters make sense.

Not covered: which pages are pictures (pages); handwriting; pages scanned askew.
"""

from __future__ import annotations

import importlib.util
import logging
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pymupdf

from workbench.documents.layout import Boxes
from workbench.documents.readers.pdf.glyphs import Line
from workbench.documents.readers.pdf.order import in_order

INSTALL = "pip install 'qwen-workbench[ocr]'"
_MAX_SIDE = 2_000
"""Pixels of the longer side; the engine works on no more."""
_MAX_SCALE = 200 / 72
_SURE = 0.85
"""Mean certainty of what is read the right way round; upside down it stays well below."""
_MODELS = {"Det": "*_det_*.onnx", "Cls": "*_cls_*.onnx", "Rec": "*_rec_*.onnx"}


def is_installed() -> bool:
    """Whether pictures can be read here."""
    return all(importlib.util.find_spec(name) for name in ("rapidocr", "onnxruntime"))


@dataclass(frozen=True, slots=True)
class _Reading:
    """What is found in a picture that is turned.

    Attributes:
        lines: in the order in which they are read, at their places in the picture as it is.
        worth: number of characters, each by how sure the engine is.
        is_sure: whether this is the turn in which people read it.
    """

    lines: list[Line]
    worth: float
    is_sure: bool


def recognised(page: pymupdf.Page) -> list[Line]:
    """The lines in the picture of a page in their order, each word's characters with the box of the word."""
    longest = max(page.rect.width, page.rect.height, 1.0)
    scale = min(_MAX_SCALE, _MAX_SIDE / longest)
    picture = page.get_pixmap(matrix=pymupdf.Matrix(scale, scale), colorspace=pymupdf.csRGB, alpha=False)
    pixels = np.frombuffer(picture.samples_mv, np.uint8).reshape(picture.height, picture.stride)
    image = pixels[:, : picture.width * 3].reshape(picture.height, picture.width, 3)[:, :, ::-1]
    best = _read(image, scale, 0)
    for turns in (1, 3, 2):
        if best.is_sure:
            break
        other = _read(image, scale, turns)
        best = max(best, other, key=lambda reading: (reading.is_sure, reading.worth))
    return best.lines


def _read(image: npt.NDArray[np.uint8], scale: float, turns: int) -> _Reading:
    """What a picture says when it is turned to the left by so many quarters."""
    # The engine's classifier of upside-down lines turns too many round that stand upright.
    found = _engine()(np.ascontiguousarray(np.rot90(image, turns)), use_cls=False, return_word_box=True)
    if found.boxes is None or not found.txts:
        return _Reading([], 0.0, is_sure=True)  # there are no letters in it, whichever way it stands
    words = found.word_results or ((),) * len(found.txts)
    lines = [
        _line(text, box / scale, own, scale, n)
        for n, (text, box, own) in enumerate(zip(found.txts, found.boxes, words, strict=True))
        if text.strip()
    ]
    num_chars = sum(map(len, found.txts))
    worth = sum(len(text) * score for text, score in zip(found.txts, found.scores, strict=True))
    level = sum(len(line.text) for line in lines if line.bbox[2] - line.bbox[0] >= line.bbox[3] - line.bbox[1])
    height, width = (side / scale for side in image.shape[:2])
    ordered = [_turned_back(line, turns, width, height) for line in in_order(lines)]
    return _Reading(ordered, worth, is_sure=worth >= _SURE * num_chars and 2 * level >= num_chars)


def _turned_back(line: Line, turns: int, width: float, height: float) -> Line:
    """A line of a turned picture at its place in the picture as it is, of so many points."""
    if not turns:
        return line
    back = {1: (3, 0, 1, 2), 2: (2, 3, 0, 1), 3: (1, 2, 3, 0)}[turns]
    signs, shift = {
        1: ((-1, 1, -1, 1), (width, 0, width, 0)),
        2: ((-1, -1, -1, -1), (width, height, width, height)),
        3: ((1, -1, 1, -1), (0, height, 0, height)),
    }[turns]
    boxes = (line.boxes[:, back] * np.array(signs) + np.array(shift)).astype(np.float32)
    x0, y0, x1, y1 = (line.bbox[at] * sign + by for at, sign, by in zip(back, signs, shift, strict=True))
    return replace(line, boxes=boxes, bbox=(x0, y0, x1, y1), is_level=False)


@lru_cache(maxsize=1)
def _engine() -> Any:
    """The engine with the models of its own package, named so that it looks for no others."""
    import rapidocr

    logging.getLogger("RapidOCR").setLevel(logging.CRITICAL)
    models = Path(rapidocr.__file__).parent / "models"
    found = {part: sorted(models.glob(pattern)) for part, pattern in _MODELS.items()}
    named = {f"{part}.model_path": str(paths[0]) for part, paths in found.items() if paths}
    return rapidocr.RapidOCR(params={"Global.log_level": "critical", **named})


def _line(
    text: str, corners: npt.NDArray[np.float32], words: tuple[tuple[str, float, Any], ...], scale: float, number: int
) -> Line:
    bbox = _around(corners)
    boxes: Boxes = np.tile(np.array(bbox, np.float32), (len(text), 1))
    at = 0
    for word, _, places in words:
        start = text.find(word, at)
        if start >= 0:
            at = start + len(word)
            boxes[start:at] = _around(np.asarray(places, np.float32) / scale)
    boxes[[char.isspace() for char in text]] = np.nan
    size = bbox[3] - bbox[1]
    return Line(
        text,
        boxes,
        bbox,
        size,
        "",
        is_bold=False,
        is_level=True,
        number=number,
        colors=np.zeros(len(text), np.uint32),
        inked=np.ones(len(text), np.bool_),
        sizes=np.full(len(text), size, np.float32),
    )


def _around(corners: npt.NDArray[np.float32]) -> tuple[float, float, float, float]:
    x0, y0 = corners.min(axis=0).tolist()
    x1, y1 = corners.max(axis=0).tolist()
    return x0, y0, x1, y1
