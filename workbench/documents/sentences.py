"""Sentences of a text, and which of a document's share the telling words of an answer.

A sentence ends at a full stop, question or exclamation mark before white space and a capital, or at a blank line; not
after an initial or a common abbreviation. A word tells the more the fewer sentences have it.

Not covered: meaning: a passage is near because it has the same words. Scripts without spaces between words.

Source: inverse document frequency as in Robertson and Zaragoza 2009, section 3.1, over sentences.
"""

from __future__ import annotations

import re
from collections import Counter
from functools import lru_cache
from math import log, sqrt

from workbench.types import Span

MIN_COVERAGE = 0.5
"""Share of what an answer's own words tell that a passage must have."""

MAX_CHARS = 400
"""A longer sentence is cut to the part around the answer's words."""

_NEW, _SAID, _ASKED = 3.0, 1.5, 1.0  # what a word counts for: only in the answer, in both, only in the question
_AVERAGE_WORDS = 20  # long sentences have more words of everything; so many are taken as usual

_END = re.compile(r"""[.!?]["'”’)\]]*(?:\d{1,2})?(?=\s+["'“‘(\[]*[A-Z0-9])|[。！？]|\n[ \t]*\n""")
_ABBREVIATED = re.compile(
    r"\b(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|No|Nos|Art|Arts|Sec|Fig|vs?|cf|cl|pp?|ed|al|etc|e\.g|i\.e|Inc|Co|Corp|Ltd"
    r"|Jan|Feb|Mar|Apr|Aug|Sept?|Oct|Nov|Dec)\.$"
)
_WORD = re.compile(r"\w+(?:[.,/]\d+)*")


@lru_cache(maxsize=8)
def sentences(text: str) -> tuple[Span, ...]:
    """Spans of the sentences, white space around them left out, in order."""
    spans, start = [], 0
    for match in _END.finditer(text):
        if match.group()[0] == "." and _ABBREVIATED.search(text[max(start, match.start() - 12) : match.start() + 1]):
            continue
        spans.append(trimmed(text, Span(start, match.end())))
        start = match.end()
    spans.append(trimmed(text, Span(start, len(text))))
    return tuple(span for span in spans if span.start_char < span.end_char)


def trimmed(text: str, span: Span) -> Span:
    """A span without the white space at its ends."""
    inner = text[span.start_char : span.end_char]
    return Span(span.end_char - len(inner.lstrip()), span.start_char + len(inner.rstrip()))


def words(text: str) -> frozenset[str]:
    """Words and figures of a text, for comparing."""
    return frozenset(word.casefold() for word in _WORD.findall(text))


class SentenceIndex:
    """The sentences of a document by their words. Made by ``index``."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._sentences = sentences(text)
        self._words = [words(text[start:end]) for start, end in self._sentences]
        self._counts = Counter(word for found in self._words for word in found)

    def weight(self, word: str) -> float:
        """How much a word tells; the most for one that the document has not."""
        count = self._counts[word]
        return log(1 + (len(self._sentences) - count + 0.5) / (count + 0.5))

    def nearest(self, answer: str, question: str = "") -> Span | None:
        """The passage that has the most of an answer's words, and of its question's where several have; or None.

        None where no passage has ``MIN_COVERAGE`` of what the answer's own words tell.
        """
        said, asked = words(answer), words(question)
        counts = {word: _SAID if word in asked else _NEW for word in said} | dict.fromkeys(asked - said, _ASKED)
        weights = {word: factor * self.weight(word) for word, factor in counts.items()}
        scores = [
            sum(weights[word] for word in found & weights.keys()) / sqrt(_AVERAGE_WORDS + len(found))
            for found in self._words
        ]
        # What the question says already proves nothing: the answer's own words must be there.
        telling = said - asked or said
        told = MIN_COVERAGE * sum(map(self.weight, telling))
        near = [n for n, found in enumerate(self._words) if sum(map(self.weight, telling & found)) >= told > 0]
        best = max(near, key=scores.__getitem__, default=None)
        return None if best is None else self._narrowed(self._sentences[best], telling)

    def _narrowed(self, span: Span, telling: frozenset[str]) -> Span:
        """A long sentence's part around the telling words, cut between words."""
        start, end = span
        if end - start <= MAX_CHARS:
            return span
        told = [
            (self.weight(match.group().casefold()), match.start())
            for match in _WORD.finditer(self._text, start, end)
            if match.group().casefold() in telling
        ]
        most = max((weight for weight, _ in told), default=0.0)
        hits = [at for weight, at in told if weight >= most / 2]
        middle = hits[len(hits) // 2] if hits else start
        left = max(min(middle - MAX_CHARS // 2, end - MAX_CHARS), start)
        right = min(left + MAX_CHARS, end)
        left = left if left == start else self._text.find(" ", left, right) + 1 or left
        right = right if right == end else max(self._text.rfind(" ", left, right), left + 1)
        return trimmed(self._text, Span(left, right))


@lru_cache(maxsize=8)
def index(text: str) -> SentenceIndex:
    """The sentences of a document by their words; made once."""
    return SentenceIndex(text)
