"""Holds a model to a schema while it writes: every answer parses, and every copied value stands in the document.

The answer is JSON. What a value is copied from is the document itself: the grammar has its text (white space in runs
counts once, marks that JSON would escape become others) and lets through only pieces of it that begin and end with a
word; a number may lose the marks between its thousands, which JSON has not. Whether there is a value at all is the model's choice: ``null`` is always open to it. What the grammar leaves no
choice about is a draft, so that it costs one pass.

A model that comes round to the same row again and again is made to close the list.

Source: llguidance (github.com/guidance-ai/llguidance), its Lark dialect with ``%regex {"substring_words": ...}``.

Not covered: what the values mean (analysis.cells), the words of the task (analysis.prompts).
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence

import llguidance
import numpy as np
from numpy.typing import NDArray

from workbench.analysis.figures import numbers
from workbench.analysis.schema import Column, Schema
from workbench.errors import EngineError
from workbench.types import Tokenizer

MAX_VALUE_CHARS = 200
MAX_QUOTE_CHARS = 300
MAX_ITEMS = 50
"""Items of a list in one cell."""

REPEATS = 3
"""The same row so many times is a model that goes round in circles."""

_SPARE = str.maketrans({'"': "'", "\\": "/", "“": "'", "”": "'", "„": "'", "‟": "'"})
_GROUPED = re.compile(r"(?<![\w.,])\d{1,3}(?:[.,' \u00a0\u202f]\d{3})+(?:[.,]\d+)?(?!\d)")
_MAX_GROUPED = 1_000
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_LIMITS = {
    "initial_lexer_fuel": 10**10, "step_lexer_fuel": 10**9, "step_max_items": 10**6, "max_lexer_states": 10**7,
    "max_grammar_size": 10**8, "precompute_large_lexemes": False,
}  # fmt: skip


def spared(text: str) -> str:
    """A document's text as values are copied from it: in one line, without the marks that JSON escapes."""
    return " ".join(_UNSEEN.sub(" ", text).translate(_SPARE).split())


def ungrouped(text: str) -> list[str]:
    """The numbers of a text whose thousands are set apart (``1,590.00``), as JSON writes them."""
    found = (number.value for match in _GROUPED.finditer(text) for number in numbers(match.group()))
    whole = dict.fromkeys(value for value in found if value >= 1000)
    written = (each for value in whole for each in (f"{value:f}", f"{value.normalize():f}"))
    return list(dict.fromkeys(written))[:_MAX_GROUPED]


def grammar(schema: Schema, text: str, *, many: bool, max_rows: int | None = None) -> str:
    """The grammar of an answer, in llguidance's own form.

    Args:
        schema: of the rows.
        text: of the document.
        many: a list of rows, perhaps none; else one row.
        max_rows: of the list.
    """
    more = "" if max_rows == 1 else '(", " row)' + ("*" if max_rows is None else f"{{0,{max_rows - 1}}}")
    start = f'"[" (row {more})? "]"' if many else "row"
    pairs = [f"{_said(json.dumps(each.name, ensure_ascii=False) + ': ')} v{n}" for n, each in enumerate(schema.columns)]
    separated = ' ", " '.join(pairs)
    return str(llguidance.LLMatcher.grammar_from_lark("\n".join([
        f"start: {start}",
        f'row: "{{" {separated} "}}"',
        *(f"v{n}: {_value(column)}" for n, column in enumerate(schema.columns)),
        'copied: "\\"" COPIED "\\""',
        'quoted: "\\"" QUOTED "\\""',
        f"GROUPED: {' | '.join(map(_said, ungrouped(text))) or 'FIGURES'}",
        f"COPIED: DOCUMENT & /{_WHOLE % (MAX_VALUE_CHARS - 2)}/",
        "FIGURES: DOCUMENT & /0|[1-9][0-9]{0,17}(\\.[0-9]+)?/",
        f"QUOTED: DOCUMENT & /{_WHOLE % (MAX_QUOTE_CHARS - 2)}/",
        f"DOCUMENT: %regex {json.dumps({'substring_words': spared(text)})}",
    ])))  # fmt: skip


_WHOLE = r"[^ ](.{0,%d}[^ ])?"  # not white space at its ends


def _said(text: str) -> str:
    """A text as a literal of the grammar."""
    return json.dumps(text, ensure_ascii=False)


def _value(column: Column) -> str:
    if column.kind == "list":
        return f'"[]" | "[" copied (", " copied){{0,{MAX_ITEMS - 1}}} "]"'
    if column.kind in ("integer", "number"):
        return '"null" | copied | FIGURES | GROUPED'
    if column.copied:
        return '"null" | copied'
    words = (
        ["true", "false"] if column.kind == "yes_no" else [json.dumps(c, ensure_ascii=False) for c in column.choices]
    )
    choices = " | ".join(map(_said, words))
    return f'"null" | "{{\\"quote\\": " quoted ", \\"value\\": " ({choices}) "}}"'


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
