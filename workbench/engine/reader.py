"""Reading a prompt into a sequence: through the model, chunk by chunk, and from the store where that has it already.

A chunk is committed to the store before it is reported; so a reading that was stopped or killed goes on from its last
chunk. Without a store, what a stopped reading left stays in memory for the next one.

Not covered: the way to the store (engine.archive), asking (engine.runner).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack

import numpy as np

from workbench.engine.archive import Archive, Run, slab_of
from workbench.engine.blocks import BLOCK_SIZE, BlockTable
from workbench.engine.cache import Cancelled, SequenceCache
from workbench.engine.fingerprint import fingerprint
from workbench.engine.memory import BlockMemory
from workbench.engine.prompt import Prompt
from workbench.engine.record import Chunk
from workbench.engine.runner import Runner
from workbench.engine.store import Store
from workbench.errors import CacheFull
from workbench.types import ReadProgress


class Reader:
    """Reads prompts into sequences (engine thread).

    Args:
        runner: the model.
        memory: where blocks lie.
        store: readings on disk; None keeps nothing.
        parts: of the engine's fingerprint, by name.
    """

    def __init__(self, runner: Runner, memory: BlockMemory, store: Store | None, parts: Mapping[str, str]) -> None:
        self._runner, self._memory = runner, memory
        self._archive = Archive(store, memory, fingerprint(parts), parts, self._new_sequence) if store else None
        self._partial: dict[str, SequenceCache] = {}  # of reads that were stopped and are not in the store

    def read(self, prompt: Prompt) -> Iterator[ReadProgress | SequenceCache]:
        """Read it; the sequence comes last. Cancelled, it ends without one, and what was read is kept.

        Raises:
            CacheFull: memory does not hold it.
        """
        run: Run | None = None
        with ExitStack() as held:
            try:
                for event in self._start(prompt, held):
                    if isinstance(event, Run):
                        run = event
                    else:
                        yield event
                if run is not None:
                    yield from self._run(prompt, run)
            except Cancelled:
                if run is not None:
                    self._put_aside(prompt, run)
                return
            except BaseException:
                if run is not None:
                    run.sequence.close()
                raise
        if run is not None:
            run.sequence.cancel = None
            yield run.sequence

    def _start(self, prompt: Prompt, held: ExitStack) -> Iterator[ReadProgress | Run]:
        """Find what is there already, and make room for the rest. The run comes last."""
        if prompt.key in self._partial:
            yield Run(self._partial.pop(prompt.key))
        elif self._archive is not None and prompt.keep is not None:
            yield from self._archive.start(prompt, prompt.keep, held)
        else:
            yield Run(self._new_sequence(len(prompt.ids)))

    def _run(self, prompt: Prompt, run: Run) -> Iterator[ReadProgress]:
        """Read what is missing."""
        sequence, total, started = run.sequence, len(prompt.ids), time.perf_counter()
        sequence.cancel, reused = prompt.cancel, sequence.num_tokens
        yield ReadProgress(reused, total, reused, 0.0, note=" ".join(run.notes), warns=run.warns, verify_s=run.verify_s)
        for index, end in enumerate(prompt.ends):
            if end > sequence.num_tokens:
                note = self._advance(prompt, run, index)
                yield ReadProgress(end, total, reused, time.perf_counter() - started, note=note, warns=bool(note))

    def _advance(self, prompt: Prompt, run: Run, index: int) -> str:
        """Read one chunk and commit it; returns what is to be said."""
        sequence, start, end = run.sequence, run.sequence.num_tokens, prompt.ends[index]
        self._runner.forward(sequence, prompt.ids[start:end])
        if end in prompt.marks and self._memory.layout.is_recurrent:
            sequence.snapshots[end] = sequence.states()
        if run.stored is None:
            return ""
        slab = slab_of(sequence)
        try:
            slab.flush(start, end)
            chunk = Chunk(end, prompt.chain[index], slab.checksum(start, end))
            states = {end: sequence.live_states()} if self._memory.layout.is_recurrent else {}
            run.stored.commit([chunk], states, prompt.snapshots)
        except OSError as error:
            run.stored = None
            return f"It is no longer kept on disk ({error.strerror or error}); reading goes on in memory."
        return ""

    def _new_sequence(self, num_tokens: int, file: np.ndarray | None = None) -> SequenceCache:
        """An empty one with a slab of its own; what interrupted reads left gives way to it."""
        num_blocks = -(-num_tokens // BLOCK_SIZE)
        try:
            slab = self._memory.add_slab(num_blocks, shared=False, file=file)
        except CacheFull:
            if not self._partial:
                raise
            self.drop_partial()
            slab = self._memory.add_slab(num_blocks, shared=False, file=file)
        return SequenceCache(self._memory, BlockTable(self._memory.pool, slab))

    def _put_aside(self, prompt: Prompt, run: Run) -> None:
        """Keep a stopped read for the next one; what the store has is reopened from there."""
        if run.stored is None and run.sequence.num_tokens:
            self._partial[prompt.key] = run.sequence
        else:
            run.sequence.close()

    @property
    def idle_bytes(self) -> int:
        """Bytes of interrupted reads, which give way to the next one."""
        return sum(sequence.num_bytes for sequence in list(self._partial.values()))

    def drop_partial(self) -> None:
        """Free what interrupted reads left."""
        for sequence in self._partial.values():
            sequence.close()
        self._partial.clear()
