import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.engine.test_oracles import ask, document, make_engine, read
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


def test_who_waits_sees_its_place_and_who_is_cancelled_leaves_at_once():
    thread, gate = EngineThread(), threading.Event()

    def held():
        gate.wait()
        yield "done"

    first = thread.submit(held, threading.Event())
    cancel = threading.Event()
    second = thread.submit(lambda: iter(["never"]), cancel, waiting=lambda place: place, dropped=("cancelled",))
    third = thread.submit(lambda: iter(["whole"]), threading.Event(), waiting=lambda place: place)
    assert next(second) == 1
    assert next(third) == 2
    cancel.set()
    assert list(second) == ["cancelled"]  # while the first still runs
    gate.set()
    assert list(first) == ["done"]
    assert list(third) == [1, "whole"]


def test_eight_threads_get_each_its_own_answer(checkpoint: Callable[[str], Path]):
    engine = make_engine(checkpoint("qwen3.5"))
    prefix = read(engine, document(600))
    questions = [document(length) for length in range(3, 11)]
    alone = [ask(engine, prefix, question) for question in questions]
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(lambda question: ask(engine, prefix, question), questions))
    assert together == alone
    prefix.close()
    assert engine.memory.pool.num_used == 0
    engine.close()


def test_closing_a_request_that_has_ended_leaves_an_event_that_others_share():
    shared = threading.Event()
    request = EngineThread().submit(lambda: iter([1]), shared)
    assert list(request) == [1]
    request.close()
    assert not shared.is_set()
