"""What every widget has: a repr without an address, and a static twin in its bundle.

Not covered: what a widget draws (its own module).
"""

from __future__ import annotations

from pathlib import Path
from typing import TypedDict

import anywidget

HERE = Path(__file__).parent


class Section(TypedDict):
    """A part of a document, for people.

    Attributes:
        title: its heading.
        tokens: its length.
    """

    title: str
    tokens: int


class Widget(anywidget.AnyWidget):
    """A widget whose output stays readable when no kernel is left to draw it."""

    def static_html(self) -> str:
        """The widget as it is now, without scripts; all text escaped."""
        raise NotImplementedError

    def _described(self) -> str:
        """What stands in the parentheses of the repr; no time, speed or address."""
        return ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._described()})"

    def _repr_mimebundle_(self, **kwargs: dict[str, object]) -> tuple[dict[str, object], dict[str, object]] | None:
        bundle = super()._repr_mimebundle_(**kwargs)
        if bundle is None:
            return None
        data, metadata = bundle
        return {**data, "text/html": self.static_html()}, metadata


# A notebook that is not trusted loses its style sheets: what a twin needs to be seen stands in its tags. Readable on
# light and on dark; text takes the colour of what is around it.
BAR = "background: rgba(127, 127, 127, 0.25); border-radius: 3px; margin: 6px 0; max-width: 760px; overflow: hidden"
BLUE, LIGHT_BLUE, GREY, GREEN, ORANGE, RED = "#1976d2", "#64b5f6", "#888888", "#388e3c", "#f57c00", "#d32f2f"
