"""Words that a line's end parts: which hyphens fall away and which belong to the word.

Nothing is certain from one place alone, so the rest of the document is asked: where "difference" stands elsewhere,
"differ-" and "ence" are it; where "high-risk" stands within a line, its hyphen stays at a line's end too.

Not covered: taking the characters out (draft.Cut).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from workbench.types import Span

_HYPHENS = "-\u2010\u00ad"
_BEFORE = re.compile(rf"(\w[\w'’-]*)[{_HYPHENS}]\s*$")
_AFTER = re.compile(r"\s*([^\W\d_]+)")
_WORD = re.compile(r"\w+(?:[-\u2010]\w+)*")


def may_part(text: str, following: str) -> bool:
    """Whether a line ends in a hyphen and the next one goes on with a small letter."""
    return bool(_BEFORE.search(text)) and following.lstrip()[:1].islower()


def fallen(text: str, ends: Iterable[Span]) -> list[Span]:
    """What goes where lines end in a hyphen: the break, and the hyphen where it is none of the word's own.

    Args:
        text: of the document.
        ends: from the beginning of a line that ends in a hyphen to the end of the next one.
    """
    ends = list(ends)
    if not ends:
        return []
    words = {word.casefold().replace("\u2010", "-") for word in _WORD.findall(text)}
    gone = []
    for start, end in ends:
        line_break = text.index("\n", start)
        before, after = _BEFORE.search(text[start:line_break]), _AFTER.match(text, line_break + 1, end)
        if before is None or after is None:
            continue
        hyphen = start + before.end(1)
        keep = text[hyphen] != "\u00ad" and _belongs(before[1].casefold(), after[1].casefold(), words)
        gone.append(Span(hyphen + keep, after.start(1)))
    return gone


def _belongs(before: str, after: str, words: set[str]) -> bool:
    """Whether the hyphen is part of the word."""
    if f"{before}-{after}" in words:
        return True
    if before.rpartition("-")[2] + after in words or before + after in words:
        return False
    # A number or a chain of words goes on as a compound: "12-month", "state-of-the-art".
    return "-" in before or any(char.isdigit() for char in before) or len(before) < 2
