"""Stopping: what was read and written is kept, and everything works afterwards."""

import signal
import threading
from collections.abc import Callable

import pytest

import workbench as wb
from tests.session.replay import memory, plain_model, replayed
from workbench import views
from workbench.engine.local import GRID
from workbench.types import ReadProgress


def interrupt_at(done_tokens: int) -> Callable[[ReadProgress], None]:
    def progress(step: ReadProgress) -> None:
        if step.done_tokens >= done_tokens:
            raise KeyboardInterrupt

    return progress


def test_an_interrupted_read_goes_on_from_its_last_chunk_and_says_the_same(
    random_bench: wb.Workbench, page: wb.Document
):
    with pytest.raises(KeyboardInterrupt):
        random_bench.read(page, progress=interrupt_at(GRID))
    assert random_bench.open_readings == ()
    with random_bench.read(page, progress=None) as reading:
        reused = reading.read_usage.reused_tokens
        resumed = reading.ask("Who?", max_tokens=12)
    assert reused >= GRID
    assert reused % GRID == 0
    assert reused < reading.num_tokens
    with random_bench.read(page, progress=None) as whole:
        assert whole.read_usage.reused_tokens == 0
        assert whole.ask("Who?", max_tokens=12).token_ids == resumed.token_ids


def test_a_read_that_was_interrupted_in_its_first_chunk_starts_again(new_bench, page: wb.Document):
    bench = new_bench()
    with pytest.raises(KeyboardInterrupt):
        bench.read(page, progress=interrupt_at(0))
    with bench.read(page, progress=None) as reading:
        assert reading.read_usage.reused_tokens == 0
        assert reading.ask("Who?", max_tokens=3).usage.reused_tokens == reading.num_tokens


def test_an_interrupt_after_the_last_chunk_loses_nothing(new_bench, page: wb.Document):
    bench = new_bench()
    tokens = bench.fit(page).tokens
    blocks = memory(bench)
    with pytest.raises(KeyboardInterrupt):
        bench.read(page, progress=interrupt_at(tokens))
    used = blocks.pool.num_used
    with bench.read(page, progress=None) as reading:
        assert reading.read_usage.reused_tokens == reading.num_tokens == tokens
        assert blocks.pool.num_used == used
        assert replayed(plain_model(bench._model._folder), answer := reading.ask("Who?", max_tokens=6)) == (
            answer.token_ids
        )
    assert blocks.pool.num_used == 0
    with pytest.raises(KeyboardInterrupt):
        bench.read(page, progress=interrupt_at(tokens))
    bench.close()
    assert blocks.num_bytes == 0


def test_the_stop_button_ends_a_read_as_an_interrupt_does(
    hybrid: wb.Workbench, opinion: wb.Document, monkeypatch: pytest.MonkeyPatch
):
    class Pressed:
        """A view whose Stop is pressed after the first chunk."""

        ended: str | None = None

        def __init__(self, _name: str, _total: int, on_stop: Callable[[], object]) -> None:
            self.on_stop = on_stop
            shown.append(self)

        def __call__(self, step: ReadProgress) -> None:
            if step.done_tokens >= GRID:
                self.on_stop()

        def close(self, outcome: str) -> None:
            self.ended = outcome

    shown: list[Pressed] = []
    monkeypatch.setattr(views, "reading_view", Pressed)
    part = opinion.select(pages=[2])
    with pytest.raises(KeyboardInterrupt, match="read again"):
        hybrid.read(part, reserve=500)
    assert shown[0].ended == "stopped"
    monkeypatch.undo()
    with hybrid.read(part, reserve=500) as reading:
        assert reading.read_usage.reused_tokens >= GRID


