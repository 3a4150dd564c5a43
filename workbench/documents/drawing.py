"""Pages as pictures: bytes in, a PNG out.

Pure functions over bytes and plain values, so that a process of its own may run them: what a hostile file does to the
renderer then happens there.

Not covered: which file a page is drawn from, and whether it is still the same (imaging).
"""

from __future__ import annotations

import io
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import Any, TypedDict

import numpy as np
import pymupdf

from workbench.errors import DocumentError

MAX_PIXELS = 16_000_000
"""Of a picture; larger pages are drawn smaller. A hostile page may be as large as it likes."""

MAX_SIDE = 16_000

_POINTS_PER_INCH = 72
_MARK = (255, 226, 110)
_MARK_CSS = "#ffe26e"
_DARK = 110.0
"""Mean brightness below which ground is dark, so that a mark must lighten it."""

_WIDTH, _MARGIN = 640.0, 36.0
_MAX_HEIGHT = 14_000.0
_TAB = "    "
_STYLE = (
    f"body {{ color: #1f2430; }} mark {{ background-color: {_MARK_CSS}; }} "
    "p { margin: 0; white-space: pre-wrap; font-family: serif; font-size: 10.5px; line-height: 1.45; } "
    "p.code { font-family: monospace; font-size: 8.5px; line-height: 1.4; } "
    "p.about { font-family: sans-serif; font-size: 8px; color: #626b7a; margin: 0 0 8px 0; } .line { color: #8b93a1; }"
)
_NOT_IN_XML = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff\ud800-\udfff]")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_LONG_WORD = re.compile(r"[^\s\u2e80-\U0003ffff]{60}")

_DAMAGE = (RuntimeError, ValueError, LookupError, TypeError, AttributeError, pymupdf.mupdf.FzErrorBase)


FILE_TASK = "workbench.documents.drawing:draw_file_task"
"""The task of a process of its own that draws a page of a file."""


class FilePage(TypedDict):
    """A page of a PDF: its index from 0, the boxes to be marked in points, dots per inch."""

    page: int
    boxes: Sequence[Sequence[float]]
    dpi: int


class TextPage(TypedDict):
    """A page that is drawn from text.

    ``marks`` are spans of it in order; ``numbers`` stand before its lines, 0 for none; ``code`` sets it in letters of
    one width; ``above`` and ``below`` are said over and under it.
    """

    marks: Sequence[Sequence[int]]
    numbers: Sequence[int]
    code: bool
    above: str
    below: str
    dpi: int


def draw_file_task(data: bytes, parameters: Mapping[str, Any], _report: Callable[[int, int], None]) -> Iterable[bytes]:
    """``draw_file`` as a process of its own does it."""
    return [draw_file(data, FilePage(page=parameters["page"], boxes=parameters["boxes"], dpi=parameters["dpi"]))]


def draw_file(data: bytes, asked: FilePage) -> bytes:
    """A page of a PDF as it is shown, the boxes marked.

    Raises:
        DocumentError: it is no PDF, locked, or too damaged to be drawn.
    """
    try:
        with pymupdf.open(stream=data, filetype="pdf") as pdf:
            if not pdf.is_pdf or pdf.needs_pass or not 0 <= asked["page"] < len(pdf):
                raise DocumentError("the file is locked or has no such page")
            page = pdf[asked["page"]]
            scale = _scale(page.rect.width, page.rect.height, asked["dpi"])
            return _marked(page.get_pixmap(matrix=pymupdf.Matrix(scale, scale), alpha=False), asked["boxes"], scale)
    except _DAMAGE as error:
        raise DocumentError(f"the page is too damaged to be drawn ({error})") from error


