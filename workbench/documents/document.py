"""The Document: text, pages, outline, and where it all came from. Knows characters, never tokens or tensors.

Not covered: reading files (load, readers), choosing parts (selection), finding quotes (quotes), accounts (coverage,
warnings), places and pictures of them (places, imaging).
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from workbench.display import Displayed
from workbench.documents.layout import Layout
from workbench.types import Span

if TYPE_CHECKING:
    import polars as pl

    from workbench.documents.imaging import PageImage
    from workbench.documents.places import Passage, Place

PageStatus = Literal["read", "empty", "scanned", "ocr", "unreadable", "excluded"]


@dataclass(frozen=True, slots=True)
class Page:
    """A page and the characters of ``Document.text`` that stand on it.

    Attributes:
        number: from 1, in the source; a selection keeps the numbers of the whole.
        label: as printed (``iv``, ``12``), or a made one (``Chapter 3 · 2``).
        start_char: first character in ``Document.text``.
        end_char: one past the last.
        status: ``read``; ``ocr`` when its text was recognised in a picture; else why there is no text.
        reason: a sentence beside a status other than ``read``, or nothing.
    """

    number: int
    label: str
    start_char: int
    end_char: int
    status: PageStatus = "read"
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """An entry of the outline.

    Attributes:
        title: as it stands in the document.
        level: 1 is the top.
        start_char: first character, the heading's own.
        end_char: one past the last: the next entry of the same or a higher level.
        page: number of the page it begins on.
    """

    title: str
    level: int
    start_char: int
    end_char: int
    page: int

    @property
    def span(self) -> Span:
        """Its characters."""
        return Span(self.start_char, self.end_char)


@dataclass(frozen=True, slots=True)
class Source:
    """The bytes a document was made from.

    Attributes:
        path: as given, or a made name for bytes.
        sha256: of the bytes (for a folder: of names and contents in order).
        num_bytes: their number.
        media_type: ``text/plain``, ``application/pdf``, ``inode/directory`` ...
    """

    path: str
    sha256: str
    num_bytes: int
    media_type: str


@dataclass(frozen=True, slots=True)
class DocumentWarning:
    """Something a reader should know: what kind, where, and a sentence.

    Attributes:
        kind: ``scanned``, ``empty``, ``unreadable``, ``encoding``, ``skipped`` ...
        message: what, why, and what to do.
        pages: numbers of the pages concerned; empty for the whole document.
        spans: the characters concerned, where there are any.
    """

    kind: str
    message: str
    pages: tuple[int, ...] = ()
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Member:
    """One of several documents that are read as one.

    Attributes:
        name: of the document.
        source: the bytes it came from.
        start_char: first character, its marker's own.
        end_char: one past the last.
        first_page: number of its first page.
    """

    name: str
    source: Source
    start_char: int
    end_char: int
    first_page: int


@dataclass(frozen=True, slots=True)
class Document(Displayed):
    """A whole document, or a selection of one.

    Attributes:
        name: file name without its folder, for people.
        text: all of it; page marks are taken out and kept as ``pages``.
        pages: in order, without gaps: each character stands on exactly one page.
        outline: in order of position.
        warnings: what a reader should know.
        source: the bytes it came from.
        parent: hash of the document this is a selection of; empty for a whole one.
        members: the documents it was put together from; empty for a single one.
        layout: where its characters came from.
    """

    name: str
    text: str = field(repr=False)
    pages: tuple[Page, ...] = field(repr=False)
    outline: tuple[Section, ...] = field(repr=False)
    warnings: tuple[DocumentWarning, ...]
    source: Source
    parent: str = ""
    members: tuple[Member, ...] = field(default=(), repr=False)
    layout: Layout = field(default_factory=Layout, repr=False, hash=False)

    @property
    def hash(self) -> str:
        """blake2b (hex, 32 characters) of the text and the page table; what was left out on request does not count."""
        digest = hashlib.blake2b(self.text.encode("utf-8", "surrogatepass"), digest_size=16)
        for page in self.pages:
            if page.status == "excluded":  # a build that leaves files behind must not orphan what was read
                continue
            digest.update(f"\0{page.number}\0{page.label}\0{page.start_char}\0{page.end_char}".encode())
        return digest.hexdigest()

    def page_at(self, char: int) -> Page:
        """The page that holds a character (the last page for the end of the text)."""
        index = max(bisect_right(self.pages, char, key=lambda page: page.start_char) - 1, 0)
        # Empty pages at the end share their start with the end of the text; the last character stands before them.
        while index > 0 and self.pages[index].start_char == self.pages[index].end_char and char >= len(self.text):
            index -= 1
        return self.pages[index]

    def page_text(self, number: int) -> str:
        """The text of a page by its number.

        Raises:
            ConfigError: no such page here.
        """
        from workbench.documents.selection import page_by_number

        page = page_by_number(self, number)
        return self.text[page.start_char : page.end_char]

    def select(
        self,
        expression: str | None = None,
        *,
        pages: range | tuple[int, ...] | list[int] | None = None,
        sections: list[str] | None = None,
        without: list[str] | None = None,
    ) -> Document:
        """A part, as a Document again: same page numbers, ``parent`` set to this one's hash.

        Args:
            expression: a section's title, ``"A..B"`` with both ends in it, a folder (``"src/"``), or a document's
                name in a collection.
            pages: page numbers.
            sections: titles, each with all below it.
            without: what to leave out, each as an ``expression``: of the part, or of the whole if it stands alone.

        Raises:
            ConfigError: nothing, or more than one thing, is asked for; or a name that is not here.
        """
        from workbench.documents.selection import select

        return select(self, expression, pages=pages, sections=sections, without=without)

    def find(self, quote: str) -> Span | None:
        """Where a quote stands, white space, quotation marks and hyphens normalised; None when it does not."""
        from workbench.documents.quotes import find

        return find(self.text, quote)

    def locate(self, start_char: int | Passage, end_char: int | None = None) -> tuple[Place, ...]:
        """Where a passage stands: a ``Place`` for each page it touches, with boxes, lines, cells and sections.

        Args:
            start_char: first character; or all of it as a citation, a span or a section.
            end_char: one past the last; only that character when left out.

        Raises:
            ConfigError: it is empty, not inside this document, or a citation of another one.
        """
        from workbench.documents.places import locate

        if not isinstance(start_char, int):
            return locate(self, start_char)
        return locate(self, Span(start_char, start_char + 1 if end_char is None else end_char))

    def page_image(
        self, page: int | Passage, highlight: Sequence[Passage] = (), *, dpi: int | None = None
    ) -> PageImage:
        """A page as a picture, passages marked: drawn from the file that was read, else from the text.

        Args:
            page: its number; or a citation or span, whose first page it then is, with it marked.
            highlight: citations or spans to be marked; what stands on other pages is passed over.
            dpi: dots per inch.

        Raises:
            ConfigError: no such page or passage here.
        """
        from workbench.documents.imaging import DPI, page_image

        return page_image(self, page, highlight, dpi=DPI if dpi is None else dpi)

    @property
    def coverage(self) -> pl.DataFrame:
        """Pages with their characters, tokens and what became of them, see ``tables.COVERAGE``; counted once."""
        from workbench.documents.coverage import coverage

        return coverage(self)

    @property
    def share_read(self) -> float:
        """The share of pages that nothing is missing of, in [0, 1]."""
        from workbench.documents.coverage import share_read

        return share_read(self)

    def outline_table(self) -> pl.DataFrame:
        """The outline as a frame, see ``tables.OUTLINE``."""
        import polars as pl

        from workbench import tables

        return pl.DataFrame(
            [(s.level, s.title, s.page, s.end_char - s.start_char) for s in self.outline],
            schema=tables.OUTLINE,
            orient="row",
        )
