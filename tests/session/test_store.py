"""Readings on disk, as a person has them: reopened by another workbench, by name, without the source file."""

import _thread
import logging
import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

import workbench as wb
from tests.checkpoints import MAKERS
from tests.session.replay import all_free, memory
from tests.session.test_stopping import interrupt_at
from workbench import tables
from workbench.analysis import prompts
from workbench.analysis.context import task_ids
from workbench.engine.local import GRID

WHO = "Who delivered the opinion?"
Benches = Callable[..., wb.Workbench]


@pytest.fixture
def novel(tmp_path: Path) -> wb.Document:
    """A file with pages and an outline; gone as soon as it was loaded."""
    path = tmp_path / "novel.md"
    path.write_text("# Chapter 1\n\n" + "It rained in Bath. " * 60 + "\n\n# Chapter 2\n\n" + "Anne walked. " * 20)
    document = wb.load(path)
    path.unlink()
    return document


@pytest.fixture
def kept(new_bench: Benches, tmp_path: Path) -> Benches:
    """Workbenches over one store, as several kernels have them."""

    def make(kind: str = "qwen3.5", **options: object) -> wb.Workbench:
        return new_bench(kind, store=tmp_path / "store", **options)

    return make


def entry_folder(store: Path) -> Path:
    (folder,) = (path for path in (store / "store").iterdir() if path.is_dir())
    return folder


def flip(path: Path, at: int = 40) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize("kind", sorted(MAKERS))
def test_a_second_workbench_reopens_what_the_first_has_read(kept: Benches, page: wb.Document, kind: str):
    with kept(kind) as bench, bench.read(page, progress=None) as reading:
        assert reading.read_usage.reused_tokens == 0
        assert reading.read_usage.verify_s == 0
        first = [reading.ask(WHO, max_tokens=8), reading.summarize(words=10, max_tokens=8)]
    with kept(kind) as bench, bench.read(page, progress=None) as again:
        usage = again.read_usage
        assert usage.reused_tokens == again.num_tokens == reading.num_tokens
        assert usage.computed_tokens == 0
        assert usage.verify_s > 0
        second = [again.ask(WHO, max_tokens=8), again.summarize(words=10, max_tokens=8)]
        own = task_ids(again._context.tokenizer, prompts.ask(WHO), thinking=False)
    assert [answer.token_ids for answer in second] == [answer.token_ids for answer in first]
    assert second[0].usage.computed_tokens == len(own)
    assert second[0].manifest == first[0].manifest


def test_a_real_model_says_the_same_of_what_it_reopens(tmp_path: Path, note: wb.Document):
    answers: list[wb.Answer] = []
    computed: list[int] = []
    for _ in range(2):
        with wb.Workbench("tiny", store=tmp_path) as bench, bench.read(note, progress=None) as reading:
            answers.append(reading.ask(WHO, max_tokens=12))
            computed.append(reading.read_usage.computed_tokens)
    assert computed == [reading.num_tokens, 0]
    assert answers[0].token_ids == answers[1].token_ids
    assert answers[0].citations == answers[1].citations


def test_a_reading_is_opened_by_any_of_its_names_without_the_file(kept: Benches, novel: wb.Document):
    with kept() as bench, bench.read(novel, progress=None) as reading:
        first = reading.ask(WHO, max_tokens=8)
        key = bench.readings()["key"][0]
    with kept() as bench:
        for name in ("novel.md", "novel", novel.hash, novel.hash[:6], key, key[:8]):
            with bench.open(name, progress=None) as again:
                assert again.document == novel
                assert again.document.warnings == novel.warnings
                assert again.document.outline == novel.outline
                assert again.document.hash == novel.hash
                assert again.read_usage.computed_tokens == 0
                assert again.ask(WHO, max_tokens=8).token_ids == first.token_ids
        assert all_free(memory(bench))


def test_the_stem_means_the_whole_document_before_its_parts(kept: Benches, novel: wb.Document):
    with kept() as bench:
        for document in (novel, novel.select("Chapter 2")):
            bench.read(document, progress=None).close()
        assert bench.readings()["name"][0] == "novel.md · Chapter 2"
        with bench.open("novel", progress=None) as reading:
            assert reading.document == novel
        with bench.open("novel.md · Chapter 2", progress=None) as reading:
            assert reading.document.parent == novel.hash


