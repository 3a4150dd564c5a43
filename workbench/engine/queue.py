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

POLL_S = 0.1
"""Between two looks at whether a request that waits was cancelled."""


class Request(Generic[Event]):
    """Work in the queue, as an iterator over its events. Errors of the work are raised where it is iterated.

    Args:
        work: makes the iterator of events; runs in the engine thread.
        cancel: when set while this waits, it leaves the queue; work that runs looks at it itself.
        waiting: makes an event of the number of requests ahead, when that changes.
        dropped: events of a request that left the queue before its turn.
    """

    def __init__(
        self,
        work: Callable[[], Iterator[Event]],
        cancel: threading.Event,
        waiting: Callable[[int], Event] | None = None,
        dropped: tuple[Event, ...] = (),
    ) -> None:
        self.cancel = cancel
        self._work, self._waiting, self._dropped = work, waiting, dropped
        self._events: queue.SimpleQueue[tuple[str, Event | BaseException | None]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._begun = self._ended = False  # it is worked on; its end was told
        self._done = threading.Event()

    def run(self) -> None:
        """Do the work (engine thread), unless nobody wants it any more."""
        if not self._begin():
            return
        try:
            for event in self._work():
                self._events.put(("event", event))
            self._events.put(("end", None))
        except BaseException as error:  # noqa: BLE001 - every error belongs to the one who waits
            self._events.put(("error", error))
        finally:
            self._done.set()

    def _begin(self) -> bool:
        """Whether this call is the first: a request is run or dropped, never both."""
        with self._lock:
            first, self._begun = not self._begun, True
        return first

    def tell_place(self, place: int) -> None:
        """Say how many requests are ahead of this one."""
        if self._waiting is not None and place:
            self._events.put(("event", self._waiting(place)))

    def _drop(self) -> None:
        """Leave the queue if this is still in it."""
        if self._begin():
            for event in self._dropped:
                self._events.put(("event", event))
            self._events.put(("end", None))
            self._done.set()

    def __iter__(self) -> Request[Event]:
        return self

    def __next__(self) -> Event:
        if self._done.is_set() and self._events.empty():
            raise StopIteration
        try:
            kind, event = self._next()
        except KeyboardInterrupt:
            self.cancel.set()
            raise
        self._ended = kind != "event"
        if kind == "error" and isinstance(event, BaseException):
            raise event
        if kind == "end":
            raise StopIteration
        return event  # type: ignore[return-value]

    def _next(self) -> tuple[str, Event | BaseException | None]:
        """The next event; while this waits for its turn, it looks whether it was cancelled."""
        while not self._begun:
            if self.cancel.is_set():
                self._drop()
                break
            try:
                return self._events.get(timeout=POLL_S)
            except queue.Empty:
                continue
        return self._events.get()

    def close(self) -> None:
        """Cancel, and wait until the engine has let go. One that has ended leaves ``cancel`` alone: others share it."""
        if not self._ended:
            self.cancel.set()
            self._drop()
        self._done.wait()


class EngineThread:
    """The thread and its queue; the thread starts with the first request and ends with the process."""

    def __init__(self) -> None:
        self._requests: queue.SimpleQueue[Request[object]] = queue.SimpleQueue()
        self._waiting: list[Request[object]] = []
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def submit(
        self,
        work: Callable[[], Iterator[Event]],
        cancel: threading.Event,
        *,
        waiting: Callable[[int], Event] | None = None,
        dropped: tuple[Event, ...] = (),
    ) -> Request[Event]:
        """Put work at the end of the queue. The arguments are those of ``Request``."""
        request = Request(work, cancel, waiting, dropped)
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="workbench-engine", daemon=True)
                self._thread.start()
            request.tell_place(len(self._waiting))
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
                for place, other in enumerate(self._waiting):
                    other.tell_place(place)


engine_thread = EngineThread()
"""The one of this process."""
