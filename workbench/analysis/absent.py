"""That the document does not say it: an answer of its own, with its probability.

Not covered: what is said otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence

from workbench.types import Weigh

ABSENT_THRESHOLD: float | None = 0.15
"""From this probability on, it is said: of fifteen questions that the opinion answers, `small` gives none so much."""


class Absent:
    """Weighs the sentence that says so before an answer begins, and has it said where it is probable enough.

    Args:
        sentence: as ids.
        end_token_ids: the tokens that end an answer.
        threshold: the probability from which on it is said; None leaves it to the model.

    Attributes:
        probability: that the model begins its answer with the sentence, at temperature 1; None before it is known.
    """

    def __init__(self, sentence: Sequence[int], end_token_ids: frozenset[int], threshold: float | None) -> None:
        self._sentence, self._ends, self._threshold = tuple(sentence), end_token_ids, threshold
        self.probability: float | None = None
        self._at = 0

    @property
    def weigh(self) -> Weigh:
        """What the engine is asked for."""
        return Weigh((self._sentence,), self._told)

    def _told(self, probabilities: tuple[float, ...]) -> None:
        self.probability = probabilities[0]

    @property
    def _forced(self) -> bool:
        return self._threshold is not None and self.probability is not None and self.probability >= self._threshold

    def allowed(self) -> Sequence[int] | None:
        """The sentence and an end, where it is to be said; else anything."""
        if not self._forced:
            return None
        rest = self._sentence[self._at : self._at + 1]
        return rest or sorted(self._ends) or None

    def advance(self, token_id: int) -> None:  # noqa: ARG002 - what is forced is known
        """A token was chosen."""
        self._at += 1

    def draft(self) -> Sequence[int]:
        """The rest of the sentence, where it is to be said."""
        return self._sentence[self._at :] if self._forced else ()
