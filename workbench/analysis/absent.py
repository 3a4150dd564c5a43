"""That the document does not say it: an answer of its own, with its probability.

Two things are weighed before the first token, by the model's own logits: that the answer begins with a denial,
and what the model replies, aside, to whether the question can be answered. A small model that would rather say
something than nothing denies too seldom, but less seldom where it cannot know, and then it is in doubt here as well.

An answer that was given all the same is weighed again before the passages that it rests on, read alone.

Not covered: reading them (analysis.looking), what is said otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from workbench.types import Weigh

ABSENT_THRESHOLD: float | None = 0.5
"""From this probability on, it is said: where it is likelier than not."""

_REPLIED = 0.5
# Fitted to 45 questions about the opinion, thirty of them on what it does not say, put to `small`. The reply counts
# twice: it moves within a narrow range. Of fifteen that have an answer, it costs one.
_DENIED, _REPLY, _BIAS = 1.0, 2.0, 3.2
# Fitted to the 33 of them, and of thirty about a story, that were in doubt: what is seen before the passages counts
# twice. Of thirty that have an answer, it cost one then, and another when measured again.
_ALONE, _ALONE_BIAS = 2.0, -0.5
LOOK_FROM = 0.02
"""Below this probability, no look at the passages is taken: they alone would have to give 0.9."""
_TINY = 1e-6  # below it, one probability is as good as another


@dataclass(frozen=True, slots=True)
class Wording:
    """Ids of what is weighed, and of what is said.

    Attributes:
        denial: begins an answer that the document does not say it.
        aside: asks whether it can be answered.
        replies: Yes, and No.
        sentence: that the document does not say it.
        end_token_ids: the tokens that end an answer.
    """

    denial: tuple[int, ...]
    aside: tuple[int, ...]
    replies: tuple[tuple[int, ...], tuple[int, ...]]
    sentence: tuple[int, ...]
    end_token_ids: frozenset[int]


class Absent:
    """Weighs whether the document says it before an answer begins, and has that said where it is probable enough.

    Args:
        wording: as ids.
        threshold: the probability from which on it is said; None leaves it to the model.

    Attributes:
        probability: that the document does not say it, see ``estimate`` and ``combined``; None before it is known.
        understood: whether the reply to the aside was heard.
        looked: whether the passages of the answer were weighed as well.
    """

    def __init__(self, wording: Wording, threshold: float | None) -> None:
        self._wording, self._threshold = wording, threshold
        self.probability: float | None = None
        self.understood = self.looked = False
        self._at = 0

    @property
    def weigh(self) -> Weigh:
        """What the engine is asked for."""
        wording = self._wording
        return Weigh((wording.denial, *wording.replies), self._told, wording.aside, wording.replies)

    def _told(self, probabilities: tuple[float, ...]) -> None:
        denied, *answers, yes, no = probabilities
        # Where the answer itself is Yes or No, the reply would be that answer: No to a false statement. And a model
        # that replies to the aside with neither has not understood it.
        self.understood = sum(answers) < _REPLIED <= yes + no
        self.probability = estimate(denied, yes, no) if self.understood else denied

    @property
    def in_doubt(self) -> bool:
        """Whether an answer is given that a look at its passages may still take back."""
        if self._threshold is None or self.probability is None or self.said:
            return False
        return self.understood and self.probability >= LOOK_FROM

    def look(self, alone: Absent) -> None:
        """Take in what was weighed before the passages of the answer, read alone."""
        self.looked = True
        if self.probability is not None and alone.probability is not None and alone.understood:
            self.probability = combined(self.probability, alone.probability)

    @property
    def said(self) -> bool:
        """Whether it is probable enough to be the answer."""
        return self._threshold is not None and self.probability is not None and self.probability >= self._threshold

    def allowed(self) -> Sequence[int] | None:
        """The sentence and an end, where it is to be said; else anything."""
        if not self.said:
            return None
        rest = self._wording.sentence[self._at : self._at + 1]
        return rest or sorted(self._wording.end_token_ids) or None

    def advance(self, token_id: int) -> None:  # noqa: ARG002 - what is forced is known
        """A token was chosen."""
        self._at += 1

    def draft(self) -> Sequence[int]:
        """The rest of the sentence, where it is to be said."""
        return self._wording.sentence[self._at :] if self.said else ()


def estimate(denied: float, yes: float, no: float) -> float:
    """That the document does not say it, in [0, 1].

    Args:
        denied: probability that the answer begins with a denial.
        yes: of the reply that it can be answered.
        no: of the reply that it cannot.
    """
    return _sigmoid(_DENIED * math.log(denied + _TINY) + _REPLY * math.log((no + _TINY) / (yes + _TINY)) + _BIAS)


def combined(whole: float, alone: float) -> float:
    """That the document does not say it, in [0, 1], by two estimates: before all of it, and before the passages."""
    return _sigmoid(_logit(whole) + _ALONE * _logit(alone) + _ALONE_BIAS)


def _logit(probability: float) -> float:
    return math.log((probability + _TINY) / (1 - probability + _TINY))


def _sigmoid(evidence: float) -> float:
    return 1 / (1 + math.exp(-evidence))
