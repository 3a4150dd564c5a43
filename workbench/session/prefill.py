"""One run of the engine over a document: shown as asked, stopped by the user, gone on with later.

Not covered: what is done with the prefix (session.reading).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from workbench.documents.document import Document
from workbench.types import LoadedModel, Prefix, ProgressCallback, ReadProgress

if TYPE_CHECKING:
    from workbench.views import Outcome


class Prefill:
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
        outcome: Outcome = "failed"
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
