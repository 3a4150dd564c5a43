"""What is shown while a document is loaded: a bar in a kernel and a terminal, a line now and then in a pipe.

Not covered: a model on its way here (views.fetching), the model at work (views.live).
"""

from __future__ import annotations

import sys
from typing import Any

from workbench.views.bundles import plain
from workbench.views.fetching import FETCH_LINE_S
from workbench.views.live import REDRAW_S, in_kernel


class LoadingBar:
    """A bar of pages read; it goes away when the document is there.

    Args:
        name: of the document.
    """

    def __init__(self, name: str) -> None:
        from tqdm.auto import tqdm

        seen = in_kernel() or sys.stderr.isatty()
        self._bar: Any = tqdm(
            desc=f"Loading {' '.join(plain(name).split())}", unit=" pages", leave=not seen,
            mininterval=REDRAW_S if seen else FETCH_LINE_S,
        )  # fmt: skip

    def __call__(self, done: int, total: int) -> None:
        """Show how far it is.

        Args:
            done: pages read.
            total: of how many; 0 when that is not known.
        """
        if total and self._bar.total != total:
            self._bar.reset(total)
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """Take it away."""
        self._bar.close()
