"""Running the model: prefill in chunks, decode token by token. Generators of events; knows nothing of threads or text.

Not covered: queueing (engine.queue), what is on disk (engine.reader), several sequences at once (engine.lockstep).
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
import torch
from torch import nn
from transformers.cache_utils import Cache

from workbench.engine.attention import BatchView, attend_chunk, attend_tokens
from workbench.engine.cache import Cancelled, SequenceCache
from workbench.engine.decoding import Decoding
from workbench.engine.evidence import Watch
from workbench.engine.prompt import chunk_ends
from workbench.engine.rows import RowModel, supports
from workbench.types import Question, Step, Weigh

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

    def forward(self, sequence: SequenceCache, token_ids: Sequence[int]) -> torch.Tensor:
        """Run a chunk and commit it; if it breaks off, the sequence is as before.

        Returns:
            Logits after the last token, (vocabulary,), model dtype.

        Raises:
            Cancelled: the sequence's cancel event was set.
            CacheFull: no block is left.
        """
        logits = self._run(sequence, token_ids)[0]
        sequence.commit()
        return logits

    def _run(
        self, sequence: SequenceCache, token_ids: Sequence[int], num_logits: int = 1, *, trial: bool = False
    ) -> torch.Tensor:
        """Begin a chunk and run it, or roll it back; logits after its last tokens, (num_logits, vocabulary).

        The few rows of a trial go the way of single tokens, where the model has one.
        """
        sequence.begin(len(token_ids), trial=trial)
        try:
            return self._logits(sequence, token_ids, num_logits, few=trial)
        except BaseException:
            sequence.rollback()
            raise

    @torch.inference_mode()
    def _logits(self, sequence: SequenceCache, token_ids: Sequence[int], num_logits: int, *, few: bool) -> torch.Tensor:
        first = sequence.num_tokens
        if len(token_ids) == 1:
            return self.tokens(token_ids, [first], sequence, sequence.store_token)
        positions = list(range(first, first + len(token_ids)))
        if self._rows is not None and few:
            return self._rows.forward(token_ids, positions, partial(_attend_chunk, sequence), num_logits)
        return self._modules([list(token_ids)], [positions], sequence, num_logits)[0]

    def weigh(self, sequence: SequenceCache, logits: torch.Tensor, weigh: Weigh) -> tuple[float, ...]:
        """How probable each of some continuations is, at temperature 1; the sequence stays as it is.

        Args:
            sequence: what they continue.
            logits: after its last token, (vocabulary,).
            weigh: the continuations; what they have in common up to their last tokens is run once.
        """
        tried: dict[tuple[tuple[int, ...], int], torch.Tensor] = {}

        def probability(given: tuple[int, ...], ids: tuple[int, ...]) -> float:
            asked = (*given, *ids[:-1]), len(ids)
            if asked not in tried:
                tried[asked] = self._tried(sequence, logits, *asked)
            return float(tried[asked][torch.arange(len(ids)), torch.tensor(ids)].sum().exp())

        return (
            *(probability((), ids) for ids in weigh.alternatives),
            *(probability(weigh.aside, ids) for ids in weigh.replies),
        )

    def _tried(self, sequence: SequenceCache, logits: torch.Tensor, ids: Sequence[int], num_rows: int) -> torch.Tensor:
        """Logarithms of probabilities in front of ``ids`` and behind each, of these the last ``num_rows``; float32."""
        rows = [logits[None]] if num_rows > len(ids) else []
        if ids:
            rows.append(self._run(sequence, ids, min(num_rows, len(ids)), trial=True))
            sequence.rollback()
        return torch.cat(rows).float().log_softmax(-1)

    def _modules(
        self, token_ids: list[list[int]], positions: list[list[int]], cache: Cache, num_logits: int = 1
    ) -> torch.Tensor:
        """Logits after the last tokens of each sequence, (sequences, num_logits, vocabulary), by transformers."""
        output = self.model(
            input_ids=torch.tensor(token_ids, device=self.device),
            position_ids=torch.tensor(positions, device=self.device),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=num_logits,
        )
        logits: torch.Tensor = output.logits[:, -num_logits:]
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
            return self._modules([[token] for token in token_ids], [[place] for place in positions], cache)[:, 0]

        def attend(layer: int, q: np.ndarray, k: np.ndarray, v: np.ndarray, scale: float) -> np.ndarray:
            return attend_tokens(q, store(layer, torch.from_numpy(k), torch.from_numpy(v)), scale)

        return self._rows.forward(token_ids, positions, attend)

    def prefill(self, sequence: SequenceCache, token_ids: Sequence[int]) -> Iterator[torch.Tensor]:
        """Read ``token_ids`` behind what the sequence holds; yields the logits after each chunk."""
        first = done = sequence.num_tokens
        for end in chunk_ends(first, first + len(token_ids), self.grid):
            yield self.forward(sequence, token_ids[done - first : end - first])
            done = end

    def decode(self, sequence: SequenceCache, question: Question, watched_tokens: int = 0) -> Iterator[Step]:
        """Feed a question's ids (at least one), then decode up to its ``max_tokens``.

        Yields a Step for each token, then one with the finish reason. The last token is not in the cache. With
        ``watched_tokens`` the Steps have shares of attention.
        """
        answer = Decoding(question, self.seed)
        watch = sequence.watch = Watch(watched_tokens) if watched_tokens else None
        try:
            last = self.begin(sequence, question, answer)
            yield from answer.take(last, watch.take() if watch else ())
            yield from self._go_on(sequence, answer, watch)
        except Cancelled:
            yield answer.end("cancelled")
        finally:
            sequence.watch = None

    def _go_on(self, sequence: SequenceCache, answer: Decoding, watch: Watch | None) -> Iterator[Step]:
        """Decode to the end. A draft is tried in one pass, unless somebody watches single tokens."""
        again: list[int] = []  # said, but no longer in the cache
        while not answer.finished:
            fed = [*again, answer.token_id]
            draft = [] if watch or again else answer.draft()
            if draft:
                # Told last: whoever hears of an end may close the branch at once.
                steps, again = self._try(sequence, answer, fed, draft)
                yield from steps
            else:
                last, again = self.forward(sequence, fed), []
                yield from answer.take(last, watch.take() if watch else ())

    def _try(
        self, sequence: SequenceCache, answer: Decoding, fed: list[int], draft: list[int]
    ) -> tuple[list[Step], list[int]]:
        """Run ``fed`` and a draft at once, and choose tokens for as long as they are those of the draft, and one more.

        Returns:
            The steps, and what must be fed again: nothing, or all but the newest token.
        """
        rows = self._run(sequence, [*fed, *draft], len(draft) + 1, trial=True)
        try:
            steps, num_followed = answer.follow(rows, draft)
        except BaseException:
            sequence.rollback()
            raise
        right = [*fed, *draft[:num_followed]]
        return steps, right[sequence.commit_first(len(right)) :]

    def begin(self, sequence: SequenceCache, question: Question, answer: Decoding) -> torch.Tensor:
        """Feed a question's ids and weigh its alternatives; logits (vocabulary,) for the first token.

        Raises:
            Cancelled: the sequence's cancel event was set.
        """
        for logits in self.prefill(sequence, question.token_ids):
            last = logits
        if question.weigh is not None:
            answer.weighed(self.weigh(sequence, last, question.weigh))
        return last


def _attend_chunk(
    sequence: SequenceCache, layer: int, q: np.ndarray, k: np.ndarray, v: np.ndarray, scale: float
) -> np.ndarray:
    """Attention of a chunk's tokens, (num_tokens, heads, head_dim), to what is before the chunk and to each other."""
    view = sequence.store(layer, torch.from_numpy(k), torch.from_numpy(v))
    return attend_chunk(torch.from_numpy(q), view, scale).numpy()
