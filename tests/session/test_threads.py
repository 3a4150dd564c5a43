"""Several at once: first come first served, and everyone hears what they would have heard alone."""

import threading
from concurrent.futures import ThreadPoolExecutor

import workbench as wb
from tests.session.replay import memory


def test_eight_threads_hear_what_each_would_alone(hybrid: wb.Workbench, page: wb.Document):
    questions = [f"What is number {number}?" for number in range(8)]
    with hybrid.read(page, progress=None) as reading:
        used = memory(hybrid).pool.num_used
        alone = [reading.ask(question, max_tokens=6, temperature=1.0).token_ids for question in questions]
        start = threading.Barrier(8)

        def ask(question: str) -> tuple[int, ...]:
            start.wait()
            with reading.chat() as chat:
                in_chat = chat.ask(question, max_tokens=6, temperature=1.0).token_ids
            assert reading.ask(question, max_tokens=6, temperature=1.0).token_ids == in_chat
            return in_chat

        with ThreadPoolExecutor(8) as pool:
            together = list(pool.map(ask, questions))
        assert together == alone
        assert len(set(alone)) > 1
        assert memory(hybrid).pool.num_used == used


def test_two_threads_that_read_one_document_read_it_once(new_bench, page: wb.Document):
    bench = new_bench()
    start = threading.Barrier(4)

    def read(_: int) -> wb.Reading:
        start.wait()
        return bench.read(page, progress=None)

    with ThreadPoolExecutor(4) as pool:
        readings = list(pool.map(read, range(4)))
    computed = sorted(reading.read_usage.computed_tokens for reading in readings)
    assert computed == [0, 0, 0, readings[0].num_tokens]
    for reading in readings:
        reading.close()
    assert memory(bench).pool.num_used == 0


def test_readers_and_askers_do_not_disturb_each_other(hybrid: wb.Workbench, page: wb.Document, note: wb.Document):
    with hybrid.read(page, progress=None) as reading:
        alone = reading.ask("Who?", max_tokens=20).token_ids
        with hybrid.read(note, progress=None) as second:
            elsewhere = second.ask("Who?", max_tokens=20).token_ids

        def read_and_ask(_: int) -> tuple[int, ...]:
            with hybrid.read(note, progress=None) as second:
                return second.ask("Who?", max_tokens=20).token_ids

        with ThreadPoolExecutor(4) as pool:
            reads = pool.map(read_and_ask, range(2))
            asks = pool.map(lambda _: reading.ask("Who?", max_tokens=20).token_ids, range(2))
            assert list(asks) == [alone, alone]
            assert list(reads) == [elsewhere, elsewhere]
