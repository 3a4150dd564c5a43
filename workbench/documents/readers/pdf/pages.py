"""One page added to the draft: its text in order, its status, its label.

Not covered: several pages (reading).
"""

from __future__ import annotations

import pymupdf

from workbench.documents.document import PageStatus
from workbench.documents.readers.pdf.draft import Draft
from workbench.documents.readers.pdf.glyphs import lines_of
from workbench.documents.readers.pdf.opening import DAMAGE

_MAX_LINES = 50
"""Drawn lines a page without text may have and still be empty: a frame, a rule. More of them are drawn letters."""


def read_page(pdf: pymupdf.Document, index: int, draft: Draft) -> None:
    """Add a page, whatever state it is in."""
    try:
        page = pdf[index]
        lines = lines_of(page)
        status: PageStatus = "read" if any(line.text.strip() for line in lines) else _without_text(page)
    except DAMAGE:
        draft.finish(_label(pdf, index), "unreadable")
        return
    if status == "read":
        for line in lines:
            draft.add(line.text, line.boxes)
            draft.add("\n")
    draft.finish(_label(pdf, index), status)


def _label(pdf: pymupdf.Document, index: int) -> str:
    try:
        return " ".join(pdf[index].get_label().split())
    except DAMAGE:
        return ""


def _without_text(page: pymupdf.Page) -> PageStatus:
    """``scanned`` when something is to be seen: a picture, or letters drawn as lines."""
    drawn = [kind for kind, _ in page.get_bboxlog()]
    pictures = any(kind.startswith("fill-im") for kind in drawn)
    return "scanned" if pictures or sum(kind.endswith("-path") for kind in drawn) > _MAX_LINES else "empty"
