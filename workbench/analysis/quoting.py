"""The quote guard: while a quote is being written, each token must go on as the document does somewhere.

A ``Quote`` keeps the places where the document has what was written so far; tokens that go on at none of them are
not allowed, so what a quote says stands in the document whatever the model's weights, and where it stands is known
while it is written. As soon as one place is left, the document's own continuation is the draft.

Not covered: what to quote for (analysis.citing), masking and drafts in the engine.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache
from os.path import commonprefix

import numpy as np
from numpy.typing import NDArray

from workbench.analysis.passages import MIN_CHARS, Passages
from workbench.analysis.vocabulary import Vocabulary
from workbench.documents.sentences import trimmed
from workbench.types import Span, Tokenizer

MAX_CHARS = 400
"""A quote is closed at the first end of a word behind so many characters, or there, wherever that is."""

SLACK_CHARS = 40
"""How far behind ``MAX_CHARS`` an end of a word is waited for."""

FEW_PLACES = 8
"""So many places are looked at one by one."""

_DRAFT_CHARS, _MIN_DRAFT_CHARS = 160, 2


class Quote:
    """A quote on its way.

    Args:
        passages: of the document.
        vocabulary: of the model.
        tokenizer: of the model, for drafts.
        min_chars: closed no earlier than this.
        max_chars: closed at the first end of a word behind this.
        one_sentence: closed at the end of a sentence.
    """

    def __init__(
        self,
        passages: Passages,
        vocabulary: Vocabulary,
        tokenizer: Tokenizer,
        *,
        min_chars: int = MIN_CHARS,
        max_chars: int = MAX_CHARS,
        one_sentence: bool = False,
    ) -> None:
        self._passages, self._vocabulary, self._tokenizer = passages, vocabulary, tokenizer
        self._min_chars, self._max_chars, self._one_sentence = min_chars, max_chars, one_sentence
        self._positions = passages.starts  # the byte that comes next, at each place that is left
        self._num_bytes = self._num_chars = 0
        self._allowed: list[int] | None = None

    @property
    def num_places(self) -> int:
        """Places that are left."""
        return len(self._positions)

    @property
    def closable(self) -> bool:
        """Whether it may end here."""
        return self._num_chars >= self._min_chars and (bool(self._ended().any()) or self._overlong)

    @property
    def must_close(self) -> bool:
        """Whether it has to."""
        if not self.allowed():
            return True
        return self.closable and (self._num_chars >= self._max_chars or self._at_stop)

    @property
    def _at_stop(self) -> bool:
        return self._one_sentence and bool(self._passages.stops[self._positions].any())

    @property
    def _overlong(self) -> bool:
        return self._num_chars >= self._max_chars + SLACK_CHARS

    def _ended(self) -> NDArray[np.bool_]:
        return self._passages.ends[self._positions]

    def allowed(self) -> list[int]:
        """Tokens that go on as the document does; none at its end."""
        if self._allowed is None:
            passages, vocabulary = self._passages, self._vocabulary
            if not self._num_bytes:
                self._allowed = _beginnings(passages, vocabulary)
            elif len(self._positions) <= FEW_PLACES:
                self._allowed = sorted({token for at in self._positions.tolist() for token in self._going_on_at(at)})
            else:
                self._allowed = vocabulary.going_on(passages.flat, self._positions).tolist()
        return self._allowed

    def _going_on_at(self, position: int) -> list[int]:
        """Tokens that go on there, in the document's own characters if there are such."""
        found = self._vocabulary.going_on_at(self._passages.raw, position)
        own = self._passages.continuation(position, self._vocabulary.max_bytes).encode("utf-8", "surrogatepass")
        pieces = self._tokenizer.token_bytes
        return [token for token in found if own.startswith(pieces[token])] or found

    def advance(self, token_id: int) -> None:
        """A token was written; one of the allowed."""
        written, self._allowed = self._vocabulary.spelled[token_id], None
        self._num_bytes += len(written)
        self._num_chars += sum(byte & 0xC0 != 0x80 for byte in written)
        if len(self._positions) == 1:  # it was found there
            self._positions = self._positions + len(written)
            return
        flat = self._passages.flat
        for byte in written:
            left = self._positions[self._positions < len(flat)]
            self._positions = left[flat[left] == byte] + 1

    def draft(self) -> list[int]:
        """The document's next tokens, as far as the places that are left go on alike."""
        if not self._num_bytes or not 0 < len(self._positions) <= FEW_PLACES:
            return []
        ahead, whole = zip(*map(self._ahead, self._positions.tolist()), strict=True)
        text = commonprefix(ahead)  # noqa: RUF071 - character by character is what is wanted
        if len(text) < _MIN_DRAFT_CHARS:
            return []
        tokens = self._tokenizer.encode(text)
        return tokens if any(whole) and text in ahead else tokens[:-1]  # the last one may be cut off

    def _ahead(self, position: int) -> tuple[str, bool]:
        """How the document goes on there, and whether a quote of one sentence ends with it."""
        num_chars = max(min(_DRAFT_CHARS, self._max_chars + SLACK_CHARS - self._num_chars), 1)
        stop = self._passages.before_stop(position, num_chars) if self._one_sentence else 0
        ends = stop > 0 and self._num_chars + stop >= self._min_chars
        return self._passages.continuation(position, stop if ends else num_chars), ends

    @property
    def span(self) -> Span | None:
        """Where the document has it, the first place if there are several; None before anything was written."""
        if not self._num_bytes or not len(self._positions):
            return None
        ended = self._positions[self._ended()]
        end = int(ended[0] if len(ended) else self._positions[0])
        places = self._passages.places
        return trimmed(self._passages.text, Span(int(places[end - self._num_bytes]), int(places[end - 1]) + 1))


@lru_cache(maxsize=8)
def _beginnings(passages: Passages, vocabulary: Vocabulary) -> list[int]:
    """Tokens that a quote may begin with: the one search through the whole document, the same for all its quotes."""
    tokens: list[int] = vocabulary.going_on(passages.flat, passages.starts).tolist()
    return tokens


class QuoteGuard:
    """A constraint: one quote, and then an end.

    Args:
        quote: to be written.
        closing: tokens that end it, such as a quotation mark and the ends of an answer.

    Attributes:
        closed: whether it came to its end.
    """

    def __init__(self, quote: Quote, closing: Collection[int]) -> None:
        self._quote, self._closing = quote, sorted(closing)
        self.closed = False

    def allowed(self) -> Sequence[int]:
        """What goes on as the document does, and where a quote may close, what closes it."""
        quote = self._quote
        if self.closed or quote.must_close:
            return self._closing
        return [*quote.allowed(), *self._closing] if quote.closable else quote.allowed()

    def advance(self, token_id: int) -> None:
        """A token was chosen."""
        if not self.closed:
            # A quotation mark that the document has here as well is the document's.
            self.closed = token_id in self._closing and token_id not in self._quote.allowed()
            if not self.closed:
                self._quote.advance(token_id)

    def draft(self) -> Sequence[int]:
        """The document's next tokens, as far as they are known."""
        return [] if self.closed or self._quote.must_close else self._quote.draft()
