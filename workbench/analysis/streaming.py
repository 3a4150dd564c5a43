"""What a text is like while it is being written: an iterator that can be cancelled, closed, and dropped half way.

Not covered: what is written (analysis.ask, analysis.summarize).
"""

from __future__ import annotations

import contextlib
import threading
from typing import Self

from workbench.analysis.background import finish
from workbench.errors import WorkbenchError


class Stream:
    """Something on its way. Dropped before its end, by a loop that broke off, it ends itself.

    Who derives from it clears ``_ended`` once there is something to end, and takes steps in ``_advance``, under
    ``_lock``, until it is set again.
    """

    def __init__(self) -> None:
        self._ended = True
        self._told = False
        self._cancel, self._lock = threading.Event(), threading.RLock()

    def cancel(self) -> None:
        """End it at the next token, from any thread; what was written stays."""
        self._cancel.set()

    @property
    def cancelled(self) -> bool:
        """Whether somebody cancelled it; it may have come to its end at the same moment."""
        return self._cancel.is_set()

    def close(self) -> None:
        """Cancel what nobody waits for any more, and give its blocks back. From any thread; safe to call twice."""
        self.cancel()
        # What a request that was given up still fails with is nobody's concern.
        with self._lock, contextlib.suppress(WorkbenchError):
            while not self._ended:
                self._advance()

    def _advance(self) -> object:
        """Take a step; the last one, or an error, sets ``_ended``."""
        raise NotImplementedError

    def __iter__(self) -> Self:
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if not self._ended:
            self._cancel.set()
            finish(self.close)
