"""Which block of KV memory belongs to whom. Plain Python: no tensor, no model, so every decision can be tested alone.

Memory comes in slabs (one for each document, shared ones for the tails of questions); a slab is cut into blocks
of ``BLOCK_SIZE`` tokens; a block is counted by those who hold it and is free at zero. A ``BlockTable`` is the list
of blocks of one sequence. Forking shares all of them, or those up to a mark: since attention over segments is merged
by log-sum-exp, a fork leaves a half-filled inherited block as it is, for ever (it may be part of a file on disk), and
goes on in a block of its own. Nothing is ever copied.

Not covered: the memory itself (engine.cache), reuse of a common prefix between documents.

Source: block table and reference counts as in vLLM (Kwon et al. 2023, section 4.3), without copy-on-write.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from workbench.errors import CacheFull, EngineError

BLOCK_SIZE = 256
"""Tokens in a block: the page size that flash-attn's paged calls ask for."""

SHARED_SLAB_BLOCKS = 8
"""Blocks in a slab for tails: 2,048 tokens, about one question with its answer."""


class Block(NamedTuple):
    """A block's address."""

    slab: int
    number: int


class Slots(NamedTuple):
    """Consecutive token places in a slab: ``start`` counts tokens from the slab's beginning."""

    slab: int
    start: int
    num_tokens: int


class BlockPool:
    """Slabs, their free blocks, and how many tables hold each of the others."""

    def __init__(self) -> None:
        self._free: dict[int, list[int]] = {}  # slab -> indices, the lowest last
        self._sizes: dict[int, int] = {}
        self._shared: list[int] = []
        self._counts: dict[Block, int] = {}
        self._next_slab = 0

    @property
    def num_blocks(self) -> int:
        """Blocks of all slabs."""
        return sum(self._sizes.values())

    @property
    def num_free(self) -> int:
        """Blocks that nobody holds."""
        return sum(map(len, self._free.values()))

    @property
    def num_used(self) -> int:
        """Blocks that somebody holds."""
        return len(self._counts)

    def count(self, block: Block) -> int:
        """How many tables hold a block; 0 when it is free."""
        return self._counts.get(block, 0)

    def num_free_in(self, slab: int | None) -> int:
        """Free blocks of one slab, or of all shared slabs."""
        return sum(len(self._free[s]) for s in ([slab] if slab is not None else self._shared))

    def add_slab(self, num_blocks: int, *, shared: bool) -> int:
        """Add memory for ``num_blocks`` blocks; returns the slab's number."""
        slab = self._next_slab
        self._next_slab += 1
        self._sizes[slab] = num_blocks
        self._free[slab] = list(range(num_blocks - 1, -1, -1))
        if shared:
            self._shared.append(slab)
        return slab

    def allocate(self, slab: int | None) -> Block:
        """Take a free block from a slab, or from any shared one; its count is then 1.

        Raises:
            CacheFull: there is none.
        """
        for number in [slab] if slab is not None else self._shared:
            if self._free[number]:
                block = Block(number, self._free[number].pop())
                self._counts[block] = 1
                return block
        raise CacheFull(
            f"All {self.num_blocks} blocks of {BLOCK_SIZE} tokens are in use; close a reading or a chat and ask again."
        )

    def retain(self, block: Block) -> None:
        """Count one more holder."""
        if block not in self._counts:
            raise EngineError(f"{block} is free and cannot be shared; this is a fault of the engine.")
        self._counts[block] += 1

    def release(self, block: Block) -> int | None:
        """Count one holder less; returns the slab's number when that left it without any, and forgets the slab."""
        if block not in self._counts:
            raise EngineError(f"{block} is free already; this is a fault of the engine.")
        self._counts[block] -= 1
        if self._counts[block]:
            return None
        del self._counts[block]
        # Sorted, so that the next sequence gets consecutive blocks and its attention needs no gathering.
        self._free[block.slab] = sorted([*self._free[block.slab], block.number], reverse=True)
        return self._forget_if_empty(block.slab)

    def _forget_if_empty(self, slab: int) -> int | None:
        if len(self._free[slab]) < self._sizes[slab]:
            return None
        del self._free[slab], self._sizes[slab]
        if slab in self._shared:
            self._shared.remove(slab)
        return slab


