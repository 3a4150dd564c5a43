"""Closing: every block comes back, and what is closed says what to type."""

import threading

import pytest

import workbench as wb
from tests.session.replay import all_free, memory


def test_two_readings_of_a_document_share_its_blocks(new_bench, page: wb.Document):
    bench = new_bench()
    blocks = memory(bench)
    first = bench.read(page, progress=None)
    used, steps = blocks.pool.num_used, []
    second = bench.read(page, progress=steps.append)
    assert steps == []
    assert blocks.pool.num_used == used
    assert first.read_usage.computed_tokens == first.num_tokens
    assert second.read_usage.reused_tokens == second.num_tokens
    assert second.read_usage.computed_tokens == 0
    assert bench.open_readings == (first, second)
    first.close()
    first.close()
    assert bench.open_readings == (second,)
    assert blocks.pool.num_used == used
    assert second.ask("Who?", max_tokens=2).usage.reused_tokens == second.num_tokens
    second.close()
    assert all_free(blocks)


def test_closing_the_workbench_ends_and_frees_everything(new_bench, page: wb.Document, note: wb.Document):
    bench = new_bench()
    blocks = memory(bench)
    readings = [bench.read(document, progress=None) for document in (page, note)]
    chats = [readings[0].chat(), readings[1].chat()]
    chats[0].ask("Who?", max_tokens=2)
    chats.append(chats[0].fork())
    third = wb.load(b"The third document goes on and on. " * 40)
    with pytest.raises(KeyboardInterrupt):
        bench.read(third, progress=interrupt)
    streams = [readings[0].stream("Who?", max_tokens=900), chats[1].stream("Who?", max_tokens=900)]
    next(streams[0])
    bench.close()
    bench.close()
    assert all_free(blocks)
    assert [reading.closed for reading in readings] == [True, True]
    assert [stream.result().finish_reason for stream in streams] == ["cancelled", "cancelled"]
    assert bench.open_readings == ()


def interrupt(step: object) -> None:
    if step.done_tokens:
        raise KeyboardInterrupt


def test_with_blocks_close_in_any_order(new_bench, page: wb.Document):
    bench = new_bench()
    blocks = memory(bench)
    with bench, bench.read(page, progress=None) as reading, reading.chat() as chat:
        chat.ask("Who?", max_tokens=2)
    assert all_free(blocks)
    bench = new_bench()
    blocks = memory(bench)
    with bench.read(page, progress=None), bench:
        pass
    assert all_free(blocks)


def test_what_is_closed_says_what_to_type(new_bench, page: wb.Document):
    bench = new_bench()
    reading = bench.read(page, progress=None)
    reading.close()
    for call in (lambda: reading.ask("Who?"), reading.summarize, reading.chat, lambda: reading.stream("Who?")):
        with pytest.raises(wb.EngineError, match=r"bench\.read\(document\)"):
            call()
    reading = bench.read(page, progress=None)
    chat = reading.chat()
    bench.close()
    calls = (lambda: reading.ask("Who?"), reading.chat, lambda: bench.read(page))
    for call in calls:
        with pytest.raises(wb.EngineError, match=r"wb\.Workbench\('.*'\) makes a new one"):
            call()
    with pytest.raises(wb.EngineError, match="closed"):
        chat.ask("Who?")
    assert bench.fit(page).fits
    assert reading.num_bytes == 0


def test_an_answer_that_is_being_written_outlives_its_reading(new_bench, page: wb.Document):
    bench = new_bench()
    blocks = memory(bench)
    with bench.read(page, progress=None) as reading:
        whole = reading.ask("Who?", max_tokens=40)
        stream = reading.stream("Who?", max_tokens=40)
        next(stream)
    assert reading.closed
    assert stream.result().token_ids == whole.token_ids
    assert all_free(blocks)


def test_closing_while_others_ask_and_read_breaks_nothing(new_bench, page: wb.Document):
    bench = new_bench()
    blocks = memory(bench)
    reading = bench.read(page, progress=None)
    right = reading.ask("Who?", max_tokens=12).token_ids
    said: list[wb.Answer | wb.EngineError] = []
    started = threading.Barrier(4)

    def ask_on() -> None:
        started.wait()
        try:
            while True:
                said.append(reading.ask("Who?", max_tokens=12))
        except wb.EngineError as error:
            said.append(error)

    threads = [threading.Thread(target=ask_on) for _ in range(3)]
    for thread in threads:
        thread.start()
    started.wait()
    reading.close()
    bench.close()
    for thread in threads:
        thread.join()
    answers = [each for each in said if isinstance(each, wb.Answer)]
    assert sum(isinstance(each, wb.EngineError) for each in said) == 3
    assert all(answer.token_ids == right[: len(answer.token_ids)] for answer in answers)
    assert all_free(blocks)


def test_closing_the_workbench_ends_a_read(new_bench, page: wb.Document):
    bench = new_bench()
    blocks = memory(bench)
    with pytest.raises(wb.EngineError, match="makes a new one"):
        bench.read(page, progress=lambda step: bench.close() if step.done_tokens else None)
    assert all_free(blocks)
