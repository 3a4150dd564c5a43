"""One page added to the draft: its text in order, then its fields and annotations; its status, its label.

Not covered: several pages (reading), what is decided when all are read (findings).
"""

from __future__ import annotations

import numpy as np
import pymupdf

from workbench.documents.document import PageStatus
from workbench.documents.parsed import ReadOptions
from workbench.documents.readers.pdf import ocr
from workbench.documents.readers.pdf.adding import Adder
from workbench.documents.readers.pdf.draft import Draft
from workbench.documents.readers.pdf.drawn import Drawn, drawn_on
from workbench.documents.readers.pdf.fields import add_beside, beside_text
from workbench.documents.readers.pdf.findings import Findings
from workbench.documents.readers.pdf.glyphs import Line, lines_of, num_unlettered
from workbench.documents.readers.pdf.hidden import fills_page, hidden_in
from workbench.documents.readers.pdf.notes import notes_on
from workbench.documents.readers.pdf.opening import DAMAGE
from workbench.documents.readers.pdf.order import in_order
from workbench.documents.readers.pdf.tables import Table, with_tables

_MAX_PATHS = 50
"""Drawn lines a page without text may have and still be empty: a frame, a rule. More of them are drawn letters."""
_FEW_CHARS = 200
"""Characters, such as a stamp or a page number, up to which a picture that fills the page is taken for its text."""


_MAX_UNLETTERED = 0.3
"""Share of characters without a letter from which the rest of a page is not to be trusted either."""
_WORDLESS = "its fonts do not say which letters they draw"


def read_page(pdf: pymupdf.Document, index: int, draft: Draft, findings: Findings, options: ReadOptions) -> None:
    """Add a page, whatever state it is in."""
    start = draft.num_chars
    try:
        page = pdf[index]
        lines = lines_of(page)
        is_wordless = _is_wordless(lines, index + 1, findings)
        if is_wordless:
            lines = []
        drawn = drawn_on(page)
        codes = hidden_in(page, lines, drawn)
        parts = in_order(with_tables(page, lines, drawn))
    except DAMAGE:
        draft.finish(_label(pdf, index), "unreadable", "the page is damaged")
        return
    notes = notes_on([part for part in parts if isinstance(part, Line)])
    adder = Adder(draft, findings, index, page.rect.height, notes, drop_hidden=options.hidden == "drop")
    reasons = {line.number: code for line, code in zip(lines, codes, strict=True)}
    for part in parts:
        if isinstance(part, Table):
            adder.add_table(part, reasons)
        else:
            adder.add(part, reasons[part.number])
    adder.end_note()
    num_read = draft.num_chars - start
    told = ""
    if num_read < _FEW_CHARS and index + 1 not in findings.layers[-1:]:
        is_picture = is_wordless or _is_picture(page, drawn, lines)
        told = _read_picture(page, lines, adder, findings, options) if is_picture else ""
    status: PageStatus = "ocr" if draft.num_chars - start > num_read else "read"
    if is_wordless and status == "ocr":
        told = f"{_WORDLESS}; {told}"
    elif is_wordless:
        told = _WORDLESS
        findings.wordless.append(index + 1)
    try:
        beside = beside_text(page)
    except DAMAGE:
        beside = []
        findings.unread.append(index + 1)
    add_beside(draft, beside)
    if fields := [one for one in beside if one.kind == "field"]:
        findings.fields[index + 1] = sum(bool(one.text) for one in fields), len(fields)
    if draft.num_chars > start:
        draft.finish(_label(pdf, index), status, told)
    else:
        status = "unreadable" if is_wordless else _without_text(drawn)
        draft.finish(_label(pdf, index), status, told or "nothing is on the page")


def _label(pdf: pymupdf.Document, index: int) -> str:
    try:
        return " ".join(pdf[index].get_label().split())
    except DAMAGE:
        return ""


def _without_text(drawn: Drawn) -> PageStatus:
    """``scanned`` when something is to be seen: a picture, or letters drawn as lines."""
    return "scanned" if len(drawn.images) or drawn.num_paths > _MAX_PATHS else "empty"


def _is_wordless(lines: list[Line], number: int, findings: Findings) -> bool:
    """Whether so few of a page's characters have a letter that it cannot be read; notes the others' lacks."""
    unlettered = num_unlettered(lines)
    is_wordless = unlettered > _MAX_UNLETTERED * sum(len("".join(line.text.split())) for line in lines)
    if unlettered and not is_wordless:
        findings.unlettered[number] = unlettered
    return is_wordless


def _is_picture(page: pymupdf.Page, drawn: Drawn, lines: list[Line]) -> bool:
    """Whether there is a picture or drawing where the text would be."""
    seen = drawn.num_paths > _MAX_PATHS or len(drawn.images) > 0
    return seen and (not lines or fills_page(drawn, page.rect))


def _read_picture(page: pymupdf.Page, lines: list[Line], adder: Adder, findings: Findings, options: ReadOptions) -> str:
    """Recognise what text there is in a page that is a picture, beside the few words it has; says what became of it."""
    number = page.number + 1
    if not options.ocr or not ocr.is_installed():
        findings.pictures.append(number)
        return "the page is a picture; what is in it was not read"
    try:
        found = [line for line in ocr.recognised(page) if not any(_overlap(line, other) for other in lines)]
    except DAMAGE as error:
        findings.pictures.append(number)
        return f"the page is a picture; OCR failed: {error}"
    if not found:
        return "the page is a picture; no text was found in it"
    findings.recognised.append(number)
    for line in found:
        adder.add(line, np.zeros(len(line.text), np.uint8), made=True)
    return "its text was recognised in a picture"


def _overlap(line: Line, other: Line) -> bool:
    """Whether most of one line lies within the other."""
    x = min(line.bbox[2], other.bbox[2]) - max(line.bbox[0], other.bbox[0])
    y = min(line.bbox[3], other.bbox[3]) - max(line.bbox[1], other.bbox[1])
    return x > 0.5 * (line.bbox[2] - line.bbox[0]) and y > 0.5 * (other.bbox[3] - other.bbox[1])
