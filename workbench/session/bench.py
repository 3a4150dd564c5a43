"""Workbench: a model, and what was read with it.

Not covered: asking (session.reading), how a prefill is watched (session.prefill).
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from workbench.analysis.ask import prefix_ids
from workbench.analysis.fitting import Counted, Window, fit
from workbench.config import DEFAULT_RESERVE, KV, EngineOptions, Weights
from workbench.documents.document import Document
from workbench.errors import ContextTooLong
from workbench.results import Fit
from workbench.session.prefill import Prefill
from workbench.session.reading import Reading, Shared
from workbench.types import LoadedModel, ProgressCallback

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
        self._prefixes: dict[str, Shared] = {}
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
        reused, prefix = Prefill(loaded, document, progress).run(ids)
        with self._lock:
            other = self._prefixes.get(document.hash)
            if other is not None:  # another thread was first
                prefix.close()
                other.num_readings += 1
                return self._add(Reading(self, document, loaded, other, reused_tokens=len(ids)))
            shared = self._prefixes[document.hash] = Shared(prefix)
            return self._add(Reading(self, document, loaded, shared, reused_tokens=reused))

    def _load(self, *, show: bool) -> LoadedModel:
        from workbench import views

        with self._lock, views.fetch_view(self.name, show=show) as view:
            return self._model.load(view)

    def _add(self, reading: Reading) -> Reading:
        self._readings.append(reading)
        return reading

    def _forget(self, reading: Reading, shared: Shared) -> None:
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


def _too_long(verdict: Fit) -> ContextTooLong:
    choices = "".join(f"\n  - {choice}" for choice in verdict.choices)
    return ContextTooLong(
        f"{verdict.document_name} takes {verdict.tokens:,} tokens and {verdict.reserve:,} are kept for question and "
        f"answer, but the window of {verdict.model} holds {verdict.window:,}. Nothing was read. You can:{choices}",
        num_tokens=verdict.tokens + verdict.reserve,
        window=verdict.window,
        choices=verdict.choices,
    )
