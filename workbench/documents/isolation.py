"""A process of its own for what may crash, hang or swell: started, watched, stopped.

What goes in is a task's name, bytes and plain parameters; what comes back is bytes, that the caller checks. Nothing is
ever pickled. The process cannot open a connection, write a file or start another (workbench.documents.worker).

Not covered: what the tasks do, and what the process forbids itself (worker); which files are read so (parsing).
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import psutil

from workbench import config
from workbench.documents.parsed import PageCallback, unheard
from workbench.errors import ConfigError, DocumentError

_log = logging.getLogger(__name__)

_ROOT = str(Path(__file__).parents[2])
_BOOT = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from workbench.documents.worker import main; main()"
# What a library may need to be found and to start. Nothing that names a proxy, a token or a home.
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "LANG", "LC_ALL", "LC_CTYPE", "TZ")
_POLL_S = 0.05
_HEARTBEAT_S = 0.5
_KILL_WAIT_S = 10.0
_ENDING_S = 2.0
_LINE_BYTES = 1 << 20
_TAIL_BYTES = 4_096
_MESSAGE_CHARS = 4_000
_INBOX = 64
"""Lines that may wait to be heard: a process gone wild shall not fill our memory with them."""
_TOTAL_STALLS = 30
"""Times the seconds without progress that a whole task may take."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one task may take.

    Attributes:
        memory_bytes: of memory, above the size of what goes in.
        stall_s: without progress.
        total_s: in all.
        output_bytes: that come back.
    """

    memory_bytes: int = 2 << 30
    stall_s: float = 120.0
    total_s: float = 3_600.0
    output_bytes: int = 1 << 30

    @classmethod
    def of_user(cls) -> Limits:
        """What the environment says.

        Raises:
            ConfigError: it says something that is not a number above 0.
        """
        memory_bytes, stall_s = config.parse_bytes(), config.parse_s()
        return cls(memory_bytes, stall_s, stall_s * _TOTAL_STALLS, memory_bytes // 2)


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
        self._process = _started()
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
        watch = _Watch(self.limits, name, len(data), report)
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

    def _heard(self, watch: _Watch) -> _Result | None:
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
            _kill(process)
        while self._listener.is_alive():  # it may wait for room in the inbox
            with contextlib.suppress(queue.Empty):
                self._inbox.get(timeout=_POLL_S)
        for thread in (self._drainer, self._writer):
            thread.join(_ENDING_S)
        for pipe in (process.stdin, process.stdout, process.stderr):
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
        except (OSError, ValueError):
            _log.debug("the pipe was closed", exc_info=True)
        self._inbox.put(None)

    def _drain(self) -> None:
        """Keep the last of what its libraries print, and let none of it block them."""
        pipe = _open(self._process.stderr)
        with contextlib.suppress(OSError, ValueError):
            while printed := pipe.read1(_LINE_BYTES):  # type: ignore[attr-defined]
                self._tail = (self._tail + printed)[-_TAIL_BYTES:]

    def _ended(self, watch: _Watch, heard: _Garbled | None) -> DocumentError:
        """What became of a process that says no more, or nothing that makes sense."""
        if heard is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_ENDING_S)
            self._drainer.join(_ENDING_S)
        _log.debug("the reader of %s printed: %s", watch.name, self._tail.decode(errors="replace"))
        return watch.ended(str(heard) if heard else _end_of(self._process.returncode))


class _Watch:
    """Over one task: how far it is, whether the reader refused the file, whether it keeps to the limits."""

    def __init__(self, limits: Limits, name: str, num_bytes: int, report: PageCallback) -> None:
        self.name, self.refused = name, False
        self._limits, self._report = limits, report
        self._memory_bytes = limits.memory_bytes + num_bytes
        self._done = self._total = 0
        self._began_s = self._moved_s = self._reported_s = time.monotonic()

    @property
    def place(self) -> str:
        """How far it came, for a sentence."""
        of = f" of {self._total:,}" if self._total else ""
        return f" after {self._done:,}{of}" if self._done else ""

    def hear(self, said: Mapping[str, object]) -> None:
        """Take in a line of the process: progress, or the reason why it gives up."""
        match said:
            case {"done": int(done), "total": int(total)}:
                if done > self._done:
                    self._moved_s = time.monotonic()
                self._done, self._total = done, total
                self._tell()
            case {"kind": "memory"}:
                raise self._over_memory()
            case {"kind": "output", "num_bytes": int(num_bytes)} if 0 <= num_bytes < sys.maxsize:
                raise self._over_output(num_bytes)
            case {"kind": str(kind), "error": str(message)}:
                self.refused = True
                raise self._refusal(kind, message[:_MESSAGE_CHARS].encode(errors="replace").decode())
            case _:
                raise self.ended("answered with something else than a document")

    def check(self, pid: int, cancel: threading.Event | None) -> None:
        """Hold the process against its limits.

        Raises:
            DocumentError: it is over one of them, or was cancelled.
        """
        limits, now_s = self._limits, time.monotonic()
        if cancel is not None and cancel.is_set():
            raise DocumentError(f"Loading {self.name} was stopped{self.place}. Load it again to start over.")
        if now_s - self._reported_s > _HEARTBEAT_S:
            self._tell()
        if now_s - self._moved_s > limits.stall_s:
            raise self._over_time(f"made no progress for {limits.stall_s:,g} s")
        if now_s - self._began_s > limits.total_s:
            raise self._over_time(f"was not done after {limits.total_s:,g} s")
        try:
            held_bytes = psutil.Process(pid).memory_info().rss
        except psutil.Error:  # it has just ended; what it said last tells why
            return
        if held_bytes > self._memory_bytes:
            raise self._over_memory()

    def ended(self, how: str) -> DocumentError:
        """The error for a process that came to an end of its own."""
        return DocumentError(
            f"{self.name} cannot be read: its reader {how}{self.place}. The file is damaged, or made to do that; open "
            "it in a viewer and save it anew. Nothing else was harmed."
        )

    def _refusal(self, kind: str, message: str) -> DocumentError | ConfigError:
        """The reader's own words; an error that it did not foresee is put into ours."""
        if kind == "ConfigError":
            return ConfigError(message)
        return DocumentError(message) if kind == "DocumentError" else self.ended(f"failed ({message})")

    def _tell(self) -> None:
        self._reported_s = time.monotonic()
        self._report(self._done, self._total)

    def _over_memory(self) -> DocumentError:
        more = round(self._limits.memory_bytes * 2 / 2**30, 1)
        return DocumentError(
            f"{self.name} takes more than {self._memory_bytes / 2**30:,.1f} GB of memory to read; its reader was "
            f"stopped{self.place}. If you trust the file, allow more: WORKBENCH_PARSE_GB={more:g}."
        )

    def _over_output(self, num_bytes: int) -> DocumentError:
        more = round(self._limits.memory_bytes * 2 / 2**30, 1)
        return DocumentError(
            f"{self.name} swells to {num_bytes / 2**30:,.3g} GB when it is read; at most "
            f"{self._limits.output_bytes / 2**30:,.3g} GB are taken, half of WORKBENCH_PARSE_GB. If you trust the "
            f"file, allow more: WORKBENCH_PARSE_GB={more:g}."
        )

    def _over_time(self, what: str) -> DocumentError:
        more = self._limits.stall_s * 2
        return DocumentError(
            f"{self.name}: its reader {what}{self.place} and was stopped. If you trust the file, allow more: "
            f"WORKBENCH_PARSE_S={more:g}."
        )