def test_cancelling_from_another_thread_keeps_what_was_written(hybrid: wb.Workbench, page: wb.Document):
    reading = hybrid.read(page, progress=None)
    whole = reading.ask("Who?", max_tokens=6)
    stream = reading.stream("Who?", max_tokens=500, stop=("never in a hundred years",))
    deltas = [next(stream), next(stream)]
    other = threading.Thread(target=stream.cancel)
    other.start()
    other.join()
    answer = stream.result()
    assert answer.finish_reason == "cancelled"
    assert 2 <= len(answer.token_ids) < 500
    assert answer.token_ids[:2] == sum((delta.token_ids for delta in deltas), ()) == whole.token_ids[:2]
    assert answer.text.startswith("".join(delta.text for delta in deltas))
    assert reading.ask("Who?", max_tokens=6).token_ids == whole.token_ids
    reading.close()


@pytest.mark.parametrize("where", ["_wait", "_text"])
def test_ctrl_c_returns_what_was_written(hybrid: wb.Workbench, page: wb.Document, where: str):
    def interrupting(call: Callable[..., object]) -> Callable[..., object]:
        def called(*args: object) -> object:
            calls.append(1)
            if len(calls) == 3:
                signal.raise_signal(signal.SIGINT)
            return call(*args)

        return called

    calls: list[int] = []
    with hybrid.read(page, progress=None) as reading:
        stream = reading.stream("Who?", max_tokens=1_500)
        if where == "_wait":  # while the engine works
            stream._steps = iter(interrupting(stream._steps.__next__), object())
        else:  # while its token is put into text
            stream._text.visible = interrupting(stream._text.visible)
        answer = stream.result()
        assert answer.finish_reason == "cancelled"
        assert 2 <= len(answer.token_ids) < 1_500
        again = reading.ask("Who?", max_tokens=len(answer.token_ids))
        assert (again.token_ids, again.text) == (answer.token_ids, answer.text)


@pytest.mark.parametrize("num_items", [0, 1, 3])
def test_closing_a_stream_early_frees_its_blocks(hybrid: wb.Workbench, page: wb.Document, num_items: int):
    with hybrid.read(page, progress=None) as reading:
        blocks = memory(hybrid)
        used = blocks.pool.num_used
        stream = reading.stream("Who?", max_tokens=1_000)
        for _ in range(num_items):
            next(stream)
        stream.close()
        assert blocks.pool.num_used == used
        assert stream.answer.finish_reason == "cancelled"
        assert list(stream) == [stream.answer]
        stream.close()


def test_a_loop_that_breaks_off_ends_its_answer(hybrid: wb.Workbench, page: wb.Document):
    with hybrid.read(page, progress=None) as reading:
        blocks = memory(hybrid)
        used = blocks.pool.num_used
        for _ in reading.stream("Who?", max_tokens=1_000):
            break
        assert blocks.pool.num_used == used
        reading.stream("Who?", max_tokens=1_000)
        assert blocks.pool.num_used == used


def test_the_engines_error_reaches_the_one_who_asked_and_frees_the_branch(
    hybrid: wb.Workbench, page: wb.Document, monkeypatch: pytest.MonkeyPatch
):
    with hybrid.read(page, progress=None) as reading, reading.chat() as chat:
        blocks, runner = memory(hybrid), reading._engine._runner
        used, right = blocks.pool.num_used, reading.ask("Who?", max_tokens=4)
        forward = runner.forward
        calls: list[int] = []

        def fails(*args: object) -> object:
            calls.append(1)
            if len(calls) == 3:
                raise wb.CacheFull("no block is left")
            return forward(*args)

        for asked in (reading, chat):
            calls.clear()
            monkeypatch.setattr(runner, "forward", fails)
            with pytest.raises(wb.CacheFull):
                asked.ask("Who?", max_tokens=9)
            monkeypatch.undo()
            assert reading.ask("Who?", max_tokens=4).token_ids == right.token_ids
        answer = chat.ask("When?", max_tokens=5)
        assert replayed(plain_model(hybrid._model._folder), answer) == answer.token_ids
        between = reading._context.tokenizer.frame.between_turns
        own = (*between, *reading._context.tokenizer.encode("When?"), *reading._context.tokenizer.frame.after_user)
        assert answer.prompt_token_ids[-len(own) :] == own
        chat.close()
        assert blocks.pool.num_used == used
