"""Dashboards as pages: one model and one reading of each document per process, shared by every session.

``dashboard`` composes cells over a reading. ``serve`` opens documents to a browser: they are read once, in a thread,
while the pages show how far it is; then each session gets its own cells over the shared readings.

Not covered: what a cell does (cells), signing in (put a proxy in front, or stay on 127.0.0.1).
"""

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Literal

import panel as pn

from workbench.dashboards import markup
from workbench.dashboards.cells import STYLE, Ask, Cell, Summary, button, pane
from workbench.documents.document import Document
from workbench.documents.load import load
from workbench.errors import ConfigError, WorkbenchError
from workbench.session import Reading, Workbench
from workbench.types import ReadProgress

_log = logging.getLogger(__name__)

POLL_MS = 250
TITLE = "Qwen Workbench"
PAGE_STYLE = "html { color-scheme: light dark; } body { background: var(--wb-ground); }"

Source = str | os.PathLike[str] | Document
ReadState = Literal["waiting", "reading", "ready", "stopped", "failed"]


def dashboard(reading: Reading, cells: Iterable[Cell] | None = None) -> pn.Column:
    """Cells under one another over a reading; shows inline in a notebook, ``.servable()`` makes it a page.

    Args:
        reading: what the cells work on.
        cells: in order; a summary and questions when left out.
    """
    _prepare()
    parts: list[pn.viewable.Viewable] = [pane(markup.heading(reading.document.name, _about(reading)))]
    for cell in default_cells() if cells is None else cells:
        if cell.title:
            parts.append(pane(markup.title(cell.title)))
        parts.append(cell.panel(reading))
    return _column(parts)


def default_cells() -> tuple[Cell, ...]:
    """What a dashboard has when nothing else is asked for."""
    return (Summary(), Ask())


class SharedReading:
    """A document on its way into the model, the same one for all sessions of a process.

    Attributes:
        document: what is read.
        state: how it stands.
        progress: the latest step, or None before the first.
        reading: the result, once the state is ``ready``.
        error: why it failed; empty when it did not.
    """

    def __init__(self, bench: Workbench, document: Document, turn: threading.Lock) -> None:
        self.document = document
        self.state: ReadState = "waiting"
        self.progress: ReadProgress | None = None
        self.reading: Reading | None = None
        self.error = ""
        self._bench = bench
        self._turn = turn
        self._stop = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin, or go on where it was stopped. Safe to call from every session."""
        with self._starting:
            if self.reading is None and (self._thread is None or not self._thread.is_alive()):
                self._stop.clear()
                self.state, self.error = "waiting", ""
                self._thread = threading.Thread(target=self._run, name="workbench-read", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Stop for everyone; what was read so far is kept."""
        self._stop.set()

    def _run(self) -> None:
        with self._turn:
            try:
                self.state = "reading"
                self.reading = self._bench.read(self.document, progress=self._step)
                self.state = "ready"
            except KeyboardInterrupt:
                self.state = "stopped"
            except WorkbenchError as error:
                self.state, self.error = "failed", str(error)
            except Exception:  # noqa: BLE001 - a page must say that it failed, whatever failed
                _log.exception("Reading %s failed.", self.document.name)
                self.state, self.error = "failed", "Reading failed; the log of the server says why."

    def _step(self, progress: ReadProgress) -> None:
        self.progress = progress
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

    def page(self, cells: Iterable[Cell] | None = None) -> pn.viewable.Viewable:
        """A page for one session: a tab for each document when there are several."""
        _prepare()
        composed = tuple(default_cells() if cells is None else cells)
        views = [(shared.document.name, _view(self.bench, shared, composed)) for shared in self.readings]
        if len(views) == 1:
            return views[0][1]
        return _column([pn.Tabs(*views, sizing_mode="stretch_width", stylesheets=[STYLE])])

    def close(self) -> None:
        """Stop what is being read and free the model."""
        for shared in self.readings:
            shared.stop()
        self.bench.close()


def shared_shelf(sources: Sequence[str], model: str | None = None) -> Shelf:
    """The process's shelf for these documents and this model; made by the first session that asks."""
    key = tuple(str(Path(source).resolve()) for source in sources)
    shelf: Shelf = pn.state.as_cached("workbench-shelf", lambda **_: Shelf(sources, model), sources=key, model=model)
    return shelf


