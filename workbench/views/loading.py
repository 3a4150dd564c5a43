"""What is shown while a document is loaded: a line in a kernel, a bar in a terminal, a line now and then in a pipe.

It goes away when the document is there. And what is told once of it: where it is kept.

Not covered: a model on its way here (views.fetching), the model at work (views.live).
"""

from __future__ import annotations

import sys
import time
from typing import Any, Protocol

from workbench.types import MatrixProgress
from workbench.views.bundles import card, html, plain
from workbench.views.fetching import FETCH_LINE_S
from workbench.views.live import REDRAW_S, in_kernel


class LoadingView(Protocol):
    """Follows a document on its way here."""

    def __call__(self, done: int, total: int) -> None:
        """Show how many pages are read, and of how many; 0 when that is not known."""
        ...

    def close(self) -> None:
        """Take it away."""
        ...


def loading_bar(name: str) -> LoadingView:
    """What follows a document here.

    Args:
        name: of the document.
    """
    shown = " ".join(plain(name).split())
    return _KernelLoading(shown) if in_kernel() else _TerminalLoading(shown)


def show_note(message: str) -> None:
    """A quiet line in a kernel, or on stderr where somebody looks at a terminal."""
    if in_kernel():
        from IPython.display import display

        display({"text/plain": message, "text/html": card(f'<p class="wb-quiet">{html(message)}</p>')}, raw=True)
    elif sys.stderr.isatty():
        sys.stderr.write(f"{plain(message)}\n")


class _KernelLoading:
    """One output that empties itself: a notebook that is opened again shows nothing of it, not a dead widget."""

    def __init__(self, name: str) -> None:
        from IPython.display import display

        self._name, self._drawn_s = name, time.monotonic()
        self._handle: Any = display(self._bundle(0, 0), raw=True, display_id=True)

    def _bundle(self, done: int, total: int) -> dict[str, str]:
        of = f" of {total:,}" if total else ""
        said = f"Loading {self._name}" + (f": page {done:,}{of}" if done else "")
        bar = f'<progress value="{done}" max="{total}"></progress>' if total else "<progress></progress>"
        return {"text/plain": said, "text/html": card(f'<p class="wb-quiet">{html(said)} {bar}</p>')}

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() - self._drawn_s >= REDRAW_S:
            self._drawn_s = time.monotonic()
            self._show(self._bundle(done, total))

    def close(self) -> None:
        self._show({"text/plain": "", "text/html": ""})

    def _show(self, bundle: dict[str, str]) -> None:
        if self._handle is not None:
            self._handle.update(bundle, raw=True)


class _TerminalLoading:
    """A bar on stderr; in a pipe a line now and then."""

    def __init__(self, name: str) -> None:
        from tqdm import tqdm

        seen = sys.stderr.isatty()
        every_s = REDRAW_S if seen else FETCH_LINE_S
        self._bar: Any = tqdm(
            desc=f"Loading {name}", unit=" pages", leave=not seen, mininterval=every_s, delay=0 if seen else every_s
        )

    def __call__(self, done: int, total: int) -> None:
        self._bar.total = total or None
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        self._bar.close()


class MatrixBar:
    """Follows a matrix, cell by cell: a bar in a kernel and a terminal, in a pipe a line now and then."""

    def __init__(self) -> None:
        from tqdm.auto import tqdm

        seen = in_kernel() or sys.stderr.isatty()
        every_s = REDRAW_S if seen else FETCH_LINE_S
        self._bar: Any = tqdm(unit=" cells", leave=not seen, mininterval=every_s, delay=0 if seen else every_s)

    def __call__(self, progress: MatrixProgress) -> None:
        """Show where it is."""
        self._bar.total = progress.total_cells
        self._bar.set_description_str(" ".join(plain(progress.document).split()), refresh=False)
        self._bar.update(progress.done_cells - self._bar.n)

    def close(self) -> None:
        """Take it away."""
        self._bar.close()
