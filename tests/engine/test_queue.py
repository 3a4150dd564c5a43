import threading

import pytest

from workbench.engine.queue import EngineThread


def test_requests_run_one_after_the_other_in_order():
    thread, order = EngineThread(), []
    gate = threading.Event()

    def work(name: str):
        if name == "first":
            gate.wait()
        order.append(name)
        yield name

    requests = [thread.submit(lambda n=name: work(n), threading.Event()) for name in ("first", "second", "third")]
    assert [thread.place(request) for request in requests] == [0, 1, 2]
    gate.set()
    assert [list(request) for request in reversed(requests)] == [["third"], ["second"], ["first"]]
    assert order == ["first", "second", "third"]


def test_an_error_reaches_the_one_who_waits_and_the_thread_lives():
    thread = EngineThread()

    def fail():
        yield 1
        raise ValueError("broken")

    request = thread.submit(fail, threading.Event())
    assert next(request) == 1
    with pytest.raises(ValueError, match="broken"):
        next(request)
    assert list(request) == []
    assert list(thread.submit(lambda: iter([2]), threading.Event())) == [2]


def test_closing_cancels_only_its_own_request():
    thread = EngineThread()
    cancels = [threading.Event(), threading.Event()]

    def until_cancelled():
        cancels[0].wait()
        yield "cancelled"

    first = thread.submit(until_cancelled, cancels[0])
    second = thread.submit(lambda: iter(["whole"]), cancels[1])
    first.close()
    assert list(second) == ["whole"]
    assert not cancels[1].is_set()


def test_an_interrupt_while_waiting_cancels_and_what_is_left_can_still_be_taken(monkeypatch: pytest.MonkeyPatch):
    thread, cancel, begun = EngineThread(), threading.Event(), threading.Event()

    def work():
        begun.set()
        cancel.wait()
        yield "partial"

    request = thread.submit(work, cancel)
    begun.wait()
    events = request._events

    class Interrupted:
        def get(self, timeout=None):
            raise KeyboardInterrupt

        def empty(self):
            return False

    request._events = Interrupted()
    with pytest.raises(KeyboardInterrupt):
        next(request)
    request._events = events
    assert list(request) == ["partial"]
