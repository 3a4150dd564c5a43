"""Work in a thread of its own with its buttons, and on the page what comes of it.

Not covered: streams of answers (cells), how a result looks (workbench.views).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial

import panel as pn

from workbench.dashboards import markup
from workbench.dashboards.page import Page, failure
from workbench.dashboards.pages import cited_pages
from workbench.dashboards.style import button, controls, pane
from workbench.display import Displayed
from workbench.documents.document import Document
from workbench.results import Table

Tell = Callable[[str], None]


class Job:
    """One piece of work at a time, with the button that starts it; each change is made by the session's event loop.

    Args:
        label: of the button.
        work: gives what is shown; says how far it is, and ends early when the event is set.
        can_stop: whether it heeds the event.
        document: whose pages are offered below a table that is made from it; None offers none.
    """

    def __init__(
        self,
        label: str,
        work: Callable[[Tell, threading.Event], Displayed],
        *,
        can_stop: bool = False,
        document: Document | None = None,
    ) -> None:
        self._work, self._can_stop, self._cancel, self._document = work, can_stop, threading.Event(), document
        self.start, self.stop, self.out = button(label, primary=True), button("Stop"), pane("")
        self.pages = pn.Column(sizing_mode="stretch_width", margin=0)
        self.busy = self.stop.visible = False
        self.start.on_click(lambda _: self.run())
        self.stop.on_click(lambda _: self._cancel.set())
        self._page = Page(lambda: self._cancel.set())

    def panel(self, *widgets: pn.viewable.Viewable) -> pn.viewable.Viewable:
        """Buttons, and below them what comes of it."""
        row = controls(*widgets, buttons=(self.start, self.stop))
        return pn.Column(row, self.out, self.pages, sizing_mode="stretch_width", margin=0)

    def run(self) -> threading.Thread | None:
        """Begin, and return at once; nothing while it runs."""
        if self.busy:
            return None
        self.busy, self._cancel = True, threading.Event()
        self.start.visible, self.stop.visible = False, self._can_stop
        self.pages[:] = []
        thread = threading.Thread(target=self._run, args=(self._cancel,), name="workbench-job", daemon=True)
        thread.start()
        return thread

    def _run(self, cancel: threading.Event) -> None:
        try:
            found = self._work(lambda line: self._write(markup.note(line)), cancel)
            self._page.change(partial(self._show, found, str(found._repr_mimebundle_()["text/html"])))
        except Exception as error:  # noqa: BLE001 - a page must say that it failed, whatever failed
            self._write(markup.failed("", "", failure(error)))
        finally:
            self._page.change(self._ended)

    def _show(self, found: Displayed, html: str) -> None:
        """All of it in one change: buttons that the thread made and added in another were lost now and then."""
        self.out.object = html
        if self._document is not None and isinstance(found, Table):
            self.pages[:] = cited_pages(self._document, found.citations)

    def _ended(self) -> None:
        self.busy, self.start.visible, self.stop.visible = False, True, False

    def _write(self, html: str) -> None:
        self._page.write(self.out, html)