def serve(
    documents: Sequence[Source],
    model: str | None = None,
    *,
    address: str = "127.0.0.1",
    port: int = 5006,
    show: bool = True,
    cells: Iterable[Cell] | None = None,
    allow_websocket_origin: Sequence[str] = (),
    on_start: Callable[[str], None] | None = None,
) -> None:
    """Serve documents until interrupted: one process, one model, each document read once.

    Args:
        documents: files, folders or documents.
        model: as ``Workbench`` takes it.
        address: where to listen; anything but this machine's own lets others read your documents.
        port: 0 takes a free one.
        show: open a browser.
        cells: what each page is made of.
        allow_websocket_origin: further ``host:port`` by which browsers reach this server.
        on_start: told the address once the server listens.

    Raises:
        ConfigError: the address or port cannot be used.
        DocumentError: a document cannot be loaded.
    """
    shelf = Shelf(documents, model)
    composed = tuple(default_cells() if cells is None else cells)
    port = _usable_port(address, port)
    origins = [f"{address}:{port}", f"localhost:{port}", *allow_websocket_origin]
    _prepare()
    server = pn.serve(
        lambda: shelf.page(composed),
        address=address,
        port=port,
        show=show,
        start=False,
        verbose=False,
        title=f"{shelf.readings[0].document.name} · {TITLE}",
        websocket_origin=origins,
        num_procs=1,
    )
    for shared in shelf.readings:
        shared.start()
    try:
        server.start()
        if on_start:
            on_start(f"http://{address}:{port}/")
        server.io_loop.start()
    finally:
        server.stop()
        shelf.close()


def _view(bench: Workbench, shared: SharedReading, cells: Sequence[Cell]) -> pn.Column:
    """A document's part of a page: how far it is read, then its dashboard."""
    column = _column([])
    status = pane("")
    control = button("Stop reading")
    control.on_click(lambda _: shared.stop() if shared.state == "reading" else shared.start())
    shared.start()

    def update() -> None:
        if shared.reading is not None:
            poll.stop()
            column[:] = list(dashboard(shared.reading, cells))
            return
        status.object = markup.reading(shared.progress, _status(shared))
        control.name = "Stop reading" if shared.state in ("waiting", "reading") else "Go on reading"
        control.visible = shared.state != "waiting"

    poll = pn.state.add_periodic_callback(update, period=POLL_MS, start=False)
    if shared.reading is None:
        column[:] = [pane(markup.heading(shared.document.name, bench.description)), status, control]
        poll.start()
    update()
    return column


def _status(shared: SharedReading) -> str:
    return {
        "waiting": "Waiting for its turn",
        "reading": "Reading" if shared.progress else "Loading the model",
        "stopped": "Stopped; what was read is kept",
        "failed": shared.error,
        "ready": "Read",
    }[shared.state]


def _about(reading: Reading) -> str:
    pages = len(reading.document.pages)
    return (
        f"{pages} page{'' if pages == 1 else 's'} · {reading.num_tokens:,} tokens, read whole by {reading.bench.name} "
        "· stays on this machine"
    )


def _column(parts: list[pn.viewable.Viewable]) -> pn.Column:
    return pn.Column(
        *parts, sizing_mode="stretch_width", max_width=860, styles={"margin": "8px auto"}, stylesheets=[STYLE]
    )


def _prepare() -> None:
    """Dress a served page; load Panel's own scripts into a notebook once, from this machine."""
    if pn.state.curdoc is not None:
        pn.config.global_css = [STYLE, PAGE_STYLE]
    elif not pn.extension._loaded:
        pn.extension(inline=True)


def _usable_port(address: str, port: int) -> int:
    """``port``, or a free one for 0; known before the server starts because the pages' origin names it.

    Raises:
        ConfigError: the address or the port cannot be used.
    """
    try:
        with socket.create_server((address, port)) as probe:
            return int(probe.getsockname()[1])
    except OSError as error:
        raise ConfigError(
            f"{address}:{port} cannot be used: {error.strerror or error}. Give another --port (0 takes a free one)."
        ) from error
