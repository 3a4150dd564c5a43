"""Headings that a tagged PDF names itself: H1 to H6, and Title.

They make the outline where there are neither bookmarks nor headings such as "Article 6", which say more.

Not covered: other tags; reading order by tags, which many producers get wrong.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pymupdf

from workbench.documents.readers.pdf.glyphs import structured
from workbench.documents.readers.pdf.headings import Entry, Shown
from workbench.documents.readers.pdf.opening import DAMAGE

_LEVELS = {"Title": 1, "H": 1, **{f"H{level}": level for level in range(1, 7)}}
_MAX_TITLE_CHARS = 300


@dataclass(frozen=True, slots=True)
class Tagged:
    """A line within a heading.

    Attributes:
        page: index of its page.
        level: of the heading, from 1.
        number: of the heading on its page, the same for all its lines.
        x: middle of the line.
        y: middle of the line.
    """

    page: int
    level: int
    number: int
    x: float
    y: float


def may_have_tags(pdf: pymupdf.Document) -> bool:
    """Whether a file has tags that are needed: there are no bookmarks."""
    try:
        kind, _ = pdf.xref_get_key(pdf.pdf_catalog(), "StructTreeRoot")
        return kind != "null" and not pdf.get_toc()
    except DAMAGE:
        return False


def tagged_on(pdf: pymupdf.Document, index: int) -> list[Tagged]:
    """The lines within headings of a page; none where its tags are damaged."""
    try:
        blocks = json.loads(structured(pdf[index]))["blocks"]
    except DAMAGE:
        return []
    found: list[Tagged] = []
    for number, (level, bbox) in enumerate(_headings(blocks)):
        found += [Tagged(index, level, number, box["x"] + box["w"] / 2, box["y"] + box["h"] / 2) for box in bbox]
    return found


def _headings(blocks: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, list[Mapping[str, float]]]]:
    """Level and lines' places of each heading."""
    for block in blocks:
        if block.get("type") != "structure":
            continue
        inside = block.get("contents", [])
        level = _LEVELS.get(block.get("std", ""))
        if level is None:
            yield from _headings(inside)
        else:
            yield level, list(_lines(inside))


def _lines(blocks: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, float]]:
    for block in blocks:
        yield from (line["bbox"] for line in block.get("lines", []))
        yield from _lines(block.get("contents", []))


def tagged_headings(tagged: Sequence[Tagged], lines: Sequence[Shown], text: str) -> list[Entry]:
    """Start, level and title of the headings whose lines are in the text."""
    by_page = {page: list(shown) for page, shown in groupby(lines, key=lambda line: line.page)}
    found: list[Entry] = []
    for (page, _), own in groupby(tagged, key=lambda line: (line.page, line.number)):
        marks = list(own)
        shown = [line for line in by_page.get(page, ()) if any(_holds(line, mark) for mark in marks)]
        title = " ".join(" ".join(text[line.start_char : line.end_char] for line in shown).split())
        if any(char.isalpha() for char in title) and len(title) <= _MAX_TITLE_CHARS:
            found.append((shown[0].start_char, marks[0].level, title))
    return sorted(found)


def _holds(line: Shown, mark: Tagged) -> bool:
    x0, y0, x1, y1 = line.bbox
    return x0 <= mark.x <= x1 and y0 <= mark.y <= y1
