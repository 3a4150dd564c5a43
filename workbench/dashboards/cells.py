"""The parts of a dashboard: small objects with a ``title`` and ``panel(reading)``, one reading under many of them.

A cell holds no state of its own, so the same one serves every session; what is typed and answered lives in what
``panel`` returns. Questions are independent of each other, newest on top. Stop ends the request of its own cell only.

Written on plain Panel rather than on its ``ChatInterface``: that one draws its buttons with an icon font from a
content network and renders what it is given as Markdown, and here nothing may leave the machine.

Not covered: reading a document (app), HTML of an answer (markup).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Protocol

import panel as pn

from workbench.analysis.ask import AnswerStream
from workbench.analysis.parts import STYLES, SummaryStyle
from workbench.analysis.summarize import SummaryStream
from workbench.dashboards import markup
from workbench.dashboards.extracting import Extract
from workbench.dashboards.page import Page, failure
from workbench.dashboards.pages import cited_pages
from workbench.dashboards.several import Compare, Matrix
from workbench.dashboards.style import STYLE, button, controls, pane
from workbench.errors import EngineError
from workbench.results import Answer, Citation, EvidenceMap

if TYPE_CHECKING:
    from workbench.session import Reading

__all__ = ["Ask", "Cell", "Compare", "Evidence", "Extract", "Matrix", "Summary", "cancel_requests"]


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
    """A summary of the whole document in as many words as asked for, and the pages it rests on."""

    title: str = "Summary"
    words: int = 150
    style: SummaryStyle = "brief"

    def panel(self, reading: Reading) -> pn.viewable.Viewable:
        """A number of words, a style, a button, and the summary as it is written."""
        words = pn.widgets.IntInput(label="Words", value=self.words, start=20, end=2_000, step=10, width=110)
        words.stylesheets, words.margin = [STYLE], (5, 0)
        style = pn.widgets.Select(label="Style", options=list(STYLES), value=self.style, width=150)
        style.stylesheets, style.margin = [STYLE], (5, 0, 5, 10)
        request = _Request("Summarise", reading)
        shown = pn.Column(sizing_mode="stretch_width", margin=0)

        def place(out: pn.Column) -> None:
            shown[:] = [out]

        def summarise(_: object) -> None:
            if not request.busy:
                request.run(lambda: reading.stream_summary(words.value, style.value), "", place)

        request.start.on_click(summarise)
        return pn.Column(
            request.row(pn.Row(words, style, margin=0)),
            shown,
            sizing_mode="stretch_width",
            margin=0,
        )


@dataclass(frozen=True, slots=True)
class Ask:
    """Questions about the document, each independent of the others."""

    title: str = "Ask"
    max_tokens: int = 1_024

    def panel(self, reading: Reading) -> pn.viewable.Viewable:
        """A box for the question (Enter asks), and below it what was asked, newest first."""
        box = _box("Question", "What do you want to know? Enter asks, Shift+Enter begins a new line.")
        request = _Request("Ask", reading, box)
        turns = pn.Column(sizing_mode="stretch_width", margin=0)

        def place(out: pn.Column) -> None:
            box.value_input = ""
            turns.insert(0, out)

        def ask(text: str) -> None:
            question = text.strip()
            if question and not request.busy:
                request.run(lambda: reading.stream(question, max_tokens=self.max_tokens), question, place)

        box.param.watch(lambda event: ask(event.new), "value")
        request.start.on_click(lambda _: ask(box.value_input))
        return pn.Column(request.row(box), turns, sizing_mode="stretch_width", margin=0)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where a sentence has its evidence: pages by the attention that the model pays while it reads the sentence."""

    title: str = "Evidence"

    def panel(self, reading: Reading) -> pn.viewable.Viewable:
        """A box for a statement or an answer, one for the question it answers, and below them the heat map."""
        claim = _box("Statement", "A sentence, or an answer: which pages does it rest on?")
        asked = pn.widgets.TextInput(
            label="Question", placeholder="What it answers, if anything.", sizing_mode="stretch_width",
            stylesheets=[STYLE], margin=(5, 0),
        )  # fmt: skip
        request = _Request("Show evidence", reading, claim)
        maps = pn.Column(sizing_mode="stretch_width", margin=0)

        def place(out: pn.Column) -> None:
            maps.insert(0, out)

        def show(text: str) -> None:
            said, question = text.strip(), asked.value_input.strip()
            if said and not request.busy:
                request.run(lambda: _Once(lambda: reading.evidence_map(said, question)), question or said, place)

        claim.param.watch(lambda event: show(event.new), "value")
        request.start.on_click(lambda _: show(claim.value_input))
        return pn.Column(asked, request.row(claim), maps, sizing_mode="stretch_width", margin=0)


