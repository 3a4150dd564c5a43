"""Workbench and Reading: where documents, engine and analysis meet. What notebooks hold.

Not covered: how anything looks (workbench.views), storing readings on disk.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from workbench.analysis import prompts
from workbench.analysis.ask import AnswerStream, Context, prefix_ids, task_ids
from workbench.analysis.chat import Chat
from workbench.analysis.fitting import Counted, Window, fit
from workbench.analysis.summarize import summary_ids
from workbench.config import DEFAULT_RESERVE, KV, EngineOptions, SamplingParams, Weights
from workbench.documents.document import Document
from workbench.errors import ContextTooLong, EngineError
from workbench.results import Answer, Fit, Usage
from workbench.types import Branch, LoadedModel, Prefix, ProgressCallback, ReadProgress

if TYPE_CHECKING:
    from workbench.engine.models import Model


class Workbench:
    """A model, and what was read with it.

    Args:
        model: a registry name (``small``, ``qwen3.5-9b`` ...), a hub id, a folder; None takes what fits this machine.
        weights: ``auto``, ``fp32``, ``bf16`` or ``int8``.
        kv: precision of keys and values: ``auto``, ``fp32`` or ``bf16``.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        seed: of sampling, where a question names none.
        window: tokens; None takes what the model was made for, at most 131,072.

    Raises:
        ConfigError: an unknown model or option.
    """

    def __init__(
        self,
        model: str | None = None,
        *,
        weights: Weights = "auto",
        kv: KV = "auto",
        device: str = "auto",
        seed: int = 0,
        window: int | None = None,
    ) -> None:
        from workbench.engine.models import open_model

        self._options = EngineOptions(weights, kv, device, seed, window)
        self._model: Model = open_model(model, self._options)
        self._prefixes: dict[str, _Shared] = {}
        self._readings: list[Reading] = []
        self._counted: tuple[str, Counted] | None = None
        self._lock = threading.RLock()

    @property
    def name(self) -> str:
        """The model's name."""
        return self._model.name

    @property
    def window(self) -> int:
        """Tokens that a document, a question and its answer may take together."""
        return self._model.window

    @property
    def description(self) -> str:
        """Which model, why, its window, and what a larger machine would use: one line."""
        return self._model.description

    @property
    def open_readings(self) -> tuple[Reading, ...]:
        """Readings that were not closed, in order."""
        return tuple(self._readings)

    def __repr__(self) -> str:
        return f"Workbench({self.name!r})"

    def fit(self, document: Document, *, reserve: int = DEFAULT_RESERVE) -> Fit:
        """Exact tokens against the window, before anything is read. Needs no weights.

        Args:
            document: to be read.
            reserve: tokens kept for question and answer.
        """
        from workbench.engine.registry import entries

        with self._lock:
            if self._counted is None or self._counted[0] != document.hash:
                self._counted = (document.hash, Counted(document, self._model.counter))
            counted = self._counted[1]
        larger = sorted((min(entry.window, 131_072), entry.name) for entry in entries() if entry.window > self.window)
        window = Window(
            self.name, self.window, self._model.overhead_tokens, tuple((name, size) for size, name in larger)
        )
        num_tokens = window.overhead_tokens + counted.frame_tokens + counted.num_tokens
        return fit(counted, window, reserve, *self._model.estimate(num_tokens))

    def read(
        self, document: Document, *, progress: bool | ProgressCallback | None = True, reserve: int = DEFAULT_RESERVE
    ) -> Reading:
        """Read a document whole; a document that is open already is not read again.

        An interrupt (Ctrl-C) ends the reading; called again, it goes on from the last chunk.

        Args:
            document: to be read.
            progress: True shows it, a callable gets each ``ReadProgress``, None or False is silent.
            reserve: tokens kept for question and answer.

        Raises:
            ContextTooLong: it does not fit; the message and ``choices`` say what would.
            ModelLoadError: the model cannot be had.
            CacheFull: memory does not hold it.
        """
        verdict = self.fit(document, reserve=reserve)
        if not verdict.fits:
            raise _too_long(verdict)
        loaded = self._load(show=progress is True)
        ids = prefix_ids(loaded.tokenizer, document.text)
        with self._lock:
            shared = self._prefixes.get(document.hash)
            if shared is not None:
                shared.num_readings += 1
                return self._add(Reading(self, document, loaded, shared, reused_tokens=len(ids)))
        reused, prefix = _Prefill(loaded, document, progress).run(ids)
        with self._lock:
            other = self._prefixes.get(document.hash)
            if other is not None:  # another thread was first
                prefix.close()
                other.num_readings += 1
                return self._add(Reading(self, document, loaded, other, reused_tokens=len(ids)))
            shared = self._prefixes[document.hash] = _Shared(prefix)
            return self._add(Reading(self, document, loaded, shared, reused_tokens=reused))

    def _load(self, *, show: bool) -> LoadedModel:
        from workbench import views

        with self._lock, views.fetch_view(self.name, show=show) as view:
            return self._model.load(view)

    def _add(self, reading: Reading) -> Reading:
        self._readings.append(reading)
        return reading

    def _forget(self, reading: Reading, shared: _Shared) -> None:
        with self._lock:
            self._readings.remove(reading)
            shared.num_readings -= 1
            if shared.num_readings == 0:
                self._prefixes.pop(reading.document.hash, None)
                shared.prefix.close()

    def close(self) -> None:
        """Close every reading and free the weights. Safe to call twice."""
        for reading in self.open_readings:
            reading.close()
        self._model.close()

    def __enter__(self) -> Workbench:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Shared:
    """A prefix and how many readings of one document hold it."""

    def __init__(self, prefix: Prefix) -> None:
        self.prefix = prefix
        self.num_readings = 1


