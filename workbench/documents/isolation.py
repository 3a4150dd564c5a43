"""A process of its own for what may crash, hang or swell: started, watched, stopped.

What goes in is a task's name, bytes and plain parameters; what comes back is bytes, that the caller checks. Nothing is
ever pickled. The process cannot open a connection, write a file or start another (workbench.documents.worker).

Not covered: the process as the system sees it (process), its limits (watch), what the tasks do and what it forbids
itself (worker), which files are read so (parsing).
"""

from __future__ import annotations

import contextlib
import json
import logging
import queue
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Self

from workbench.documents.parsed import PageCallback, unheard
from workbench.documents.process import end_of, kill, started
from workbench.documents.watch import Limits, Watch
from workbench.errors import DocumentError

_log = logging.getLogger(__name__)

_POLL_S = 0.05
_ENDING_S = 2.0
_LINE_BYTES = 1 << 20
_TAIL_BYTES = 4_096
_INBOX = 64
"""Lines that may wait to be heard: a process gone wild shall not fill our memory with them."""


@dataclass(frozen=True, slots=True)
class _Result:
    """What came back.

    Attributes:
        content: the task's bytes.
        peak_bytes: the most memory that the process held at once.
    """

    content: bytearray
    peak_bytes: int


class _Garbled(Exception):
    """The process says something that is not of our language."""


class Worker:
    """A process that does tasks, one after the other; what one of them breaks ends it.

    Args:
        limits: for each task; what the environment says by default.

    Raises:
        DocumentError: no process can be started here.
    """

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits.of_user()
        self.peak_bytes = 0
        self._process = started()
        self._inbox: queue.Queue[dict[str, object] | _Result | _Garbled | None] = queue.Queue(_INBOX)
        self._tail = b""
        self._listener, self._drainer = _thread(self._listen), _thread(self._drain)
        self._writer = self._drainer

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def alive(self) -> bool:
        """Whether it can take another task."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """Its number in the system."""
        return self._process.pid

    def run(
        self,
        task: str,
        data: bytes,
        parameters: Mapping[str, object],
        *,
        name: str,
        report: PageCallback = unheard,
        cancel: threading.Event | None = None,
    ) -> bytearray:
        """Do a task.

        Args:
            task: ``module:function`` of a ``worker.Task``.
            data: what it works on.
            parameters: what JSON can say.
            name: of the document, for messages.
            report: told of progress, and every half second that there is none.
            cancel: ends the task when it is set.

        Returns:
            What the task gives; from a hostile document it may be anything.

        Raises:
            DocumentError: the task says so, or the process went over a limit, crashed, was killed or cancelled.
        """
        watch = Watch(self.limits, name, len(data), report)
        if not self.alive:
            raise DocumentError(f"{name} was not read: the process that should read it has ended. Start a new one.")
        try:
            self._send(task, data, parameters)
            while (result := self._heard(watch)) is None:
                watch.check(self._process.pid, cancel)
        except BaseException:
            # A reader's own words about a file leave the process as good as new; after all else nothing is sure of it.
            if not watch.refused:
                self.close()
            raise
        self.peak_bytes = result.peak_bytes
        return result.content

    def _heard(self, watch: Watch) -> _Result | None:
        """What came back; None when it is only under way.

        Raises:
            DocumentError: there is nothing to wait for any more.
        """
        try:
            heard = self._inbox.get(timeout=_POLL_S)
        except queue.Empty:
            return None
        if isinstance(heard, dict):
            watch.hear(heard)
            return None
        if isinstance(heard, _Result):
            return heard
        raise self._ended(watch, heard)

    def close(self) -> None:
        """End it at once, and wait until it is gone."""
        process = self._process
        if process.poll() is None:
            kill(process)
        until_s = time.monotonic() + _ENDING_S
        while self._listener.is_alive() and time.monotonic() < until_s:  # it may wait for room in the inbox
            with contextlib.suppress(queue.Empty):
                self._inbox.get(timeout=_POLL_S)
        for pipe, thread in (
            (process.stdin, self._writer), (process.stdout, self._listener), (process.stderr, self._drainer),
        ):  # fmt: skip
            thread.join(_ENDING_S)
            if not thread.is_alive():  # else closing would wait for it
                with contextlib.suppress(OSError):
                    _open(pipe).close()

    def _send(self, task: str, data: bytes, parameters: Mapping[str, object]) -> None:
        """Hand a task over from a thread: the process may end, or be ended, before it has taken all of it."""
        head = json.dumps({
            "task": task, "parameters": dict(parameters), "num_bytes": len(data),
            "memory_bytes": self.limits.memory_bytes + len(data), "output_bytes": self.limits.output_bytes,
            "total_s": self.limits.total_s,
        })  # fmt: skip
        pipe = _open(self._process.stdin)

        def write() -> None:
            with contextlib.suppress(OSError, ValueError):
                pipe.write(head.encode() + b"\n")
                pipe.write(data)
                pipe.flush()

        self._writer = _thread(write)

    def _listen(self) -> None:
        """Put what the process says into the inbox; None at its end."""
        pipe = _open(self._process.stdout)
        try:
            while line := pipe.readline(_LINE_BYTES):
                self._inbox.put(_understood(line, pipe, self.limits.output_bytes))
        except _Garbled as garbled:
            self._inbox.put(garbled)
        except MemoryError:
            self._inbox.put(_Garbled("gave more than there is memory for"))
        except (OSError, ValueError):
            _log.debug("the pipe was closed", exc_info=True)
        self._inbox.put(None)

    def _drain(self) -> None:
        """Keep the last of what its libraries print, and let none of it block them."""
        pipe = _open(self._process.stderr)
        with contextlib.suppress(OSError, ValueError):
            while printed := pipe.read1(_LINE_BYTES):  # type: ignore[attr-defined]
                self._tail = (self._tail + printed)[-_TAIL_BYTES:]

    def _ended(self, watch: Watch, heard: _Garbled | None) -> DocumentError:
        """What became of a process that says no more, or nothing that makes sense."""
        if heard is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_ENDING_S)
            self._drainer.join(_ENDING_S)
        _log.debug("the reader of %s printed: %s", watch.name, self._tail.decode(errors="replace"))
        return watch.ended(str(heard) if heard else end_of(self._process.returncode))


def _understood(line: bytes, pipe: IO[bytes], output_bytes: int) -> dict[str, object] | _Result:
    """A line as JSON; with the bytes behind it, if it announces some.

    Raises:
        _Garbled: it is no such line, or too long, or less follows than was announced.
    """
    try:
        said = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _Garbled("answered with something else than a document") from error
    match said:
        case {"result_bytes": int(num_bytes), "peak_bytes": int(peak_bytes)} if 0 <= num_bytes <= output_bytes:
            content, filled = bytearray(num_bytes), 0
            while filled < num_bytes:
                got = pipe.readinto(memoryview(content)[filled:])  # type: ignore[attr-defined]
                if not got:
                    raise _Garbled(f"ended with {filled:,} of {num_bytes:,} bytes said")
                filled += got
            return _Result(content, peak_bytes)
        case {"result_bytes": _} | list() | str() | int() | float() | None:
            raise _Garbled("answered with something else than a document")
    return dict(said)


def _thread(does: Callable[[], None]) -> threading.Thread:
    """A thread that holds nobody up."""
    thread = threading.Thread(target=does, daemon=True)
    thread.start()
    return thread


def _open(pipe: IO[bytes] | None) -> IO[bytes]:
    """A pipe that was asked for at the start."""
    if pipe is None:
        raise DocumentError("The reader's process has no pipe.")
    return pipe
