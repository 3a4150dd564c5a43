"""Several answers over one document, decoded together: the model's weights and the shared blocks are read once a step.

The questions are prefilled one after the other; then each step runs one token of every answer through the model, as
one batch: linear layers batched, recurrent states stacked, attention to what all have in common done for all rows in
one pass, and each one's own tokens merged in by log-sum-exp. An answer that ends leaves the batch.

Where torch multiplies, a batch gives other bits than one row, so answers agree with those given one by one in logits,
not always in every id. The rows of a dense int8 model (engine.rows) do not hang on each other.

Not covered: choosing tokens (engine.decoding).

Source: shared-prefix decoding as in Hydragen (Juravsky et al. 2024).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from transformers.cache_utils import Cache, LinearAttentionLayer

from workbench.engine.attention import BatchView
from workbench.engine.blocks import Slots
from workbench.engine.cache import BlockLayer, Cancelled, SequenceCache, linear_layer
from workbench.engine.decoding import Decoding
from workbench.engine.runner import Runner
from workbench.types import Question, Step


@dataclass(slots=True)
class _Row:
    """An answer of the batch."""

    index: int
    sequence: SequenceCache
    answer: Decoding


class _Batch(Cache):  # type: ignore[misc]
    """Sequences side by side, a token each at a time."""

    def __init__(self, rows: list[_Row]) -> None:
        self.rows = rows
        self.memory = rows[0].sequence.memory
        attention = iter(range(self.memory.layout.num_attention_layers))
        layers: list[object] = [
            self._stacked(index) if kind == "linear_attention" else BlockLayer(self, next(attention))
            for index, kind in enumerate(self.memory.layout.layer_types)
        ]
        super().__init__(layers=layers)

    def _stacked(self, index: int) -> LinearAttentionLayer:
        """A recurrent layer with the states of all sequences."""
        own = [row.sequence.layers[index] for row in self.rows]
        conv, recurrent = (
            torch.cat([getattr(o, kind)[0] for o in own]) for kind in ("conv_states", "recurrent_states")
        )
        return linear_layer(conv, recurrent)

    def leave(self, staying: list[_Row]) -> None:
        """Give those that do not stay their states back, and go on with the others."""
        kept = [index for index, row in enumerate(self.rows) if row in staying]
        for index, layer in enumerate(self.layers):
            if not isinstance(layer, LinearAttentionLayer):
                continue
            conv, recurrent = layer.conv_states[0], layer.recurrent_states[0]
            for number, row in enumerate(self.rows):
                if number not in kept:
                    row.sequence.layers[index] = linear_layer(conv[number : number + 1], recurrent[number : number + 1])
            if kept:
                self.layers[index] = linear_layer(conv[kept], recurrent[kept])
        self.rows = staying

    @property
    def num_tokens(self) -> int:
        """Committed tokens of the longest."""
        return max(row.sequence.num_tokens for row in self.rows)

    def begin(self) -> None:
        """Make a place for a token of each; all or none."""
        begun: list[_Row] = []
        try:
            for row in self.rows:
                row.sequence.begin(1)
                begun.append(row)
        except BaseException:
            for row in begun:
                row.sequence.rollback()
            raise
        pasts = [row.sequence.past for row in self.rows]
        num_shared = _num_common(pasts)
        self._shared = pasts[0][:num_shared]
        self._tails = [past[num_shared:] for past in pasts]

    def update_layer(self, layer: int, keys: torch.Tensor, values: torch.Tensor) -> BatchView:
        """Store one token of each sequence, (rows, kv_heads, 1, head_dim) each, for transformers."""
        return self.store(layer, keys[:, :, 0], values[:, :, 0])

    def store(self, layer: int, keys: torch.Tensor, values: torch.Tensor) -> BatchView:
        """Write a token of each sequence, (rows, kv_heads, head_dim)."""
        for row, key, value in zip(self.rows, keys, values, strict=True):
            row.sequence.write(layer, key[None], value[None])
        read = self.memory.read
        shared = [read(layer, runs) for runs in self._shared]
        return BatchView(shared, [[read(layer, runs) for runs in tail] for tail in self._tails])

    def commit(self) -> None:
        """The step is whole."""
        for row in self.rows:
            row.sequence.commit()

    def rollback(self) -> None:
        """The step broke off."""
        for row in self.rows:
            row.sequence.rollback()


def _num_common(pasts: list[list[list[Slots]]]) -> int:
    """Leading segments that all sequences have in common; the last one of each is its own."""
    count = 0
    for segments in zip(*(past[:-1] for past in pasts), strict=False):
        if any(segment != segments[0] for segment in segments):
            break
        count += 1
    return count


@torch.inference_mode()
def _forward(runner: Runner, batch: _Batch) -> torch.Tensor:
    """Run the newest token of each answer; logits (rows, vocabulary)."""
    token_ids = [row.answer.token_id for row in batch.rows]
    positions = [row.sequence.num_tokens for row in batch.rows]
    batch.begin()
    try:
        logits = runner.tokens(token_ids, positions, batch, batch.store)
    except BaseException:
        batch.rollback()
        raise
    batch.commit()
    return logits


def decode_many(
    runner: Runner, questions: Sequence[Question], sequences: Sequence[SequenceCache]
) -> Iterator[tuple[int, Step]]:
    """Answer questions together, each in its own sequence; yields each Step with the question's index."""
    rows: list[_Row] = []
    for index, (question, sequence) in enumerate(zip(questions, sequences, strict=True)):
        answer = Decoding(question, runner.seed)
        try:
            last = runner.begin(sequence, question, answer)
        except Cancelled:
            yield index, answer.end("cancelled")
            continue
        for step in answer.take(last):
            yield index, step
        if not answer.finished:
            rows.append(_Row(index, sequence, answer))
    if not rows:
        return
    batch = _Batch(rows)
    while batch.rows:
        taken = zip(batch.rows, _forward(runner, batch), strict=True)
        told = [(row.index, step) for row, logits in taken for step in row.answer.take(logits)]
        staying = [row for row in batch.rows if not row.answer.finished]
        if len(staying) < len(batch.rows):
            batch.leave(staying)
        yield from told  # last: whoever hears of an end may close its branch at once
