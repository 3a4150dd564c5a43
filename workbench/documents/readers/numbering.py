"""The numbers that Word puts before paragraphs: ``4.2``, ``(a)``, ``Article IV``. They stand in no text run.

Source: ECMA-376 part 1, 17.9.

Not covered: counting words (``first``), scripts other than Latin digits and letters (given as digits).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from workbench.documents.readers.package import Element, attribute, below, child, whole

_PLACE = re.compile(r"%(\d)")
_ROMAN = (
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"), (10, "x"),
    (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
)  # fmt: skip
_MAX_ROMAN = 3_999
BULLET = "•"


@dataclass(frozen=True, slots=True)
class _Level:
    """How the paragraphs of a level are numbered."""

    form: str
    pattern: str
    start: int
    digits_only: bool  # "legal": numbers of outer levels as digits, too


@dataclass(slots=True)
class Numbering:
    """The lists of a document and how far each has been counted.

    Attributes:
        levels: by list and level.
        lists: which abstract list a list is one of: they count together.
    """

    levels: dict[tuple[str, int], _Level] = field(default_factory=dict)
    lists: dict[str, str] = field(default_factory=dict)
    _restarts: dict[tuple[str, int], int] = field(default_factory=dict)
    _counts: dict[str, dict[int, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, root: Element | None) -> Numbering:
        """Of the part that describes the lists; without one, nothing is numbered."""
        numbering = cls()
        for abstract in below(root, "abstractNum") if root is not None else ():
            key = attribute(abstract, "abstractNumId") or ""
            for level in below(abstract, "lvl"):
                numbering.levels[key, whole(attribute(level, "ilvl"))] = _Level(
                    attribute(child(level, "numFmt"), "val") or "decimal",
                    attribute(child(level, "lvlText"), "val") or "",
                    whole(attribute(child(level, "start"), "val"), 1),
                    child(level, "isLgl") is not None,
                )
        for num in below(root, "num") if root is not None else ():
            key = attribute(num, "numId") or ""
            numbering.lists[key] = attribute(child(num, "abstractNumId"), "val") or ""
            for override in below(num, "lvlOverride"):
                start = attribute(child(override, "startOverride"), "val")
                if start is not None:
                    numbering._restarts[key, whole(attribute(override, "ilvl"))] = whole(start, 1)
        return numbering

    def label(self, list_id: str, depth: int) -> str:
        """The number of the next paragraph of a list; empty when it has none."""
        abstract = self.lists.get(list_id)
        level = self.levels.get((abstract or "", depth))
        if abstract is None or level is None or level.form == "none":
            return ""
        if level.form == "bullet":
            return BULLET
        counts = self._counts.setdefault(abstract, {})
        restart = self._restarts.pop((list_id, depth), None)
        counts[depth] = restart if restart is not None else counts.get(depth, level.start - 1) + 1
        for deeper in [other for other in counts if other > depth]:
            del counts[deeper]

        def shown(place: re.Match[str]) -> str:
            at = int(place[1]) - 1
            outer = self.levels.get((abstract, at), level)
            count = counts.get(at, outer.start)
            return str(count) if level.digits_only else _figure(count, outer.form)

        return _PLACE.sub(shown, level.pattern)


def _figure(count: int, form: str) -> str:
    """A count as letters, Roman or other figures."""
    if form in ("lowerLetter", "upperLetter") and count > 0:
        # After z comes aa, then bb.
        text = chr(ord("a") + (count - 1) % 26) * min((count - 1) // 26 + 1, 100)
    elif form in ("lowerRoman", "upperRoman") and 0 < count <= _MAX_ROMAN:
        text = ""
        for value, letters in _ROMAN:
            text += letters * (count // value)
            count %= value
    elif form == "decimalZero":
        text = f"{count:02}"
    else:
        text = str(count)
    return text.upper() if form.startswith("upper") else text
