"""Word files: paragraphs, headings, lists with their numbers, tables, text boxes, notes, comments, headers.

Read is what Word shows with all tracked changes accepted. python-docx would do the unpacking but gives no text of
tracked insertions, content controls, text boxes or notes, so the elements are walked here (lxml). Pages are those of
Word's last layout where the file has them, else made ones.

Not covered: pictures, charts and embedded files (counted, and said).
"""

from __future__ import annotations

from workbench.documents.draft import Draft
from workbench.documents.layout import RegionKind
from workbench.documents.parsed import Job, Parsed
from workbench.documents.readers.numbering import BULLET, Numbering
from workbench.documents.readers.package import Element, Package, attribute, below, child, local, whole
from workbench.documents.readers.runs import DELETED, NOTES, SKIPPED, Changes, Token, tokens
from workbench.documents.readers.styles import Styles
from workbench.errors import DocumentError
from workbench.types import Span


def read_docx(job: Job) -> Parsed:
    """A Word file.

    Raises:
        DocumentError: it is damaged or unsafe.
    """
    package = Package(job.data, job.name)
    main = package.main()
    root = package.xml(main)
    body = child(root, "body")
    if body is None:
        raise DocumentError(f"{job.name} is damaged: its text cannot be found. Save it anew in Word or LibreOffice.")
    writer = _Writer(package, main, job, body)
    writer.blocks(body)
    writer.rest()
    job.report(1, 1)
    return writer.draft.parsed()


