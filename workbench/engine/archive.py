"""A prompt's way to the store and back: reopened from disk, begun from a reading that begins alike, or begun new.

Everything that is taken from disk is held against its checksum before it is used. What is damaged is named and read
again; where the store cannot be written, the reading goes on in memory and says so.

Not covered: the files (engine.store, engine.stored), the model (engine.reader).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np
import torch
from filelock import Timeout

from workbench.engine.blocks import BLOCK_SIZE
from workbench.engine.cache import Cancelled, SequenceCache
from workbench.engine.extents import KVLayout
from workbench.engine.memory import BlockMemory, Slab
from workbench.engine.prompt import Prompt
from workbench.engine.record import Chunk, Record
from workbench.engine.store import Store
from workbench.engine.stored import StoredReading
from workbench.errors import CacheCorrupt
from workbench.types import Keep, ReadProgress

LOCK_POLL_S = 0.2

NewSequence = Callable[[int, np.ndarray | None], SequenceCache]
"""An empty sequence for so many tokens, in a mapped file or in memory of its own."""


@dataclass(slots=True)
class Run:
    """A prompt on its way through the model.

    Attributes:
        sequence: what was read so far.
        stored: where it is committed; None in memory alone, or when all of it is there already.
        notes: what people should hear, a sentence each.
        warns: whether one of them tells of something lost or not kept.
        verify_s: seconds spent on checksums.
    """

    sequence: SequenceCache
    stored: StoredReading | None = None
    notes: list[str] = field(default_factory=list)
    warns: bool = False
    verify_s: float = 0.0


class Archive:
    """Prompts to and from a store.

    Args:
        store: readings on disk.
        memory: where blocks lie.
        fingerprint: of the engine.
        parts: of the fingerprint, by name.
        new_sequence: makes room in memory.
    """

    def __init__(
        self,
        store: Store,
        memory: BlockMemory,
        fingerprint: str,
        parts: Mapping[str, str],
        new_sequence: NewSequence,
    ) -> None:
        self._store, self._memory, self._layout = store, memory, memory.layout
        self._fingerprint, self._parts, self._new_sequence = fingerprint, parts, new_sequence

    def start(self, prompt: Prompt, keep: Keep, held: ExitStack) -> Iterator[ReadProgress | Run]:
        """Find what is there, and make room for the rest; ``held`` gets the lock. The run comes last.

        While another process reads the same, its progress is shown.
        """
        if (run := self._reopen(prompt)) is not None:
            yield run
            return
        try:
            yield from self._claim(prompt, held)
        except OSError as error:
            yield self._in_memory(prompt, error)
            return
        notes: list[str] = []
        yield self._resume(prompt, notes) or self._begin(prompt, keep, notes)

    def _claim(self, prompt: Prompt, held: ExitStack) -> Iterator[ReadProgress]:
        """Take the reading's lock, waiting for another process that reads the same."""
        lock, timeout_s = self._store.lock(prompt.key), 0.0
        while True:
            try:
                held.enter_context(lock.acquire(timeout=timeout_s))
            except Timeout:
                timeout_s = LOCK_POLL_S
                if prompt.cancel.is_set():
                    raise Cancelled from None
                yield self._elsewhere(prompt)
            else:
                return

    def _elsewhere(self, prompt: Prompt) -> ReadProgress:
        """How far another process is with it."""
        try:
            stored = self._store.open(prompt.key)
        except CacheCorrupt:  # it has not begun to write
            stored = None
        done = stored.record.committed_tokens if stored else 0
        return ReadProgress(done, len(prompt.ids), done, 0.0, note="Another process is reading this document.")

    def _reopen(self, prompt: Prompt) -> Run | None:
        """A reading that is whole, which needs no lock; None where there is none."""
        try:
            stored = self._store.open(prompt.key)
            return self._map(prompt, stored) if stored is not None and stored.record.complete else None
        except CacheCorrupt:
            return None  # looked at again under the lock

    def _resume(self, prompt: Prompt, notes: list[str]) -> Run | None:
        """What another process, or an earlier one, has read of it; None where that is nothing, or damaged."""
        try:
            stored = self._store.open(prompt.key)
            return None if stored is None else self._map(prompt, stored)
        except CacheCorrupt as error:
            notes.append(f"What was kept of it on disk is damaged ({error}); it is read again.")
            return None

    def _map(self, prompt: Prompt, stored: StoredReading) -> Run:
        """Lay a stored reading into memory and see that it is what its record says.

        Raises:
            CacheCorrupt: it is not.
        """
        record = stored.record
        sequence = self._new_sequence(len(prompt.ids), stored.map(writable=not record.complete))
        try:
            began, done = time.perf_counter(), record.committed_tokens
            slab = slab_of(sequence)
            _verify(slab, record.chunks)
            verify_s = time.perf_counter() - began
            slab.load(done)
            if self._layout.is_recurrent:
                sequence.snapshots = {mark: stored.states(mark) for mark in prompt.marks if mark <= done}
            sequence.adopt(done, stored.states(done) if self._layout.is_recurrent and done else {})
        except BaseException:
            sequence.close()
            raise
        return Run(sequence, None if record.complete else stored, verify_s=verify_s)

    def _begin(self, prompt: Prompt, keep: Keep, notes: list[str]) -> Run:
        """Room on disk for a new reading, and the beginning that another one shares with it."""
        num_bytes = self._layout.slab_bytes(-(-len(prompt.ids) // BLOCK_SIZE))
        record = Record(
            fingerprint=self._fingerprint, engine=dict(self._parts), label=dict(keep.label),
            layout=_described(self._layout), num_tokens=len(prompt.ids), num_bytes=num_bytes,
        )  # fmt: skip
        damaged, first = bool(notes), not self._store.entries()
        try:
            stored = self._store.create(prompt.key, record, prompt.ids, keep.document)
        except OSError as error:
            return self._in_memory(prompt, error, notes)
        if first:
            notes.append(f"Readings are kept in {self._store.folder} (see them with: workbench cache ls).")
        try:
            sequence = self._new_sequence(len(prompt.ids), stored.map(writable=True))
        except BaseException:
            stored.discard()  # memory does not hold it: then its room on the disk is not needed either
            raise
        run = Run(sequence, stored, notes, warns=damaged)
        donors = self._store.donors(self._fingerprint, prompt.chain)
        any(self._inherit(prompt, run, stored, donor, common) for donor, common in donors)
        return run

    def _in_memory(self, prompt: Prompt, error: OSError, notes: Sequence[str] = ()) -> Run:
        """Without the store, and said so."""
        reason = f"It is read into memory alone: {self._store.folder} cannot be written to ({error.strerror or error})."
        return Run(self._new_sequence(len(prompt.ids), None), notes=[*notes, reason], warns=True)

    def _inherit(self, prompt: Prompt, run: Run, stored: StoredReading, donor: StoredReading, common: int) -> bool:
        """Copy what another reading has in common, up to its deepest states; False when it cannot be.

        Of a model with states, those at the prompt's marks on the way are needed as well: forks start there.
        """
        chunks, there = list(donor.record.chunks[:common]), donor.record.states
        if self._layout.is_recurrent:
            missing = min((mark for mark in prompt.marks if mark not in there), default=len(prompt.ids) + 1)
            while chunks and (chunks[-1].end not in there or chunks[-1].end >= missing):
                chunks.pop()
        if not chunks:
            return False
        end, slab = chunks[-1].end, slab_of(run.sequence)
        wanted = {tokens for tokens in there if tokens in prompt.snapshots and tokens < end} | {end}
        try:
            states = {tokens: donor.states(tokens) for tokens in sorted(wanted)} if self._layout.is_recurrent else {}
            slab.copy_from(_slab_on_disk(donor, self._layout), end)
            _verify(slab, chunks)
            stored.commit(chunks, states, prompt.snapshots)
        except (CacheCorrupt, OSError):
            return False  # then it is read, as if there had been nothing
        slab.load(end)
        run.sequence.snapshots = {mark: states[mark] for mark in prompt.marks if mark in states}
        run.sequence.adopt(end, states.get(end, {}))
        return True


def _described(layout: KVLayout) -> dict[str, str]:
    """A layout as the record has it."""
    return {
        "layers": str(layout.num_attention_layers), "kv_heads": str(layout.kv_heads), "head_dim": str(layout.head_dim),
        "dtype": str(layout.dtype).removeprefix("torch."),
    }  # fmt: skip


def verify(stored: StoredReading) -> None:
    """Hold every byte of a reading against its checksum. Needs no model.

    Raises:
        CacheCorrupt: something does not match.
    """
    shape = stored.record.layout
    layers, dtype = ("full_attention",) * int(shape["layers"]), getattr(torch, shape["dtype"])
    layout = KVLayout(layers, int(shape["kv_heads"]), int(shape["head_dim"]), dtype, torch.device("cpu"))
    if stored.record.num_bytes:
        _verify(_slab_on_disk(stored, layout), stored.record.chunks)
    for num_tokens in stored.record.states:
        stored.states(num_tokens)
    stored.token_ids()
    stored.document()


def _slab_on_disk(stored: StoredReading, layout: KVLayout) -> Slab:
    """A reading's blocks as they lie in its file."""
    return Slab(layout, stored.record.num_bytes // layout.slab_bytes(1), stored.map(writable=False))


def slab_of(sequence: SequenceCache) -> Slab:
    """The slab that a document has for itself."""
    if sequence.table.slab is None:
        raise CacheCorrupt("a sequence in shared slabs cannot be stored; this is a fault of ours")
    return sequence.memory.slab(sequence.table.slab)


def _verify(slab: Slab, chunks: Sequence[Chunk]) -> None:
    """Hold chunks against their checksums.

    Raises:
        CacheCorrupt: one does not match.
    """
    starts = [0, *(chunk.end for chunk in chunks)]
    with ThreadPoolExecutor() as threads:  # xxh3 runs without the interpreter's lock
        found = threads.map(lambda start, chunk: slab.checksum(start, chunk.end), starts, chunks)
        for start, chunk, checksum in zip(starts, chunks, found, strict=False):
            if checksum != chunk.checksum:
                raise CacheCorrupt(f"its tokens {start:,} to {chunk.end:,} do not match their checksum")