def test_a_name_that_is_not_there_has_its_neighbours(kept: Benches, novel: wb.Document):
    bench = kept()
    with pytest.raises(wb.ConfigError, match="It is empty"):
        bench.open("novel")
    bench.read(novel, progress=None).close()
    with pytest.raises(wb.ConfigError, match=r"Did you mean 'novel\.md'"):
        bench.open("novell.md")


def test_a_reading_in_another_precision_says_what_differs(kept: Benches, novel: wb.Document):
    with kept("llama", kv="bf16") as bench:
        bench.read(novel, progress=None).close()
    with kept("llama") as bench, pytest.raises(wb.ConfigError) as caught:
        bench.open("novel")
    assert "kv bfloat16 there, float32 here" in str(caught.value)
    assert "weights" not in str(caught.value)
    with kept("llama", kv="bf16") as bench, bench.open("novel", progress=None) as reading:
        assert reading.read_usage.computed_tokens == 0


def test_a_reading_with_other_instructions_is_not_opened(
    kept: Benches, novel: wb.Document, monkeypatch: pytest.MonkeyPatch
):
    with kept() as bench:
        bench.read(novel, progress=None).close()
    monkeypatch.setattr(prompts, "CLOSE", prompts.CLOSE + " Mind the gap.")
    with kept() as bench:
        with pytest.raises(wb.ConfigError, match=r"other instructions.*bench\.read\(wb\.load"):
            bench.open("novel")
        with bench.read(novel, progress=None) as reading:
            assert reading.read_usage.computed_tokens > 0
    monkeypatch.undo()
    with kept() as bench, bench.open("novel", progress=None) as reading:
        assert reading.read_usage.computed_tokens == 0, "the one of these instructions, though the other is newer"


@pytest.mark.parametrize("file", ["document", "tokens"])
def test_a_damaged_document_says_what_to_type(kept: Benches, novel: wb.Document, tmp_path: Path, file: str):
    with kept() as bench:
        bench.read(novel, progress=None).close()
        flip(entry_folder(tmp_path) / file)
        with pytest.raises(wb.CacheCorrupt, match=r"novel\.md is damaged.*workbench cache rm [0-9a-f]{8}"):
            bench.open("novel")


def test_a_damaged_manifest_is_named_by_its_key_and_counted_among_the_others(
    kept: Benches, novel: wb.Document, tmp_path: Path
):
    with kept() as bench:
        bench.read(novel, progress=None).close()
        folder = entry_folder(tmp_path)
        flip(folder / "manifest.json")
        with pytest.raises(wb.CacheCorrupt, match=r"is damaged.*workbench cache rm"):
            bench.open(folder.name)
        with pytest.raises(wb.ConfigError, match=r"1 damaged.*workbench cache ls"):
            bench.open("novel")
        (row,) = bench.readings().iter_rows(named=True)
        assert (row["key"], row["name"], row["date"]) == (folder.name, "", None)
        assert "manifest" in row["problem"]


