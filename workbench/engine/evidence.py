"""Where an answer looks: the share of attention that falls on each block of the document, while it is being decoded.

A share is exact: ``exp(lse_block - lse)`` of every query head, averaged over heads and over the attention layers that
see the whole document. The log-sum-exp of everything is known from attention itself; those of the blocks take one
more pass over the keys, and only when somebody watches.

Not covered: pages, sentences and lift (workbench.analysis).

Source: log-sum-exps of parts as in FlashAttention (Dao et al. 2022, section 3.1).
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from workbench.engine.blocks import BLOCK_SIZE
from workbench.engine.extents import Extent, Scattered, contiguous


class Watch:
    """Collects shares for one decoded token at a time.

    Args:
        num_tokens: of the document's prefix, whose blocks are watched.
    """

    def __init__(self, num_tokens: int) -> None:
        self._num_tokens = num_tokens
        self._shares = torch.zeros(-(-num_tokens // BLOCK_SIZE))
        self._num_layers = 0

    def add(self, q: torch.Tensor, extents: Sequence[Extent | Scattered], lse: torch.Tensor, scale: float) -> None:
        """Add a layer.

        Args:
            q: (heads, head_dim), of the newest token.
            extents: what it sees, in order from the sequence's first token.
            lse: (heads,), of all that it sees.
            scale: factor on the scores.
        """
        done = 0
        for extent in map(contiguous, extents):
            for start in range(0, min(len(extent), self._num_tokens - done), BLOCK_SIZE):
                end = min(start + BLOCK_SIZE, len(extent), self._num_tokens - done)
                keys, _ = extent.part(start, end).widened(torch.float32)
                rows = q.float().view(keys.shape[1], -1, q.shape[-1])
                scores = torch.einsum("grd,tgd->grt", rows, keys) * scale
                share = (scores.logsumexp(-1).flatten() - lse.float()).exp().mean()
                self._shares[(done + start) // BLOCK_SIZE] += share
            done += len(extent)
        self._num_layers += 1

    def take(self) -> tuple[float, ...]:
        """Shares of the newest token by block, averaged over the layers since the last call; none if none was added."""
        if not self._num_layers:
            return ()
        shares = self._shares / self._num_layers
        self._shares, self._num_layers = torch.zeros_like(self._shares), 0
        return tuple(shares.tolist())
