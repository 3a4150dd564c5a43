"""The memory of what was read: KV blocks of the attention layers, states of the recurrent ones, as transformers' Cache.

``BlockMemory`` holds the slabs. Layout ``(layers, 2, num_blocks, BLOCK_SIZE, kv_heads, head_dim)``: layer-major, so
that one layer of consecutive blocks is one contiguous slice. ``SequenceCache`` is one sequence: its block table, and
a copy of its own of every recurrent state. Transformers writes through ``update``; what it gets back is a ``View``,
which only our attention function can read.

Tokens are places first and committed later: a forward pass that was interrupted half way leaves places that
``rollback`` forgets, and recurrent states that it restores.

Not covered: writing any of it to disk; what fits (engine.budget); freeing what fell out of a sliding window.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass

import psutil
import torch
from transformers.cache_utils import Cache, CacheLayerMixin, LinearAttentionLayer

from workbench.engine.attention import View
from workbench.engine.blocks import BLOCK_SIZE, SHARED_SLAB_BLOCKS, BlockPool, BlockTable, Slots
from workbench.errors import CacheFull

SPARE_BYTES = 256 * 2**20
"""Memory that a new slab leaves to everybody else."""


class Cancelled(Exception):
    """Raised between layers when the request was cancelled."""


@dataclass(frozen=True, slots=True)
class KVLayout:
    """Shape of the KV memory.

    Attributes:
        layer_types: of every layer of the model: ``full_attention``, ``sliding_attention`` or ``linear_attention``.
        kv_heads: key-value heads of an attention layer.
        head_dim: elements of one head.
        dtype: of the stored keys and values.
        device: where they are.
    """

    layer_types: tuple[str, ...]
    kv_heads: int
    head_dim: int
    dtype: torch.dtype
    device: torch.device

    @property
    def num_attention_layers(self) -> int:
        """Layers with keys and values."""
        return len(self.layer_types) - self.layer_types.count("linear_attention")

    @property
    def token_bytes(self) -> int:
        """Bytes of one token in all layers."""
        return self.num_attention_layers * 2 * self.kv_heads * self.head_dim * self.dtype.itemsize


class BlockMemory:
    """The slabs' tensors, and the pool that knows who holds their blocks."""

    def __init__(self, layout: KVLayout) -> None:
        self.layout = layout
        self.pool = BlockPool()
        self.lock = threading.RLock()  # callers fork and close while the engine thread works
        self._slabs: dict[int, torch.Tensor] = {}

    @property
    def num_bytes(self) -> int:
        """Bytes of all slabs."""
        return sum(slab.nbytes for slab in self._slabs.values())

    def add_slab(self, num_blocks: int, *, shared: bool) -> int:
        """Add a slab.

        Raises:
            CacheFull: memory does not hold it.
        """
        layout = self.layout
        num_bytes = num_blocks * BLOCK_SIZE * layout.token_bytes
        self._check_room(num_bytes)
        slab = self.pool.add_slab(num_blocks, shared=shared)
        shape = (layout.num_attention_layers, 2, num_blocks, BLOCK_SIZE, layout.kv_heads, layout.head_dim)
        self._slabs[slab] = torch.empty(shape, dtype=layout.dtype, device=layout.device)
        return slab

    def _check_room(self, num_bytes: int) -> None:
        if self.layout.device.type == "cuda":
            free, _ = torch.cuda.mem_get_info(self.layout.device)
        else:
            free = psutil.virtual_memory().available
        if num_bytes + SPARE_BYTES > free:
            raise CacheFull(
                f"The next blocks take {num_bytes / 1e6:,.0f} MB and {free / 1e6:,.0f} MB of memory are free. "
                "Close a reading or a chat, or read a selection of the document."
            )

    def make_room(self, table: BlockTable, num_tokens: int) -> None:
        """See that ``table.append(num_tokens)`` finds its blocks, adding a shared slab where it takes from those."""
        missing = table.num_new_blocks(num_tokens) - self.pool.num_free_in(table.slab)
        if table.slab is None and missing > 0:
            self.add_slab(max(missing, SHARED_SLAB_BLOCKS), shared=True)

    def drop(self, slabs: list[int]) -> None:
        """Free the memory of slabs that nobody holds."""
        for slab in slabs:
            del self._slabs[slab]

    def write(self, layer: int, slots: list[Slots], keys: torch.Tensor, values: torch.Tensor) -> None:
        """Store keys and values, each (num_tokens, kv_heads, head_dim), at ``slots``, in the cache's dtype."""
        done = 0
        for slab, start, num_tokens in slots:
            memory = self._slabs[slab][layer].flatten(1, 2)  # (2, slab tokens, kv_heads, head_dim), a view
            memory[0, start : start + num_tokens] = keys[done : done + num_tokens]
            memory[1, start : start + num_tokens] = values[done : done + num_tokens]
            done += num_tokens

    def read(self, layer: int, runs: list[Slots]) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values of a segment, (num_tokens, kv_heads, head_dim) each: a view, or a copy if it is scattered."""
        views = [
            self._slabs[slab][layer].flatten(1, 2)[:, start : start + num_tokens] for slab, start, num_tokens in runs
        ]
        joined = views[0] if len(views) == 1 else torch.cat(views, dim=1)
        return joined[0], joined[1]


class PagedLayer(CacheLayerMixin):  # type: ignore[misc]  # transformers ships no types
    """One attention layer of a sequence, as transformers sees it. Holds no tensor of its own."""

    is_compileable = False
    is_sliding = False

    def __init__(self, sequence: SequenceCache, layer: int) -> None:
        super().__init__()
        self._sequence = sequence
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
    ) -> tuple[View, View]:
        """Store a chunk's keys and values, (1, kv_heads, num_tokens, head_dim), and give what attention may see."""
        view = self._sequence.store(self._layer, key_states[0].transpose(0, 1), value_states[0].transpose(0, 1))
        return view, view

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Length and offset, as transformers asks for them."""
        return self.get_seq_length() + query_length, 0

    def get_seq_length(self) -> int:
        """Committed tokens."""
        return self._sequence.num_tokens

    def get_max_length(self) -> int:
        """No maximum of its own."""
        return -1


class SequenceCache(Cache):  # type: ignore[misc]
    """One sequence: the tokens it has seen, as blocks and states.

    Args:
        memory: where blocks live.
        table: its blocks.
        cancel: when set, the forward pass ends at its next attention layer with ``Cancelled``.
    """

    def __init__(self, memory: BlockMemory, table: BlockTable, cancel: threading.Event | None = None) -> None:
        self.memory = memory
        self.table = table
        self.num_tokens = table.num_tokens
        self.cancel = cancel
        self._slots: list[Slots] = []
        self._past: list[list[Slots]] = []
        self._saved: list[LinearAttentionLayer | None] = []
        attention = iter(range(memory.layout.num_attention_layers))
        super().__init__(
            layers=[
                LinearAttentionLayer() if kind == "linear_attention" else PagedLayer(self, next(attention))
                for kind in memory.layout.layer_types
            ]
        )

    @property
    def is_recurrent(self) -> bool:
        """Whether there are states beside the blocks."""
        return "linear_attention" in self.memory.layout.layer_types

    @property
    def num_bytes(self) -> int:
        """Bytes of blocks and states."""
        states: int = sum(
            tensor.nbytes
            for layer in self.layers
            if isinstance(layer, LinearAttentionLayer)
            for tensor in (layer.conv_states[0], layer.recurrent_states[0])
            if tensor is not None
        )
        return len(self.table.blocks) * BLOCK_SIZE * self.memory.layout.token_bytes + states

    def begin(self, num_tokens: int) -> None:
        """Make places for a chunk. States are saved where an interruption could leave them half way."""
        with self.memory.lock:
            self._past = self.table.segments()
            self.memory.make_room(self.table, num_tokens)
            self._slots = self.table.append(num_tokens)
        if num_tokens == 1:
            self._past = self.table.segments()
        self._saved = [_copy_state(layer) for layer in self.layers] if num_tokens > 1 else []

    def commit(self) -> None:
        """The chunk is whole: count its tokens."""
        self.num_tokens = self.table.num_tokens
        self._saved = []

    def rollback(self) -> None:
        """The chunk broke off: be as before ``begin``."""
        with self.memory.lock:
            self.memory.drop(self.table.truncate(self.num_tokens))
        for index, saved in enumerate(self._saved):
            if saved is not None:
                self.layers[index] = saved
        self._saved = []

    def store(self, layer: int, keys: torch.Tensor, values: torch.Tensor) -> View:
        """Write a layer's part of the chunk, (num_tokens, kv_heads, head_dim) each, and look at everything before."""
        # A single token is not broken off: it takes no time, and its states were not saved.
        if self._saved and self.cancel is not None and self.cancel.is_set():
            raise Cancelled
        self.memory.write(layer, self._slots, keys, values)
        past = [self.memory.read(layer, runs) for runs in self._past]
        if len(keys) == 1:
            return View(past, None)
        # The chunk sees itself as later tokens will see it: in the cache's precision.
        dtype = self.memory.layout.dtype
        return View(past, (keys.to(dtype).to(keys.dtype), values.to(dtype).to(values.dtype)))

    def fork(self, cancel: threading.Event | None = None) -> SequenceCache:
        """A second sequence that shares the blocks and has its own copy of the states."""
        with self.memory.lock:
            other = SequenceCache(self.memory, self.table.fork(), cancel)
            for index, layer in enumerate(self.layers):
                copied = _copy_state(layer)
                if copied is not None:
                    other.layers[index] = copied
        return other

    def close(self) -> None:
        """Give the blocks back. Safe to call twice."""
        with self.memory.lock:
            self.memory.drop(self.table.close())
        self.num_tokens = 0
        self.layers: list[object] = []


def _copy_state(layer: object) -> LinearAttentionLayer | None:
    """A recurrent layer's state, copied: transformers updates it in place. None for an attention layer."""
    if not isinstance(layer, LinearAttentionLayer):
        return None
    copied = LinearAttentionLayer()
    for name in (
        "is_conv_states_initialized",
        "is_recurrent_states_initialized",
        "has_previous_state",
        "conv_kernel_size",
    ):
        setattr(copied, name, dict(getattr(layer, name)))
    for name in ("conv_states", "recurrent_states"):
        states = getattr(layer, name)
        setattr(copied, name, {key: None if state is None else state.clone() for key, state in states.items()})
    copied.dtype, copied.device = layer.dtype, layer.device
    return copied
