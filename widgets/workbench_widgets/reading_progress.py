"""How far a document is read: tokens, speed, time left, and a button that stops it.

Not covered: reading, and what stopping means; whoever shows the widget passes ``on_stop``.
"""

from __future__ import annotations

from collections.abc import Callable
from html import escape
from typing import Literal

import traitlets

from workbench_widgets._base import BAR, BLUE, GREEN, HERE, ORANGE, RED, Widget

ReadState = Literal["waiting", "reading", "done", "stopped", "failed"]
STATES: tuple[ReadState, ...] = ("waiting", "reading", "done", "stopped", "failed")


class ReadingProgress(Widget):
    """A bar that follows a reading, with a Stop button while it runs.

    The button sends the message ``{"type": "stop"}``. A kernel that is busy with the cell hears it where the
    frontend sends comms over subshells (ipykernel 7, JupyterLab 4.4); elsewhere an interrupt does the same.

    Args:
        on_stop: called once, when Stop is pressed; perhaps in another thread.

    Attributes:
        document_name: what is being read.
        done_tokens: tokens in the cache.
        total_tokens: tokens to be read in all.
        tokens_per_s: speed; 0 while unknown.
        left_s: seconds to the end; None while unknown.
        place: requests ahead in the queue.
        note: what else people should know; mostly empty.
        state: waiting, reading, done, stopped or failed.
        stop_requested: whether Stop was pressed.
    """

    _esm = HERE / "reading_progress.js"
    _css = HERE / "reading_progress.css"

    document_name = traitlets.Unicode().tag(sync=True)
    done_tokens = traitlets.Int().tag(sync=True)
    total_tokens = traitlets.Int().tag(sync=True)
    tokens_per_s = traitlets.Float().tag(sync=True)
    left_s = traitlets.Float(None, allow_none=True).tag(sync=True)
    place = traitlets.Int().tag(sync=True)
    note = traitlets.Unicode().tag(sync=True)
    state = traitlets.Enum(STATES, default_value="waiting").tag(sync=True)
    stop_requested = traitlets.Bool().tag(sync=True)

    def __init__(self, document_name: str, total_tokens: int, on_stop: Callable[[], object] | None = None) -> None:
        super().__init__(document_name=document_name, total_tokens=total_tokens)
        self._on_stop = on_stop
        self.on_msg(self._heard)

    def _heard(self, _widget: object, content: object, _buffers: object) -> None:
        """The frontend's message; a second press does nothing."""
        if isinstance(content, dict) and content.get("type") == "stop" and not self.stop_requested:
            self.stop_requested = True
            if self._on_stop is not None:
                self._on_stop()

    def _described(self) -> str:
        return f"{self.document_name!r}, {self.total_tokens:,} tokens, {self.state}"

    def static_html(self) -> str:
        """The bar as it is now, a sentence about it, and the note; no speed, no time."""
        done, total = self.done_tokens, self.total_tokens
        return reading_progress_html(self.document_name, done, total, self.state, note=self.note, place=self.place)


def sentence(document_name: str, done_tokens: int, total_tokens: int, state: ReadState, place: int = 0) -> str:
    """Where a reading is, in plain words."""
    counts = f"{done_tokens:,} of {total_tokens:,} tokens"
    waits = f"{place:,} ahead of it" if place else f"to be read: {total_tokens:,} tokens"
    return {
        "waiting": f"{document_name} waits{',' if place else ''} {waits}.",
        "reading": f"Reading {document_name}: {counts}.",
        "done": f"Read {document_name}: {total_tokens:,} tokens.",
        "stopped": f"Stopped reading {document_name} at {counts}; read again to go on from there.",
        "failed": f"Reading {document_name} failed at {counts}.",
    }[state]


def reading_progress_html(
    document_name: str, done_tokens: int, total_tokens: int, state: ReadState, *, note: str = "", place: int = 0
) -> str:
    """The static twin of ``ReadingProgress``, without making a widget."""
    share = 1.0 if state == "done" else min(done_tokens / total_tokens, 1.0) if total_tokens else 0.0
    said = escape(sentence(document_name, done_tokens, total_tokens, state, place))
    colour = {"done": GREEN, "stopped": ORANGE, "failed": RED}.get(state, BLUE)
    quiet = f'<div style="opacity: 0.75">{escape(note)}</div>' if note else ""
    return (
        f'<div class="wbw-reading-static" data-state="{state}"><div role="progressbar" aria-label="Reading" '
        f'aria-valuemin="0" aria-valuemax="100" aria-valuenow="{100 * share:.0f}" style="{BAR}; height: 8px">'
        f'<div style="background: {colour}; height: 8px; width: {share:.1%}"></div></div><div>{said}</div>{quiet}</div>'
    )
