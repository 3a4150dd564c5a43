"""The conductor's side of the pipe to a worker (benchmarks.workers.pipe)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

from benchmarks.setups import ROOT, Setup
from workbench import config


class WorkerError(Exception):
    """A worker could not do it; the message is the reason."""


class Worker:
    """A worker process; used as a context, it ends with it.

    Args:
        setup: who runs.
        log: file for what it prints.

    Raises:
        WorkerError: it cannot run here.
    """

    def __init__(self, setup: Setup, log: Path) -> None:
        if setup.missing:
            raise WorkerError(setup.missing)
        self.setup = setup
        self._log = log.open("a", encoding="utf-8")
        self._process = subprocess.Popen(
            [setup.python, "-m", f"benchmarks.workers.{setup.worker}"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, text=True,
        )  # fmt: skip

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()  # its stdin ends, and so does it
        self._log.close()

    def call(self, request: dict[str, Any]) -> dict[str, Any]:
        """One request (``do`` and what it needs), waited for.

        Raises:
            WorkerError: it failed, it cannot do this, or the process is gone.
        """
        assert self._process.stdin is not None  # noqa: S101 - for mypy
        assert self._process.stdout is not None  # noqa: S101
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        answer: dict[str, Any] = json.loads(line) if line else {"error": f"the worker ended; see {self._log.name}"}
        if "error" in answer:
            raise WorkerError(_without_paths(answer["error"]))
        return answer


def _without_paths(reason: str) -> str:
    """Reasons are published; where things lie on this machine is not."""
    return reason.replace(f"{ROOT}/", "").replace(str(config.home()), "the cache folder").replace(str(Path.home()), "~")
