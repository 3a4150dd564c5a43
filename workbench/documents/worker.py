"""The other side of isolation: a process that does tasks on hostile bytes and can do nothing else.

It opens no connection, writes no file, starts no process, and ends when whoever started it ends. It imports documents
only: no torch, no interface. A task is any function of the form ``Task``, named ``module:function`` by who asks.

Not covered: the limits on time, and what became of it when it ends early (isolation).
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import IO, Any

from workbench.errors import ConfigError, DocumentError

Buffer = bytes | bytearray | memoryview
Task = Callable[[bytes, Mapping[str, Any], Callable[[int, int], None]], Iterable[Buffer]]
"""From bytes, plain parameters and a listener for progress to bytes, in pieces: a copy less of what may be large."""

_REFUSED = (
    "socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "os.startfile", "pty.",
    "os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown",
    "os.kill", "webbrowser.", "urllib.",
)  # fmt: skip
_NOT_IMPORTED = ("pymupdf.layout", "pymupdf4llm")
"""What PyMuPDF imports by itself wherever it is installed, models and all: half a second for nothing we use."""
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_PR_SET_PDEATHSIG = 1
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_SLACK_BYTES = 1 << 30
"""Address space above the limit: the watcher outside, who counts what is held, shall be the one that speaks."""
_REPORT_S = 0.05
_ORPHAN_S = 1.0


def main() -> None:
    """Do tasks until there are no more."""
    channel = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print shall not be taken for our words
    _guard(int(sys.argv[2]))
    requests = sys.stdin.buffer
    while line := requests.readline():
        request = json.loads(line)
        _answer(request, requests.read(request["num_bytes"]), channel)
    os._exit(0)  # nothing is left that would need tidying, and hundreds of megabytes take a while


def _answer(request: Mapping[str, Any], data: bytes, channel: IO[bytes]) -> None:
    def say(**words: object) -> None:
        channel.write(json.dumps(words).encode() + b"\n")
        channel.flush()

    try:
        _limit(request["memory_bytes"], request["total_s"])
        module, _, function = request["task"].partition(":")
        task: Task = getattr(importlib.import_module(module), function)
        pieces = [memoryview(piece) for piece in task(data, request["parameters"], _Reporting(say))]
        num_bytes = sum(piece.nbytes for piece in pieces)
        if num_bytes > request["output_bytes"]:
            say(kind="output", num_bytes=num_bytes)
            return
    except (DocumentError, ConfigError) as error:
        say(kind=type(error).__name__, error=str(error))
    except MemoryError:
        say(kind="memory")
    except Exception as error:  # noqa: BLE001 - whatever a library raises on a damaged file is an answer about the file
        said = " ".join(f"{type(error).__name__}: {error}"[:300].split())
        say(kind="failed", error="".join(char if char.isprintable() else "�" for char in said))
    else:
        say(result_bytes=num_bytes, peak_bytes=_peak_bytes())
        for piece in pieces:
            channel.write(piece)
        channel.flush()


class _Reporting:
    """Passes progress on, not more often than anybody could look."""

    def __init__(self, say: Callable[..., None]) -> None:
        self._say, self._said_s = say, 0.0

    def __call__(self, done: int, total: int) -> None:
        now_s = time.monotonic()
        if done == total or now_s - self._said_s >= _REPORT_S:
            self._said_s = now_s
            self._say(done=int(done), total=int(total))


def _guard(parent: int) -> None:
    """Give up what a reader of documents does not need."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _leave_the_network()
    _end_with(parent)  # after it: the system forgets this wish when a process changes what it may do
    sys.dont_write_bytecode = True
    for module in _NOT_IMPORTED:
        sys.modules[module] = None  # type: ignore[assignment]
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    sys.addaudithook(_refuse)


def _leave_the_network() -> None:
    """Go where there is none, for libraries in C too, where the system lets us; ``_refuse`` holds Python everywhere."""
    if sys.platform == "linux":
        unshare = getattr(ctypes.CDLL(None), "unshare", None)
        # In a user namespace root would lose its right to read the files of others, our own modules perhaps.
        if unshare is not None and unshare(_CLONE_NEWNET) != 0 and os.geteuid() != 0:
            unshare(_CLONE_NEWUSER | _CLONE_NEWNET)


def _end_with(parent: int) -> None:
    """End when the parent does, even when it is killed."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    elif sys.platform != "win32":

        def look() -> None:
            while os.getppid() == parent:
                time.sleep(_ORPHAN_S)
            os._exit(1)

        threading.Thread(target=look, daemon=True).start()
    if sys.platform != "win32" and os.getppid() != parent:  # it ended before we asked
        os._exit(1)


def _refuse(event: str, arguments: tuple[Any, ...]) -> None:
    """Hear of what Python is about to do, and forbid what has no place here."""
    if event.startswith(_REFUSED):
        raise PermissionError(f"a reader of documents may not do this: {event}")
    if event == "open" and arguments[2] & _WRITING and arguments[0] != os.devnull:
        raise PermissionError("a reader of documents may not write files")


def _limit(memory_bytes: int, total_s: float) -> None:
    """Set the limits that the system keeps for us, where it does."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        used = resource.getrusage(resource.RUSAGE_SELF)
        until_s = int(used.ru_utime + used.ru_stime + total_s * (os.cpu_count() or 1)) + 1
        most_bytes = _status_bytes("VmSize") + memory_bytes + _SLACK_BYTES
        for kind, most in ((resource.RLIMIT_CPU, until_s), (resource.RLIMIT_AS, most_bytes)):
            _, hard = resource.getrlimit(kind)
            resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _peak_bytes() -> int:
    """The most memory held at once, 0 where the system does not say."""
    # Not ru_maxrss: a process inherits that from the one that started it, and a kernel with a model is large.
    return _status_bytes("VmHWM")


def _status_bytes(name: str) -> int:
    """A figure of the system's about this process, 0 where it does not say."""
    with contextlib.suppress(OSError), open("/proc/self/status") as status:
        for line in status:
            if line.startswith(name + ":"):
                return int(line.split()[1]) * 1_024
    return 0
