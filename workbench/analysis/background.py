"""Ending what nobody waits for any more.

Not covered: what is ended.
"""

import contextlib
import sys
import threading
from collections.abc import Callable

WAIT_S = 5.0
"""Seconds that ``finish`` waits, at most."""


def finish(end: Callable[[], object]) -> None:
    """Run ``end`` in a thread of its own, and wait for it a little.

    ``end`` may wait for the engine. Python's collector may call us in any thread, also in the engine's own, which
    would then wait for itself: so the wait is bounded, and what takes longer ends behind our back.
    """
    if sys.is_finalizing():
        return
    thread = threading.Thread(target=end, name="workbench-ending", daemon=True)
    with contextlib.suppress(RuntimeError):  # too late: the interpreter starts no thread any more
        thread.start()
        thread.join(WAIT_S)
