"""The page of one session, as a thread that works for it may change it.

Such a thread never touches the page: it hands each change to the session's event loop, which makes them in order. A
pane that another thread changes while it is being drawn for the first time would stay as it was (Panel 1.9).

Not covered: what is shown (markup), what the thread does (cells, several).
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable

import panel as pn

from workbench.errors import WorkbenchError

_log = logging.getLogger(__name__)


class Page:
    """The page that is being made now.

    Args:
        on_leave: called when its session ends.
    """

    def __init__(self, on_leave: Callable[[], object]) -> None:
        self._session = pn.state.curdoc
        if self._session is not None:
            pn.state.on_session_destroyed(lambda _: on_leave())

    def change(self, make: Callable[[], object]) -> None:
        """Make a change in the session's event loop; at once in a notebook, which has none."""
        if self._session is None:
            make()
            return
        # A session that has ended in the meantime has lost its callbacks, and nobody looks at its page any more.
        with contextlib.suppress(AttributeError, RuntimeError):
            self._session.add_next_tick_callback(make)

    def write(self, out: pn.pane.HTML, html: str) -> None:
        """Show something else in a pane."""
        self.change(lambda: setattr(out, "object", html))


def failure(error: Exception) -> str:
    """What a page says of an error; what is none of ours goes to the log."""
    if isinstance(error, WorkbenchError):
        return str(error)
    _log.error("A request of the dashboard failed.", exc_info=error)
    return "The request failed; the log of the server says why."
