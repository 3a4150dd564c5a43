"""What stands on a page beside its text: form fields with their values, and annotations.

Each becomes a line behind the page's text, all of it ours, with the place of the field or the mark.

Not covered: what the marks look like.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pymupdf

from workbench.documents.layout import Boxes, RegionKind
from workbench.documents.readers.pdf.draft import Draft
from workbench.documents.readers.pdf.opening import DAMAGE

_MUTE = {pymupdf.PDF_ANNOT_LINK, pymupdf.PDF_ANNOT_POPUP, pymupdf.PDF_ANNOT_WIDGET}
_CHECKED = {pymupdf.PDF_WIDGET_TYPE_CHECKBOX, pymupdf.PDF_WIDGET_TYPE_RADIOBUTTON}
_UNFILLED = {pymupdf.PDF_WIDGET_TYPE_BUTTON, pymupdf.PDF_WIDGET_TYPE_SIGNATURE}


@dataclass(frozen=True, slots=True)
class Beside:
    """A field or annotation.

    Attributes:
        kind: which of the two.
        name: as people call it.
        text: its value or words; empty for a field that is not filled in.
        rect: its place.
    """

    kind: RegionKind
    name: str
    text: str
    rect: tuple[float, float, float, float]


def beside_text(page: pymupdf.Page) -> list[Beside]:
    """The fields and annotations of a page, in the file's order."""
    return [*_fields(page), *_annotations(page)]


def add_beside(draft: Draft, found: list[Beside]) -> None:
    """Add those that say something, a line each."""
    for one in found:
        if one.text:
            start = draft.num_chars
            shown = f"{one.name}: {one.text}" if one.kind == "field" else f"[{one.name}: {one.text}]"
            boxes: Boxes = np.tile(np.array(one.rect, np.float32), (len(shown), 1))
            draft.add(shown, boxes, made=True)
            draft.name(one.kind, one.name, start)
            draft.add("\n")


def _fields(page: pymupdf.Page) -> Iterator[Beside]:
    for field in page.widgets():
        if field.field_type in _UNFILLED:
            continue
        name = " ".join(str(field.field_label or field.field_name or "field").split())
        value = field.field_value
        if field.field_type in _CHECKED:
            text = "checked" if value not in (None, False, "", "Off") else ""
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value or "")
        yield Beside("field", name, " ".join(text.split()), _place(page, field.rect))


def _annotations(page: pymupdf.Page) -> Iterator[Beside]:
    for mark in page.annots():
        kind, shown = mark.type[0], mark.type[1]
        if kind in _MUTE:
            continue
        words = mark.info.get("content", "") or _drawn_text(mark)
        by = " ".join(mark.info.get("title", "").split())
        yield Beside(
            "annotation", f"{shown} by {by}" if by else shown, " ".join(words.split()), _place(page, mark.rect)
        )


def _drawn_text(mark: pymupdf.Annot) -> str:
    """The words of a stamp, which has them in its picture only."""
    try:
        words: str = mark.get_text("text") if mark.type[0] == pymupdf.PDF_ANNOT_STAMP else ""
    except DAMAGE:
        return ""
    return words


def _place(page: pymupdf.Page, rect: pymupdf.Rect) -> tuple[float, float, float, float]:
    x0, y0, x1, y1 = rect * page.rotation_matrix if page.rotation else rect
    return x0, y0, x1, y1
