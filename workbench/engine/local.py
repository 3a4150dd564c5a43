"""The engine that runs here: a loaded model, its memory, and the requests that the engine thread works off.

Not covered: which model, and from where (engine.models); remote servers.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch
import transformers

from workbench.config import SamplingParams
from workbench.engine.blocks import BLOCK_SIZE, BlockTable
from workbench.engine.cache import BlockMemory, Cancelled, KVLayout, SequenceCache
from workbench.engine.fingerprint import fingerprint
from workbench.engine.queue import Request, engine_thread
from workbench.engine.runner import Runner
from workbench.errors import CacheFull, ContextTooLong, EngineError
from workbench.types import Branch, Prefix, ReadProgress, Step, StopCheck

GRID = 512
"""Tokens between chunk cuts: wide enough to feed the matrix products, short enough to stop at."""


class LocalPrefix:
    """A prefilled run of tokens in the engine's memory."""

    def __init__(self, token_ids: tuple[int, ...], sequence: SequenceCache) -> None:
        self._token_ids = token_ids
        self.sequence = sequence

    @property
    def token_ids(self) -> tuple[int, ...]:
        """What was read."""
        return self._token_ids

    @property
    def num_bytes(self) -> int:
        """Bytes of blocks and states."""
        return self.sequence.num_bytes

    def close(self) -> None:
        """Give the blocks back; forks keep theirs. Safe to call twice."""
        self.sequence.close()


class LocalBranch:
    """A fork that grows by its own tokens."""

    def __init__(self, sequence: SequenceCache) -> None:
        self.sequence = sequence
        self.request: Request[Step] | None = None

    @property
    def num_tokens(self) -> int:
        """Tokens in the cache."""
        return self.sequence.num_tokens

    def fork(self) -> LocalBranch:
        """A second one that goes its own way."""
        return LocalBranch(self.sequence.fork())

    def cancel(self) -> None:
        """End what runs on it at its next token; returns at once."""
        if self.request is not None:
            self.request.cancel.set()

    def close(self) -> None:
        """End what runs on it and give its blocks back. Safe to call twice."""
        if self.request is not None:
            self.request.close()
        self.sequence.close()


