"""What Word's paragraph styles say: which paragraphs are headings, and which list numbers them.

Not covered: looks (fonts, colours), the numbers themselves (readers.numbering).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from workbench.documents.readers.package import Element, attribute, below, child, whole

_HEADING = re.compile(r"^heading (\d)$|^title$")
_BODY = 9
"""The outline level of text that is no heading."""


class Styles:
    """Heading levels and lists of paragraph styles, inherited ones included."""

    def __init__(self, root: Element | None) -> None:
        self._styles = {attribute(one, "styleId"): one for one in below(root, "style")} if root is not None else {}

    def chain(self, style_id: str | None) -> Iterator[Element]:
        """A style and those it is based on."""
        seen = set()
        while style_id in self._styles and style_id not in seen:
            seen.add(style_id)
            style = self._styles[style_id]
            yield style
            style_id = attribute(child(style, "basedOn"), "val")

    def level(self, paragraph: Element) -> int:
        """1 to 9 for a heading, 0 for other paragraphs."""
        own = attribute(child(paragraph, "pPr", "outlineLvl"), "val")
        if own is not None:
            return whole(own, _BODY) + 1 if 0 <= whole(own, _BODY) < _BODY else 0
        for style in self.chain(attribute(child(paragraph, "pPr", "pStyle"), "val")):
            named = _HEADING.search((attribute(child(style, "name"), "val") or "").lower())
            if named:
                return int(named[1] or 1)
            outlined = attribute(child(style, "pPr", "outlineLvl"), "val")
            if outlined is not None and 0 <= whole(outlined, _BODY) < _BODY:
                return whole(outlined) + 1
        return 0

    def list_of(self, paragraph: Element) -> tuple[str, int] | None:
        """The list that a paragraph is numbered in, and its depth."""
        styles = self.chain(attribute(child(paragraph, "pPr", "pStyle"), "val"))
        depth = None
        for holder in (paragraph, *styles):
            numbered = child(holder, "pPr", "numPr")
            if depth is None:
                depth = attribute(child(numbered, "ilvl"), "val")
            list_id = attribute(child(numbered, "numId"), "val")
            if list_id is not None:
                return None if list_id == "0" else (list_id, whole(depth))
        return None
