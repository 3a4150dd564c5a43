"""Workbench: a model, and what was read with it.

Not covered: asking (session.reading), how a prefill is watched (session.prefill).
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import polars as pl

from workbench.analysis.audit import AuditLog
from workbench.analysis.columns import Questions, columns
from workbench.analysis.context import opening_ids, prefix_ids
from workbench.analysis.fitting import too_large, too_long
from workbench.config import DEFAULT_RESERVE, KV, EngineOptions, Weights, audit_file, store_folder
from workbench.documents.document import Document
from workbench.errors import ConfigError, EngineError
from workbench.results import Comparison, Fit, Table, Usage
from workbench.session.comparing import Comparing
from workbench.session.prefill import Closeable, Prefill
from workbench.session.reading import Reading
from workbench.session.shared import Shared
from workbench.session.sizing import Sizing
from workbench.session.stored import find, keep, readings_frame, stored_document
from workbench.types import LoadedModel, MatrixCallback, Prefix, ProgressCallback

if TYPE_CHECKING:
    from workbench.engine.models import Model
    from workbench.engine.store import Store


class Workbench:
    """A model, and what was read with it.

    Args:
        model: a registry name (``small``, ``qwen3.5-9b`` ...), a hub id, a folder; None takes what fits this machine.
        weights: ``auto``, ``fp32``, ``bf16``, ``int8`` or, on a GPU or for ``small`` and ``tiny``, ``int4``.
        kv: precision of keys and values: ``auto``, ``fp32``, ``bf16`` or ``int8``.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        seed: of sampling, where a question names none.
        window: tokens; None takes what the model was made for, at most 131,072.
        store: the folder where readings are kept; None takes the user's own, False keeps none on disk.
        audit: the SQLite file that logs every question and its answer; None takes ``WORKBENCH_AUDIT``, False none.

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
        store: str | os.PathLike[str] | Literal[False] | None = None,
        audit: str | os.PathLike[str] | Literal[False] | None = None,
    ) -> None:
        from workbench.engine.models import open_model

        log = audit_file(audit)
        self._audit = None if log is None else AuditLog(log)

        self._options = EngineOptions(weights, kv, device, seed, window, store_folder(store))
        self._model: Model = open_model(model, self._options)
        self._asked = model or self._model.name
        self._prefixes: dict[str, Shared] = {}
        self._readings: list[Reading] = []
        self._sizing = Sizing(self._model, self._asked)
        self._open: weakref.WeakSet[Closeable] = weakref.WeakSet()
        self._closed = False
        self._lock = threading.RLock()  # who holds what; never held for long
        self._model_lock = threading.RLock()  # counting and loading, which take seconds
        self._turns: defaultdict[str, threading.RLock] = defaultdict(threading.RLock)  # by document

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
        with self._lock:
            return tuple(self._readings)

    def __repr__(self) -> str:
        return f"Workbench({self.name!r})"

    def fit(self, document: Document, *, reserve: int = DEFAULT_RESERVE) -> Fit:
        """Exact tokens against the window, before anything is read. Needs no weights.

        Args:
            document: to be read.
            reserve: tokens kept for question and answer.

        Raises:
            ConfigError: a window that the model does not have, or a reserve below 0.
        """
        with self._model_lock:
            return self._sizing.fit(document, reserve)

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
            EngineError: the workbench is closed.
        """
        return self._read(document, progress, reserve)

    def _read(
        self, document: Document, progress: bool | ProgressCallback | None, reserve: int, *, kept: bool = True
    ) -> Reading:
        """Read; what is not ``kept`` is in memory only."""
        self._check_open()
        verdict = self.fit(document, reserve=reserve)
        if not verdict.in_window:
            raise too_long(verdict)
        if not verdict.in_memory and document.hash not in self._prefixes:
            raise too_large(verdict)
        loaded = self._load(show=progress is True)
        with self._turns[document.hash]:  # a second thread waits for the first, and finds everything read
            if again := self._read_again(document, loaded):
                return again
            ids = prefix_ids(loaded.tokenizer, document.text)
            all_ids = (*ids, *opening_ids(loaded.tokenizer))
            prefill = Prefill(loaded, document, progress, self._keep_late(document, len(ids)))
            self._hold(prefill)
            try:
                began, prefix = prefill.run(all_ids, len(ids), keep(document, self.name) if kept else None)
            except KeyboardInterrupt:
                self._check_open()  # stopped because the workbench was closed: then that is the reason
                raise
            with self._lock:
                if self._closed:
                    prefix.close()
                self._check_open()
                self._prefixes[document.hash] = Shared(prefix, len(ids))
                return self._add(document, loaded, began.reused_tokens, began.verify_s)

    def readings(self) -> pl.DataFrame:
        """What is kept on disk, those used last first: a frame, see ``tables.READINGS``."""
        store = self._store()
        return readings_frame(store.entries() if store else [])

    def open(self, name: str, *, progress: bool | ProgressCallback | None = True) -> Reading:
        """A reading from the store, without the file it was made from.

        Args:
            name: of the document, with or without its ending; its hash or the reading's key, perhaps shortened.
            progress: as for ``read``; a reading that was stopped half way goes on.

        Raises:
            ConfigError: the store has none of that name, or only by another model or precision.
            CacheCorrupt: it is damaged.
        """
        self._check_open()
        store = self._store()
        if store is None:
            raise ConfigError("This workbench keeps nothing on disk (store=False); read the document instead.")
        find(store, name)  # a wrong name is known before the model is loaded
        document = stored_document(store, name, self._load(show=progress is True))
        return self.read(document, progress=progress, reserve=0)

    def compare(
        self,
        first: Reading | Document,
        second: Reading | Document,
        question: str | None = None,
        *,
        max_tokens: int = 1024,
        progress: bool | ProgressCallback | None = True,
    ) -> Comparison:
        """How two documents differ, and where they contradict each other, with the words and pages of both.

        Of two versions of a text, every difference is found by comparing the texts; the model says which of them
        contradict. Of other texts, the model is asked about passages that speak of the same thing.

        An interrupt (Ctrl-C) ends it.

        Args:
            first: read already, or to be read and closed again.
            second: likewise.
            question: asked of both at once where the window holds them; else of each, and the answers are weighed.
            max_tokens: of an answer, at most.
            progress: of what is read, as for ``read``.

        Raises:
            ContextTooLong: one of them does not fit the window.
            EngineError: the workbench is closed, or a reading is another one's.
        """
        return Comparing(self, max_tokens, progress).run(first, second, question)

    def matrix(
        self,
        documents: Sequence[str | os.PathLike[str] | Document | Reading],
        questions: Questions,
        *,
        out: str | os.PathLike[str] | None = None,
        progress: bool | MatrixCallback | None = True,
        cancel: threading.Event | None = None,
    ) -> Table:
        """Ask every document every question: a table with one row a document and one column a question.

        Each document is read once, or reopened from the store, and closed afterwards. Answers are kept as they come,
        in a file of the store; called again after an interrupt or a killed kernel, it goes on. What fails stays in
        its cell with the reason, and is asked again the next time.

        An interrupt (Ctrl-C) ends it; the table has what is there.

        Args:
            documents: paths, documents, or readings, which stay open.
            questions: by column name, or a list; a ``wb.Column`` says what kind of answer it has.
            out: a file to keep the answers in (JSON lines) instead of the store's.
            progress: True shows it, a callable gets each ``MatrixProgress``, None or False is silent.
            cancel: ends it from another thread.

        Raises:
            ConfigError: no documents, no questions, or the file of answers cannot be used.
            ModelLoadError: the model cannot be had.
            EngineError: the workbench is closed.
        """
        from workbench.session.filling import Filling

        kept = Path(out) if out is not None else None
        if kept is None and self._options.store is not None:
            kept = self._options.store / "answers.jsonl"
        return Filling(self, columns(questions), kept, cancel or threading.Event()).run(documents, progress)

    def _opened(self) -> dict[str, object]:
        """What opens another workbench like this one, as plain values."""
        options, folder = self._options, self._model.folder
        return {
            "model": self._asked if folder is None else str(folder), "weights": options.weights, "kv": options.kv,
            "device": options.device, "window": options.window,
        }  # fmt: skip

    def _store(self) -> Store | None:
        from workbench.engine.store import Store

        return None if self._options.store is None else Store(self._options.store)

    def _read_again(self, document: Document, loaded: LoadedModel) -> Reading | None:
        """Another reading of what is in memory already."""
        with self._lock:
            self._check_open()
            shared = self._prefixes.get(document.hash)
            return None if shared is None else self._add(document, loaded, len(shared.prefix.token_ids))

    def _add(self, document: Document, loaded: LoadedModel, reused_tokens: int, verify_s: float = 0.0) -> Reading:
        shared = self._prefixes[document.hash]
        shared.num_readings += 1
        usage = Usage(len(shared.prefix.token_ids), reused_tokens, completion_tokens=0, verify_s=verify_s)
        self._readings.append(Reading(self, document, loaded, shared, usage))
        return self._readings[-1]

    def _keep_late(self, document: Document, num_document_tokens: int) -> Callable[[Prefix], None]:
        """What keeps the prefix of a read that was stopped after its last chunk, for the next ``read``."""

        def keep_prefix(prefix: Prefix) -> None:
            with self._lock:
                if self._closed or document.hash in self._prefixes:
                    prefix.close()
                else:
                    self._prefixes[document.hash] = Shared(prefix, num_document_tokens)

        return keep_prefix

    def _load(self, *, show: bool) -> LoadedModel:
        from workbench import views

        with self._model_lock, views.fetch_view(self.name, show=show) as view:
            self._check_open()
            return self._model.load(view)

    def _hold(self, held: Closeable) -> None:
        """Something that ends with the workbench, unless it ended before."""
        with self._lock:
            self._check_open()
            self._open.add(held)

    def _check_open(self) -> None:
        if self._closed:
            raise EngineError(f"This workbench is closed; wb.Workbench({self._asked!r}) makes a new one.")

    def _forget(self, reading: Reading, shared: Shared) -> None:
        """A reading was closed; the last one of a document takes the prefix with it. Called under the lock."""
        self._readings.remove(reading)
        shared.num_readings -= 1
        if shared.num_readings == 0:
            self._prefixes.pop(reading.document.hash, None)
            shared.prefix.close()

    def close(self) -> None:
        """End what is read and written, close readings and chats, free the weights. Safe to call twice."""
        with self._lock:
            self._closed = True
            held = list(self._open)
        for each in held:
            each.cancel()  # all of them first: closing one waits for those in front of it
        for each in held:
            each.close()
        for reading in self.open_readings:
            reading.close()
        with self._lock:
            for shared in self._prefixes.values():  # of reads that were stopped after their last chunk
                shared.prefix.close()
            self._prefixes.clear()
        with self._model_lock:
            self._model.close()

    def __enter__(self) -> Workbench:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
