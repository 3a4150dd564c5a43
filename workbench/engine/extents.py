"""Keys and values as the cache holds them: shape, precision, and a run of tokens in one layer.

Not covered: where they lie (engine.memory), attention over them (engine.attention).

Source: int8 with a scale per token and head as in KIVI (Liu et al. 2024), values as keys, symmetric.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from workbench.engine.blocks import BLOCK_SIZE


@dataclass(frozen=True, slots=True)
class KVLayout:
    """Shape of the KV memory.

    Attributes:
        layer_types: of every layer of the model; ``linear_attention`` has states, all others have keys and values.
        kv_heads: key-value heads of an attention layer.
        head_dim: elements of one head.
        dtype: of the stored keys and values; int8 has a scale for each token and head beside it.
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
    def is_recurrent(self) -> bool:
        """Whether there are states beside the blocks."""
        return "linear_attention" in self.layer_types

    @property
    def scale_bytes(self) -> int:
        """Bytes of the scale of one head."""
        return 4 if self.dtype == torch.int8 else 0

    @property
    def token_bytes(self) -> int:
        """Bytes of one token in all layers."""
        head_bytes = self.head_dim * self.dtype.itemsize + self.scale_bytes
        return self.num_attention_layers * 2 * self.kv_heads * head_bytes

    def slab_bytes(self, num_blocks: int) -> int:
        """Bytes of a slab, and of a block file."""
        return num_blocks * BLOCK_SIZE * self.token_bytes

    def round_trip(self, states: torch.Tensor) -> torch.Tensor:
        """Keys or values (num_tokens, kv_heads, head_dim) as the cache gives them back, in their own dtype."""
        if self.dtype == torch.int8:
            rounded, scales = quantize(states)
            return (rounded.float() * scales[..., None]).to(states.dtype)
        return states.to(self.dtype).to(states.dtype)


def quantize(states: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Round (..., head_dim) to int8 (..., head_dim) with fp32 scales (...)."""
    states = states.float()
    scales = states.abs().amax(-1).clamp_min(torch.finfo(torch.float32).tiny) / 127
    return torch.round(states / scales[..., None]).to(torch.int8), scales


@dataclass(frozen=True, slots=True)
class Extent:
    """Keys and values of consecutive tokens in one layer, as the cache holds them.

    Attributes:
        keys: (num_tokens, kv_heads, head_dim), cache dtype.
        values: like keys.
        key_scales: (num_tokens, kv_heads) fp32 for int8, else None.
        value_scales: like key_scales.
    """

    keys: torch.Tensor
    values: torch.Tensor
    key_scales: torch.Tensor | None = None
    value_scales: torch.Tensor | None = None

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def arrays(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None, torch.Tensor | None]:
        """Keys, values and their scales."""
        return self.keys, self.values, self.key_scales, self.value_scales

    def part(self, start: int, end: int) -> Extent:
        """Tokens ``start`` to ``end``, a view."""
        scales = (None if each is None else each[start:end] for each in (self.key_scales, self.value_scales))
        return Extent(self.keys[start:end], self.values[start:end], *scales)

    def widened(self, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        """Keys and values in ``dtype``; those that have it already are not copied."""
        if self.key_scales is None or self.value_scales is None:
            return self.keys.to(dtype), self.values.to(dtype)
        keys, values = self.keys.to(torch.float32), self.values.to(torch.float32)
        return keys.mul_(self.key_scales[..., None]).to(dtype), values.mul_(self.value_scales[..., None]).to(dtype)


@dataclass(frozen=True, slots=True)
class Scattered:
    """Keys and values of consecutive tokens in one layer, in blocks that lie apart in one slab.

    Attributes:
        pages: the whole slab's layer, a view; float, without scales.
        blocks: numbers of the blocks, in order; all but the last are full.
        num_tokens: tokens in them.
    """

    pages: Extent
    blocks: tuple[int, ...]
    num_tokens: int

    def __len__(self) -> int:
        return self.num_tokens

    def joined(self) -> Extent:
        """The tokens put together, a copy."""
        places = [self.pages.part(block * BLOCK_SIZE, (block + 1) * BLOCK_SIZE) for block in self.blocks]
        return joined(places).part(0, self.num_tokens)


def contiguous(extent: Extent | Scattered) -> Extent:
    """An extent in one piece; a scattered one is copied."""
    return extent.joined() if isinstance(extent, Scattered) else extent


def joined(extents: list[Extent]) -> Extent:
    """Extents in one; several are copied."""
    if len(extents) == 1:
        return extents[0]
    keys, values = torch.cat([e.keys for e in extents]), torch.cat([e.values for e in extents])
    if extents[0].key_scales is None:
        return Extent(keys, values)
    scales = [[s for e in extents if (s := e.arrays[side]) is not None] for side in (2, 3)]
    return Extent(keys, values, torch.cat(scales[0]), torch.cat(scales[1]))
