"""The memory that KV blocks lie in: slabs, in memory of their own or mapped from a reading's block file.

Layout of a slab: ``(layers, 2, num_blocks, BLOCK_SIZE, kv_heads, head_dim)``, layer-major, so that one layer of
consecutive blocks is one contiguous slice; for int8 followed by one fp32 scale per token and head. On a CPU a mapped
file is the cache itself. On CUDA the slab lies on the device and the file beside it: ``flush`` writes a chunk
through, ``load`` brings it back layer by layer.

Not covered: whose blocks they are (engine.blocks), one sequence (engine.cache), the file's record (engine.stored).
"""

from __future__ import annotations

import threading

import numpy as np
import psutil
import torch
import xxhash

from workbench.engine.blocks import BLOCK_SIZE, SHARED_SLAB_BLOCKS, BlockPool, BlockTable, Slots
from workbench.engine.budget import SPARE_BYTES
from workbench.engine.extents import Extent, KVLayout, Scattered, joined, quantize
from workbench.engine.kernels import glue_kernel
from workbench.errors import CacheFull


class Slab:
    """Memory of some blocks.

    Args:
        layout: shape and dtype.
        num_blocks: blocks in it.
        file: bytes of a mapped block file; None takes memory of its own.
        mirrored: whether the slab and its file are apart, as on CUDA.
    """

    def __init__(
        self, layout: KVLayout, num_blocks: int, file: np.ndarray | None = None, *, mirrored: bool = False
    ) -> None:
        self._layout = layout
        self._shape = (layout.num_attention_layers, 2, num_blocks * BLOCK_SIZE, layout.kv_heads)
        num_bytes = layout.slab_bytes(num_blocks)
        self._host = None if file is None else self._views(torch.from_numpy(file))
        if self._host is not None and not mirrored:
            self.values, self.scales = self._host
        else:
            self.values, self.scales = self._views(torch.empty(num_bytes, dtype=torch.uint8, device=layout.device))
        self.num_bytes = num_bytes

    def _views(self, memory: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Values (layers, 2, tokens, kv_heads, head_dim) and scales (layers, 2, tokens, kv_heads) of plain bytes."""
        layout, heads = self._layout, int(np.prod(self._shape))
        split = heads * layout.head_dim * layout.dtype.itemsize
        values = memory[:split].view(layout.dtype).view(*self._shape, layout.head_dim)
        scales = memory[split:].view(torch.float32).view(self._shape) if layout.scale_bytes else None
        return values, scales

    def write(self, layer: int, start: int, states: tuple[torch.Tensor, torch.Tensor]) -> None:
        """Store keys and values, (num_tokens, kv_heads, head_dim) each, from token place ``start`` on."""
        place = slice(start, start + len(states[0]))
        if self.scales is None:
            self.values[layer, 0, place], self.values[layer, 1, place] = states
        elif self._layout.device.type == "cpu":
            for side, vectors in enumerate(states):
                kept = self.values[layer, side, place].numpy(), self.scales[layer, side, place].numpy()
                glue_kernel("round_int8")(vectors.float().numpy(), *kept)
        else:
            self.values[layer, :, place], self.scales[layer, :, place] = quantize(torch.stack(states))

    def extent(self, layer: int, start: int, num_tokens: int) -> Extent:
        """One layer's keys and values at consecutive token places, a view."""
        keys, values = self.values[layer, :, start : start + num_tokens].unbind()
        if self.scales is None:
            return Extent(keys, values)
        return Extent(keys, values, *self.scales[layer, :, start : start + num_tokens].unbind())

    def whole(self, layer: int) -> Extent:
        """One layer's keys and values of all blocks, a view."""
        return self.extent(layer, 0, self._shape[2])

    def _stored(self) -> list[torch.Tensor]:
        """What lies in the file."""
        values, scales = self._host or (self.values, self.scales)
        return [values] if scales is None else [values, scales]

    def flush(self, start: int, end: int) -> None:
        """Write the token places from ``start`` to ``end`` through to the file, where that lies apart."""
        for ours, theirs in zip((self.values, self.scales), self._stored(), strict=False):
            if ours is not None and ours is not theirs:
                theirs[:, :, start:end].copy_(ours[:, :, start:end])

    def load(self, end: int) -> None:
        """Bring the first ``end`` token places in from the file, where that lies apart.

        Layer by layer through two pinned buffers on CUDA: one is filled while the other is on its way.
        """
        for ours, theirs in zip((self.values, self.scales), self._stored(), strict=False):
            if ours is None or ours is theirs:
                continue
            pinned = ours.device.type == "cuda"
            buffers = [torch.empty(theirs[0, :, :end].shape, dtype=theirs.dtype, pin_memory=pinned) for _ in range(2)]
            sent = [torch.cuda.Event() for _ in range(2)] if pinned else []  # type: ignore[no-untyped-call]
            for layer in range(len(ours)):
                buffer = buffers[layer % 2]
                if pinned and layer > 1:
                    sent[layer % 2].synchronize()
                buffer.copy_(theirs[layer, :, :end])
                ours[layer, :, :end].copy_(buffer, non_blocking=pinned)
                if pinned:
                    sent[layer % 2].record()

    def copy_from(self, other: Slab, num_tokens: int) -> None:
        """Take over the first ``num_tokens`` token places of another slab's file."""
        for ours, theirs in zip(self._stored(), other._stored(), strict=True):
            ours[:, :, :num_tokens].copy_(theirs[:, :, :num_tokens])

    def checksum(self, start: int, end: int) -> str:
        """xxh3 (128 bits, hex) of the token places from ``start`` to ``end`` in the file, all layers."""
        digest = xxhash.xxh3_128()
        for tensor in self._stored():
            for run in tensor[:, :, start:end].flatten(0, 1):
                digest.update(run.view(torch.uint8).numpy())
        return digest.hexdigest()


class BlockMemory:
    """The slabs, and the pool that knows who holds their blocks.

    Attributes:
        paged: whether scattered blocks are read through a block table: on CUDA, where they are float.
    """

    def __init__(self, layout: KVLayout) -> None:
        self.layout = layout
        self.paged = layout.device.type == "cuda" and not layout.scale_bytes
        self.pool = BlockPool()
        self.lock = threading.RLock()  # callers fork and close while the engine thread works
        self._slabs: dict[int, Slab] = {}

    @property
    def num_bytes(self) -> int:
        """Bytes of all slabs."""
        return sum(slab.num_bytes for slab in self._slabs.values())

    def slab(self, number: int) -> Slab:
        """A slab by its number."""
        return self._slabs[number]

    def add_slab(self, num_blocks: int, *, shared: bool, file: np.ndarray | None = None) -> int:
        """Add a slab; ``file`` is a mapped block file to lay it in.

        Raises:
            CacheFull: memory does not hold it.
        """
        self._check_room(self.layout.slab_bytes(num_blocks))
        with self.lock:
            slab = Slab(self.layout, num_blocks, file, mirrored=self.layout.device.type != "cpu")
            number = self.pool.add_slab(num_blocks, shared=shared)
            self._slabs[number] = slab
        return number

    def _check_room(self, num_bytes: int) -> None:
        free = free_bytes(self.layout.device)
        if num_bytes + SPARE_BYTES > free:
            raise CacheFull(
                f"The next blocks take {num_bytes / 1e6:,.0f} MB and {free / 1e6:,.0f} MB of memory are free. "
                "Close a reading or a chat, read a selection of the document, or hold the cache smaller with "
                "Workbench(kv='int8')."
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
            part = slice(done, done + num_tokens)
            self._slabs[slab].write(layer, start, (keys[part], values[part]))
            done += num_tokens

    def read(self, layer: int, runs: list[Slots]) -> Extent | Scattered:
        """Keys and values of a segment: a view; if it is scattered, blocks to be read where they are, or a copy."""
        slab = runs[0].slab
        if self.paged and len(runs) > 1 and all(run.slab == slab for run in runs):
            blocks = [
                run.start // BLOCK_SIZE + index for run in runs for index in range(-(-run.num_tokens // BLOCK_SIZE))
            ]
            return Scattered(self._slabs[slab].whole(layer), tuple(blocks), sum(run.num_tokens for run in runs))
        return joined([self._slabs[slab].extent(layer, start, num_tokens) for slab, start, num_tokens in runs])


def free_bytes(device: torch.device) -> int:
    """Bytes of memory that are free on a device."""
    if device.type == "cuda":
        # What torch has put aside it uses again, or gives back before it says that memory is out.
        aside = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + aside
    return int(psutil.virtual_memory().available)
