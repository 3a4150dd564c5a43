"""One page added to the draft: its text in order, then its fields and annotations; its status, its label.

Not covered: several pages (reading), what is decided when all are read (findings).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pymupdf

from workbench.documents.document import PageStatus
from workbench.documents.layout import Boxes
from workbench.documents.parsed import ReadOptions
from workbench.documents.readers.pdf import ocr
from workbench.documents.readers.pdf.draft import Draft
from workbench.documents.readers.pdf.drawn import Drawn, drawn_on
from workbench.documents.readers.pdf.fields import add_beside, beside_text
from workbench.documents.readers.pdf.findings import Findings, Hidden
from workbench.documents.readers.pdf.glyphs import Line, lines_of
from workbench.documents.readers.pdf.headings import Shown
from workbench.documents.readers.pdf.hidden import REASONS, Codes, fills_page, hidden_in
from workbench.documents.readers.pdf.hyphens import may_part
from workbench.documents.readers.pdf.opening import DAMAGE
from workbench.documents.readers.pdf.order import in_order
from workbench.documents.readers.pdf.running import Edge, near_edge
from workbench.documents.readers.pdf.tables import Piece, Table, with_tables
from workbench.types import Span

_MAX_PATHS = 50
"""Drawn lines a page without text may have and still be empty: a frame, a rule. More of them are drawn letters."""
_FEW_CHARS = 200
"""Characters, such as a stamp or a page number, up to which a picture that fills the page is taken for its text."""
_OCR = 1 + REASONS.index("OCR layer")


def read_page(pdf: pymupdf.Document, index: int, draft: Draft, findings: Findings, options: ReadOptions) -> None:
    """Add a page, whatever state it is in."""
    start = draft.num_chars
    try:
        page = pdf[index]
        lines = lines_of(page)
        drawn = drawn_on(page)
        codes = hidden_in(page, lines, drawn)
        parts = in_order(with_tables(page, lines, drawn))
    except DAMAGE:
        draft.finish(_label(pdf, index), "unreadable", "the page is damaged")
        return
    adder = _Adder(draft, findings, index, page.rect.height, drop_hidden=options.hidden == "drop")
    reasons = {line.number: code for line, code in zip(lines, codes, strict=True)}
    for part in parts:
        if isinstance(part, Table):
            adder.add_table(part, reasons)
        else:
            adder.add(part, reasons[part.number])
    num_read = draft.num_chars - start
    told = ""
    if num_read < _FEW_CHARS and index + 1 not in findings.layers[-1:]:
        told = _read_picture(page, drawn, lines, adder, findings, options)
    status: PageStatus = "ocr" if draft.num_chars - start > num_read else "read"
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
        draft.finish(_label(pdf, index), _without_text(drawn), told or "nothing is on the page")


class _Adder:
    """Adds the lines of one page, and notes what can be decided later only."""

    def __init__(self, draft: Draft, findings: Findings, index: int, height: float, *, drop_hidden: bool) -> None:
        self._draft, self._findings = draft, findings
        self._index, self._height = index, height
        self._drop_hidden = drop_hidden
        self._before: Shown | None = None
        self._num_tables = 0

    def add(self, line: Line, codes: Codes, *, made: bool = False) -> None:
        """A line, or what is left of it."""
        if codes.any():
            kept = self._without_hidden(line, codes)
            if kept is None:
                return
            line = kept
        if not line.text.strip():
            return
        span = self._draft.add(line.text, line.boxes, made=made)
        self._draft.add("\n")
        shown = Shown(*span, self._index, line.bbox, line.size, line.font, line.is_bold)
        self._note(line, shown)

    def add_table(self, table: Table, codes: dict[int, Codes]) -> None:
        """A table as Markdown, its first row as the head."""
        start = self._draft.num_chars
        num_columns = max(len(row) for row in table.rows)
        for number, row in enumerate(table.rows):
            self._draft.add("|", made=True)
            for cell in row:
                self._draft.add(" ", made=True)
                for piece in cell:
                    self._add_piece(piece, codes[piece.line.number])
                self._draft.add("|", made=True)
            self._draft.add("\n")
            if number == 0:
                self._draft.add("|" + " --- |" * num_columns + "\n", made=True)
        self._num_tables += 1
        self._draft.name("table", f"table {self._num_tables} on page {self._index + 1}", start)

    def _add_piece(self, piece: Piece, codes: Codes) -> None:
        """What stands in a cell; a pipe of its own is escaped."""
        line = piece.line.part(piece.start, piece.end)
        codes = codes[piece.start : piece.end]
        kept = self._without_hidden(line, codes) if codes.any() else line
        if kept is None:
            return
        at = 0
        for pipe in [n for n, char in enumerate(kept.text) if char == "|"]:
            self._draft.add(kept.text[at:pipe], kept.boxes[at:pipe])
            self._draft.add("\\", made=True)
            at = pipe
        self._draft.add(kept.text[at:], kept.boxes[at:])
        self._draft.add(" ")

    def _note(self, line: Line, shown: Shown) -> None:
        before, self._before = self._before, shown
        self._findings.lines.append(shown)
        is_top = near_edge(line.bbox, self._height)
        if is_top is not None:
            span = Span(shown.start_char, shown.end_char + 1)
            self._findings.edges.append(Edge(self._index, span, line.text, is_top, line.bbox[1]))
        if before is None or before.end_char + 1 != shown.start_char or not line.text.lstrip()[:1].islower():
            return
        if _goes_on(before, shown) and may_part(self._draft.pieces[-4], line.text):
            self._findings.parted.append(Span(before.start_char, shown.end_char))

    def _without_hidden(self, line: Line, codes: Codes) -> Line | None:
        """The line itself when hidden text stays, what is left of it when that goes."""
        findings, number = self._findings, self._index + 1
        if (codes == _OCR).any() and number not in findings.layers[-1:]:
            findings.layers.append(number)
        runs = _runs(line.text, np.where(codes == _OCR, 0, codes).astype(np.uint8))
        for start, end, code in runs:
            at = None if self._drop_hidden else Span(self._draft.num_chars + start, self._draft.num_chars + end)
            findings.hidden.append(Hidden(number, REASONS[code - 1], line.text[start:end], at))
        if not self._drop_hidden or not runs:
            return line
        stays = np.ones(len(line.text), np.bool_)
        for start, end, _ in runs:
            stays[start:end] = False
        text = "".join(char for char, stay in zip(line.text, stays, strict=True) if stay)
        boxes: Boxes = line.boxes[stays]
        return replace(line, text=text, boxes=boxes) if text.strip() else None


def _runs(text: str, codes: Codes) -> list[tuple[int, int, int]]:
    """Start, end and code of what is hidden; a space between hidden words belongs to them."""
    runs: list[tuple[int, int, int]] = []
    for at in np.flatnonzero(codes).tolist():
        code = int(codes[at])
        if runs and runs[-1][2] == code and not text[runs[-1][1] : at].strip():
            runs[-1] = (runs[-1][0], at + 1, code)
        else:
            runs.append((at, at + 1, code))
    return runs


def _goes_on(before: Shown, line: Shown) -> bool:
    """Whether a line is the next one of the same text: below the other, or at the top of the next column."""
    if abs(before.size - line.size) > 0.6:
        return False
    below = 0 < line.bbox[1] - before.bbox[1] < 3 * line.size
    overlap = line.bbox[0] < before.bbox[2] and before.bbox[0] < line.bbox[2]
    return (below and overlap) or (line.bbox[1] < before.bbox[1] and line.bbox[0] >= before.bbox[2])


def _label(pdf: pymupdf.Document, index: int) -> str:
    try:
        return " ".join(pdf[index].get_label().split())
    except DAMAGE:
        return ""


def _without_text(drawn: Drawn) -> PageStatus:
    """``scanned`` when something is to be seen: a picture, or letters drawn as lines."""
    return "scanned" if len(drawn.images) or drawn.num_paths > _MAX_PATHS else "empty"


def _read_picture(
    page: pymupdf.Page, drawn: Drawn, lines: list[Line], adder: _Adder, findings: Findings, options: ReadOptions
) -> str:
    """Recognise what text there is in a page that is a picture, beside the few words it has; says what became of it."""
    if not (drawn.num_paths > _MAX_PATHS or len(drawn.images)) or (lines and not fills_page(drawn, page.rect)):
        return ""
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
    for line in in_order(found):
        adder.add(line, np.zeros(len(line.text), np.uint8), made=True)
    return "its text was recognised in a picture"


def _overlap(line: Line, other: Line) -> bool:
    """Whether most of one line lies within the other."""
    x = min(line.bbox[2], other.bbox[2]) - max(line.bbox[0], other.bbox[0])
    y = min(line.bbox[3], other.bbox[3]) - max(line.bbox[1], other.bbox[1])
    return x > 0.5 * (line.bbox[2] - line.bbox[0]) and y > 0.5 * (other.bbox[3] - other.bbox[1])