def test_damaged_blocks_are_read_again_and_the_reader_hears_of_it(
    kept: Benches, novel: wb.Document, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    with kept() as bench, bench.read(novel, progress=None) as reading:
        first = reading.ask(WHO, max_tokens=8)
    flip(entry_folder(tmp_path) / "blocks")
    heard: list[str] = []
    with kept() as bench, bench.open("novel", progress=lambda step: heard.append(step.note)) as reading:
        assert reading.read_usage.reused_tokens == 0
        assert reading.ask(WHO, max_tokens=8).token_ids == first.token_ids
    assert "damaged" in " ".join(heard)
    (said,) = (record for record in caplog.records if "damaged" in record.getMessage())
    assert said.levelno == logging.WARNING


def test_where_readings_are_kept_is_said_once_and_is_no_warning(
    kept: Benches, novel: wb.Document, page: wb.Document, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO, "workbench")
    with kept() as bench:
        for document in (novel, page):
            bench.read(document, progress=None).close()
    (said,) = (record for record in caplog.records if str(tmp_path / "store") in record.getMessage())
    assert said.levelno == logging.INFO


def test_waiting_for_another_process_is_logged_once(
    kept: Benches, novel: wb.Document, caplog: pytest.LogCaptureFixture, tmp_path: Path
):
    from workbench.engine.store import Store

    caplog.set_level(logging.INFO, "workbench")
    with kept() as bench:
        bench.read(novel, progress=None).close()
        key = bench.readings()["key"][0]
        flip(entry_folder(tmp_path) / "blocks")  # so that it has to be read, and the lock is needed
        heard: list[str] = []
        lock = Store(tmp_path / "store").lock(key)
        lock.acquire()

        def hear(step: object) -> None:
            heard.append(step.note)
            if sum("Another process" in note for note in heard) == 3:
                lock.release()

        bench.read(novel, progress=hear).close()
    said = [record for record in caplog.records if "Another process" in record.getMessage()]
    assert [record.levelno for record in said] == [logging.INFO]


def test_a_read_that_was_stopped_goes_on_when_it_is_opened(kept: Benches, novel: wb.Document):
    with kept() as bench, pytest.raises(KeyboardInterrupt):
        bench.read(novel, progress=interrupt_at(GRID))
    with kept() as bench:
        (row,) = bench.readings().iter_rows(named=True)
        assert 0 < row["read_tokens"] < row["tokens"]
        with bench.open("novel", progress=None) as reading:
            assert reading.read_usage.reused_tokens == row["read_tokens"]
            resumed = reading.ask(WHO, max_tokens=8)
    with kept() as bench, bench.open("novel", progress=None) as reading:
        assert reading.read_usage.computed_tokens == 0
        assert reading.ask(WHO, max_tokens=8).token_ids == resumed.token_ids


def test_without_a_store_nothing_is_kept(
    new_bench: Benches, novel: wb.Document, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("WORKBENCH_STORE", str(tmp_path / "store"))
    bench = new_bench(store=False)
    bench.read(novel, progress=None).close()
    assert not (tmp_path / "store").exists()
    assert bench.readings().is_empty()
    assert bench.readings().schema == tables.READINGS
    with pytest.raises(wb.ConfigError, match="store=False"):
        bench.open("novel")
    bench = new_bench()
    bench.read(novel, progress=None).close()
    assert (tmp_path / "store").stat().st_mode & 0o777 == 0o700
    assert bench.readings()["name"].to_list() == ["novel.md"]


def test_readings_are_a_frame_of_what_is_kept(kept: Benches, novel: wb.Document, page: wb.Document):
    bench, began = kept(), datetime.now(UTC).replace(microsecond=0)
    assert bench.readings().schema == tables.READINGS
    assert bench.readings().is_empty()
    for document in (novel, page):
        bench.read(document, progress=None).close()
        time.sleep(0.02)
    bench.read(novel, progress=None).close()
    frame = bench.readings()
    assert frame.schema == tables.READINGS
    assert frame["name"].to_list() == ["novel.md", page.name]
    assert frame["hash"].to_list() == [novel.hash, page.hash]
    row = frame.row(0, named=True)
    assert row["tokens"] == row["read_tokens"] == bench.fit(novel).tokens
    assert row["bytes"] > 0
    assert row["model"] == bench.name
    assert began <= row["date"] <= row["used"] <= datetime.now(UTC)
    assert (row["pinned"], row["problem"], len(row["key"])) == (False, "", 32)


QUESTIONS = (WHO, "What was the case about?", "Say it again, in other words, and at length.")


@pytest.mark.parametrize("num", [1, 3])
def test_questions_asked_together_are_answered_as_each_alone(random_bench: wb.Workbench, page: wb.Document, num: int):
    with random_bench.read(page, progress=None) as reading:
        alone = [reading.ask(question, max_tokens=10) for question in QUESTIONS[:num]]
        together = reading.ask_many(QUESTIONS[:num], max_tokens=10)
        used = memory(random_bench).pool.num_used
        assert [answer.question for answer in together] == list(QUESTIONS[:num])
        assert [answer.text for answer in together] == [answer.text for answer in alone]
        assert [answer.citations for answer in together] == [answer.citations for answer in alone]
        assert [a.usage.computed_tokens for a in together] == [a.usage.computed_tokens for a in alone]
        assert memory(random_bench).pool.num_used == used
    assert all_free(memory(random_bench))


def test_a_real_model_answers_together_as_alone(reading: wb.Reading):
    alone = [reading.ask(question, max_tokens=24) for question in QUESTIONS]
    together = reading.ask_many(list(QUESTIONS), max_tokens=24)
    assert [answer.text for answer in together] == [answer.text for answer in alone]
    assert [answer.citations for answer in together] == [answer.citations for answer in alone]
    assert [answer.finish_reason for answer in together] == [answer.finish_reason for answer in alone]


def test_what_is_no_list_of_questions_is_refused_or_empty(hybrid: wb.Workbench, page: wb.Document):
    with hybrid.read(page, progress=None) as reading:
        used = memory(hybrid).pool.num_used
        assert reading.ask_many([]) == []
        with pytest.raises(wb.ConfigError, match="give a list"):
            reading.ask_many(WHO)
        with pytest.raises(wb.ConfigError, match="max_tokens=0"):
            reading.ask_many([WHO], max_tokens=0)
        with pytest.raises(wb.ContextTooLong):
            reading.ask_many([WHO, "and then " * 500])
        assert memory(hybrid).pool.num_used == used
    with pytest.raises(wb.EngineError, match=r"bench\.read\(document\)"):
        reading.ask_many([WHO])


@pytest.mark.parametrize("where", ["waiting", "text"])
def test_ctrl_c_returns_what_was_written_of_each(
    hybrid: wb.Workbench, page: wb.Document, where: str, monkeypatch: pytest.MonkeyPatch
):
    from workbench.analysis.text import AnswerText
    from workbench.analysis.together import Together

    def interrupting(call: Callable[..., object]) -> Callable[..., object]:
        def called(*args: object) -> object:
            calls.append(1)
            if len(calls) == 12:
                signal.raise_signal(signal.SIGINT)
            return call(*args)

        return called

    calls: list[int] = []
    with hybrid.read(page, progress=None) as reading:
        used = memory(hybrid).pool.num_used
        owner, name = (Together, "next_step") if where == "waiting" else (AnswerText, "visible")
        monkeypatch.setattr(owner, name, interrupting(getattr(owner, name)))
        answers = reading.ask_many(QUESTIONS, max_tokens=600)
        monkeypatch.undo()
        assert [answer.finish_reason for answer in answers] == ["cancelled"] * 3
        assert all(0 < len(answer.token_ids) < 600 for answer in answers)
        assert memory(hybrid).pool.num_used == used
        again = reading.ask_many(QUESTIONS, max_tokens=4)
        assert [a.token_ids[:4] for a in answers] == [a.token_ids for a in again]


def test_ctrl_c_in_the_queue_returns_answers_without_text(hybrid: wb.Workbench, page: wb.Document):
    with hybrid.read(page, progress=None) as reading:
        used = memory(hybrid).pool.num_used
        before = reading.stream("Who?", max_tokens=1_900)
        next(before)
        timer = threading.Timer(0.3, _thread.interrupt_main)
        timer.start()
        answers = reading.ask_many(QUESTIONS, max_tokens=600)
        timer.join()
        assert [(answer.finish_reason, answer.token_ids) for answer in answers] == [("cancelled", ())] * 3
        assert not before._ended
        before.close()
        assert memory(hybrid).pool.num_used == used


def test_streams_of_one_batch_are_followed_and_cancelled_one_by_one(hybrid: wb.Workbench, page: wb.Document):
    with hybrid.read(page, progress=None) as reading:
        used = memory(hybrid).pool.num_used
        whole = reading.ask_many(QUESTIONS, max_tokens=12)
        first, second, third = reading.stream_many(QUESTIONS, max_tokens=12)
        next(second)
        second.cancel()
        *deltas, answer = third
        assert "".join(delta.text for delta in deltas) == answer.text == whole[2].text
        assert first.result().text == whole[0].text
        assert second.result().finish_reason == "cancelled"
        reading.stream_many(QUESTIONS, max_tokens=500)  # nobody listens
        assert reading.ask(WHO, max_tokens=2).finish_reason == "length"
        assert memory(hybrid).pool.num_used == used


def test_closing_the_workbench_ends_questions_asked_together(new_bench: Benches, page: wb.Document):
    bench = new_bench()
    blocks = memory(bench)
    reading = bench.read(page, progress=None)
    answers: list[wb.Answer] = []
    asking = threading.Thread(target=lambda: answers.extend(reading.ask_many(QUESTIONS, max_tokens=1_500)))
    asking.start()
    while len(bench._open) < 3:
        time.sleep(0.01)
    bench.close()
    asking.join(timeout=60)
    assert not asking.is_alive()
    assert [answer.finish_reason for answer in answers] == ["cancelled"] * 3
    assert all_free(blocks)
    with pytest.raises(wb.EngineError, match="makes a new one"):
        reading.ask_many(QUESTIONS)
