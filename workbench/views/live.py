"""What is shown while the model reads and writes.

Pictures in a kernel, lines in a terminal, nothing in a pipe.

Not covered: finished results (views.bundles), a model on its way here (views.fetching).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Literal, Protocol

from workbench.results import Answer
from workbench.types import ReadProgress
from workbench.views.bundles import card, html, plain
from workbench.views.notes import Notes

Outcome = Literal["done", "stopped", "failed"]

REDRAW_S = 0.1
"""Seconds between two pictures of what changes with every token."""


class ReadingView(Protocol):
    """Follows a reading."""

    def __call__(self, progress: ReadProgress) -> None:
        """Show a step."""
        ...

    def close(self, outcome: Outcome) -> None:
        """Show how it ended."""
        ...


class StreamingView(Protocol):
    """Follows an answer."""

    def update(self, text: str) -> None:
        """Show the text so far, all of it."""
        ...

    def close(self, answer: Answer | None) -> None:
        """Make room for the finished answer; without one, leave what was written."""
        ...


def in_kernel() -> bool:
    """Whether a Jupyter kernel runs us, so that outputs can be pictures."""
    if "IPython" not in sys.modules:
        return False
    from IPython.core.getipython import get_ipython

    return getattr(get_ipython(), "kernel", None) is not None


def reading_view(name: str, total_tokens: int, on_stop: Callable[[], object]) -> ReadingView:
    """What follows a reading here: a widget in a kernel, a line in a terminal, nothing in a pipe.

    Args:
        name: of the document.
        total_tokens: to be read.
        on_stop: called when Stop is pressed, perhaps from another thread.
    """
    if in_kernel():
        return _WidgetReading(plain(name), total_tokens, on_stop)
    return _TerminalReading(plain(name), total_tokens) if sys.stderr.isatty() else _Silent()


def streaming_view(question: str) -> StreamingView:
    """What follows an answer here; ``question`` heads it while it is being written."""
    if in_kernel():
        return _KernelStream(question)
    return _TerminalStream() if sys.stdout.isatty() else _Silent()


class _Due:
    """Says when the next picture may be drawn."""

    def __init__(self) -> None:
        self._drawn_at = 0.0

    def __call__(self) -> bool:
        now = time.monotonic()
        if now - self._drawn_at < REDRAW_S:
            return False
        self._drawn_at = now
        return True


class _Silent:
    """Nobody watches."""

    def __call__(self, progress: ReadProgress) -> None:
        pass

    def update(self, text: str) -> None:
        pass

    def close(self, _ended: object) -> None:
        pass


class _WidgetReading:
    """The progress widget; when the reading ends, its static twin takes its place."""

    def __init__(self, name: str, total_tokens: int, on_stop: Callable[[], object]) -> None:
        from IPython.display import display
        from workbench_widgets import ReadingProgress

        self._due, self._notes = _Due(), Notes()
        self._widget = ReadingProgress(name, total_tokens, on_stop)
        self._last = ReadProgress(0, total_tokens, 0, 0.0)
        self._handle: Any = display(self._widget, display_id=True)

    def __call__(self, progress: ReadProgress) -> None:
        self._last = progress
        if self._notes.hear(progress) or self._due():
            self._show("waiting" if progress.place else "reading")

    def _show(self, state: Literal["waiting", "reading"] | Outcome) -> None:
        last, widget = self._last, self._widget
        with widget.hold_sync():
            widget.done_tokens, widget.place, widget.state = last.done_tokens, last.place, state
            widget.tokens_per_s, widget.left_s = last.tokens_per_s, last.left_s
            widget.note = plain(self._notes.text)

    def close(self, outcome: Outcome) -> None:
        self._show(outcome)
        if self._handle is not None:
            bundle = {"text/plain": repr(self._widget), "text/html": self._widget.static_html()}
            self._handle.update(bundle, raw=True)
        self._widget.close()


class _TerminalReading:
    """A bar on stderr that goes away when the reading ends; what people should hear stays, a line each."""

    def __init__(self, name: str, total_tokens: int) -> None:
        from rich.console import Console
        from rich.markup import escape
        from rich.progress import Progress

        self._bar = Progress(console=Console(stderr=True), transient=True)
        self._name, self._notes = escape(name), Notes()
        self._task = self._bar.add_task(f"Reading {self._name}", total=total_tokens)
        self._bar.start()

    def __call__(self, progress: ReadProgress) -> None:
        if new := self._notes.hear(progress):
            self._bar.console.out(plain(new), style="dim", highlight=False)
        said = f"{self._name} waits, {progress.place} ahead" if progress.place else f"Reading {self._name}"
        if progress.tokens_per_s:
            said += f" · {progress.tokens_per_s:,.0f} tokens/s"
        self._bar.update(self._task, completed=progress.done_tokens, description=said)

    def close(self, _outcome: Outcome) -> None:
        self._bar.stop()


class _KernelStream:
    """One output that grows, and empties itself when the cell returns the Answer."""

    def __init__(self, question: str) -> None:
        from IPython.display import display

        self._due, self._question, self._text = _Due(), question, ""
        self._handle: Any = display(self._bundle(), raw=True, display_id=True)

    def _bundle(self) -> dict[str, str]:
        asked = f'<p class="wb-quiet">{html(self._question)}</p>' if self._question else ""
        return {"text/plain": plain(self._text), "text/html": card(f"{asked}<p>{html(self._text)}▌</p>")}

    def _show(self, bundle: dict[str, str]) -> None:
        if self._handle is not None:
            self._handle.update(bundle, raw=True)

    def update(self, text: str) -> None:
        self._text = text
        if self._due():
            self._show(self._bundle())

    def close(self, answer: Answer | None) -> None:
        self._show({"text/plain": "", "text/html": ""} if answer is not None else self._bundle())


class _TerminalStream:
    """The last lines of the text, erased when the prompt shows the Answer itself."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console, self._text = Console(), ""
        self._live = Live(console=self._console, transient=True, auto_refresh=False)
        self._due = _Due()
        self._live.start()

    def update(self, text: str) -> None:
        self._text = text
        if self._due():
            from rich.text import Text

            lines = Text(plain(text)).wrap(self._console, self._console.width)
            self._live.update(Text("\n").join(lines[-max(self._console.height - 2, 1) :]), refresh=True)

    def close(self, answer: Answer | None) -> None:
        self._live.stop()
        if answer is None and self._text:
            self._console.print(plain(self._text), markup=False, highlight=False)
