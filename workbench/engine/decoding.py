"""One answer on its way: which token comes next, when it ends, what it took. Knows logits, not how they are made.

Not covered: the model (engine.runner), several answers together (engine.lockstep).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence

import torch

from workbench.engine.sampling import Sampler
from workbench.types import FinishReason, Question, Step

DRAFT_TOKENS = 24
"""Tokens of a draft that are run at once, at most: on a CPU each row more costs arithmetic, and a wrong one is lost."""


class Decoding:
    """An answer on its way.

    Args:
        question: what is asked, and how it is sampled, ended and constrained.
        seed: of sampling, where its ``params`` name none.

    Attributes:
        finished: whether its last Step was given.
        token_id: the newest token, to be fed next.
    """

    def __init__(self, question: Question, seed: int) -> None:
        self._question, self._constraint = question, question.constraint
        self._sampler = Sampler(question.params, seed)
        self._started, self._first_s, self._count = time.perf_counter(), 0.0, 0
        self._weighed: tuple[float, ...] = ()
        self.finished = False
        self.token_id = -1

    def weighed(self, probabilities: tuple[float, ...]) -> None:
        """Probabilities of the alternatives that the question weighs, for its first Step."""
        self._weighed = probabilities
        if self._question.weigh is not None and self._question.weigh.told is not None:
            self._question.weigh.told(probabilities)

    def take(
        self, logits: torch.Tensor, shares: tuple[float, ...] = (), lse: torch.Tensor | None = None
    ) -> Iterator[Step]:
        """Choose a token by the logits (vocabulary,) behind what was fed; its Step, and the last one if it ends here.

        ``shares`` are those of the attention behind the logits, for the Step; ``lse`` the logits' log-sum-exp, where it
        is known.

        Raises:
            EngineError: the constraint allows nothing.
        """
        question = self._question
        if question.cancel.is_set():
            yield self.end("cancelled")
            return
        allowed = None if self._constraint is None else self._constraint.allowed()
        self.token_id = self._sampler.choose(logits, allowed)
        if self._constraint is not None:
            self._constraint.advance(self.token_id)
        self._count += 1
        self._first_s = self._first_s or time.perf_counter() - self._started
        yield Step(
            self.token_id, None, self._first_s, self._decode_s(), len(question.token_ids), shares,
            probability(logits, self.token_id, lse), self._weighed if self._count == 1 else (),
        )  # fmt: skip
        should_stop = question.should_stop
        if self.token_id in question.end_token_ids or (should_stop is not None and should_stop(self.token_id)):
            yield self.end("stop")
        elif self._count == question.params.max_tokens:
            yield self.end("length")

    def draft(self) -> list[int]:
        """What the constraint expects next, no more than may still be said behind it."""
        if self._constraint is None:
            return []
        return list(self._constraint.draft())[: min(DRAFT_TOKENS, self._question.params.max_tokens - self._count - 1)]

    def follow(self, rows: torch.Tensor, draft: Sequence[int]) -> tuple[list[Step], int]:
        """Choose tokens by rows of logits (1 + draft, vocabulary), for as long as they are those of the draft.

        Returns:
            The steps, one more than were followed (and the last one, if it ends here), and how many were followed.
        """
        steps: list[Step] = []
        for num_followed, (row, lse) in enumerate(zip(rows, rows.float().logsumexp(-1), strict=True)):
            steps.extend(self.take(row, lse=lse))
            if self.finished or num_followed == len(draft) or self.token_id != draft[num_followed]:
                break
        return steps, num_followed

    def end(self, reason: FinishReason) -> Step:
        """The last Step."""
        self.finished = True
        return Step(None, reason, self._first_s, self._decode_s(), len(self._question.token_ids))

    def _decode_s(self) -> float:
        return time.perf_counter() - self._started - self._first_s if self._first_s else 0.0


def probability(logits: torch.Tensor, token_id: int, lse: torch.Tensor | None = None) -> float:
    """Of a token by logits (vocabulary,) and their log-sum-exp, at temperature 1, in [0, 1]."""
    lse = logits.float().logsumexp(0) if lse is None else lse
    return math.exp(float(logits[token_id]) - float(lse))
