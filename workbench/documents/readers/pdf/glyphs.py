"""The characters of a page with their boxes, in the lines that MuPDF finds.

Boxes are in points from the top left of the page as it is shown. They are as high as the type, not as the line, so
that those of one line do not reach into the next. Ligatures become their letters, which share the box.

Not covered: the order of lines (order), what of them is hidden (hidden).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import pymupdf

from workbench.documents.layout import Boxes

# Without CIDs for what has no letter: they are letters too, and nobody could tell that they are the wrong ones.
_FLAGS = pymupdf.TEXT_PRESERVE_LIGATURES | pymupdf.TEXT_PRESERVE_WHITESPACE
# Latin and Armenian ligatures, and the Arabic letters that fonts have for each place in a word.
_LIGATURE = re.compile("[\ufb00-\ufb06\ufb13-\ufb17\ufb50-\ufdfb\ufe70-\ufefc]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
_UNLETTERED = re.compile("[\ufffd\ue000-\uf8ff]")
_INKED = 16 | 32
"""Character flags of MuPDF: filled, stroked. A character with neither is drawn in render mode 3 or 7."""

_RAISED_SIZE, _RAISED_LIFT = 0.85, 0.15
"""Type of a raised mark, and its height above the base line, as shares of the type of its line."""

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A line of a page, or a part of one that stands apart.

    Attributes:
        text: without a line break.
        boxes: (num_chars, 4) float32; NaN for a space that stands for a gap.
        bbox: x0, y0, x1, y1 of it all.
        size: of most of its type, in points.
        font: of most of its characters.
        is_bold: whether that is a heavy one.
        is_level: whether it runs from left to right or right to left, neither turned nor vertical.
        number: its place in the page's own order.
        colors: (num_chars,) uint32, 0xRRGGBB.
        inked: (num_chars,) whether it is drawn at all.
        sizes: (num_chars,) float32, points.
        raised: (num_chars,) whether it stands above the base line, smaller; None when nothing does.
    """

    text: str
    boxes: Boxes
    bbox: tuple[float, float, float, float]
    size: float
    font: str
    is_bold: bool
    is_level: bool
    number: int
    colors: npt.NDArray[np.uint32] = field(repr=False)
    inked: Mask = field(repr=False)
    sizes: npt.NDArray[np.float32] = field(repr=False)
    raised: Mask | None = field(default=None, repr=False)

    def part(self, start: int, end: int) -> Line:
        """Its characters from one to another, at the place of the whole."""
        return replace(
            self,
            text=self.text[start:end],
            boxes=self.boxes[start:end],
            colors=self.colors[start:end],
            inked=self.inked[start:end],
            sizes=self.sizes[start:end],
            raised=None if self.raised is None else self.raised[start:end],
        )


def lines_of(page: pymupdf.Page) -> list[Line]:
    """The lines of a page's own content, without annotations and fields, in the order in which they are drawn."""
    return _lines(_text_page(page, _FLAGS))


def clipped_in(page: pymupdf.Page, lines: Sequence[Line]) -> list[Mask] | None:
    """For each line which of its characters a clipping path cuts away; None when nothing is, as on nearly all pages."""
    clipped = _text_page(page, _FLAGS | pymupdf.TEXT_CLIP)
    if len(clipped.extractText()) == len(_text_page(page, _FLAGS).extractText()):
        return None
    shown = {place for line in _lines(clipped) for place in _places(line)}
    return [np.array([place not in shown for place in _places(line)], np.bool_) for line in lines]


def num_unlettered(lines: Iterable[Line]) -> int:
    """Characters whose fonts do not say which letters they draw."""
    return sum(len(_UNLETTERED.findall(line.text)) for line in lines)


def _places(line: Line) -> Iterator[tuple[str, float, float]]:
    """Each character with where it stands."""
    return zip(line.text, *line.boxes[:, :2].round(1).T.tolist(), strict=True)


def structured(page: pymupdf.Page) -> str:
    """MuPDF's JSON of a page's lines within the elements of its structure.

    Raises:
        RuntimeError: its structure is damaged.
    """
    found = _text_page(page, _FLAGS | pymupdf.TEXT_COLLECT_STRUCTURE)
    written = pymupdf.mupdf.FzBuffer(1_024)
    output = pymupdf.mupdf.FzOutput(written)
    pymupdf.mupdf.fz_print_stext_page_as_json(output, found.this, 1.0)
    output.fz_close_output()
    content: bytes = written.fz_buffer_extract()
    return content.decode("utf-8", "replace")


