"""A passage that an answer rests on.

Not covered: how it is found (analysis.citations).
"""

from dataclasses import dataclass
from typing import Literal

from workbench.display import Displayed
from workbench.types import Span

CitationStatus = Literal["supported", "quote_only", "unassessed", "no_source"]
CitationOrigin = Literal["quoted", "nearest"]


@dataclass(frozen=True, slots=True)
class Citation(Displayed):
    """A passage that an answer rests on, and where it stands.

    Attributes:
        quote: as the model wrote it; of a nearest passage, the document's own words.
        page: page number, from 1; None without a source.
        label: the page's label, as printed in the document.
        start_char: first character in ``Document.text``; None without a source.
        end_char: one past the last character; None without a source.
        status: ``no_source`` when the document does not contain it; ``supported`` when it has all that the answer
            says there, ``quote_only`` when it has not, ``unassessed`` when code cannot tell.
        before: text in front of the passage, for showing it in place.
        passage: the document's own characters.
        after: text behind the passage.
        answer_span: where the quote stands in ``Answer.text``; of a nearest passage, the sentence it belongs to;
            of a passage that was quoted for a sentence, the empty place behind it.
        origin: ``quoted`` by the model, or ``nearest``: found by code, because it has the words of the answer.
        where: its place in words where there is a closer one than the page: ``src/app.py, line 12``, ``Sheet1!B4``.
        document: which of several documents it stands in; empty where there is one only.
    """

    quote: str
    page: int | None = None
    label: str = ""
    start_char: int | None = None
    end_char: int | None = None
    status: CitationStatus = "no_source"
    before: str = ""
    passage: str = ""
    after: str = ""
    answer_span: Span | None = None
    origin: CitationOrigin = "quoted"
    where: str = ""
    document: str = ""

    @property
    def source(self) -> str:
        """Where it stands, for people: the page, or the line of a file or the cell; empty without a source."""
        if self.page is None:
            return ""
        where = self.where or f"page {self.label or self.page}"
        return f"{self.document}, {where}" if self.document else where

    @property
    def place(self) -> str:
        """Its source and how that was found."""
        if not self.source:
            return "not in the document"
        return self.source if self.origin == "quoted" else f"nearest passage, {self.source}"