class _Prefill:
    """One run of the engine over a document, shown as asked."""

    def __init__(self, loaded: LoadedModel, document: Document, progress: bool | ProgressCallback | None) -> None:
        self._loaded, self._name, self._progress = loaded, document.name, progress
        self._cancel = threading.Event()

    def run(self, ids: tuple[int, ...]) -> tuple[int, Prefix]:
        """Tokens that were in the cache before, and the prefix."""
        if callable(self._progress):
            return self._read(ids, self._progress)
        if not self._progress:
            return self._read(ids, lambda _: None)
        from workbench import views

        view = views.reading_view(self._name, len(ids), on_stop=self._cancel.set)
        outcome = "failed"
        try:
            result = self._read(ids, view)
            outcome = "done"
        except KeyboardInterrupt:
            outcome = "stopped"
            raise
        finally:
            view.close(outcome)
        return result

    def _read(self, ids: tuple[int, ...], show: Callable[[ReadProgress], None]) -> tuple[int, Prefix]:
        reused = 0
        events = self._loaded.engine.read(ids, self._cancel)
        try:
            for event in events:
                if not isinstance(event, ReadProgress):
                    return reused, event
                reused = event.reused_tokens
                show(event)
        except BaseException:
            self._cancel.set()
            raise
        # The engine ends without a prefix only when somebody pressed Stop.
        raise KeyboardInterrupt("the reading was stopped; read again to go on from the last chunk")


def _too_long(verdict: Fit) -> ContextTooLong:
    choices = "".join(f"\n  - {choice}" for choice in verdict.choices)
    return ContextTooLong(
        f"{verdict.document_name} takes {verdict.tokens:,} tokens and {verdict.reserve:,} are kept for question and "
        f"answer, but the window of {verdict.model} holds {verdict.window:,}. Nothing was read. You can:{choices}",
        num_tokens=verdict.tokens + verdict.reserve,
        window=verdict.window,
        choices=verdict.choices,
    )