class _Writer:
    """Writes blocks of a Word file into a draft."""

    def __init__(self, package: Package, main: str, job: Job, body: Element) -> None:
        self.draft = Draft()
        self._package, self._main, self._options = package, main, job.options

        def part(kind: str) -> Element | None:
            found = package.related(main, kind)
            return package.xml(found[0]) if found else None

        self._styles = Styles(part("styles"))
        self._numbering = Numbering.of(part("numbering"))
        self._notes: dict[tuple[str, str], Element] = {}
        for kind in ("footnote", "endnote", "comment"):
            for note in below(root, kind) if (root := part(f"{kind}s")) is not None else ():
                if attribute(note, "type") in (None, "normal"):
                    self._notes[kind, attribute(note, "id") or ""] = note
        self._numbers: dict[tuple[str, str], int] = {}
        self._called: list[tuple[str, str]] = []
        self._changes = Changes()
        self._hidden: list[Span] = []
        self._hidden_chars = 0
        # Word notes where its pages ended when it last laid the text out.
        self._paged = next(below(body, "lastRenderedPageBreak"), None) is not None
        if self._paged:
            self.draft.page("1")

    def blocks(self, parent: Element) -> None:
        """Paragraphs and tables, in order."""
        for element in parent:
            name = local(element)
            if name == "p":
                self._paragraph(element)
            elif name == "tbl":
                self._table(element)
                self._write_called()
            elif name in DELETED:
                self._changes.delete(element)
            elif name not in SKIPPED:
                self.blocks(element)

    def _paragraph(self, paragraph: Element) -> None:
        pieces = list(tokens(paragraph, self._changes))
        level = self._styles.level(paragraph)
        title = "".join(token.text for token in pieces if token.kind == "text")
        listed = self._styles.list_of(paragraph) if title.strip() else None
        label = self._numbering.label(*listed) if listed else ""
        before = self.draft.num_chars
        if title.strip() and pieces[0].kind == "page":
            self._emit(pieces.pop(0))
        if level:
            self.draft.head(level, f"{label} {title}" if label not in ("", BULLET) else title)
        if label:
            self.draft.make(("  " * listed[1] if listed and not level else "") + label + " ")
        for token in pieces:
            self._emit(token)
        if self.draft.num_chars > before:
            self.draft.add("\n" if listed and not level else "\n\n")
        for token in pieces:
            if token.kind == "box" and token.element is not None:
                self.blocks(token.element)
        self._write_called()

    def _emit(self, token: Token, *, in_cell: bool = False) -> None:
        """Write a token; what ends a line or a cell is escaped within a table."""
        if token.kind in ("text", "hidden"):
            start = self.draft.num_chars
            if token.kind == "hidden":
                self._hidden_chars += len(token.text)
            if token.kind == "text" or self._options.hidden == "keep":
                self.draft.cell(token.text, squeeze=False) if in_cell else self.draft.add(token.text)
            if token.kind == "hidden" and self.draft.num_chars > start:
                self._hidden.append(Span(start, self.draft.num_chars))
        elif token.kind == "note" and token.element is not None:
            key = NOTES[local(token.element)], attribute(token.element, "id") or ""
            self.draft.make(f"[^{self._mark(*key)}]")
            self._called.append(key)
        elif token.kind == "comment" and token.element is not None:
            self._called.append(("comment", attribute(token.element, "id") or ""))
        elif token.kind == "page" and self._paged and not in_cell:
            self.draft.page(str(self.draft.num_pages + 1))

    def _table(self, table: Element) -> None:
        rows = [row for row in below(table, "tr") if next(row.iterancestors(table.tag)) is table]
        kept = [row for row in rows if child(row, "trPr", "del") is None]
        for row in rows:
            if child(row, "trPr", "del") is not None:
                self._changes.delete(row)
        widths = [sum(_span(cell) for cell in below(row, "tc") if _row_of(cell) is row) for row in kept]
        width = max(widths, default=0)
        for index, row in enumerate(kept):
            for cell in below(row, "tc"):
                if _row_of(cell) is row:
                    self.draft.make("| ")
                    self._cell(cell)
                    self.draft.make(" " + "| " * (_span(cell) - 1))
            self.draft.make("| " * (width - widths[index]) + "|\n")
            if index == 0:
                self.draft.make("| --- " * width + "|\n")
        self.draft.make("\n" if kept else "")

    def _cell(self, cell: Element) -> None:
        """A cell's paragraphs on one line; tables and boxes within it are flattened into it."""
        for number, paragraph in enumerate(below(cell, "p")):
            if next(paragraph.iterancestors("{*}Fallback"), None) is not None:
                continue
            self.draft.make(" " if number else "")
            for token in tokens(paragraph, self._changes):
                self._emit(token, in_cell=True)

    def _write_called(self) -> None:
        """The notes and comments that were called since the last time."""
        called, self._called = self._called, []
        for kind, note_id in called:
            note = self._notes.pop((kind, note_id), None)
            if note is not None:
                self._note(kind, note_id, note)

    def _note(self, kind: str, note_id: str, note: Element) -> None:
        author = attribute(note, "author") or "unnamed"
        region: RegionKind = "annotation" if kind == "comment" else "note"
        mark = self._mark(kind, note_id)
        with self.draft.region(region, f"comment by {author}" if kind == "comment" else f"{kind} {mark}"):
            self.draft.make(f"[Comment by {author}: " if kind == "comment" else f"[^{mark}]: ")
            self._cell(note)
            self.draft.make("]" if kind == "comment" else "")
        self.draft.add("\n\n")

    def _mark(self, kind: str, note_id: str) -> str:
        """The number of a note, in the order of their calls; endnotes have an e before it."""
        numbers = [key for key in self._numbers if key[0] == kind]
        number = self._numbers.setdefault((kind, note_id), len(numbers) + 1)
        return f"e{number}" if kind == "endnote" else str(number)

    def rest(self) -> None:
        """Notes that nothing calls, headers and footers, and what the user should know."""
        for (kind, note_id), note in [*self._notes.items()]:
            if "".join(text.text or "" for text in below(note, "t")).strip():
                self._note(kind, note_id, note)
        self._headers()
        changes = self._changes
        if changes.inserted or changes.deleted:
            self.draft.warn(
                "changes",
                f"Tracked changes: {changes.inserted} insertions are read as accepted; {changes.deleted} deletions "
                f"({changes.deleted_chars:,} characters) are left out. To read those too, reject them in Word and "
                "save.",
            )
        if self._hidden_chars:
            done = "kept" if self._options.hidden == "keep" else "left out"
            message = f"{self._hidden_chars:,} characters are formatted as hidden text; they were {done}."
            self.draft.warn("hidden", message, spans=self._hidden)
        self._unread()

    def _headers(self) -> None:
        seen: dict[str, Element] = {}
        for kind in ("header", "footer"):
            for path in self._package.related(self._main, kind):
                root = self._package.xml(path)
                text = "".join(one.text or "" for one in below(root, "t")) if root is not None else ""
                if root is not None and text.strip():
                    seen.setdefault(" ".join(text.split()), root)
        if not seen:
            return
        if self._options.headers == "drop":
            self.draft.warn("headers", f"{len(seen)} headers and footers were left out, as asked.")
            return
        with self.draft.region("note", "headers and footers"):
            self.draft.make("[Headers and footers]\n")
            for root in seen.values():
                self.blocks(root)

    def _unread(self) -> None:
        """What has no text that we read."""
        parts = self._package.relations(self._main).values()
        for kinds, what, advice in (
            (("image",), "pictures", "If one holds text, print the file to a PDF and run OCR on it"),
            (("chart", "chartEx", "diagramData"), "charts and diagrams", "Print the file to a PDF to read their words"),
            (("package", "oleObject", "aFChunk"), "embedded files", "Save them from Word and load them in a list"),
        ):
            num = len({path for kind, path in parts if kind in kinds})
            if num:
                self.draft.warn("skipped", f"{num} {what} were not read. {advice}.")


def _row_of(cell: Element) -> Element:
    return next(one for one in cell.iterancestors() if local(one) == "tr")


def _span(cell: Element) -> int:
    """Columns that a cell reaches over; no table has more than Word's 63."""
    return min(max(whole(attribute(child(cell, "tcPr", "gridSpan"), "val"), 1), 1), 63)