def _text_page(page: pymupdf.Page, flags: int) -> pymupdf.TextPage:
    # Of a page's own size it would lose what stands beside the page without a word.
    found = pymupdf.mupdf.FzStextPage(pymupdf.mupdf.FzRect(pymupdf.mupdf.FzRect.Fixed_INFINITE))
    device = pymupdf.mupdf.fz_new_stext_device(found, pymupdf.mupdf.FzStextOptions(flags))
    pymupdf.mupdf.fz_run_page_contents(page.this, device, pymupdf.mupdf.FzMatrix(), pymupdf.mupdf.FzCookie())
    pymupdf.mupdf.fz_close_device(device)
    return pymupdf.TextPage(found)


def _lines(text_page: pymupdf.TextPage) -> list[Line]:
    blocks = text_page.extractRAWDICT()["blocks"]
    lines = _whole_columns([line for block in blocks if block["type"] == 0 for line in block["lines"]])
    made = (_line(line, number) for number, line in enumerate(lines) if any(span["chars"] for span in line["spans"]))
    return [line for line in made if line.text]


def _whole_columns(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines, the letters of vertical writing joined: MuPDF has each of them in a line of its own."""
    joined: list[dict[str, Any]] = []
    for line in lines:
        before = joined[-1] if joined else None
        if before is not None and line["wmode"] and before["wmode"] and _goes_down(before["bbox"], line["bbox"]):
            x0, y0, x1, y1 = (*zip(before["bbox"], line["bbox"], strict=True),)
            before["bbox"] = (min(x0), min(y0), max(x1), max(y1))
            before["spans"] += line["spans"]
        else:
            joined.append(line)
    return joined


def _goes_down(before: Sequence[float], bbox: Sequence[float]) -> bool:
    """Whether a letter stands below what is before it in one column."""
    size = bbox[2] - bbox[0]
    return abs(before[0] - bbox[0]) < 0.5 * size and -0.5 * size < bbox[1] - before[3] < 0.6 * size


def _line(raw: dict[str, Any], number: int) -> Line:
    spans = [span for span in raw["spans"] if span["chars"]]
    chars = list(chain.from_iterable(span["chars"] for span in spans))
    text = _CONTROL.sub(" ", "".join([char["c"] for char in chars]))
    boxes = np.array([char["bbox"] for char in chars], np.float32)
    counts = [len(span["chars"]) for span in spans]
    is_level = raw["wmode"] == 0 and raw["dir"][0] > 0.99
    if is_level:
        _flatten(boxes, np.array([char["origin"][1] for char in chars], np.float32), spans, counts)
    boxes[[char["synthetic"] for char in chars]] = np.nan
    main = spans[int(np.argmax(counts))] if len(spans) > 1 else spans[0]
    colors = np.repeat(np.array([span["color"] for span in spans], np.uint32), counts)
    inked = np.repeat([bool(span["char_flags"] & _INKED) and span["alpha"] > 0 for span in spans], counts)
    sizes = np.repeat(np.array([span["size"] for span in spans], np.float32), counts)
    high = _raised(spans) if len(spans) > 1 and is_level else []
    raised = np.repeat(high, counts) if any(high) else None
    if raised is not None:
        main = spans[int(np.argmax(np.where(high, 0, counts)))]
    if _LIGATURE.search(text):
        parts = [unicodedata.normalize("NFKC", char) if _LIGATURE.match(char) else char for char in text]
        again = np.repeat(np.arange(len(text)), [len(part) for part in parts])
        text, boxes, colors, inked, sizes = "".join(parts), boxes[again], colors[again], inked[again], sizes[again]
        raised = None if raised is None else raised[again]
    heavy = bool(main["flags"] & pymupdf.TEXT_FONT_BOLD or main["char_flags"] & 8)
    bbox, size, font = tuple(raw["bbox"]), main["size"], main["font"]
    return Line(text, boxes, bbox, size, font, heavy, is_level, number, colors, inked, sizes, raised)


def _raised(spans: list[dict[str, Any]]) -> list[bool]:
    """Which parts of a line stand above its base line in smaller type; MuPDF's own flag forgets a line's first."""
    base = max(spans, key=lambda span: (round(span["size"], 1), span["origin"][1]))  # a space may be raised
    size, y = base["size"], base["origin"][1]
    return [span["size"] < _RAISED_SIZE * size and y - span["origin"][1] > _RAISED_LIFT * size for span in spans]


def _flatten(boxes: Boxes, origins: npt.NDArray[np.float32], spans: list[dict[str, Any]], counts: list[int]) -> None:
    """Boxes no higher than the type about its base line, whatever the font says of its own height."""
    tops = np.repeat(np.array([span["size"] * max(span["ascender"], 0.5) for span in spans], np.float32), counts)
    depths = np.repeat(np.array([span["size"] * min(span["descender"], -0.1) for span in spans], np.float32), counts)
    np.maximum(boxes[:, 1], origins - tops, out=boxes[:, 1])
    np.minimum(boxes[:, 3], origins - depths, out=boxes[:, 3])
