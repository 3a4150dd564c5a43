"""How a document fits a model, and which larger one would hold it.

Not covered: the verdict itself (analysis.fitting), reading (session.bench).
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from workbench.analysis.counted import Counted, Window, prefix_tokens
from workbench.analysis.fitting import fit
from workbench.config import NATIVE_WINDOW_LIMIT, EngineOptions
from workbench.documents.document import Document
from workbench.results import Fit

if TYPE_CHECKING:
    from workbench.engine.models import Model


class Sizing:
    """Counts documents in a model's vocabulary.

    Args:
        model: the workbench's.
        asked: its name as it was typed.
    """

    def __init__(self, model: Model, asked: str) -> None:
        self._model, self._asked = model, asked
        self._counted: list[Counted] = []

    def fit(self, document: Document, reserve: int) -> Fit:
        """Exact tokens against the window, with ``reserve`` tokens for question and answer.

        Raises:
            ConfigError: a window that the model does not have, or a reserve below 0.
        """
        model, counted = self._model, self._count(document, self._model)
        window = Window(
            model.name, model.window, model.overhead_tokens, typed=self._asked,
            native_tokens=model.architecture.window, larger=lambda: self._larger(counted, reserve),
        )  # fmt: skip
        return fit(counted, window, reserve, model.estimate(prefix_tokens(counted, window), max(reserve, 0)))

    def _count(self, document: Document, model: Model) -> Counted:
        """The document in a model's vocabulary; the last document's counts are kept."""
        self._counted = [counted for counted in self._counted if counted.document == document]
        for counted in self._counted:
            if counted.counter is model.counter:
                return counted
        self._counted.append(Counted(document, model.counter))
        return self._counted[-1]

    def _larger(self, counted: Counted, reserve: int) -> tuple[str, int] | None:
        """The model with the smallest window that holds the document, counted in that model's own vocabulary."""
        from workbench.engine.registry import entries

        windows = {min(entry.window, NATIVE_WINDOW_LIMIT): entry for entry in entries()}
        windows |= {entry.window: entry for entry in entries()}
        for size, entry in sorted(windows.items(), key=lambda item: item[0]):
            # Counting takes a second, and no vocabulary halves the count of another: what is hopeless is left out.
            if size > self._model.window and 2 * size > counted.num_tokens:
                model = _by_name(entry.name)
                window = Window(entry.name, size, model.overhead_tokens)
                if prefix_tokens(self._count(counted.document, model), window) + reserve <= size:
                    asked = "" if size <= NATIVE_WINDOW_LIMIT else f", window={size}"
                    return f"{entry.name!r}{asked}", size
        return None


@cache
def _by_name(name: str) -> Model:
    """A model of ours to count with; its vocabulary takes a second to read."""
    from workbench.engine.models import open_model

    return open_model(name, EngineOptions())
