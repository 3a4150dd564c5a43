"""Running the model: prefill in chunks, decode token by token. Generators of events; knows nothing of threads or text.

Not covered: queueing (engine.queue), what is on disk (engine.reader), several sequences at once (engine.lockstep).
"""

import threading
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import nn
from transformers.cache_utils import Cache

from workbench.config import SamplingParams
from workbench.engine.attention import BatchView, attend_tokens
from workbench.engine.cache import Cancelled, SequenceCache
from workbench.engine.decoding import Decoding
from workbench.engine.evidence import Watch
from workbench.engine.prompt import chunk_ends
from workbench.engine.rows import RowModel, supports
from workbench.types import Step, StopCheck

Store = Callable[[int, torch.Tensor, torch.Tensor], BatchView]


class Runner:
    """A model and its chunk grid.

    Args:
        model: a transformers causal language model with our attention registered.
        grid: tokens between chunk cuts.
        seed: of sampling, where a request names none.
    """

    def __init__(self, model: nn.Module, grid: int, seed: int) -> None:
        self.model = model
        self.grid = grid
        self.seed = seed
        self.device = next(tensor for tensor in model.state_dict().values()).device
        self._rows = RowModel(model) if supports(model) else None

    @torch.inference_mode()
    def forward(self, sequence: SequenceCache, token_ids: Sequence[int]) -> torch.Tensor:
        """Run a chunk and commit it; if it breaks off, the sequence is as before.

        Returns:
            Logits after the last token, (vocabulary,), model dtype.

        Raises:
            Cancelled: the sequence's cancel event was set.
            CacheFull: no block is left.
        """
        first = sequence.num_tokens
        sequence.begin(len(token_ids))
        try:
            if len(token_ids) == 1:
                logits = self.tokens(token_ids, [first], sequence, sequence.store_token)[0]
            else:
                positions = list(range(first, first + len(token_ids)))
                logits = self._modules([list(token_ids)], [positions], sequence)[0]
        except BaseException:
            sequence.rollback()
            raise
        sequence.commit()
        return logits

    def _modules(self, token_ids: list[list[int]], positions: list[list[int]], cache: Cache) -> torch.Tensor:
        """Logits after the last token of each sequence, (sequences, vocabulary), through transformers' modules."""
        output = self.model(
            input_ids=torch.tensor(token_ids, device=self.device),
            position_ids=torch.tensor(positions, device=self.device),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits: torch.Tensor = output.logits[:, -1]
        return logits

    def tokens(self, token_ids: Sequence[int], positions: Sequence[int], cache: Cache, store: Store) -> torch.Tensor:
        """Run one token of each sequence.

        Args:
            token_ids: one a sequence.
            positions: of each.
            cache: of all of them, for transformers.
            store: writes keys and values of a layer there, (sequences, kv_heads, head_dim), and gives what to see.

        Returns:
            Logits (sequences, vocabulary), model dtype.
        """
        if self._rows is None:
            return self._modules([[token] for token in token_ids], [[place] for place in positions], cache)

        def attend(layer: int, q: np.ndarray, k: np.ndarray, v: np.ndarray, scale: float) -> np.ndarray:
            return attend_tokens(q, store(layer, torch.from_numpy(k), torch.from_numpy(v)), scale)

        return self._rows.forward(token_ids, positions, attend)

    def prefill(self, sequence: SequenceCache, token_ids: Sequence[int]) -> Iterator[torch.Tensor]:
        """Read ``token_ids`` behind what the sequence holds; yields the logits after each chunk."""
        first = done = sequence.num_tokens
        for end in chunk_ends(first, first + len(token_ids), self.grid):
            yield self.forward(sequence, token_ids[done - first : end - first])
            done = end

    def decode(
        self,
        sequence: SequenceCache,
        token_ids: Sequence[int],
        params: SamplingParams,
        end_token_ids: frozenset[int],
        should_stop: StopCheck | None,
        cancel: threading.Event,
        watched_tokens: int = 0,
    ) -> Iterator[Step]:
        """Feed ``token_ids`` (at least one), then decode up to ``params.max_tokens``.

        Yields a Step for each token, then one with the finish reason. The last token is not in the cache. With
        ``watched_tokens`` the Steps have shares of attention.
        """
        answer = Decoding(params, self.seed, end_token_ids, should_stop, cancel, len(token_ids))
        watch = sequence.watch = Watch(watched_tokens) if watched_tokens else None
        try:
            for logits in self.prefill(sequence, token_ids):
                last = logits
            yield from answer.take(last, watch.take() if watch else ())
            while not answer.finished:
                last = self.forward(sequence, [answer.token_id])
                yield from answer.take(last, watch.take() if watch else ())
        except Cancelled:
            yield answer.end("cancelled")
        finally:
            sequence.watch = None
