"""A process of its own, as the system sees it: how it is started, how it is ended, how it ended itself.

Not covered: what is said to it and what it answers (isolation).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from workbench.errors import DocumentError

_ROOT = str(Path(__file__).parents[2])
_BOOT = "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from workbench.documents.worker import main; main()"
# What a library may need to be found and to start. Nothing that names a proxy, a token or a home.
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "LANG", "LC_ALL", "LC_CTYPE", "TZ")
# A file inside a file is read where the outer one is; and threads nobody needs take a while to start.
_SETTINGS = {
    "WORKBENCH_ISOLATION": "off", "WORKBENCH_STORE": "off", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1",
}  # fmt: skip
_KILL_WAIT_S = 10.0


def started() -> subprocess.Popen[bytes]:
    """A fresh interpreter, deaf to Ctrl-C, that finds the same modules as this one and knows nothing else of it.

    Raises:
        DocumentError: none can be started.
    """
    # The folder somebody works in ('') is not among them: documents lie there, and numpy.py may lie beside one.
    paths = [path for path in sys.path if os.path.isabs(path)]
    paths += [] if _ROOT in paths else [_ROOT]
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    environment |= _SETTINGS
    command = [sys.executable or "", "-I", "-X", "utf8", "-c", _BOOT, json.dumps(paths), str(os.getpid())]
    try:
        return subprocess.Popen(  # noqa: S603 - our own interpreter; nothing of a document is in the command
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
            cwd=os.sep, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise DocumentError(
            f"No process can be started to read the document in: {error}. If you trust your files, set "
            "WORKBENCH_ISOLATION=off to read them in this one."
        ) from error


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and whatever it may have started, and wait until it is gone."""
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):  # asleep in the system: it goes when it wakes up
        process.wait(_KILL_WAIT_S)


def end_of(code: int | None) -> str:
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
