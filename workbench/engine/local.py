"""The engine that runs here: a loaded model, its memory, and the requests that the engine thread works off.

Not covered: which model, and from where (engine.models); remote servers.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import transformers

from workbench.config import SamplingParams
from workbench.engine.blocks import BlockTable
from workbench.engine.budget import CHUNK_TOKENS
from workbench.engine.cache import SequenceCache
from workbench.engine.extents import KVLayout
from workbench.engine.fingerprint import fingerprint, model_parts
from workbench.engine.lockstep import decode_many
from workbench.engine.memory import BlockMemory
from workbench.engine.prompt import make_prompt
from workbench.engine.queue import Request, engine_thread
from workbench.engine.reader import Reader
from workbench.engine.runner import Runner
from workbench.engine.store import Store
from workbench.errors import ContextTooLong, EngineError
from workbench.types import Branch, Constraint, Keep, Prefix, Question, ReadProgress, Step, StopCheck, Weigh

GRID = CHUNK_TOKENS
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
        store: readings on disk; None keeps nothing.
    """

    def __init__(
        self,
        model: transformers.PreTrainedModel,
        layout: KVLayout,
        window: int,
        seed: int,
        store: Store | None = None,
    ) -> None:
        self.memory = BlockMemory(layout)
        self._runner = Runner(model, GRID, seed)
        self._window = window
        self._parts = model_parts(model, layout, GRID)
        self._fingerprint = fingerprint(self._parts)
        self._reader = Reader(self._runner, self.memory, store, self._parts)
        engine_thread.call(self._warm_up)
        self._closed = False

    @property
    def window(self) -> int:
        """Tokens a sequence may hold."""
        return self._window

    @property
    def fingerprint(self) -> str:
        """Weights, precision, grid and kernels."""
        return self._fingerprint

    @property
    def fingerprint_parts(self) -> Mapping[str, str]:
        """What the fingerprint is made of, by name."""
        return self._parts

    @property
    def idle_bytes(self) -> int:
        """Bytes of interrupted reads, which give way to the next one."""
        return self._reader.idle_bytes

    def read(
        self,
        token_ids: Sequence[int],
        cancel: threading.Event | None = None,
        *,
        marks: Sequence[int] = (),
        keep: Keep | None = None,
    ) -> Iterator[ReadProgress | Prefix]:
        """Prefill, or go on with an interrupted prefill of the same ids, or reopen it; the Prefix comes last.

        Cancelled, it ends without a Prefix, and what was read is kept for the next call with the same ids.

        Args:
            token_ids: to be read.
            cancel: stops it.
            marks: numbers of tokens, inside, that branches may start from.
            keep: what the store keeps beside it; without it nothing is kept on disk.

        Raises:
            ContextTooLong: more ids than the window holds.
            CacheFull: memory does not hold them.
        """
        self._check(len(token_ids))
        cancel = cancel or threading.Event()
        prompt = make_prompt(token_ids, marks, GRID, self._fingerprint, keep, cancel)

        def work() -> Iterator[ReadProgress | Prefix]:
            self._check_open()
            for event in self._reader.read(prompt):
                yield event if isinstance(event, ReadProgress) else LocalPrefix(prompt.ids, event)

        return engine_thread.submit(work, cancel, waiting=lambda place: ReadProgress(0, len(token_ids), 0, 0.0, place))

    def fork(self, prefix: Prefix, mark: int | None = None) -> Branch:
        """A branch that starts where the prefix ends, or at one of its marks.

        Raises:
            EngineError: the prefix is closed, or not of this engine.
        """
        if not isinstance(prefix, LocalPrefix) or not prefix.sequence.num_tokens:
            raise EngineError("This reading is closed; read the document again.")
        return LocalBranch(prefix.sequence.fork(mark))

    def generate(
        self,
        branch: Branch,
        token_ids: Sequence[int],
        params: SamplingParams,
        end_token_ids: frozenset[int],
        should_stop: StopCheck | None = None,
        cancel: threading.Event | None = None,
        watched_tokens: int = 0,
        *,
        constraint: Constraint | None = None,
        weigh: Weigh | None = None,
    ) -> Iterator[Step]:
        """Feed ``token_ids``, then decode until an end, ``params.max_tokens`` or the window's end.

        With ``watched_tokens``, a Step has the shares of attention on the blocks of the first so many tokens.

        Raises:
            ContextTooLong: prompt and one token of answer do not fit the window.
            EngineError: nothing to feed, a branch that is not of this engine, a constraint that allows nothing.
        """
        cancel = cancel or threading.Event()
        own, within = self._claimed(branch, token_ids, params, cancel)
        question = Question(branch, token_ids, within, end_token_ids, should_stop, cancel, constraint, weigh)

        def work() -> Iterator[Step]:
            self._check_open()  # it may have been closed while this waited
            return self._runner.decode(own.sequence, question, watched_tokens)

        own.request = engine_thread.submit(work, cancel, dropped=(Step(None, "cancelled"),))
        return own.request

    def generate_many(self, questions: Sequence[Question]) -> Iterator[tuple[int, Step]]:
        """Feed and decode several branches together; each Step with the question's index.

        Raises:
            ContextTooLong: a question and one token of answer do not fit the window.
            EngineError: nothing to feed, or a branch that is not of this engine.
        """
        sequences, within = [], []
        for question in questions:
            own, params = self._claimed(question.branch, question.token_ids, question.params, question.cancel)
            sequences.append(own.sequence)
            within.append(replace(question, params=params))

        def work() -> Iterator[tuple[int, Step]]:
            self._check_open()
            return decode_many(self._runner, within, sequences)

        return engine_thread.submit(work, threading.Event())

    def _claimed(
        self, branch: Branch, token_ids: Sequence[int], params: SamplingParams, cancel: threading.Event
    ) -> tuple[LocalBranch, SamplingParams]:
        """A branch as ours, ended by ``cancel`` from now on, and ``params`` within the window."""
        if not isinstance(branch, LocalBranch) or not token_ids:
            raise EngineError("generate needs a branch of this engine and at least one token; this is a fault of ours.")
        used = branch.num_tokens + len(token_ids)
        self._check(used + 1)
        branch.sequence.cancel = cancel
        return branch, replace(params, max_tokens=min(params.max_tokens, self._window - used))

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

    def _warm_up(self) -> None:
        """Run a few tokens, so that kernels are loaded and threads started now, and not at the first question."""
        sequence = SequenceCache(self.memory, BlockTable(self.memory.pool))
        for tokens in ((0, 0), (0,)):
            self._runner.forward(sequence, tokens)
        sequence.close()

    def close(self) -> None:
        """Free the weights and what interrupted reads left; prefixes and branches are their holders' to close."""
        if not self._closed:
            self._closed = True
            engine_thread.call(self._free)

    def _free(self) -> None:
        self._reader.drop_partial()
        del self._runner, self._reader
