"""Lines and tables of one page go into the draft, and what can be decided later only is noted.

Not covered: which lines, in which order (pages, order); what is decided (running, hyphens, headings).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from workbench.documents.layout import Boxes
from workbench.documents.readers.pdf.draft import Draft
from workbench.documents.readers.pdf.findings import Findings, Hidden
from workbench.documents.readers.pdf.glyphs import Line
from workbench.documents.readers.pdf.headings import Shown
from workbench.documents.readers.pdf.hidden import REASONS, Codes
from workbench.documents.readers.pdf.hyphens import may_part
from workbench.documents.readers.pdf.notes import calls_in
from workbench.documents.readers.pdf.running import Edge, near_edge
from workbench.documents.readers.pdf.tables import Piece, Table
from workbench.types import Span

_OCR = 1 + REASONS.index("OCR layer")


class Adder:
    """Adds the lines of one page, and notes what can be decided later only."""

    def __init__(
        self,
        draft: Draft,
        findings: Findings,
        index: int,
        height: float,
        notes: Mapping[int, str],
        *,
        drop_hidden: bool,
    ) -> None:
        self._draft, self._findings = draft, findings
        self._index, self._height = index, height
        self._drop_hidden = drop_hidden
        self._notes, self._marks = notes, frozenset(filter(None, notes.values()))
        self._note: tuple[str, int] | None = None  # mark and first character of the one that is being added
        self._before: Shown | None = None
        self._text_before = ""
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
        if self._notes.get(line.number, line.text):
            self.end_note()
        start = self._draft.num_chars
        if mark := self._notes.get(line.number):
            self._note = mark, start
        # Where hidden text was found places are counted already; no mark may move them.
        self._add_text(line, [] if codes.any() or made else calls_in(line, self._marks), made=made)
        shown = Shown(start, self._draft.num_chars, self._index, line.bbox, line.size, line.font, line.is_bold)
        self._draft.add("\n")
        self._remember(line, shown)

    def _add_text(self, line: Line, calls: list[tuple[int, int]], *, made: bool) -> None:
        """A line with the calls of notes, and the mark of one, written as in Markdown."""
        at = 0
        for start, end in calls:
            self._draft.add(line.text[at:start], line.boxes[at:start])
            self._draft.add("[^", made=True)
            self._draft.add(line.text[start:end], line.boxes[start:end])
            self._draft.add("]" if line.text[:start].strip() else "]: ", made=True)
            at = end
        self._draft.add(line.text[at:], line.boxes[at:], made=made)

    def end_note(self) -> None:
        """The note that was being added ends before what comes next."""
        if self._note is not None:
            mark, start = self._note
            self._draft.name("note", f"note {mark} on page {self._index + 1}", start)
            self._note = None

    def add_table(self, table: Table, codes: dict[int, Codes]) -> None:
        """A table as Markdown, its first row as the head."""
        self.end_note()
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

    def _remember(self, line: Line, shown: Shown) -> None:
        before, self._before = self._before, shown
        text_before, self._text_before = self._text_before, line.text
        self._findings.lines.append(shown)
        is_top = near_edge(line.bbox, self._height)
        if is_top is not None:
            span = Span(shown.start_char, shown.end_char + 1)
            self._findings.edges.append(Edge(self._index, span, line.text, is_top, line.bbox[1]))
        if before is None or before.end_char + 1 != shown.start_char or not line.text.lstrip()[:1].islower():
            return
        if _goes_on(before, shown) and may_part(text_before, line.text):
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
        raised = None if line.raised is None else line.raised[stays]
        return replace(line, text=text, boxes=boxes, raised=raised) if text.strip() else None


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