def draw_text(data: bytes, asked: TextPage) -> bytes:
    """Text on white paper, in any script, the spans marked.

    Raises:
        DocumentError: it cannot be set.
    """
    text = data.decode("utf-8", "replace")
    try:
        story = pymupdf.Story(html=_html(text, asked), user_css=_STYLE)
        _, (_, _, _, bottom) = story.place(pymupdf.Rect(_MARGIN, _MARGIN, _WIDTH - _MARGIN, _MAX_HEIGHT))
        sheet = io.BytesIO()
        writer = pymupdf.DocumentWriter(sheet)
        story.draw(writer.begin_page(pymupdf.Rect(0, 0, _WIDTH, bottom + _MARGIN)))
        writer.end_page()
        writer.close()
        with pymupdf.open(stream=sheet.getvalue(), filetype="pdf") as pdf:
            scale = _scale(_WIDTH, bottom + _MARGIN, asked["dpi"])
            png: bytes = pdf[0].get_pixmap(matrix=pymupdf.Matrix(scale, scale), alpha=False).tobytes("png")
            return png
    except _DAMAGE as error:
        raise DocumentError(f"the text cannot be drawn ({error})") from error


def size(png: bytes) -> tuple[int, int]:
    """Width and height of a PNG in pixels, from its header."""
    return int.from_bytes(png[16:20]), int.from_bytes(png[20:24])


def _scale(width: float, height: float, dpi: int) -> float:
    """Pixels a point: as asked, less for a page that would be too large."""
    area = max(width * height, 1.0)
    return min(dpi / _POINTS_PER_INCH, math.sqrt(MAX_PIXELS / area), MAX_SIDE / max(width, height, 1.0))


def _marked(pixmap: pymupdf.Pixmap, boxes: Sequence[Sequence[float]], scale: float) -> bytes:
    """The picture with its boxes in yellow, as a text marker leaves them: letters stay as dark as they were."""
    pixels = np.frombuffer(pixmap.samples, np.uint8).reshape(pixmap.height, pixmap.width, 3).astype(np.uint16)
    under = np.zeros(pixels.shape[:2], bool)
    for x0, y0, x1, y1 in boxes:
        rows = slice(max(math.floor(y0 * scale) - 1, 0), max(math.ceil(y1 * scale) + 1, 0))
        under[rows, max(math.floor(x0 * scale) - 1, 0) : max(math.ceil(x1 * scale) + 1, 0)] = True
    marked = pixels[under]
    if len(marked) and marked.mean() < _DARK:
        pixels[under] = (marked + np.array(_MARK, np.uint16)) // 2
    else:
        pixels[under] = marked * np.array(_MARK, np.uint16) // 255
    drawn = pymupdf.Pixmap(pymupdf.csRGB, pixmap.width, pixmap.height, pixels.astype(np.uint8).tobytes(), False)
    png: bytes = drawn.tobytes("png")
    return png


def _html(text: str, asked: TextPage) -> str:
    """The text as HTML that shows exactly its letters; nothing in it is a tag."""
    lines = "".join(_lines(text, asked))
    kind = ' class="code"' if asked["code"] else ""
    about = [f'<p class="about">{_letters(said)}</p>' if said else "" for said in (asked["above"], asked["below"])]
    return f"{about[0]}<p{kind}>{lines}</p>{about[1]}"


def _lines(text: str, asked: TextPage) -> Iterator[str]:
    """Lines and parts of them, those under a mark and those that are not, the numbers in front."""
    bounds = sorted({0, len(text), *(char for mark in asked["marks"] for char in mark)})
    numbers, begins = iter(asked["numbers"]), True
    numbered = any(asked["numbers"])
    for start, end in pairwise(bounds):
        marked = any(first <= start < last for first, last in asked["marks"])
        for line in _LINE.findall(text[start:end]):
            if begins and numbered:
                yield f'<span class="line">{next(numbers, 0) or "":>6}  </span>'
            yield f"<mark>{_letters(line)}</mark>" if marked else _letters(line)
            begins = line.endswith("\n")


def _letters(text: str) -> str:
    """Text as HTML; words longer than a line may be broken."""
    shown = _LONG_WORD.sub(lambda word: f"{word.group()}\u200b", text.replace("\t", _TAB))
    return escape(_NOT_IN_XML.sub("�", shown))
