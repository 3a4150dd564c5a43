"""The parts of a dashboard: small objects with a ``title`` and ``panel(reading)``, one reading under many of them.

A cell holds no state of its own, so the same one serves every session; what is typed and answered lives in what
``panel`` returns. Questions are independent of each other, newest on top. Stop ends the request of its own cell only.

Written on plain Panel rather than on its ``ChatInterface``: that one draws its buttons with an icon font from a
content network and renders what it is given as Markdown, and here nothing may leave the machine.

Not covered: reading a document (app), HTML of an answer (markup).
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import panel as pn

from workbench.dashboards import markup
from workbench.errors import EngineError, WorkbenchError
from workbench.results import Answer, Delta
from workbench.session import AnswerStream, Reading

_log = logging.getLogger(__name__)

STYLE = Path(__file__).with_name("dashboard.css").read_text(encoding="utf-8")
"""The stylesheet of every part; each shadow root needs its own."""


class Cell(Protocol):
    """What a dashboard is composed of."""

    @property
    def title(self) -> str:
        """Stands above the cell; empty for none."""
        ...

    def panel(self, reading: Reading) -> pn.viewable.Viewable:
        """A live part over a reading, new for each session."""
        ...


@dataclass(frozen=True, slots=True)
class Summary:
    """A summary of the whole document, in about as many words as asked for."""

    title: str = "Summary"
    words: int = 150

    def panel(self, reading: Reading) -> pn.viewable.Viewable:
        """A number of words, a button, and the summary as it is written."""
        words = pn.widgets.IntInput(name="Words", value=self.words, start=20, end=2_000, step=10, width=110)
        words.stylesheets = [STYLE]
        request = _Request("Summarise")
        shown = pn.Column(sizing_mode="stretch_width", margin=0)

        async def summarise(_: object) -> None:
            if not request.busy:
                shown[:] = [pane("")]
                await request.run(lambda: reading.stream_summary(words.value), "", shown[0])

        request.start.on_click(summarise)
        return pn.Column(_controls(words, request), shown, sizing_mode="stretch_width", margin=0)


@dataclass(frozen=True, slots=True)
class Ask:
    """Questions about the document, each independent of the others."""

    title: str = "Ask"
    max_tokens: int = 1_024

    def panel(self, reading: Reading) -> pn.viewable.Viewable:
        """A box for the question (Enter asks), and below it what was asked, newest first."""
        box = pn.chat.ChatAreaInput(
            placeholder="What do you want to know? Enter asks, Shift+Enter begins a new line.",
            name="Question",
            rows=2,
            sizing_mode="stretch_width",
            stylesheets=[STYLE],
        )
        request = _Request("Ask")
        turns = pn.Column(sizing_mode="stretch_width", margin=0)

        async def ask(text: str) -> None:
            question = text.strip()
            if not question or request.busy:
                return
            box.value = box.value_input = ""
            turns.insert(0, pane(""))
            await request.run(
                lambda: reading.stream(question, max_tokens=self.max_tokens), question, turns[0]
            )

        async def entered(event: pn.param.param.parameterized.Event) -> None:
            await ask(event.new)

        async def clicked(_: object) -> None:
            await ask(box.value_input)

        box.param.watch(entered, "value")
        request.start.on_click(clicked)
        request.follow_busy(box)
        return pn.Column(_controls(box, request), turns, sizing_mode="stretch_width", margin=0)


def pane(html: str) -> pn.pane.HTML:
    """HTML of ours (escaped in markup) that fills the width."""
    return pn.pane.HTML(html, sizing_mode="stretch_width", stylesheets=[STYLE], margin=(6, 0))


def button(label: str, *, primary: bool = False) -> pn.widgets.Button:
    """A button in the style of the page."""
    kind = "primary" if primary else "default"
    return pn.widgets.Button(name=label, button_type=kind, stylesheets=[STYLE], margin=(5, 0, 5, 10))


async def follow(stream: AnswerStream, show: Callable[[str], None]) -> Answer:
    """The answer once it is there; ``show`` is told all the text so far, again and again.

    Raises:
        WorkbenchError: the request failed.
    """
    loop = asyncio.get_running_loop()
    pieces: asyncio.Queue[Delta | Answer | Exception] = asyncio.Queue()

    def pump() -> None:
        try:
            for piece in stream:
                loop.call_soon_threadsafe(pieces.put_nowait, piece)
            ended: Exception = EngineError("The answer ended without a result; ask again.")
        except Exception as error:  # noqa: BLE001 - raised again where it is awaited
            ended = error
        if not loop.is_closed():
            loop.call_soon_threadsafe(pieces.put_nowait, ended)

    threading.Thread(target=pump, name="workbench-answer", daemon=True).start()
    text = ""
    while True:
        piece = await pieces.get()
        if isinstance(piece, Answer):
            return piece
        if isinstance(piece, Exception):
            raise piece
        text += piece.text
        if pieces.empty():
            show(text)


class _Request:
    """One request at a time, with the button that starts it and the one that stops it."""

    def __init__(self, label: str) -> None:
        self.start = button(label, primary=True)
        self.stop = button("Stop")
        self.stop.visible = False
        self.stop.on_click(lambda _: self.cancel())
        self.busy = False
        self._stream: AnswerStream | None = None
        self._followers: list[pn.viewable.Viewable] = []
        if pn.state.curdoc is not None:
            pn.state.on_session_destroyed(lambda _: self.cancel())

    def follow_busy(self, widget: pn.viewable.Viewable) -> None:
        """Let a widget not send while an answer is being written."""
        self._followers.append(widget)

    def cancel(self) -> None:
        """End the request that runs, if one does; what was written stays."""
        if self._stream is not None:
            self._stream.cancel()

    async def run(self, begin: Callable[[], AnswerStream], question: str, out: pn.pane.HTML) -> None:
        """Stream an answer into ``out``; a failure is shown there."""
        self._set_busy(True)
        text = ""

        def show(so_far: str) -> None:
            nonlocal text
            text = so_far
            out.object = markup.running(question, text, "Writing …")

        out.object = markup.running(question, "", "Waiting for the model …")
        try:
            self._stream = begin()
            out.object = markup.finished(await follow(self._stream, show))
        except WorkbenchError as error:
            out.object = markup.failed(question, text, str(error))
        except Exception:
            _log.exception("A request of the dashboard failed.")
            out.object = markup.failed(question, text, "The request failed; the log of the server says why.")
        finally:
            self._stream = None
            self._set_busy(False)

    def _set_busy(self, busy: bool) -> None:
        self.busy = busy
        self.start.visible = not busy
        self.stop.visible = busy
        for widget in self._followers:
            widget.disabled_enter = busy


def _controls(widget: pn.viewable.Viewable, request: _Request) -> pn.Row:
    for part in (request.start, request.stop):
        part.align = "end"
    return pn.Row(widget, request.start, request.stop, sizing_mode="stretch_width", margin=(4, 0))
