"""Choosing the next token: greedy, or seeded sampling with temperature, top-k and top-p, among what is allowed.

Not covered: penalties; what is allowed (a Constraint says so).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from workbench.config import SamplingParams
from workbench.errors import EngineError

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Sampler:
    """Chooses tokens for one answer; two with equal params and seed choose alike.

    Args:
        params: how; ``temperature=0`` is greedy.
        seed: used when ``params.seed`` is None.
    """

    def __init__(self, params: SamplingParams, seed: int) -> None:
        self._params = params
        self._random = torch.Generator().manual_seed(params.seed if params.seed is not None else seed)

    def choose(self, logits: torch.Tensor, allowed: Sequence[int] | NDArray[np.bool_] | None = None) -> int:
        """The next token's id, of logits (vocabulary,).

        What is not allowed has no part in it: temperature, top-k and top-p work on the probabilities of what is.

        Raises:
            EngineError: nothing is allowed.
        """
        if allowed is None:
            return self._of(logits)
        if len(allowed) == 1 and not isinstance(allowed, np.ndarray):
            return int(allowed[0])
        ids = torch.from_numpy(_ids(allowed, len(logits))).to(logits.device)
        return int(ids[self._of(logits[ids])])

    def _of(self, logits: torch.Tensor) -> int:
        """The index of the chosen one."""
        if self._params.temperature == 0:
            return int(logits.argmax())
        logits = logits.float().cpu() / self._params.temperature
        values, ids = logits.sort(descending=True, stable=True)
        if self._params.top_k:
            values = values[: self._params.top_k]
        probabilities = values.softmax(0)
        # The nucleus is the smallest set that reaches top_p: a token is kept while those before it fall short.
        kept = probabilities.cumsum(0) - probabilities < self._params.top_p
        return int(ids[torch.multinomial(probabilities * kept, 1, generator=self._random)])


def _ids(allowed: Sequence[int] | NDArray[np.bool_], vocabulary: int) -> NDArray[np.int64]:
    """Allowed ids, ascending."""
    array = np.asarray(allowed)
    ids = np.flatnonzero(array[:vocabulary]) if array.dtype == np.bool_ else np.unique(array.astype(np.int64))
    if not len(ids):
        raise EngineError(
            "A constraint allows no token at all, so the answer cannot go on; this is a fault of the constraint. "
            "Ask without it, or ask for less."
        )
    return ids
