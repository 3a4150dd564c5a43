"""What is noticed while pages are read and can be decided or said only when all of them are.

Not covered: deciding (running, hyphens, headings), saying (said).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from workbench.documents.readers.pdf.headings import Shown
from workbench.documents.readers.pdf.running import Edge
from workbench.documents.readers.pdf.tags import Tagged
from workbench.types import Span


@dataclass(slots=True)
class Hidden:
    """Text that a person would not see.

    Attributes:
        page: number of its page.
        reason: why not.
        text: of it.
        span: its characters; None when they were left out.
    """

    page: int
    reason: str
    text: str
    span: Span | None


@dataclass(slots=True)
class Findings:
    """Of all pages so far.

    Attributes:
        lines: those that were added.
        edges: those near the top or bottom of a page.
        parted: from the beginning of a line that ends in a hyphen to the end of the next.
        hidden: text that is not seen.
        pictures: numbers of pages that are pictures and were not read.
        recognised: numbers of pages whose text was recognised in a picture.
        unlettered: characters whose fonts do not say which letters they draw, by page number.
        wordless: numbers of pages with so many of them that nothing was read.
        tagged: lines within headings that the file names itself.
        layers: numbers of pages whose text is an earlier OCR's.
        unread: numbers of pages whose fields or annotations are damaged.
        fields: filled and all fields, by page number.
    """

    lines: list[Shown] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    parted: list[Span] = field(default_factory=list)
    hidden: list[Hidden] = field(default_factory=list)
    pictures: list[int] = field(default_factory=list)
    recognised: list[int] = field(default_factory=list)
    unlettered: dict[int, int] = field(default_factory=dict)
    wordless: list[int] = field(default_factory=list)
    tagged: list[Tagged] = field(default_factory=list)
    layers: list[int] = field(default_factory=list)
    unread: list[int] = field(default_factory=list)
    fields: dict[int, tuple[int, int]] = field(default_factory=dict)
