"""One run of the engine over a document: shown as asked, stopped by the user, gone on with later.

Not covered: what is done with the prefix (session.reading).
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

from workbench.analysis.background import finish
from workbench.documents.document import Document
from workbench.errors import WorkbenchError
from workbench.types import Keep, LoadedModel, Prefix, ProgressCallback, ReadProgress

if TYPE_CHECKING:
    from workbench.views import Outcome

_log = logging.getLogger(__name__)


class Closeable(Protocol):
    """What a workbench ends when it is closed."""

    def cancel(self) -> None:
        """Let it end soon; returns at once."""

    def close(self) -> None:
        """End it, from any thread."""


class Prefill:
    """One run of the engine over a document, shown as asked.

    Args:
        loaded: what reads it.
        document: to be read.
        progress: as ``Workbench.read`` takes it.
        on_late: gets the prefix of a run that was stopped when everything was read already.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        document: Document,
        progress: bool | ProgressCallback | None,
        on_late: Callable[[Prefix], None],
    ) -> None:
        self._loaded, self._name, self._progress, self._on_late = loaded, document.name, progress, on_late
        self._cancel, self._logged = threading.Event(), ""

    def cancel(self) -> None:
        """Stop it at its next chunk, from any thread; what was read is kept."""
        self._cancel.set()

    close = cancel

    def run(self, ids: tuple[int, ...], mark: int, keep: Keep | None) -> tuple[ReadProgress, Prefix]:
        """Read.

        Args:
            ids: the prefix.
            mark: tokens of it that tasks other than questions start from.
            keep: what the store keeps beside it; None keeps nothing on disk.

        Returns:
            How it began (what was in the cache before), and the prefix.
        """
        events = self._loaded.engine.read(ids, self._cancel, marks=(mark,), keep=keep)
        if callable(self._progress):
            return self._read(events, self._progress)
        if not self._progress:
            return self._read(events, lambda _: None)
        from workbench import views

        view = views.reading_view(self._name, len(ids), on_stop=self._cancel.set)
        outcome: Outcome = "failed"
        try:
            result = self._read(events, view)
            outcome = "done"
        except KeyboardInterrupt:
            outcome = "stopped"
            raise
        finally:
            view.close(outcome)
        return result

    def _read(
        self, events: Iterator[ReadProgress | Prefix], show: Callable[[ReadProgress], None]
    ) -> tuple[ReadProgress, Prefix]:
        began = ReadProgress(0, 0, 0, 0.0)
        try:
            for event in events:
                if not isinstance(event, ReadProgress):
                    return began, event
                self._log_note(event)
                began = began if event.elapsed_s else event  # the last one before anything was computed
                show(event)
        except BaseException:
            self._cancel.set()
            finish(lambda: self._keep_late(events))
            raise
        # The engine ends without a prefix only when somebody pressed Stop.
        raise KeyboardInterrupt("the reading was stopped; read again to go on from the last chunk")

    def _log_note(self, event: ReadProgress) -> None:
        """Write a note down once, however often it is said."""
        if event.note and event.note != self._logged:
            _log.log(logging.WARNING if event.warns else logging.INFO, "%s: %s", self._name, event.note)
            self._logged = event.note

    def _keep_late(self, events: Iterator[ReadProgress | Prefix]) -> None:
        """Take what a stopped run still says: it may have come to its end before it heard of the stop."""
        with contextlib.suppress(WorkbenchError):
            for event in events:
                if not isinstance(event, ReadProgress):
                    self._on_late(event)
