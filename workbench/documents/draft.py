"""A text that grows: what a reader adds to it piece by piece, with where each piece came from.

Readers of formats that are not one long text write into a Draft and take a ``Parsed`` out of it; a collection does the
same with whole documents.

Not covered: where pages of text without pages are cut (readers.text.paginate).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np

from workbench.documents.document import Document, DocumentWarning, Page, PageStatus
from workbench.documents.layout import Boxes, Layout, Region, RegionKind, merged, no_boxes
from workbench.documents.parsed import Parsed
from workbench.documents.readers.text import make_page, nest, paginate, with_pages
from workbench.types import Span


class Draft:
    """A text in the making.

    Attributes:
        num_chars: written so far.
        num_pages: begun so far.
    """

    def __init__(self) -> None:
        self.num_chars = 0
        self._pieces: list[str] = []
        self._made: list[Span] = []
        self._boxes: list[tuple[int, Boxes]] = []
        self._regions: list[Region] = []
        self._pages: list[Page] = []  # each with its start; where it ends is known when the next one begins
        self._heads: list[tuple[int, int, str]] = []
        self._warnings: list[DocumentWarning] = []

    @property
    def num_pages(self) -> int:
        """Pages begun so far."""
        return len(self._pages)

    def add(self, text: str) -> None:
        """Characters of the source."""
        self._pieces.append(text)
        self.num_chars += len(text)

    def make(self, text: str) -> None:
        """Characters that the reader puts there itself."""
        if self._made and self._made[-1].end_char == self.num_chars:
            self._made[-1] = Span(self._made[-1].start_char, self.num_chars + len(text))
        elif text:
            self._made.append(Span(self.num_chars, self.num_chars + len(text)))
        self.add(text)

    def head(self, level: int, title: str) -> None:
        """A section begins here."""
        self.head_at(self.num_chars, level, title)

    def head_at(self, char: int, level: int, title: str) -> None:
        """A section begins at a character that may still be to come."""
        words = " ".join(title.split())
        if words:
            self._heads.append((char, level, words))

    def page(self, label: str, status: PageStatus = "read", reason: str = "") -> int:
        """A page begins here; its number."""
        self._pages.append(Page(self.num_pages + 1, label, self.num_chars, self.num_chars, status, reason))
        return self.num_pages

    def warn(self, kind: str, message: str, pages: tuple[int, ...] = (), spans: Iterable[Span] = ()) -> None:
        """Something that the user should know."""
        self._warnings.append(DocumentWarning(kind, message, pages, tuple(spans)))

    @contextmanager
    def region(self, kind: RegionKind, name: str, first_line: int = 0) -> Iterator[None]:
        """What is written meanwhile has this name; nothing written, no region."""
        index, start = len(self._regions), self.num_chars
        self._regions.append(Region(kind, name, start, start, first_line))  # holds its place before those inside
        try:
            yield
        finally:  # a slide that breaks off keeps what was written of it
            if self.num_chars > start:
                self._regions[index] = replace(self._regions[index], end_char=self.num_chars)
            else:
                del self._regions[index]

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        """Rows of cells as a Markdown table, the first as its head; the characters between cells are made."""
        width = max(map(len, rows), default=0)
        self.make("" if self._ends_line() else "\n")
        for index, row in enumerate(rows):
            for cell in [*row, *[""] * (width - len(row))]:
                self.make("| ")
                self.cell(cell)
                self.make(" ")
            self.make("|\n" + "| --- " * width + "|\n" if index == 0 else "|\n")

    def cell(self, text: str, *, squeeze: bool = True) -> None:
        """A cell's text, or a piece of it (``squeeze=False``), on one line; a pipe in it is escaped."""
        line = " ".join(text.split()) if squeeze else re.sub(r"[\t\n\r]", " ", text)
        first, *others = line.split("|")
        self.add(first)
        for piece in others:
            self.make("\\")
            self.add("|" + piece)

    def named_cell(self, name: str, text: str) -> None:
        """The text of a cell with its name: sheets have very many of them."""
        start = self.num_chars
        self.cell(text)
        if self.num_chars > start:
            self._regions.append(Region("cell", name, start, self.num_chars))

    def embed(self, part: Parsed | Document, name: str, marker: str = "") -> Span:
        """A whole document behind its marker: its pages are labelled with its name, its outline stands below it.

        Returns:
            Its characters, the marker's included.
        """
        written = [page for page in part.pages if page.end_char > page.start_char] or part.pages
        first_page, begin, start = self.num_pages + 1, self.num_chars, 0
        for page in part.pages:
            self.add(part.text[start : page.start_char])
            start = page.start_char
            if page == written[0]:
                self._begin(page, name)
                begin = self.num_chars
                if part.text or marker:
                    self.head(1, name)
                self.make(marker)
                self._lay(part, name, first_page)
            else:
                self._begin(page, name)
        self.add(part.text[start:])
        if marker or part.text:
            self.make("\n" if part.text.endswith("\n") else "\n\n")
        return Span(begin, self.num_chars)

    def _begin(self, page: Page, name: str) -> None:
        self.page(name if page.label in ("", name) else f"{name} · {page.label}", page.status, page.reason)

    def _lay(self, part: Parsed | Document, name: str, first_page: int) -> None:
        """Sections, regions, boxes and warnings of a part whose text is to begin here."""
        offset, pages_before = self.num_chars, first_page - 1
        self._heads += [(s.start_char + offset, s.level + 1, s.title) for s in part.outline]
        self._made += [Span(start + offset, end + offset) for start, end in part.layout.made]
        regions = [
            replace(r, start_char=r.start_char + offset, end_char=r.end_char + offset) for r in part.layout.regions
        ]
        if not any(region.kind == "file" for region in regions) and part.text:
            regions.insert(0, Region("file", name, offset, offset + len(part.text)))
        # A file by itself has only its own name; here it has its path.
        own = name.rpartition("/")[2]
        self._regions += [replace(r, name=name) if (r.kind, r.name) == ("file", own) else r for r in regions]
        if len(part.layout.boxes):
            self._boxes.append((offset, part.layout.boxes))
        numbers = {page.number: index for index, page in enumerate(part.pages, pages_before + 1)}
        for warning in part.warnings:
            message = warning.message if name in warning.message else f"{name}: {warning.message}"
            pages = tuple(numbers[page] for page in warning.pages if page in numbers)
            spans = [Span(start + offset, end + offset) for start, end in warning.spans]
            self.warn(warning.kind, message, pages, spans)

    def _ends_line(self) -> bool:
        last = next((piece for piece in reversed(self._pieces) if piece), "\n")
        return last.endswith("\n")

    def parsed(self) -> Parsed:
        """All that was written; text without pages gets made ones."""
        text = "".join(self._pieces)
        outline = nest(sorted(self._heads, key=lambda head: head[0]), len(text))
        pages = self._cut(text) or paginate(text, outline)
        boxes = no_boxes()
        if self._boxes:
            boxes = np.full((len(text), 4), np.nan, np.float32)
            for start, part in self._boxes:
                boxes[start : start + len(part)] = part
        layout = Layout(boxes, merged(self._made), tuple(self._regions))
        outline = tuple(section for section in outline if section.end_char > section.start_char)
        return Parsed(text, pages, with_pages(outline, pages), tuple(self._warnings), layout)

    def _cut(self, text: str) -> tuple[Page, ...]:
        ends = [*(page.start_char for page in self._pages[1:]), len(text)]
        pages = [replace(page, end_char=end) for page, end in zip(self._pages, ends, strict=bool(self._pages))]
        return tuple(
            page
            if page.status != "read" or page.reason
            else make_page(text, page.number, page.label, page.start_char, page.end_char)
            for page in pages
        )
