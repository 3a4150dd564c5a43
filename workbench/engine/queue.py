"""One engine thread a process, first come first served: cells, dashboard users and threads wait their turn.

A request is a function that makes an iterator; the engine thread runs it to its end and passes its events on. The
side that waits may be interrupted at any time (Ctrl-C in a notebook): that cancels its request, which stays iterable,
so that what it still had to say can be taken.

Not covered: what the requests do.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Event = TypeVar("Event")


class Request(Generic[Event]):
    """Work in the queue, as an iterator over its events. Errors of the work are raised where it is iterated."""

    def __init__(self, work: Callable[[], Iterator[Event]], cancel: threading.Event) -> None:
        self.cancel = cancel
        self._work = work
        self._events: queue.SimpleQueue[tuple[str, Event | BaseException | None]] = queue.SimpleQueue()
        self._done = threading.Event()

    def run(self) -> None:
        """Do the work (engine thread)."""
        try:
            for event in self._work():
                self._events.put(("event", event))
            self._events.put(("end", None))
        except BaseException as error:  # noqa: BLE001 - every error belongs to the one who waits
            self._events.put(("error", error))
        finally:
            self._done.set()

    def __iter__(self) -> Request[Event]:
        return self

    def __next__(self) -> Event:
        if self._done.is_set() and self._events.empty():
            raise StopIteration
        try:
            kind, event = self._events.get()
        except KeyboardInterrupt:
            self.cancel.set()
            raise
        if kind == "error" and isinstance(event, BaseException):
            raise event
        if kind == "end":
            raise StopIteration
        return event  # type: ignore[return-value]

    def close(self) -> None:
        """Cancel, and wait until the engine has let go of it."""
        self.cancel.set()
        self._done.wait()


class EngineThread:
    """The thread and its queue; the thread starts with the first request and ends with the process."""

    def __init__(self) -> None:
        self._requests: queue.SimpleQueue[Request[object]] = queue.SimpleQueue()
        self._waiting: list[Request[object]] = []
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def submit(self, work: Callable[[], Iterator[Event]], cancel: threading.Event) -> Request[Event]:
        """Put work at the end of the queue."""
        request = Request(work, cancel)
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="workbench-engine", daemon=True)
                self._thread.start()
            self._waiting.append(request)  # type: ignore[arg-type]
            self._requests.put(request)  # type: ignore[arg-type]
        return request

    def place(self, request: Request[Event]) -> int:
        """Requests ahead of this one; 0 once it runs or is done."""
        with self._lock:
            return self._waiting.index(request) if request in self._waiting else 0  # type: ignore[arg-type]

    def call(self, function: Callable[[], None]) -> None:
        """Run a short function in the engine thread, after what is queued, and wait for it."""

        def work() -> Iterator[None]:
            function()
            yield None

        if threading.current_thread() is self._thread:
            function()
        else:
            for _ in self.submit(work, threading.Event()):
                pass

    def _run(self) -> None:
        while True:
            request = self._requests.get()
            request.run()
            with self._lock:
                self._waiting.remove(request)


engine_thread = EngineThread()
"""The one of this process."""
