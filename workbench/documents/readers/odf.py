"""OpenDocument files (LibreOffice): text, sheets and slides.

The elements are walked here (lxml): what repeats a million times costs nothing unless it holds something.

Not covered: pictures and charts (counted, and said), numbers of lists and headings (bullets stand for them), locked
files.
"""

from __future__ import annotations

from collections.abc import Iterator

from workbench.documents.draft import Draft
from workbench.documents.layout import RegionKind
from workbench.documents.parsed import Job, Parsed
from workbench.documents.readers.ods import child_text, own, times, write_sheets
from workbench.documents.readers.package import Element, Package, attribute, below, child, local, whole
from workbench.errors import DocumentError

_MAX_REPEATS = 1_000
"""Times that a repeated row or cell of a table in running text is written."""


def read_odf(job: Job) -> Parsed:
    """An OpenDocument text, sheet or presentation.

    Raises:
        DocumentError: it is damaged, locked or unsafe.
    """
    package = Package(job.data, job.name)
    manifest = package.xml("META-INF/manifest.xml")
    if manifest is not None and next(below(manifest, "encryption-data"), None) is not None:
        raise DocumentError(f"{job.name} is locked with a password. Save a copy without one in LibreOffice.")
    root = package.xml("content.xml")
    body = child(root, "body")
    kind = (
        next((one for one in body if local(one) in ("text", "spreadsheet", "presentation")), None)
        if body is not None
        else None
    )
    if root is None or kind is None:
        raise DocumentError(f"{job.name} is damaged: its text cannot be found. Save it anew in LibreOffice.")
    writer = _Writer(job)
    if local(kind) == "spreadsheet":
        write_sheets(writer.draft, kind, root, job)
    elif local(kind) == "presentation":
        writer.slides(kind)
    else:
        writer.blocks(kind)
    writer.headers(package.xml("styles.xml"))
    writer.unread(kind, package)
    return writer.draft.parsed()


