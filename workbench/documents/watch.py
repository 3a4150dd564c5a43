"""What one task in a process of its own may take, and whether it keeps to it; what is said when it does not.

Not covered: the process and its pipes (isolation).
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass

import psutil

from workbench import config
from workbench.documents.parsed import PageCallback
from workbench.errors import ConfigError, DocumentError

_HEARTBEAT_S = 0.5
_MESSAGE_CHARS = 4_000
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


class Watch:
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
