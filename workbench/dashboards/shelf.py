"""One model and one reading of each document per process, however many people look at them.

A document is read in a thread of its own, one after the other; whoever looks can see how far it is, stop it for
everyone, and let it go on.

Not covered: what a page shows of it (app), questions to a reading (cells).
"""

import logging
import os
import threading
from collections.abc import Sequence
from typing import Literal

from workbench.documents.document import Document
from workbench.documents.load import load
from workbench.errors import ConfigError, WorkbenchError
from workbench.session import Reading, Workbench
from workbench.types import ReadProgress
from workbench.views import Notes

_log = logging.getLogger(__name__)

Source = str | os.PathLike[str] | Document
ReadState = Literal["new", "waiting", "reading", "stopping", "ready", "stopped", "failed"]


class SharedReading:
    """A document on its way into the model, the same one for all sessions of a process.

    Attributes:
        document: what is read.
        state: how it stands.
        progress: the latest step, or None before the first.
        notes: what people should hear of it beside its figures.
        reading: the result, once the state is ``ready``.
        error: why it failed; empty when it did not.
    """

    def __init__(self, bench: Workbench, document: Document, turn: threading.Lock) -> None:
        self.document = document
        self.state: ReadState = "new"
        self.progress: ReadProgress | None = None
        self.notes = Notes()
        self.reading: Reading | None = None
        self.error = ""
        self._bench = bench
        self._turn = turn
        self._stop = threading.Event()
        self._starting = threading.Lock()

    def start(self) -> None:
        """Begin, or go on where it was stopped. Safe to call from every session."""
        with self._starting:
            if self.state in ("new", "stopped", "failed"):
                self._stop.clear()
                self.state, self.error = "waiting", ""
                threading.Thread(target=self._run, name="workbench-read", daemon=True).start()

    def stop(self) -> None:
        """Stop for everyone, at the end of the step that is under way; what was read so far is kept."""
        with self._starting:
            self._stop.set()
            if self.state == "reading":
                self.state = "stopping"

    def _run(self) -> None:
        with self._turn:
            with self._starting:
                self.state = "stopped" if self._stop.is_set() else "reading"
            if self.state == "stopped":
                return
            try:
                self.reading = self._bench.read(self.document, progress=self._step)
                self.state = "ready"
            except KeyboardInterrupt:
                self.state = "stopped"
            except WorkbenchError as error:
                self.error, self.state = str(error), "failed"
            except Exception:  # noqa: BLE001 - a page must say that it failed, whatever failed
                _log.exception("Reading %s failed.", self.document.name)
                self.error, self.state = "Reading failed; the log of the server says why.", "failed"

    def _step(self, progress: ReadProgress) -> None:
        self.progress = progress
        self.notes.hear(progress)
        if self._stop.is_set():
            # The session's own way of stopping a read: it stays resumable.
            raise KeyboardInterrupt


class Shelf:
    """One model and the documents it holds, for all sessions of a process.

    Args:
        sources: files, folders or documents; loaded here, so that a bad one is known at once.
        model: as ``Workbench`` takes it.

    Raises:
        DocumentError: a source cannot be loaded.
        ConfigError: there are none, or the model's name is not known.
    """

    def __init__(self, sources: Sequence[Source], model: str | None = None) -> None:
        if not sources:
            raise ConfigError("There is nothing to serve; name at least one document.")
        turn = threading.Lock()
        documents = [source if isinstance(source, Document) else load(source) for source in sources]
        self.bench = Workbench(model)
        self.readings = tuple(SharedReading(self.bench, document, turn) for document in documents)

    def close(self) -> None:
        """Stop what is being read and free the model."""
        for shared in self.readings:
            shared.stop()
        self.bench.close()
