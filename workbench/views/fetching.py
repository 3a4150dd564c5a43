"""What is shown while a model is fetched: a bar in a kernel and a terminal, a line now and then in a pipe.

Not covered: reading and writing (views.live), documents on their way (views.loading).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from workbench.views.live import in_kernel

if TYPE_CHECKING:
    from workbench.engine.fetch import FetchProgress

FETCH_DELAY_S = 1.0
"""Seconds before fetching is shown: a model that is here already shows nothing."""

FETCH_LINE_S = 10.0
"""Seconds between two lines about fetching in a pipe, where a gigabyte shall not come in silence either."""


@contextmanager
def fetch_view(name: str, *, show: bool) -> Iterator[Callable[[FetchProgress], None]]:
    """What follows a model on its way here: a bar that appears when it takes longer than a second.

    Args:
        name: of the model.
        show: False is silent.
    """
    view = _FetchBar(name) if show else None
    try:
        yield view or _ignore
    finally:
        if view is not None:
            view.close()


def _ignore(_: FetchProgress) -> None:
    """Nobody watches."""


class _FetchBar:
    """A bar for each phase: bytes fetched, checked, converted."""

    def __init__(self, name: str) -> None:
        self._name, self._phase = name, ""
        self._bar: Any = None

    def __call__(self, progress: FetchProgress) -> None:
        if progress.phase != self._phase:
            self.close()
            self._phase, self._bar = progress.phase, self._made(progress)
        self._bar.update(progress.done_bytes - self._bar.n)

    def _made(self, progress: FetchProgress) -> Any:
        from tqdm.auto import tqdm

        said = f"{progress.phase.capitalize()}ing {self._name}"
        seen = in_kernel() or sys.stderr.isatty()
        return tqdm(
            total=progress.total_bytes, desc=said, unit="B", unit_scale=True, leave=not seen, delay=FETCH_DELAY_S,
            mininterval=0.1 if seen else FETCH_LINE_S,
        )  # fmt: skip

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
