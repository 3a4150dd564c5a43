"""How long a text is, in words as people count them, and which of its sentences are whole.

A word is what stands between white space and has a letter or figure in it; in scripts without spaces between words
(Chinese, Japanese) each character counts.

Not covered: Thai, Lao and Khmer, which part neither words nor sentences: a run counts as one word.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from workbench.documents.sentences import sentences
from workbench.types import TextStream

_CHARACTER = "[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]"
_WORD = re.compile(rf"{_CHARACTER}|(?:(?!{_CHARACTER})\S)*(?:(?!{_CHARACTER})[^\W_])(?:(?!{_CHARACTER})\S)*")
_ENDED = re.compile(r"""[.!?。！？…]["'”’»」』)\]]*$""")
_MARKS = re.compile(r"^(?:#{1,6}\s+|[-*•–]\s+|\(?\d{1,3}[.)]\s+)+|\*\*|__|`")

_ADDED = re.compile(
    r";(?= )|,(?= (?:which|who|where|whose|while|with|including|followed by|such as|as well as)\b)"
    r"|,(?= and (?:the|a|an|this|that|these|those|his|her|its|their|he|she|it|they|there|in|on|at)\b)"
)
_OPENED = re.compile(
    r"^(?:if|when|while|although|though|because|since|as|after|before|unless|once|where|despite|in)\b"
    r"|\b(?:if|unless|not only|either|neither|both|between|not|never|no)\b",
    re.IGNORECASE,
)
TOLERANCE = 0.15
"""Share of the words asked for that a text may miss by."""

MIN_HEAD_WORDS = 6
"""Words of a sentence that is left when clauses are taken off its end, at least."""


def num_words(text: str) -> int:
    """Words of a text; characters where a script does not part its words."""
    return len(_WORD.findall(text))


def missed(has: int, words: int) -> str:
    """A sentence that a text has not the words asked for; empty where it has, but for ``TOLERANCE``."""
    if abs(has - words) <= TOLERANCE * words:
        return ""
    return f"It has {has:,} words where {words:,} were asked for: the model wrote nothing else that is new and fits."


def whole_sentences(text: str, *, ended: bool) -> list[str]:
    """Sentences with their full stop, without marks of lists; the last one only if the writer has ``ended``.

    A sentence is known to be whole once the next one begins: a full stop may be a decimal point. Headings have none.
    """
    spans = sentences(text) if ended else sentences(text)[:-1]
    cleaned = (" ".join(_MARKS.sub("", text[start:end]).split()) for start, end in spans)
    return [sentence for sentence in cleaned if _ENDED.search(sentence) and any(char.isalpha() for char in sentence)]


def shortened(sentence: str, most: int) -> str:
    """A sentence of ``most`` words at most: itself, or itself without clauses at its end; else empty.

    Only a clause that adds to what stands in front of it is left out, never one that limits it ("but", "unless").
    """
    while sentence and num_words(sentence) > most:
        at = max((match.start() for match in _ADDED.finditer(sentence)), default=0)
        sentence = sentence[:at] + "." if _stands_alone(sentence[:at], sentence[at:]) else ""
    return sentence


def _stands_alone(head: str, tail: str) -> bool:
    """Whether a sentence may end in front of its last clause: not within a list, a bracket or a condition."""
    return (
        num_words(head) >= MIN_HEAD_WORDS
        and "," not in tail[1:]
        and not ("," in head and re.match(r"[,;] and\b", tail))
        and not _OPENED.search(head)
        and all(head.count(one) == head.count(other) for one, other in ("()", "[]", "“”"))
        and head.count('"') % 2 == 0
    )


def enough(least: int, most: int) -> Callable[[str], bool]:
    """Whether a text is to end: whole sentences have ``least`` words, or with one that is open it has over ``most``."""

    def ends(text: str) -> bool:
        if num_words(text) > most:
            return True
        begun = sentences(text)[:-1]
        return bool(begun) and num_words(text[: begun[-1].end_char]) >= least

    return ends


RUN_TOKENS, OPENING_TOKENS = 8, 2
"""A run of so many tokens is not written twice in a summary, nor does a turn begin as an earlier one did: small models
go round in circles."""

_BEFORE = [-1] * (RUN_TOKENS - OPENING_TOKENS)

_MOST_IDS = 1 << 19
"""More than any vocabulary has."""


class Flow:
    """A constraint: a text goes on until it has its words, and does not go round in circles. See ``types.Constraint``.

    Args:
        stream: decodes the ids.
        end_token_ids: not allowed while the text has under ``least`` words.
        least: words.
        said: ids of what was written before.
    """

    def __init__(
        self, stream: TextStream, end_token_ids: frozenset[int], least: int, said: Sequence[Sequence[int]] = ()
    ) -> None:
        self._stream, self._ends, self._least = stream, end_token_ids, least
        self._text, self._ids = "", [*_BEFORE]
        self._next: dict[tuple[int, ...], set[int]] = {}
        for turn in said:
            ids = [*_BEFORE, *turn]
            for end in range(RUN_TOKENS, len(ids) + 1):
                self._note(ids[:end])

    def _note(self, ids: Sequence[int]) -> None:
        run = tuple(ids[-RUN_TOKENS:])
        self._next.setdefault(run[:-1], set()).add(run[-1])

    def allowed(self) -> NDArray[np.bool_] | None:
        """All but the end, while it is too early, and what would repeat a run."""
        refused = set(self._next.get(tuple(self._ids[1 - RUN_TOKENS :]), ()))
        if num_words(self._text) < self._least:
            refused |= self._ends
        if not refused:
            return None
        mask = np.ones(_MOST_IDS, dtype=np.bool_)
        mask[list(refused)] = False
        return mask

    def advance(self, token_id: int) -> None:
        """Take a token."""
        self._ids.append(token_id)
        if len(self._ids) >= RUN_TOKENS:
            self._note(self._ids)
        if token_id not in self._ends:
            self._text += self._stream.step(token_id)

    def draft(self) -> Sequence[int]:
        """Nothing is known before it is written."""
        return ()
