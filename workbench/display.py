"""How a result finds its picture: a registry that ``workbench.views`` fills when something is first shown.

Not covered: the pictures (workbench.views).
"""

import importlib
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