class _Writer:
    """Writes blocks of text into a draft."""

    def __init__(self, job: Job) -> None:
        self.draft = Draft()
        self._job = job
        self._notes: list[tuple[RegionKind, str, str, Element]] = []
        self._num_notes = 0

    def blocks(self, parent: Element, depth: int = 0) -> None:
        """Paragraphs, lists, tables and sections, in order."""
        for element in parent:
            name = local(element)
            if name in ("p", "h"):
                self._paragraph(element, depth)
            elif name == "table":
                self._table(element)
            elif name in ("list", "list-item", "list-header"):
                self.blocks(element, depth + (name == "list"))
            elif name == "tracked-changes":
                self._changes(element)
            elif name not in ("notes", "forms", "annotation", "styles"):
                self.blocks(element, depth)

    def _paragraph(self, paragraph: Element, depth: int) -> None:
        text = "".join(self._inline(paragraph))
        if text.strip():
            if local(paragraph) == "h":
                self.draft.head(max(whole(attribute(paragraph, "outline-level"), 1), 1), text)
            elif depth:
                self.draft.make("  " * (depth - 1) + "• ")
            self._write(text)
            self.draft.add("\n" if depth else "\n\n")
        for box in below(paragraph, "text-box"):
            if next((one for one in box.iterancestors() if local(one) in ("text-box", "p", "h")), None) is paragraph:
                self.blocks(box)
        self._write_notes()

    def _write(self, text: str) -> None:
        """Text whose calls of notes, between private characters, are the reader's own."""
        for index, piece in enumerate(text.split("\0")):
            (self.draft.make if index % 2 else self.draft.add)(piece)

    def _inline(self, parent: Element) -> Iterator[str]:
        """The words of a paragraph; notes are kept for later and their calls stand between zero characters."""
        yield parent.text or ""
        for element in parent:
            name = local(element)
            if name == "s":
                yield " " * min(max(whole(attribute(element, "c"), 1), 1), 1_000)
            elif name in ("tab", "line-break"):
                yield "\t" if name == "tab" else "\n"
            elif name == "note":
                self._num_notes += 1
                self._notes.append(("note", f"note {self._num_notes}", f"[^{self._num_notes}]: ", element))
                yield f"\0[^{self._num_notes}]\0"
            elif name == "annotation":
                author = "".join(child_text(element, "creator")) or "unnamed"
                self._notes.append(("annotation", f"comment by {author}", f"[Comment by {author}] ", element))
            elif name and name not in ("text-box", "object", "note-citation"):
                yield from self._inline(element)
            yield element.tail or ""

    def _write_notes(self) -> None:
        notes, self._notes = self._notes, []
        for kind, name, mark, element in notes:
            with self.draft.region(kind, name):
                self.draft.make(mark)
                words = [" ".join("".join(self._inline(one)).split()) for one in below(element, "p")]
                self._write(" ".join(words))
            self.draft.add("\n\n")

    def _table(self, table: Element) -> None:
        rows = []
        for row in own(table, "table-row"):
            cells: list[str] = []
            for cell in own(row, "table-cell", "covered-table-cell"):
                words = " ".join("".join(self._inline(one)) for one in below(cell, "p", "h")).replace("\0", "")
                cells += [words] * min(times(cell, "number-columns-repeated"), _MAX_REPEATS if words else 1)
            repeats = min(times(row, "number-rows-repeated"), _MAX_REPEATS) if any(map(str.strip, cells)) else 1
            rows += [cells] * repeats
        with self.draft.region("table", attribute(table, "name") or "table"):
            self.draft.table(rows)
        self.draft.add("\n")
        self._write_notes()

    def _changes(self, changes: Element) -> None:
        deleted = [words for one in below(changes, "deletion") if (words := "".join(map(str, one.itertext())))]
        inserted = sum(1 for _ in below(changes, "insertion"))
        self.draft.warn(
            "changes",
            f"Tracked changes: {inserted} insertions are read as accepted; {len(deleted)} deletions are left out. "
            "To read those too, reject them in LibreOffice and save.",
        )

    def slides(self, presentation: Element) -> None:
        """A page for each slide, its notes at its end."""
        pages = [one for one in presentation if local(one) == "page"]
        for number, page in enumerate(pages, 1):
            self.draft.page(str(number))
            with self.draft.region("slide", f"slide {number}"):
                titles = (one for one in page if attribute(one, "class") == "title")
                self.draft.head(1, " ".join(child_text(next(titles, page), "p")) or attribute(page, "name") or "")
                self.blocks(page)
                notes = child(page, "notes")
                if notes is not None and "".join(map(str, notes.itertext())).strip():
                    with self.draft.region("note", f"notes of slide {number}"):
                        self.draft.make("[Notes] ")
                        self.blocks(notes)
            self._job.report(number, len(pages))

    def headers(self, styles: Element | None) -> None:
        """Headers and footers of all page styles, each once, at the end."""
        found: dict[str, Element] = {}
        for element in below(styles, "header", "footer") if styles is not None else ():
            words = " ".join("".join(map(str, element.itertext())).split())
            if words:
                found.setdefault(words, element)
        if found and self._job.options.headers == "drop":
            self.draft.warn("headers", f"{len(found)} headers and footers were left out, as asked.")
        elif found:
            with self.draft.region("note", "headers and footers"):
                self.draft.make("[Headers and footers]\n")
                for element in found.values():
                    self.blocks(element)

    def unread(self, body: Element, package: Package) -> None:
        """Say what has no text that we read."""
        pictures = sum(path.startswith("pictures/") for path in package.parts)
        objects = sum(1 for _ in below(body, "object", "object-ole"))
        for num, what in ((pictures, "pictures"), (objects, "charts or embedded objects")):
            if num:
                advice = "If one holds text, print the file to a PDF and run OCR on it."
                self.draft.warn("skipped", f"{num} {what} were not read. {advice}")
