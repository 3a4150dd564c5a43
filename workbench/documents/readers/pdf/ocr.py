"""Words recognised in a picture of a page by RapidOCR, whose models come inside its package; nothing is fetched.

Not covered: which pages are pictures (pages); handwriting; pages that were scanned upside down.
"""

from __future__ import annotations

import importlib.util
import logging
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pymupdf

from workbench.documents.layout import Boxes
from workbench.documents.readers.pdf.glyphs import Line

INSTALL = "pip install 'qwen-workbench[ocr]'"
_MAX_SIDE = 2_000
"""Pixels of the longer side; the engine works on no more."""
_MAX_SCALE = 200 / 72
_MODELS = {"Det": "*_det_*.onnx", "Cls": "*_cls_*.onnx", "Rec": "*_rec_*.onnx"}


def is_installed() -> bool:
    """Whether pictures can be read here."""
    return all(importlib.util.find_spec(name) for name in ("rapidocr", "onnxruntime"))


def recognised(page: pymupdf.Page) -> list[Line]:
    """The lines in the picture of a page, each word's characters with the box of the word."""
    longest = max(page.rect.width, page.rect.height, 1.0)
    scale = min(_MAX_SCALE, _MAX_SIDE / longest)
    picture = page.get_pixmap(matrix=pymupdf.Matrix(scale, scale), colorspace=pymupdf.csRGB, alpha=False)
    pixels = np.frombuffer(picture.samples_mv, np.uint8).reshape(picture.height, picture.stride)
    image = pixels[:, : picture.width * 3].reshape(picture.height, picture.width, 3)
    # Its classifier of upside-down lines turns too many round that stand upright.
    found = _engine()(np.ascontiguousarray(image[:, :, ::-1]), use_cls=False, return_word_box=True)
    if found.boxes is None or not found.txts:
        return []
    words = found.word_results or ((),) * len(found.txts)
    lines = zip(found.txts, found.boxes, words, strict=True)
    return [_line(text, box / scale, own, scale, n) for n, (text, box, own) in enumerate(lines) if text.strip()]


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