def _started() -> subprocess.Popen[bytes]:
    """A fresh interpreter, deaf to Ctrl-C, that finds the same modules as this one and knows nothing else of it."""
    # The folder somebody works in ('') is not among them: documents lie there, and numpy.py may lie beside one.
    paths = [path for path in sys.path if os.path.isabs(path)]
    paths += [] if _ROOT in paths else [_ROOT]
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    environment |= {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "WORKBENCH_ISOLATION": "off"}
    command = [sys.executable, "-I", "-X", "utf8", "-c", _BOOT, json.dumps(paths), str(os.getpid())]
    try:
        return subprocess.Popen(  # noqa: S603 - our own interpreter; nothing of a document is in the command
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
            start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise DocumentError(
            f"No process can be started to read the document in: {error}. If you trust your files, set "
            "WORKBENCH_ISOLATION=off to read them in this one."
        ) from error


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


def _end_of(code: int | None) -> str:
    """How a process ended, for a sentence."""
    if code is None:
        return "closed its pipe"
    if code >= 0:
        return f"ended without an answer (exit code {code})"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    if name == "SIGKILL":
        return "was killed from outside (SIGKILL), as a system short of memory does"
    if name == "SIGXCPU":
        return "used up its time on the processor (SIGXCPU)"
    return f"crashed ({name})"


def _thread(does: Callable[[], None]) -> threading.Thread:
    """A thread that holds nobody up."""
    thread = threading.Thread(target=does, daemon=True)
    thread.start()
    return thread


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and whatever it may have started, and wait until it is gone."""
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):  # asleep in the system: it goes when it wakes up
        process.wait(_KILL_WAIT_S)


def _open(pipe: IO[bytes] | None) -> IO[bytes]:
    """A pipe that was asked for at the start."""
    if pipe is None:
        raise DocumentError("The reader's process has no pipe.")
    return pipe
