"""One sequence in the cache: its block table, and a copy of its own of every recurrent state, as transformers' Cache.

Transformers writes through ``update``; what it gets back is a ``View``, which only our attention function can read.
Tokens are places first and committed later: a forward pass that was interrupted half way leaves places that
``rollback`` forgets, and recurrent states that it restores.

Not covered: the memory (engine.memory), writing any of it to disk (engine.stored), several sequences at once
(engine.lockstep).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Protocol

import torch
from transformers.cache_utils import Cache, CacheLayerMixin, LinearAttentionLayer

from workbench.engine.attention import BatchView, View
from workbench.engine.blocks import BLOCK_SIZE, BlockTable, Slots
from workbench.engine.evidence import Watch
from workbench.engine.memory import BlockMemory
from workbench.errors import EngineError

States = Mapping[str, torch.Tensor]
"""Recurrent and convolution states of all linear layers, by ``layer.kind``."""

_KINDS = ("conv_states", "recurrent_states")


class Cancelled(Exception):
    """Raised between layers when the request was cancelled."""


def linear_layer(conv_states: torch.Tensor, recurrent_states: torch.Tensor) -> LinearAttentionLayer:
    """A recurrent layer with a copy of these states: transformers updates them in place."""
    layer = LinearAttentionLayer()
    layer.lazy_initialization(conv_states=conv_states, recurrent_states=recurrent_states)
    layer.conv_states[0].copy_(conv_states)
    layer.recurrent_states[0].copy_(recurrent_states)
    layer.has_previous_state[0] = True
    return layer


class BlockCache(Protocol):
    """What an attention layer needs of the cache it belongs to."""

    @property
    def num_tokens(self) -> int:
        """Committed tokens."""
        ...

    def update_layer(self, layer: int, keys: torch.Tensor, values: torch.Tensor) -> View | BatchView:
        """Store keys and values, (sequences, kv_heads, num_tokens, head_dim), and give what attention may see."""
        ...


class BlockLayer(CacheLayerMixin):  # type: ignore[misc]  # transformers ships no types
    """One attention layer of a cache in blocks, as transformers sees it. Holds no tensor of its own."""

    is_compileable = False
    is_sliding = False

    def __init__(self, cache: BlockCache, layer: int) -> None:
        super().__init__()
        self._cache = cache
        self._layer = layer
        self.is_initialized = True

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Nothing to do: the blocks are there."""

    def update(
        self,
        key_states: torch.Tensor,
        value_states: torch.Tensor,
        *args: object,  # noqa: ARG002 - transformers passes what other caches need
        **kwargs: object,  # noqa: ARG002
    ) -> tuple[View | BatchView, View | BatchView]:
        """Store keys and values, and give what attention may see."""
        view = self._cache.update_layer(self._layer, key_states, value_states)
        return view, view

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Length and offset, as transformers asks for them."""
        return self.get_seq_length() + query_length, 0

    def get_seq_length(self) -> int:
        """Committed tokens."""
        return self._cache.num_tokens

    def get_max_length(self) -> int:
        """No maximum of its own."""
        return -1


class SequenceCache(Cache):  # type: ignore[misc]
    """One sequence: the tokens it has seen, as blocks and states.

    Args:
        memory: where blocks live.
        table: its blocks.
        cancel: when set, the forward pass ends at its next attention layer with ``Cancelled``.

    Attributes:
        snapshots: states at marks inside the sequence, by number of tokens; forks can start there.
        watch: gets the shares of attention of single tokens, while somebody asks for them.
        past: what the chunk at hand sees before itself, cut into segments; a single token sees itself there as well.
    """

    def __init__(self, memory: BlockMemory, table: BlockTable, cancel: threading.Event | None = None) -> None:
        self.memory = memory
        self.table = table
        self.num_tokens = table.num_tokens
        self.cancel = cancel
        self.snapshots: dict[int, States] = {}
        self.watch: Watch | None = None
        self._slots: list[Slots] = []
        self.past: list[list[Slots]] = []
        self._saved: States | None = None
        attention = iter(range(memory.layout.num_attention_layers))
        super().__init__(
            layers=[
                LinearAttentionLayer() if kind == "linear_attention" else BlockLayer(self, next(attention))
                for kind in memory.layout.layer_types
            ]
        )

    @property
    def num_bytes(self) -> int:
        """Bytes of blocks and states."""
        states = sum(
            tensor.nbytes for states in (self.live_states(), *self.snapshots.values()) for tensor in states.values()
        )
        return len(self.table.blocks) * BLOCK_SIZE * self.memory.layout.token_bytes + states

    def begin(self, num_tokens: int, *, trial: bool = False) -> None:
        """Make places for a chunk. States are saved for a trial, and where an interruption could tear them."""
        with self.memory.lock:
            self.past = self.table.segments()
            self.memory.make_room(self.table, num_tokens)
            self._slots = self.table.append(num_tokens)
        if num_tokens == 1:
            self.past = self.table.segments()
        self._saved = self.states() if trial or num_tokens > 1 else None

    def commit(self) -> None:
        """The chunk is whole: count its tokens."""
        self.num_tokens = self.table.num_tokens
        self._saved = None

    def commit_first(self, num_tokens: int) -> int:
        """Keep the first tokens of a chunk, all it can: recurrent states go back to its beginning or not at all.

        Returns:
            How many of them are kept: ``num_tokens``, or none.
        """
        if self.num_tokens + num_tokens < self.table.num_tokens:
            if self.memory.layout.is_recurrent:
                self.rollback()
                return 0
            with self.memory.lock:
                self.memory.drop(self.table.truncate(self.num_tokens + num_tokens))
        self.commit()
        return num_tokens

    def rollback(self) -> None:
        """The chunk broke off: be as before ``begin``."""
        with self.memory.lock:
            self.memory.drop(self.table.truncate(self.num_tokens))
        if self._saved is not None:
            self.restore(self._saved)
        self._saved = None

    def update_layer(self, layer: int, keys: torch.Tensor, values: torch.Tensor) -> View | BatchView:
        """Store a layer's part of the chunk, (1, kv_heads, num_tokens, head_dim) each, for transformers."""
        keys, values = keys[0].transpose(0, 1), values[0].transpose(0, 1)
        return self.store_token(layer, keys, values) if len(keys) == 1 else self.store(layer, keys, values)

    def store(self, layer: int, keys: torch.Tensor, values: torch.Tensor) -> View:
        """Write a layer's part of the chunk, (num_tokens, kv_heads, head_dim) each, and look at everything before."""
        # A single token is not broken off: it takes no time, and its states were not saved.
        if self._saved is not None and self.cancel is not None and self.cancel.is_set():
            raise Cancelled
        self.write(layer, keys, values)
        past = [self.memory.read(layer, runs) for runs in self.past]
        # The chunk sees itself as later tokens will see it: in the cache's precision.
        layout = self.memory.layout
        return View(past, (layout.round_trip(keys), layout.round_trip(values)))

    def store_token(self, layer: int, keys: torch.Tensor, values: torch.Tensor) -> BatchView:
        """Write a layer's part of a single token, (1, kv_heads, head_dim) each, and look at everything and itself."""
        self.write(layer, keys, values)
        *shared, own = [self.memory.read(layer, runs) for runs in self.past]
        return BatchView(shared, [[own]], self.watch)

    def write(self, layer: int, keys: torch.Tensor, values: torch.Tensor) -> None:
        """Write a layer's part of the chunk, (num_tokens, kv_heads, head_dim) each, to its places."""
        self.memory.write(layer, self._slots, keys, values)

    def states(self) -> States:
        """A copy of the recurrent states; empty for a model without, and before the first token."""
        return {name: tensor.clone() for name, tensor in self.live_states().items()}

    def live_states(self) -> States:
        """The recurrent states themselves, which the next chunk changes."""
        return {
            f"{index}.{kind}": getattr(layer, kind)[0]
            for index, layer in enumerate(self.layers)
            if isinstance(layer, LinearAttentionLayer)
            for kind in _KINDS
            if getattr(layer, kind)[0] is not None
        }

    def restore(self, states: States) -> None:
        """Set the recurrent states to a copy of ``states``: transformers updates them in place."""
        for index, layer in enumerate(self.layers):
            if not isinstance(layer, LinearAttentionLayer):
                continue
            names, device = [f"{index}.{kind}" for kind in _KINDS], self.memory.layout.device
            known = names[0] in states
            self.layers[index] = (
                linear_layer(*(states[name].to(device) for name in names)) if known else LinearAttentionLayer()
            )

    def adopt(self, num_tokens: int, states: States) -> None:
        """Count tokens whose blocks are filled already, with the states after them."""
        with self.memory.lock:
            self.table.append(num_tokens)
        self.restore(states)
        self.num_tokens = num_tokens

    def fork(self, num_tokens: int | None = None) -> SequenceCache:
        """A second sequence that shares the blocks and has its own copy of the states.

        Args:
            num_tokens: where it starts: the end (None), or for a model with states one of ``snapshots``.

        Raises:
            EngineError: there is no snapshot there.
        """
        if num_tokens in (None, self.num_tokens):
            states = self.live_states()
        elif not self.memory.layout.is_recurrent:
            states = {}
        elif num_tokens in self.snapshots:
            states = self.snapshots[num_tokens]
        else:
            raise EngineError(f"No states were kept after {num_tokens:,} tokens; this is a fault of ours.")
        with self.memory.lock:
            other = SequenceCache(self.memory, self.table.fork(num_tokens))
        other.restore(states)
        return other

    def close(self) -> None:
        """Give the blocks back. Safe to call twice."""
        with self.memory.lock:
            self.memory.drop(self.table.close())
        self.num_tokens = 0
        self.snapshots = {}
        self.layers: list[object] = []
