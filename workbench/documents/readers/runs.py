"""The runs of a Word paragraph as pieces of text, calls of notes, page ends and text boxes.

Not covered: writing them (readers.docx).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

from workbench.documents.readers.package import Element, attribute, below, child, local

SKIPPED = frozenset({"pPr", "rPr", "sectPr", "instrText", "fldData", "delText", "delInstrText", "Fallback", "tblPr"})
"""Elements that hold no text of the document as it is shown."""
DELETED = frozenset({"del", "moveFrom"})
"""Elements around what tracked changes took away."""
_INSERTED = frozenset({"ins", "moveTo"})
_PLAIN = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-", "ptab": "\t"}
NOTES = {"footnoteReference": "footnote", "endnoteReference": "endnote"}
"""Calls of notes, and of which kind each is."""


class Token(NamedTuple):
    """A piece of a paragraph: text, a note's or comment's call, a page's end, a text box."""

    kind: Literal["text", "hidden", "note", "comment", "page", "box"]
    text: str
    element: Element | None = None


@dataclass(slots=True)
class Changes:
    """Tracked changes: stretches put in, stretches taken away, and the characters of those."""

    inserted: int = 0
    deleted: int = 0
    deleted_chars: int = 0

    def delete(self, element: Element) -> None:
        """Count what was taken away."""
        self.deleted += 1
        self.deleted_chars += sum(len(text.text or "") for text in below(element, "t", "delText"))


def tokens(parent: Element, changes: Changes, hidden: bool = False) -> Iterator[Token]:
    """The pieces of a paragraph in order; what tracked changes took away or added is counted."""
    for element in parent:
        name = local(element)
        if name == "t" and element.text:
            yield Token("hidden" if hidden else "text", element.text)
        elif name in _PLAIN:
            yield Token("text", _PLAIN[name])
        elif name == "sym":
            code = attribute(element, "char") or ""
            yield Token("text", chr(int(code, 16)) if re.fullmatch("[0-9A-Fa-f]{1,4}", code) else "�")
        elif name in NOTES:
            yield Token("note", "", element)
        elif name == "commentReference":
            yield Token("comment", "", element)
        elif name == "lastRenderedPageBreak":
            yield Token("page", "")
        elif name == "txbxContent":
            yield Token("box", "", element)
        elif name in DELETED:
            changes.delete(element)
        elif name not in SKIPPED:
            changes.inserted += name in _INSERTED
            vanish = child(element, "rPr", "vanish") if name == "r" else None
            gone = vanish is not None and attribute(vanish, "val") not in ("0", "false", "off")
            yield from tokens(element, changes, hidden or gone)
