"""Quotes: where an answer makes them, and where a document has them.

The rule: exact after normalising white space, quotation marks, hyphens and case; else one contiguous run of at least
85 % similarity. Quotes under 12 characters are refused, they would be found anywhere.

Source: the citation rule of github.com/Maurya-Vault/vellum, issue 9.

Not covered: whether a quote supports a claim.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from rapidfuzz import fuzz

from workbench.documents.document import Document
from workbench.types import Span

MIN_CHARS = 12
"""Shorter quotes are no evidence."""

MIN_SIMILARITY = 85.0
"""Per cent, of the best contiguous run."""

_PAIRS = (('"', '"'), ("“", "”"), ("«", "»"), ("„", "“"))
_QUOTED = re.compile(
    "|".join(
        f"{re.escape(opening)}([^{re.escape(opening + closing)}]+){re.escape(closing)}" for opening, closing in _PAIRS
    )
)
_MARKS = str.maketrans(
    {**dict.fromkeys("“”„‟«»″", '"'), **dict.fromkeys("‘’‚‛′`", "'"), **dict.fromkeys("‐‑‒–—―−", "-"), "\u00ad": None}
)


def quoted(text: str) -> list[Span]:
    """Spans between quotation marks, the marks left out, of at least ``MIN_CHARS`` characters."""
    spans = []
    for match in _QUOTED.finditer(text):
        group = next(index for index, value in enumerate(match.groups(), 1) if value is not None)
        start, end = match.span(group)
        inner = text[start:end]
        start, end = start + len(inner) - len(inner.lstrip()), end - len(inner) + len(inner.rstrip())
        if end - start >= MIN_CHARS:
            spans.append(Span(start, end))
    return spans


def locate(document: Document, quote: str) -> Span | None:
    """Where a document has a quote; None when it does not, or when the quote is too short to tell."""
    return find(document.text, quote)


def find(text: str, quote: str) -> Span | None:
    """Where ``text`` has ``quote``: the first exact place after normalising, else the best near one; or None."""
    wanted = _normalise(quote)[0].strip(" .,;:")
    if len(wanted) < MIN_CHARS:
        return None
    flat, places = _normalise(text)
    at = flat.find(wanted)
    if at >= 0:
        return Span(places[at], places[at + len(wanted) - 1] + 1)
    return _near(flat, places, wanted)


def _near(flat: str, places: tuple[int, ...], wanted: str) -> Span | None:
    if len(wanted) > len(flat):
        return None
    best = fuzz.partial_ratio_alignment(wanted, flat, score_cutoff=MIN_SIMILARITY)
    if (
        best is None
        or best.dest_end <= best.dest_start
        or _figures(wanted) != _figures(flat[best.dest_start : best.dest_end])
    ):
        return None
    return Span(places[best.dest_start], places[best.dest_end - 1] + 1)


def _figures(text: str) -> list[str]:
    """Numbers in a text: a quote that differs in one of them is another quote."""
    return re.findall(r"\d+", text)


@lru_cache(maxsize=16)
def _normalise(text: str) -> tuple[str, tuple[int, ...]]:
    """Text for comparing, and for each of its characters the place it comes from."""
    flat: list[str] = []
    places: list[int] = []
    space = True
    for place, char in enumerate(text):
        for part in unicodedata.normalize("NFKC", char).translate(_MARKS).casefold():
            if part.isspace():
                if not space:
                    flat.append(" ")
                    places.append(place)
                space = True
            else:
                flat.append(part)
                places.append(place)
                space = False
    return "".join(flat), tuple(places)
