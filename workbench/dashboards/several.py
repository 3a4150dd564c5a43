"""Parts of a dashboard over more than one document: a comparison with another, and a matrix over many.

Not covered: cells over one reading (cells), how a comparison and a table look (workbench.views).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import panel as pn

from workbench.analysis.columns import Questions
from workbench.dashboards import markup
from workbench.dashboards.page import Page, failure
from workbench.dashboards.style import STYLE, button, controls, pane
from workbench.display import Displayed
from workbench.documents.document import Document
from workbench.types import MatrixProgress

if TYPE_CHECKING:
    from workbench.session import Reading

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Compare:
    """The document compared with another, and a question to both.

    Attributes:
        other: the other document; its reading is closed after each comparison.
        title: stands above the cell.
    """

    other: Document
    title: str = "Compare"

    def panel(self, reading: Reading) -> pn.viewable.Viewable:
        """A box for a question, which may stay empty, a button, and the comparison."""
        box = pn.widgets.TextInput(
            label="Question (may stay empty)", sizing_mode="stretch_width", stylesheets=[STYLE], margin=(5, 0)
        )

        def work(tell: Tell, _cancel: threading.Event) -> Displayed:
            tell(f"Comparing with {self.other.name} …")
            return reading.bench.compare(reading, self.other, box.value.strip() or None, progress=None)

        return _Job("Compare", work).panel(box)


@dataclass(frozen=True, slots=True)
class Matrix:
    """Many documents asked the same questions, one row each.

    Attributes:
        documents: paths or documents.
        questions: by column name, or a list.
        title: stands above the cell.
    """

    documents: Sequence[str | os.PathLike[str] | Document]
    questions: Questions
    title: str = "Matrix"

    def panel(self, reading: Reading) -> pn.viewable.Viewable:
        """A button that starts it, one that stops it, and the table; started again, it goes on."""

        def work(tell: Tell, cancel: threading.Event) -> Displayed:
            def show(step: MatrixProgress) -> None:
                tell(f"{step.done_cells:,} of {step.total_cells:,} cells · {step.document}")

            return reading.bench.matrix(self.documents, self.questions, progress=show, cancel=cancel)

        return _Job("Fill the table", work, can_stop=True).panel()


class _Job:
    """Work in a thread of its own, with the button that starts it; each change is made by the session's event loop."""

    def __init__(
        self, label: str, work: Callable[[Tell, threading.Event], Displayed], *, can_stop: bool = False
    ) -> None:
        self._work, self._can_stop, self._cancel = work, can_stop, threading.Event()
        self.start, self.stop, self.out = button(label, primary=True), button("Stop"), pane("")
        self.stop.visible = False
        self.start.on_click(lambda _: self.run())
        self.stop.on_click(lambda _: self._cancel.set())
        self._page = Page(lambda: self._cancel.set())

    def panel(self, *widgets: pn.viewable.Viewable) -> pn.viewable.Viewable:
        """Buttons, and below them what comes of it."""
        row = controls(*widgets, buttons=(self.start, self.stop))
        return pn.Column(row, self.out, sizing_mode="stretch_width", margin=0)

    def run(self) -> threading.Thread:
        """Begin, and return at once."""
        self._cancel = threading.Event()
        self.start.visible, self.stop.visible = False, self._can_stop
        thread = threading.Thread(target=self._run, args=(self._cancel,), name="workbench-job", daemon=True)
        thread.start()
        return thread

    def _run(self, cancel: threading.Event) -> None:
        try:
            found = self._work(lambda line: self._write(markup.note(line)), cancel)
            self._write(str(found._repr_mimebundle_()["text/html"]))
        except Exception as error:  # noqa: BLE001 - a page must say that it failed, whatever failed
            self._write(markup.failed("", "", failure(error)))
        finally:
            self._page.change(self._ended)

    def _ended(self) -> None:
        self.start.visible, self.stop.visible = True, False

    def _write(self, html: str) -> None:
        self._page.write(self.out, html)
