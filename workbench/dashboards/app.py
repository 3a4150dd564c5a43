"""Dashboards as pages: one model and one reading of each document per process, shared by every session.

``dashboard`` composes cells over a reading. ``serve`` opens documents to a browser: they are read once, in a thread,
while the pages show how far it is; then each session gets its own cells over the shared readings.

Not covered: what a cell does (cells), who reads when (shelf), signing in (put a proxy in front, or stay on 127.0.0.1).
"""

import signal
import socket
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import panel as pn

from workbench.dashboards import markup
from workbench.dashboards.cells import Ask, Cell, Summary, cancel_requests
from workbench.dashboards.shelf import SharedReading, Shelf, Source
from workbench.dashboards.style import STYLE, button, pane
from workbench.errors import ConfigError
from workbench.session import Reading, Workbench

POLL_MS = 250
TITLE = "Qwen Workbench"
PAGE_STYLE = "html { color-scheme: light dark; } body { background: var(--wb-ground); }"


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


def page(shelf: Shelf, cells: Iterable[Cell] | None = None) -> pn.Column:
    """A page for one session: a tab for each document when there are several."""
    _prepare()
    composed = tuple(default_cells() if cells is None else cells)
    views = [(shared.document.name, _view(shelf.bench, shared, composed)) for shared in shelf.readings]
    if len(views) == 1:
        return views[0][1]
    return _column([pn.Tabs(*views, sizing_mode="stretch_width", stylesheets=[STYLE])])


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
    origins = [f"{host}:{port}" for host in _hosts(address)]
    _prepare()
    server = pn.serve(
        lambda: page(shelf, composed),
        address=address,
        port=port,
        show=show,
        start=False,
        verbose=False,
        title=f"{shelf.readings[0].document.name} · {TITLE}",
        websocket_origin=[*origins, *allow_websocket_origin],
        num_procs=1,
    )
    for shared in shelf.readings:
        shared.start()
    try:
        server.start()
        if on_start:
            on_start(f"http://{origins[0]}/")
        server.io_loop.start()
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.default_int_handler)  # Panel's own would swallow a second Ctrl-C
        server.stop()
        for shared in shelf.readings:
            cancel_requests(shared.reading)
        shelf.close()


def _view(bench: Workbench, shared: SharedReading, cells: Sequence[Cell]) -> pn.Column:
    """A document's part of a page: how far it is read, then its dashboard."""
    column = _column([])
    status, control = pane(""), button("Stop reading")
    control.margin = (5, 0)
    control.on_click(lambda _: shared.stop() if shared.state == "reading" else shared.start())
    if shared.state == "new":
        shared.start()

    def update() -> None:
        if shared.reading is not None:
            poll.stop()
            head, *parts = dashboard(shared.reading, cells)
            heard = [pane(line)] if (line := markup.note(shared.notes.text)) else []
            column[:] = [head, *heard, *parts]
            return
        status.object = markup.reading(shared.progress, _status(shared), error=shared.error, heard=shared.notes.text)
        control.label = {"stopped": "Go on reading", "failed": "Try again"}.get(shared.state, "Stop reading")
        control.visible = shared.state != "waiting"
        control.disabled = shared.state == "stopping"

    poll = pn.state.add_periodic_callback(update, period=POLL_MS, start=False)
    if shared.reading is None:
        column[:] = [pane(markup.heading(shared.document.name, bench.description)), status, control]
        poll.start()
    update()
    return column


def _status(shared: SharedReading) -> str:
    if shared.state == "reading" and shared.progress and shared.progress.place:
        return f"Waiting, {shared.progress.place:,} ahead"
    return {
        "new": "Waiting for its turn",
        "waiting": "Waiting for its turn",
        "reading": "Reading" if shared.progress else "Loading the model",
        "stopping": "Stopping after this step",
        "stopped": "Stopped; what was read is kept",
        "failed": "Not read",
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


def _hosts(address: str) -> list[str]:
    """What browsers may call this server by; a page from elsewhere must not reach its documents."""
    everywhere = [socket.gethostname(), "127.0.0.1"] if address == "0.0.0.0" else []  # noqa: S104 - asked for
    return [*everywhere, address, "localhost"]


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