def _box(label: str, placeholder: str) -> pn.chat.ChatAreaInput:
    """A box for a few lines; Enter sends them."""
    return pn.chat.ChatAreaInput(
        placeholder=placeholder, label=label, rows=2, sizing_mode="stretch_width", stylesheets=[STYLE], margin=(5, 0)
    )


class _Once:
    """A stream of one item, that is there at its end; what is cancelled is not shown."""

    def __init__(self, make: Callable[[], EvidenceMap]) -> None:
        self._make, self._cancelled = make, False

    def __iter__(self) -> Iterator[EvidenceMap]:
        made = self._make()
        if self._cancelled:
            raise EngineError("Stopped.")
        yield made

    def cancel(self) -> None:
        """Do not show it."""
        self._cancelled = True


_Stream = AnswerStream | SummaryStream | _Once


class _Request:
    """One request at a time in a thread of its own, with the button that starts it and the one that stops it."""

    def __init__(self, label: str, reading: Reading, box: pn.chat.ChatAreaInput | None = None) -> None:
        self.reading = reading
        self.start = button(label, primary=True)
        self.stop = button("Stop")
        self.stop.visible = False
        self.stop.on_click(lambda _: self.cancel())
        self.busy = False
        self._box = box
        self._stream: _Stream | None = None
        self._cancelled = False
        self._page = Page(self.cancel)

    def row(self, widget: pn.viewable.Viewable) -> pn.Row:
        """A widget, and the buttons at its end."""
        return controls(widget, buttons=(self.start, self.stop))

    def cancel(self) -> None:
        """End the request that runs, if one does; what was written stays."""
        self._cancelled, stream = True, self._stream
        if stream is not None:
            stream.cancel()

    def run(self, begin: Callable[[], _Stream], question: str, place: Callable[[pn.Column], None]) -> None:
        """Stream an answer into a column that ``place`` puts on the page; return at once."""
        self.busy, self._cancelled = True, False
        _running.add(self)
        out = pane(markup.running(question, "", "Waiting for the model …"))
        turn = pn.Column(out, sizing_mode="stretch_width", margin=0)
        place(turn)
        self._show_busy(True)
        threading.Thread(target=self._work, args=(begin, question, turn), name="workbench-answer", daemon=True).start()

    def _work(self, begin: Callable[[], _Stream], question: str, turn: pn.Column) -> None:
        text, out = "", turn[0]
        try:
            self._stream = begin()
            if self._cancelled:  # Stop was faster than the stream
                self._stream.cancel()
            for piece in self._stream:
                if isinstance(piece, Answer):
                    self._page.change(partial(self._show, turn, markup.finished(piece), piece.citations, numbered=True))
                elif isinstance(piece, EvidenceMap):
                    passages, shown = tuple(piece.passages.values()), markup.mapped(question, piece)
                    self._page.change(partial(self._show, turn, shown, passages, numbered=False))
                elif piece.text:
                    text += piece.text
                    self._page.write(out, markup.running(question, text, "Writing …"))
        except Exception as error:  # noqa: BLE001 - a page must say that it failed, whatever failed
            self._page.write(out, markup.failed(question, text, failure(error)))
        finally:
            _running.discard(self)
            self._stream = None
            self.busy = False
            self._page.change(lambda: self._show_busy(self.busy))

    def _show(self, turn: pn.Column, html: str, citations: tuple[Citation, ...], *, numbered: bool) -> None:
        """What came of it and the buttons of its pages, in one change, as in ``job``."""
        turn[0].object = html
        turn.extend(cited_pages(self.reading.document, citations, numbered=numbered))

    def _show_busy(self, busy: bool) -> None:
        self.start.visible = not busy
        self.stop.visible = busy
        if self._box is not None:
            self._box.disabled_enter = busy


_running: set[_Request] = set()


def cancel_requests(reading: Reading | None) -> None:
    """End whatever is being written about a reading, in every session; what was written stays."""
    for request in tuple(_running):
        if request.reading is reading:
            request.cancel()