class LocalEngine:
    """Token ids in, token ids out.

    Args:
        model: ready to run, see engine.checkpoint.
        layout: how its keys and values lie in memory.
        window: tokens a sequence may hold.
        seed: of sampling, where a request names none.
    """

    def __init__(self, model: transformers.PreTrainedModel, layout: KVLayout, window: int, seed: int) -> None:
        self.memory = BlockMemory(layout)
        self._runner = Runner(model, GRID, seed)
        self._window = window
        self._partial: dict[tuple[int, ...], SequenceCache] = {}
        self._fingerprint = _model_fingerprint(model, layout)
        self._closed = False

    @property
    def window(self) -> int:
        """Tokens a sequence may hold."""
        return self._window

    @property
    def fingerprint(self) -> str:
        """Weights, precision, grid and kernels."""
        return self._fingerprint

    def read(self, token_ids: Sequence[int], cancel: threading.Event | None = None) -> Iterator[ReadProgress | Prefix]:
        """Prefill, or go on with an interrupted prefill of the same ids; the Prefix comes last.

        Cancelled, it ends without a Prefix, and what was read is kept for the next call with the same ids.

        Raises:
            ContextTooLong: more ids than the window holds.
            CacheFull: memory does not hold them.
        """
        self._check(len(token_ids))
        cancel = cancel or threading.Event()
        return engine_thread.submit(lambda: self._read(tuple(token_ids), cancel), cancel)

    def _read(self, token_ids: tuple[int, ...], cancel: threading.Event) -> Iterator[ReadProgress | Prefix]:
        sequence = self._partial.pop(token_ids, None) or self._new_sequence(len(token_ids))
        sequence.cancel = cancel
        reused = sequence.num_tokens
        started = time.perf_counter()
        try:
            yield ReadProgress(reused, len(token_ids), reused, 0.0)
            for _ in self._runner.prefill(sequence, token_ids[reused:]):
                yield ReadProgress(sequence.num_tokens, len(token_ids), reused, time.perf_counter() - started)
        except Cancelled:
            if sequence.num_tokens:
                self._partial[token_ids] = sequence
            else:
                sequence.close()
            return
        except BaseException:
            sequence.close()
            raise
        yield LocalPrefix(token_ids, sequence)

    def _new_sequence(self, num_tokens: int) -> SequenceCache:
        num_blocks = -(-num_tokens // BLOCK_SIZE)
        try:
            slab = self.memory.add_slab(num_blocks, shared=False)
        except CacheFull:
            if not self._partial:
                raise
            self._drop_partial()  # what interrupted reads left gives way to one that goes on
            slab = self.memory.add_slab(num_blocks, shared=False)
        return SequenceCache(self.memory, BlockTable(self.memory.pool, slab))

    def _drop_partial(self) -> None:
        for sequence in self._partial.values():
            sequence.close()
        self._partial.clear()

    def fork(self, prefix: Prefix) -> Branch:
        """A branch that starts where the prefix ends.

        Raises:
            EngineError: the prefix is closed, or not of this engine.
        """
        if not isinstance(prefix, LocalPrefix) or not prefix.sequence.num_tokens:
            raise EngineError("This reading is closed; read the document again.")
        return LocalBranch(prefix.sequence.fork())

    def generate(
        self,
        branch: Branch,
        token_ids: Sequence[int],
        params: SamplingParams,
        end_token_ids: frozenset[int],
        should_stop: StopCheck | None = None,
        cancel: threading.Event | None = None,
    ) -> Iterator[Step]:
        """Feed ``token_ids``, then decode until an end, ``params.max_tokens`` or the window's end.

        Raises:
            ContextTooLong: prompt and one token of answer do not fit the window.
            EngineError: nothing to feed, or a branch that is not of this engine.
        """
        if not isinstance(branch, LocalBranch) or not token_ids:
            raise EngineError("generate needs a branch of this engine and at least one token; this is a fault of ours.")
        used = branch.num_tokens + len(token_ids)
        self._check(used + 1)
        cancel = cancel or threading.Event()
        branch.sequence.cancel = cancel
        within = replace(params, max_tokens=min(params.max_tokens, self._window - used))

        def work() -> Iterator[Step]:
            self._check_open()  # it may have been closed while this waited
            return self._runner.decode(branch.sequence, token_ids, within, end_token_ids, should_stop, cancel)

        branch.request = engine_thread.submit(work, cancel)
        return branch.request

    def _check_open(self) -> None:
        if self._closed:
            raise EngineError("This workbench is closed; make a new one.")

    def _check(self, num_tokens: int) -> None:
        self._check_open()
        if num_tokens > self._window:
            raise ContextTooLong(
                f"{num_tokens:,} tokens do not fit the window of {self._window:,}. Ask for less, or read a selection.",
                num_tokens=num_tokens,
                window=self._window,
            )

    def close(self) -> None:
        """Free the weights and what interrupted reads left; prefixes and branches are their holders' to close."""
        if not self._closed:
            self._closed = True
            engine_thread.call(self._free)

    def _free(self) -> None:
        self._drop_partial()
        del self._runner


def _model_fingerprint(model: transformers.PreTrainedModel, layout: KVLayout) -> str:
    weights = hashlib.blake2b(digest_size=16)
    for name, tensor in model.state_dict().items():
        flat = tensor.flatten()
        sample = flat[:: max(flat.numel() // 64, 1)][:64].float().cpu()
        weights.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode() + sample.numpy().tobytes())
    return fingerprint(
        {
            "config": model.config.to_json_string(use_diff=False),
            "weights": weights.hexdigest(),
            "kv": layout.dtype,
            "device": layout.device.type,
            "grid": GRID,
            "torch": torch.__version__,
            "cpu": torch.backends.cpu.get_cpu_capability(),
            "threads": torch.get_num_threads(),
        }
    )
