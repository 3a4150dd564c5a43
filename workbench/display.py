"""How a result finds its picture: a registry that ``workbench.views`` fills when something is first shown.

And how a document that takes long to load finds its bar, and a note its reader.

Not covered: the pictures, the bar and the note (workbench.views).
"""

import importlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

MimeBundle = dict[str, object]


class Renderer(Protocol):
    """Draws one kind of result."""

    def __call__(self, result: object) -> MimeBundle:
        """A bundle with text/plain at least."""
        ...


_renderers: dict[type, Renderer] = {}
_renderer_module: str | None = None


def use_renderers(module: str) -> None:
    """Name the module that registers the renderers; it is imported when something is first shown."""
    global _renderer_module
    _renderer_module = module


def register_renderer(kind: type, renderer: Renderer) -> None:
    """Let ``renderer`` draw every instance of ``kind``."""
    _renderers[kind] = renderer


LOADING_DELAY_S = 1.0
"""Seconds before loading is shown: most documents are there by then."""


@contextmanager
def loading_view(name: str) -> Iterator[Callable[[int, int], None]]:
    """What follows a document on its way here: pages read, and of how many (0 when that is not known).

    Args:
        name: of the document.
    """
    began_s, bar = time.monotonic(), None

    def show(done: int, total: int) -> None:
        nonlocal bar
        if bar is None and _renderer_module is not None and time.monotonic() - began_s > LOADING_DELAY_S:
            bar = importlib.import_module(_renderer_module).loading_bar(name)
        if bar is not None:
            bar(done, total)

    try:
        yield show
    finally:
        if bar is not None:
            bar.close()


def note(message: str) -> None:
    """Tell the user something once that is no warning, in a notebook or a terminal; elsewhere nobody asked."""
    if _renderer_module is not None:
        importlib.import_module(_renderer_module).show_note(message)


class Displayed:
    """Shows itself in a notebook through the renderer registry."""

    __slots__ = ()

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> MimeBundle:  # noqa: ARG002
        if _renderer_module is not None:
            importlib.import_module(_renderer_module)
        for kind in type(self).__mro__:
            if kind in _renderers:
                return _renderers[kind](self)
        return {"text/plain": repr(self)}
