"""One answer on its way: which token comes next, when it ends, what it took. Knows logits, not how they are made.

Not covered: the model (engine.runner), several answers together (engine.lockstep).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import torch

from workbench.config import SamplingParams
from workbench.engine.sampling import Sampler
from workbench.types import FinishReason, Step, StopCheck


class Decoding:
    """An answer on its way.

    Args:
        params: sampling.
        seed: of sampling, where ``params`` name none.
        end_token_ids: the tokens that end it.
        should_stop: ends it for another reason.
        cancel: ends it at its next token.
        computed_tokens: of its prompt, for the last Step.

    Attributes:
        finished: whether its last Step was given.
        token_id: the newest token, to be fed next.
    """

    def __init__(
        self,
        params: SamplingParams,
        seed: int,
        end_token_ids: frozenset[int],
        should_stop: StopCheck | None,
        cancel: threading.Event,
        computed_tokens: int,
    ) -> None:
        self._params, self._ends, self._should_stop = params, end_token_ids, should_stop
        self._sampler, self._cancel, self._computed = Sampler(params, seed), cancel, computed_tokens
        self._started, self._first_s, self._count = time.perf_counter(), 0.0, 0
        self.finished = False
        self.token_id = -1

    def take(self, logits: torch.Tensor, shares: tuple[float, ...] = ()) -> Iterator[Step]:
        """Choose a token from logits (vocabulary,): its Step, and the last one if it ends the answer.

        ``shares`` are those of the attention behind the logits, for the Step.
        """
        if self._cancel.is_set():
            yield self.end("cancelled")
            return
        self.token_id = self._sampler.choose(logits)
        self._count += 1
        self._first_s = self._first_s or time.perf_counter() - self._started
        yield Step(self.token_id, None, self._first_s, self._decode_s(), self._computed, shares)
        if self.token_id in self._ends or (self._should_stop is not None and self._should_stop(self.token_id)):
            yield self.end("stop")
        elif self._count == self._params.max_tokens:
            yield self.end("length")

    def end(self, reason: FinishReason) -> Step:
        """The last Step."""
        self.finished = True
        return Step(None, reason, self._first_s, self._decode_s(), self._computed)

    def _decode_s(self) -> float:
        return time.perf_counter() - self._started - self._first_s if self._first_s else 0.0
