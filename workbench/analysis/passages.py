"""A document as a quote may say it: bytes to be matched, where each stands, where a quote may begin and end.

White space runs, quotation marks and hyphens are made equal, and each character is taken in its compatibility form
(NFKC); capitals and accents stay. So what is quoted can differ from the document in nothing but these.

Not covered: tokens (analysis.vocabulary), the search for a quote that somebody else wrote (documents.quotes).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from workbench.documents.quotes import SAME
from workbench.documents.sentences import sentences
from workbench.types import Span

MIN_CHARS = 12
"""A quote has at least so many; shorter ones are no evidence."""

# Scripts that put no space between words: every character is a place to begin and to end.
_UNSPACED = ((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0xA4CF), (0xF900, 0xFAFF),
             (0xFF66, 0xFF9D), (0x1B000, 0x1B2FF), (0x20000, 0x3FFFF))  # fmt: skip

_SPACE, _WORD, _CHARACTER, _JOINER, _MARK = 1, 2, 4, 8, 16


@dataclass(frozen=True, slots=True, eq=False)
class Passages:
    """What may be quoted of a text.

    Attributes:
        text: the document's own.
        flat: its bytes, made equal; uint8 (num_bytes,).
        places: the character that each byte comes from; int32 (num_bytes,).
        starts: bytes at which a quote may begin, ascending; int64.
        ends: whether a quote may end in front of a byte, or behind the last; bool (num_bytes + 1,).
        stops: whether a sentence ends there; like ``ends``.
        raw: ``flat`` as bytes.
    """

    text: str
    flat: NDArray[np.uint8]
    places: NDArray[np.int32]
    starts: NDArray[np.int64]
    ends: NDArray[np.bool_]
    stops: NDArray[np.bool_]
    raw: bytes

    def continuation(self, position: int, num_chars: int) -> str:
        """The document's own characters from a byte on, white space runs as one space; empty within a character."""
        place = int(self.places[position]) if position < len(self.places) else len(self.text)
        if position and position < len(self.places) and self.places[position - 1] == place:
            return ""
        piece = self.text[place : place + num_chars]
        spaced = " ".join(piece.split())
        return " " + spaced if piece[:1].isspace() else spaced

    def before_stop(self, position: int, num_chars: int) -> int:
        """Characters from a byte on to the end of its sentence; 0 if that is not within ``num_chars``."""
        stops = np.flatnonzero(self.stops[position + 1 : position + 1 + 4 * num_chars])
        if not len(stops):
            return 0
        chars = int(self.places[position + stops[0]]) + 1 - int(self.places[position])
        return chars if chars <= num_chars else 0

    def completed(self, span: Span, max_chars: int) -> Span:
        """A passage with the rest of its last sentence, to the last whole word within ``max_chars``."""
        ends = np.flatnonzero(self.stops[: len(self.places)])
        at = int(ends.searchsorted(self.places.searchsorted(span.end_char)))
        end = int(self.places[ends[at] - 1]) + 1 if at < len(ends) else len(self.text.rstrip())
        limit = span.start_char + max_chars
        if end > limit:
            gaps = re.finditer(r"\s+", self.text[span.end_char : limit])
            end = span.end_char + max((gap.start() for gap in gaps), default=0)
        return Span(span.start_char, max(end, span.end_char))


@lru_cache(maxsize=8)
def passages(text: str) -> Passages:
    """What may be quoted of a text; kept for the next call with the same text."""
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    known, which = np.unique(codes, return_inverse=True)
    spelled = [spell_char(chr(code)) for code in known]
    lengths, kinds = np.array([len(each) for each in spelled], np.int64), np.array([*map(_kind, known)], np.uint8)
    kept = np.flatnonzero(lengths[which] > 0) if len(codes) else np.empty(0, np.int64)
    space = kinds[which[kept]] & _SPACE > 0
    kept = kept[~(space & np.concatenate([[True], space[:-1]]))] if len(kept) else kept
    which = which[kept]
    lengths, kinds = lengths[which], kinds[which]
    flat = np.frombuffer(b"".join([spelled[index] for index in which.tolist()]), np.uint8)
    first = np.concatenate([[0], lengths.cumsum()])
    cut = _cut(kinds)
    ends = np.zeros(len(flat) + 1, np.bool_)
    ends[first[np.flatnonzero(~cut)]] = True
    ends[first[np.concatenate([[False], kinds & _SPACE > 0])]] = False  # it ends in front of the space
    begins = ~cut[:-1] & (kinds & (_WORD | _CHARACTER) > 0)
    begins &= np.arange(len(kinds)) <= len(kinds) - MIN_CHARS
    places = np.repeat(kept, lengths).astype(np.int32)
    stops = np.zeros(len(flat) + 1, np.bool_)
    stops[places.searchsorted([span.end_char for span in sentences(text)])] = True
    return Passages(text, flat, places, first[:-1][begins], ends, stops & ends, flat.tobytes())


def _cut(kinds: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether each place between characters, the two ends included, lies within a word or a figure."""
    word, joiner, mark = kinds & _WORD > 0, kinds & _JOINER > 0, kinds & _MARK > 0
    before, after = np.concatenate([[False], word]), np.concatenate([word, [False]])
    joins_before, joins_after = np.concatenate([[False], joiner]), np.concatenate([joiner, [False]])
    second_before = np.concatenate([[False, False], word[:-1]]) if len(word) else np.zeros(1, np.bool_)
    second_after = np.concatenate([word[1:], [False, False]]) if len(word) else np.zeros(1, np.bool_)
    cut = (before & after) | (before & joins_after & second_after) | (second_before & joins_before & after)
    cut |= np.concatenate([mark, [False]])
    return np.asarray(cut, np.bool_)


@lru_cache(maxsize=65_536)
def spell_char(char: str) -> bytes:
    """The bytes of a character, made equal: a space for white space, nothing for what is not seen."""
    if char.isspace():
        return b" "
    same = char.translate(SAME)
    spelled = unicodedata.normalize("NFKC", same).translate(SAME)
    if any(each.isspace() for each in spelled):  # a bare accent, which NFKC puts on a space
        spelled = same
    return spelled.encode("utf-8", "surrogatepass")


def spell(text: str) -> bytes:
    """The bytes of a text, made equal; a run of white space is one space."""
    spelled: list[bytes] = []
    for char in text:
        each = spell_char(char)
        if each and not (each == b" " and spelled and spelled[-1] == b" "):
            spelled.append(each)
    return b"".join(spelled)


def _kind(code: int) -> int:
    char = chr(code)
    if char.isspace():
        return _SPACE
    if unicodedata.category(char).startswith("M"):
        return _MARK | _WORD
    if char.isalnum():
        return _CHARACTER if any(low <= code <= high for low, high in _UNSPACED) else _WORD
    return _JOINER if char.translate(SAME) in ("'", "-", ".", ",", "_") else 0