class Reading:
    """A document that the model has read whole. Made by ``Workbench.read``.

    Attributes:
        document: what was read.
        bench: the workbench that read it.
        read_usage: tokens of the prefix, and how many of them were in the cache already.
    """

    def __init__(
        self, bench: Workbench, document: Document, loaded: LoadedModel, shared: _Shared, *, reused_tokens: int
    ) -> None:
        self.bench, self.document = bench, document
        self._shared, self._engine = shared, loaded.engine
        ids = shared.prefix.token_ids
        self._context = Context(document, ids, loaded.engine, loaded.tokenizer, bench.name, bench._options.seed)
        self.read_usage = Usage(prompt_tokens=len(ids), reused_tokens=reused_tokens, completion_tokens=0)
        self._closed = False

    @property
    def num_tokens(self) -> int:
        """Tokens of the prefix: template, system text, frame and document."""
        return len(self._context.prefix_ids)

    @property
    def num_bytes(self) -> int:
        """Bytes of its cache."""
        return self._shared.prefix.num_bytes

    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._closed

    def __repr__(self) -> str:
        return f"Reading({self.document.name!r}, {self.num_tokens:,} tokens, {self.bench.name!r})"

    def ask(
        self,
        question: str,
        *,
        max_tokens: int = 1024,
        temperature: float = 0.0,
        top_p: float = 1.0,
        top_k: int = 0,
        seed: int | None = None,
        stop: tuple[str, ...] = (),
        thinking: bool = False,
        system: str | None = None,
    ) -> Answer:
        """Ask a question, independent of all others: a cell run twice says the same.

        An interrupt (Ctrl-C) ends the answer; what was written is returned, with ``finish_reason == "cancelled"``.

        Args:
            question: in plain words.
            max_tokens: of the answer, at most.
            temperature: 0 is greedy.
            top_p: share of probability kept when sampling.
            top_k: tokens kept when sampling; 0 keeps all.
            seed: of sampling; None takes the workbench's.
            stop: strings that end the answer; they are not part of it.
            thinking: let the model think first, where it can.
            system: a further instruction for this question.

        Raises:
            EngineError: the reading is closed.
            ContextTooLong: the question does not fit behind the document.
        """
        return self.stream(
            question, max_tokens=max_tokens, temperature=temperature, top_p=top_p, top_k=top_k, seed=seed, stop=stop,
            thinking=thinking, system=system,
        ).result()  # fmt: skip

    def stream(
        self,
        question: str,
        *,
        max_tokens: int = 1024,
        temperature: float = 0.0,
        top_p: float = 1.0,
        top_k: int = 0,
        seed: int | None = None,
        stop: tuple[str, ...] = (),
        thinking: bool = False,
        system: str | None = None,
    ) -> AnswerStream:
        """Ask, and watch the answer being written: an iterator of ``Delta``, then the ``Answer``."""
        params = SamplingParams(max_tokens, temperature, top_p, top_k, seed, stop)
        task = task_ids(self._context.tokenizer, prompts.ask(question, system), thinking=thinking)
        return self._stream(task, question, params, thinking=thinking)

    def summarize(self, words: int = 150, *, max_tokens: int | None = None) -> Answer:
        """Summarise all of it in about ``words`` words."""
        return self.stream_summary(words, max_tokens=max_tokens).result()

    def stream_summary(self, words: int = 150, *, max_tokens: int | None = None) -> AnswerStream:
        """Summarise, and watch it being written."""
        task, room = summary_ids(self._context.tokenizer, words)
        return self._stream(task, "", SamplingParams(max_tokens or room))

    def _stream(
        self, task: tuple[int, ...], question: str, params: SamplingParams, *, thinking: bool = False
    ) -> AnswerStream:
        branch = self._fork()
        return AnswerStream(
            self._context, branch, task, self._context.prefix_ids, question, params, thinking=thinking,
            on_end=lambda _said, _answer: branch.close(),
        )  # fmt: skip

    def _fork(self) -> Branch:
        if self._closed:
            raise EngineError(
                f"The reading of {self.document.name} is closed; bench.read(document) reads it again."
            )
        return self._engine.fork(self._shared.prefix)

    def chat(self, *, system: str | None = None) -> Chat:
        """Start a conversation that remembers its own turns.

        Args:
            system: an instruction for the whole conversation.
        """
        return Chat(self._context, self._fork(), self._context.prefix_ids, system=system)

    def close(self) -> None:
        """Give its blocks back; chats keep theirs until they are closed. Safe to call twice."""
        if not self._closed:
            self._closed = True
            self.bench._forget(self, self._shared)

    def __enter__(self) -> Reading:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
