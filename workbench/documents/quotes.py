"""Quotes: where an answer makes them, and where a document has them.

The rule: exact and whole words after normalising white space, quotation marks, dashes and case; else one contiguous run
of at least 85 % similarity with the same figures and negations. Quotes under 12 characters are refused, they would be
found anywhere.

Source: the citation rule of github.com/Maurya-Vault/vellum, issue 9.

Not covered: whether a quote supports a claim; quotes with a part left out in the middle; quotes in single marks, which
cannot be told from apostrophes.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice

from rapidfuzz import fuzz

from workbench.documents.document import Document
from workbench.types import Span

MIN_CHARS = 12
"""Shorter quotes are no evidence."""

MIN_SIMILARITY = 85.0
"""Per cent, of the best contiguous run."""

MAX_NEAR_CHARS = 4_000
"""Longer quotes must be exact: the search for the nearest run takes the square of their length."""

_MAX_DEPTH = 16
_SNAP_CHARS = 16
_CLOSERS = {'"': '"', "“": "”", "„": "“”", "«": "»", "»": "«", "「": "」", "『": "』"}
_MARKS = re.compile("[" + "".join({*_CLOSERS, *"".join(_CLOSERS.values())}) + "]")
_BEFORE_INNER = frozenset("([{—–-/“‘«")
_AFTER_INNER = frozenset("([$§…“‘«")
_OUTER = " *_'"
_EDGES = _OUTER + ".,;:"
_MAX_PLACES = 1_000
"""Places looked at for one that cuts no word; only made-up text has more."""
# All quotation marks become one: who quotes a passage that has quotes in it turns the double ones into single ones.
SAME = str.maketrans(
    {
        **dict.fromkeys('"“”„‟«»″‘’‚‛′`´「」『』', "'"),
        **dict.fromkeys("‐‑‒–—―−", "-"),
        **dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff", ""),
    }
)
_TELLING = re.compile(r"\d+(?:[.,]\d+)*|\b(?:not?|never|none|nor|neither|cannot|without)\b|n't\b")
_NOTE_MARK = re.compile(r"(?<=[^\W\d][.,;:')\]])\d{1,2}(?= |$)")


def quoted(text: str) -> list[Span]:
    """Spans between quotation marks, the marks left out, of at least ``MIN_CHARS`` characters.

    A quote within a quote belongs to the outer one: curly marks nest by depth, straight ones by the white space around
    them. A mark that is never closed opens nothing.
    """
    stack: list[tuple[str, int]] = []  # opening mark, the character after it
    pairs: list[Span] = []
    for match in _MARKS.finditer(text):
        mark, at = match.group(), match.start()
        opened = next((i for i in reversed(range(len(stack))) if mark in _CLOSERS[stack[i][0]]), None)
        first = bool(stack) and stack[-1][1] == at  # a quote that begins with a quote
        if opened is not None and not (mark == '"' and _opens_inner(text, at, first)):
            start = stack[opened][1]
            del stack[opened:]
            while pairs and pairs[-1].start_char >= start:
                pairs.pop()
            pairs.append(Span(start, at))
        elif mark in _CLOSERS and (mark != '"' or opened is not None or _opens(text, at)):
            stack.append((mark, match.end()))
            del stack[:-_MAX_DEPTH]
    trimmed = [_trimmed(text, span) for span in pairs]
    return [span for span in trimmed if span.end_char - span.start_char >= MIN_CHARS]


def _opens(text: str, at: int) -> bool:
    """Whether a straight mark outside of quotes begins one; after a figure it means inches, after a word it is lost."""
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    return not before.isdigit() and (not before.isalnum() or after.isalnum())


def _opens_inner(text: str, at: int, first: bool) -> bool:
    """Whether a straight mark inside of straight ones begins a quote in the quote: a gap before it, a word after it."""
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    return (first or before.isspace() or before in _BEFORE_INNER) and (
        after.isalnum() or (after != "" and after in "“‘«([$§…")
    )


def _trimmed(text: str, span: Span) -> Span:
    inner = text[span.start_char : span.end_char]
    return Span(span.end_char - len(inner.lstrip()), span.start_char + len(inner.rstrip()))


def locate(document: Document, quote: str) -> Span | None:
    """Where a document has a quote; None when it does not, or when the quote is too short to tell."""
    return find(document.text, quote)


def find(text: str, quote: str) -> Span | None:
    """Where ``text`` has ``quote``: the first exact place after normalising, else the best near one; or None."""
    exact, bare = find_exact(text, quote), spell(quote).strip().strip(_EDGES)
    if exact is not None or len(bare) < MIN_CHARS:
        return exact
    flat, places = flatten(text)
    near = _near(flat, bare)
    return Span(places[near.start_char], places[near.end_char - 1] + 1) if near else None


def find_exact(text: str, quote: str) -> Span | None:
    """Where ``text`` has ``quote`` word for word after normalising, marks at its ends aside: the first place, or None.

    None for less than ``MIN_CHARS``.
    """
    wanted = spell(quote).strip()
    bare = wanted.strip(_EDGES)
    if len(bare) < MIN_CHARS:
        return None
    flat, places = flatten(text)
    for exact in dict.fromkeys((wanted, wanted.strip(_OUTER), bare)):
        for at in islice(_occurrences(flat, exact), _MAX_PLACES):
            if not _cuts(flat, at) and not _cuts(flat, at + len(exact)):
                return Span(places[at], places[at + len(exact) - 1] + 1)
    return None


def _occurrences(flat: str, wanted: str) -> Iterator[int]:
    at = flat.find(wanted)
    while at >= 0:
        yield at
        at = flat.find(wanted, at + 1)


def _cuts(flat: str, at: int) -> bool:
    """Whether a place lies within a word or a figure. Scripts without capitals do not part their words: never there."""
    before, after = flat[max(at - 2, 0) : at], flat[at : at + 2]
    if not before or not after:
        return False
    if before[-1].isdigit() or after[0].isdigit():
        return bool(re.search(r"\d[.,]?$", before) and re.match(r"[.,]?\d", after)) or (
            _of_word(before[-1]) and _of_word(after[0])
        )
    return _of_word(before[-1]) and _of_word(after[0])


def _of_word(char: str) -> bool:
    return char.isdigit() or char != char.upper() or unicodedata.combining(char) > 0


def _near(flat: str, wanted: str) -> Span | None:
    """The most similar run of whole words, if it is similar enough and says the same."""
    if len(wanted) > min(len(flat), MAX_NEAR_CHARS):
        return None
    best = fuzz.partial_ratio_alignment(wanted, flat, score_cutoff=MIN_SIMILARITY)
    if best is None or best.dest_end <= best.dest_start:
        return None
    run = _snapped(flat, wanted, best.dest_start, best.dest_end)
    passage = flat[run.start_char : run.end_char]
    if fuzz.ratio(wanted, passage) < MIN_SIMILARITY or not _says_the_same(wanted, passage):
        return None
    return run


def _snapped(flat: str, wanted: str, start: int, end: int) -> Span:
    """The ends of a run moved to ends of words nearby, where they fit best."""
    starts = [p for p in _nearby(flat, start) if p < end and not flat[p].isspace()]
    start = max(starts, key=lambda p: fuzz.ratio(wanted, flat[p:end]), default=start)
    ends = [p for p in _nearby(flat, end) if p > start and not flat[p - 1].isspace()]
    return Span(start, max(ends, key=lambda p: fuzz.ratio(wanted, flat[start:p]), default=end))


def _nearby(flat: str, at: int) -> list[int]:
    last = len(flat)
    return [p for p in range(max(at - _SNAP_CHARS, 0), min(at + _SNAP_CHARS, last) + 1) if p < last or at == last
            if not _cuts(flat, p)]  # fmt: skip


def _says_the_same(wanted: str, passage: str) -> bool:
    """Whether figures and negations agree. A note's number after a word is no figure of the sentence."""
    asked = _TELLING.findall(wanted)
    return asked in (_TELLING.findall(passage), _TELLING.findall(_NOTE_MARK.sub("", passage)))


@lru_cache(maxsize=16)
def flatten(text: str) -> tuple[str, array[int]]:
    """A document's text for comparing, and for each of its characters the place it comes from."""
    return _flatten(text, last=" ")


def spell(piece: str) -> str:
    """A piece of a text for comparing, white space at its beginning kept."""
    return _flatten(piece, last="")[0]


def _flatten(text: str, last: str) -> tuple[str, array[int]]:
    folded = {char: _fold(char) for char in set(text)}
    flat: list[str] = []
    places = array("I")
    for place, char in enumerate(text):
        for part in folded[char]:
            if part == last and part in " -":
                continue  # runs of white space and of dashes count once
            flat.append(part)
            places.append(place)
            last = part
    return "".join(flat), places


def _fold(char: str) -> str:
    """Decomposed, so that composed and combining letters agree; ligatures and full width become plain."""
    if char.isspace():
        return " "
    return unicodedata.normalize("NFKD", char.translate(SAME)).translate(SAME).casefold()
