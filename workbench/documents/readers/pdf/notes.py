"""Footnotes: where they stand on a page, and the raised numbers in its text that call them.

A note begins with a raised mark in type smaller than the text's, and goes on while the type does. A raised number is
a call when a note of the page bears it, or when it stands directly behind a word: "parentheses.4" is no number.

Not covered: notes at the end of a chapter in type as large as the text; calls within tables.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from workbench.documents.readers.pdf.glyphs import Line

_MARK = re.compile(r"\d{1,3}|[*†‡§¶]{1,3}")
_CALL = re.compile(r"\[\^[^\]]{1,3}\]")
_SMALLER = 0.93
"""Type of notes as a share of the text's."""
_MIN_SHARE = 0.15
"""Share of a page's characters from which a size is one of its text."""
_WORD_BEFORE = re.compile(r"(?:[^\W\d_]{4}|[.,;:!?)\]”’\"'»])$")


def notes_on(lines: Sequence[Line]) -> Mapping[int, str]:
    """By the number of its first line, the mark of each note on a page; lines that go on with it have an empty one.

    Args:
        lines: of the page, in the order in which they are read.
    """
    text_size = _text_size(lines)
    found: dict[int, str] = {}
    before: Line | None = None
    for line in lines:
        is_small = line.size < text_size * _SMALLER
        mark = mark_of(line) if is_small else ""
        goes_on = before is not None and abs(line.size - before.size) < 0.6 and line.bbox[3] > before.bbox[1]
        if mark or goes_on:
            found[line.number] = mark
            before = line
        else:
            before = None
    return found


def _text_size(lines: Sequence[Line]) -> float:
    """The largest type that a fair share of a page is set in, in points."""
    counts: Counter[float] = Counter()
    for line in lines:
        counts[round(line.size, 1)] += len(line.text)
    total = sum(counts.values())
    return max((size for size, count in counts.items() if count >= _MIN_SHARE * total), default=0.0)


def mark_of(line: Line) -> str:
    """The raised mark that a line begins with, in brackets or not; empty when it begins otherwise."""
    if line.raised is None:
        return ""
    start = len(line.text) - len(line.text.lstrip(" (["))
    match = _MARK.match(line.text, start)
    return match[0] if match and line.raised[start : match.end()].all() else ""


def calls_in(line: Line, marks: Collection[str]) -> list[tuple[int, int]]:
    """Start and end of the raised marks in a line that would else be taken for a part of the word before them.

    Args:
        line: that may hold some.
        marks: of the notes on its page.
    """
    if line.raised is None:
        return []
    edges = np.flatnonzero(np.diff(np.concatenate([[False], line.raised, [False]]).astype(np.int8))).tolist()
    found = []
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        mark = line.text[start:end].strip()
        before = line.text[:start]
        if not _MARK.fullmatch(mark) or before.endswith(("(", "[")):
            continue
        if not before.strip() or (not before[-1:].isspace() and (mark in marks or _WORD_BEFORE.search(before))):
            at = line.text.index(mark, start)
            found.append((at, at + len(mark)))
    return found


def without_calls(title: str) -> str:
    """A heading without the calls of notes in it."""
    return _CALL.sub("", title)