@dataclass(slots=True)
class _Held:
    block: Block
    num_tokens: int
    inherited: bool = False


@dataclass(slots=True)
class BlockTable:
    """The blocks of one sequence, in order.

    Attributes:
        pool: where blocks come from.
        slab: the sequence's own slab; None takes blocks from the shared ones.
    """

    pool: BlockPool
    slab: int | None = None
    _held: list[_Held] = field(default_factory=list)

    @property
    def num_tokens(self) -> int:
        """Tokens that the table has places for."""
        return sum(held.num_tokens for held in self._held)

    @property
    def blocks(self) -> list[Block]:
        """Addresses, in order."""
        return [held.block for held in self._held]

    def num_new_blocks(self, num_tokens: int) -> int:
        """Blocks that ``append(num_tokens)`` would take."""
        return -(-max(num_tokens - self._room(), 0) // BLOCK_SIZE)

    def _room(self) -> int:
        """Places left in the last block, none if it is shared or was: what another reads there must not change."""
        if not self._held or self._held[-1].inherited or self.pool.count(self._held[-1].block) > 1:
            return 0
        return BLOCK_SIZE - self._held[-1].num_tokens

    def append(self, num_tokens: int) -> list[Slots]:
        """Make places for tokens; returns where they are, in order.

        Raises:
            CacheFull: no block is free; the table is as it was.
        """
        before, slots = self.num_tokens, []
        try:
            while num_tokens > 0:
                room = self._room()
                if not room:
                    self._held.append(_Held(self.pool.allocate(self.slab), 0))
                    room = BLOCK_SIZE
                held, taken = self._held[-1], min(room, num_tokens)
                start = held.block.number * BLOCK_SIZE + held.num_tokens
                slots.append(Slots(held.block.slab, start, taken))
                held.num_tokens += taken
                num_tokens -= taken
        except CacheFull:
            self.truncate(before)
            raise
        return _joined(slots)

    def truncate(self, num_tokens: int) -> list[int]:
        """Forget all places behind the first ``num_tokens``; returns the slabs that became empty."""
        emptied = []
        excess = self.num_tokens - num_tokens
        while excess > 0:
            held = self._held[-1]
            taken = min(held.num_tokens, excess)
            held.num_tokens -= taken
            excess -= taken
            if held.num_tokens == 0:
                emptied.append(self.pool.release(self._held.pop().block))
        return [slab for slab in emptied if slab is not None]

    def segments(self) -> list[list[Slots]]:
        """The sequence as attention sees it: cut where a fork left a block half filled, and nowhere else.

        The cuts hang on the sequence's history only, never on which blocks were free: so sums are added up in the
        same order, bit for bit, wherever the blocks lie. Each segment is a list of consecutive runs.
        """
        segments: list[list[Slots]] = []
        open_segment = False
        for held in self._held:
            run = Slots(held.block.slab, held.block.number * BLOCK_SIZE, held.num_tokens)
            if open_segment:
                segments[-1] = _joined([*segments[-1], run])
            else:
                segments.append([run])
            open_segment = held.num_tokens == BLOCK_SIZE
        return segments

    def fork(self, num_tokens: int | None = None) -> BlockTable:
        """A table that shares the blocks of the first ``num_tokens`` (all when None); its own go to shared slabs."""
        other = BlockTable(self.pool)
        left = self.num_tokens if num_tokens is None else num_tokens
        for held in self._held:
            if left > 0:
                self.pool.retain(held.block)
                other._held.append(_Held(held.block, min(held.num_tokens, left), inherited=True))
                left -= held.num_tokens
        return other

    def close(self) -> list[int]:
        """Give every block back; returns the slabs that became empty. Safe to call twice."""
        return self.truncate(0)


def _joined(runs: list[Slots]) -> list[Slots]:
    """Runs, neighbours in memory put together."""
    joined: list[Slots] = []
    for run in runs:
        last = joined[-1] if joined else None
        if last and last.slab == run.slab and last.start + last.num_tokens == run.start:
            joined[-1] = Slots(last.slab, last.start, last.num_tokens + run.num_tokens)
        else:
            joined.append(run)
    return joined
