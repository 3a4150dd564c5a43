"""Choosing the next token: greedy, or seeded sampling with temperature, top-k and top-p.

Not covered: penalties and constraints.
"""

import torch

from workbench.config import SamplingParams


class Sampler:
    """Chooses tokens for one answer; two with equal params and seed choose alike.

    Args:
        params: how; ``temperature=0`` is greedy.
        seed: used when ``params.seed`` is None.
    """

    def __init__(self, params: SamplingParams, seed: int) -> None:
        self._params = params
        self._random = torch.Generator().manual_seed(params.seed if params.seed is not None else seed)

    def choose(self, logits: torch.Tensor) -> int:
        """The next token's id, of logits (vocabulary,)."""
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
