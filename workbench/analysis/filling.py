"""Holds a model to a grammar while it writes, byte by byte; what it leaves no choice about is a draft, in one pass.

A model that comes round to the same row again and again is made to close the list.

Source: llguidance (github.com/guidance-ai/llguidance).

Not covered: the grammar (analysis.grammar), what the values mean (analysis.cells), the words of the task
(analysis.prompts).
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence

import llguidance
import numpy as np
from numpy.typing import NDArray

from workbench.errors import EngineError
from workbench.types import Tokenizer

REPEATS = 3
"""The same row so many times is a model that goes round in circles."""

_LIMITS = {
    "initial_lexer_fuel": 10**10, "step_lexer_fuel": 10**9, "step_max_items": 10**6, "max_lexer_states": 10**7,
    "max_grammar_size": 10**8, "precompute_large_lexemes": False,
}  # fmt: skip


class _Wrapped:
    """A tokenizer of ours as llguidance wants it."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self.tokens = list(tokenizer.token_bytes)
        self.special_token_ids = [token_id for token_id, piece in enumerate(self.tokens) if not piece]
        self.eos_token_id, self.bos_token_id = min(tokenizer.end_token_ids, default=self.special_token_ids[0]), None

    def __call__(self, text: str) -> list[int]:
        return self._tokenizer.encode(text)


_vocabularies: dict[str, llguidance.LLTokenizer] = {}


def vocabulary(tokenizer: Tokenizer) -> llguidance.LLTokenizer:
    """A tokenizer in llguidance's own form; made once, which takes a second or two."""
    key = f"{tokenizer.fingerprint} {sorted(tokenizer.end_token_ids)}"
    if key not in _vocabularies:
        wrapped = _Wrapped(tokenizer)
        ends = sorted(tokenizer.end_token_ids) or [wrapped.eos_token_id]
        made = llguidance.LLTokenizer(llguidance.TokenizerWrapper(wrapped), n_vocab=len(wrapped.tokens), eos_token=ends)
        _vocabularies[key] = made
    return _vocabularies[key]


class Filling:
    """The constraint of one answer; follows it byte by byte.

    Args:
        tokenizer: of the model that answers.
        rules: as ``grammar`` has made them.

    Raises:
        EngineError: the grammar is too large for this document.

    Attributes:
        text: what was written.
        num_rows: rows that are complete.
        circled: whether the list was closed because the model repeated itself.
    """

    def __init__(self, tokenizer: Tokenizer, rules: str) -> None:
        self._pieces, self._ends = tokenizer.token_bytes, tokenizer.end_token_ids
        limits = llguidance.LLParserLimits(**_LIMITS)
        self._matcher = llguidance.LLMatcher(vocabulary(tokenizer), rules, limits=limits, log_level=0)
        self._check()
        self._written, self._ends_at = bytearray(), list[int]()
        self._row_start, self._rows = 1, Counter[str]()
        self.num_rows, self.circled = 0, False

    @property
    def text(self) -> str:
        """What was written."""
        return self._written.decode("utf-8", "replace")

    @property
    def closed(self) -> bool:
        """Whether all was written that there is to write."""
        return bool(self._matcher.is_stopped())

    def tokens_of(self, start_char: int, end_char: int) -> range:
        """Which of the chosen tokens have to do with a part of ``text``, by their number."""
        start, end = (len(self.text[:at].encode()) for at in (start_char, end_char))
        return range(bisect_right(self._ends_at, start), bisect_left(self._ends_at, end) + 1)

    def allowed(self) -> NDArray[np.bool_]:
        """Mask over ids."""
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        self._check()
        mask = np.unpackbits(bits, bitorder="little").astype(np.bool_)
        return self._closing(mask) if self.circled else mask

    def advance(self, token_id: int) -> None:
        """A token was chosen."""
        self._matcher.consume_token(token_id)
        self._check()
        if token_id in self._ends:
            return
        piece = self._pieces[token_id]
        self._written += piece
        self._ends_at.append(len(self._written))
        if b"}" in piece:
            self._count()

    def draft(self) -> Sequence[int]:
        """Tokens that have to come."""
        return [] if self.circled else list(self._matcher.compute_ff_tokens())

    def _check(self) -> None:
        if self._matcher.is_error():
            reason = self._matcher.get_error().splitlines()[0]
            raise EngineError(f"The answer cannot be held to the schema ({reason}). Extract from a part: select(...).")

    def _count(self) -> None:
        """Take the row that may have ended."""
        text = self.text
        start = text.find("{", self._row_start)
        if not text.startswith("[") or start < 0:
            return
        try:
            row, end = json.JSONDecoder().raw_decode(text, start)
        except ValueError:
            return
        said = json.dumps(row, sort_keys=True)
        self._rows[said] += 1
        self._row_start, self.num_rows = end, self.num_rows + 1
        self.circled = self.circled or self._rows[said] >= REPEATS

    def _closing(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """What is left when the list has to end: a row is finished, and no other begun."""
        ids: list[int] = np.flatnonzero(mask).tolist()
        at_end = self.text.endswith("}") and self.text.find("{", self._row_start) < 0
        keep = [i for i in ids if (i in self._ends or self._pieces[i].startswith(b"]") if at_end
                                   else b"}," not in self._pieces[i])]  # fmt: skip
        if not keep:
            return mask
        closed = np.zeros_like(mask)
        closed[keep] = True
        return closed
