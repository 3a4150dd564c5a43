"""A summary keeps its length, whatever the model does: writes on and on, stops early, repeats itself, never ends."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from itertools import count
from types import SimpleNamespace

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import workbench as wb
from workbench import tables
from workbench.analysis.context import Context
from workbench.analysis.length import num_words
from workbench.analysis.parts import SummaryStyle
from workbench.analysis.summarize import MAX_TURNS, SummaryStream
from workbench.config import SamplingParams
from workbench.engine.tokenizer import HubTokenizer
from workbench.results import Summary
from workbench.types import Step

PAGES = tuple(f"Page {n} is about the harbour of Velmora and its {n + 3} boats. " * 12 for n in range(6))
DOCUMENT = wb.load("\f".join(PAGES).encode(), name="harbour.txt")


class ScriptedEngine:
    """Says what it is given for each turn, byte by byte, then ends; or goes on when it may not end yet."""

    fingerprint, fingerprint_parts = "scripted", {}

    def __init__(self, tokenizer: HubTokenizer, turns: Iterator[str]) -> None:
        self._tokenizer, self._turns = tokenizer, turns
        self.asked: list[str] = []

    def generate(
        self, branch, token_ids: Sequence[int], params: SamplingParams, ends: frozenset[int], should_stop, cancel, *,
        constraint, weigh=None,
    ) -> Iterator[Step]:  # fmt: skip
        self.asked.append(self._tokenizer.decode(token_ids))
        branch.num_tokens += len(token_ids)
        for index, token in enumerate((*self._tokenizer.encode(next(self._turns)), min(ends))):
            if cancel.is_set() or index == params.max_tokens:
                yield Step(None, "cancelled" if cancel.is_set() else "length", computed_tokens=len(token_ids))
                return
            constraint.advance(token)
            branch.num_tokens += 1
            yield Step(token)
            if should_stop(token):
                break
        yield Step(None, "stop", computed_tokens=len(token_ids))


def stream(
    tokenizer: HubTokenizer, turns: Iterator[str], words: int, style: SummaryStyle = "brief", max_tokens=None
) -> SummaryStream:
    engine = ScriptedEngine(tokenizer, turns)
    context = Context(DOCUMENT, (1, 2, 3), 3, engine, tokenizer, "scripted", 0)
    ended: list[int] = []
    made = SummaryStream(
        context, SimpleNamespace(num_tokens=3), words, style, max_tokens, on_end=lambda: ended.append(1)
    )
    made.engine, made.ended = engine, ended
    return made


def sentence(number: int, length: int) -> str:
    return " ".join(f"W{number}x{i}" for i in range(length)) + "."


@settings(max_examples=25)
@given(
    words=st.integers(80, 300),
    lengths=st.lists(st.integers(3, 24), min_size=5, max_size=12),
    per_turn=st.integers(1, 30),
)
def test_a_summary_has_its_words_within_15_per_cent(tokenizer, words: int, lengths: list[int], per_turn: int):
    numbers = count()

    def turns() -> Iterator[str]:
        while True:
            yield " ".join(
                sentence(n, lengths[n % len(lengths)]) for n, _ in zip(numbers, range(per_turn), strict=False)
            )

    summary = stream(tokenizer, turns(), words).result()
    if per_turn * min(lengths) * MAX_TURNS >= words:  # else the model has not said as much
        assert 0.85 * words <= summary.num_words <= 1.15 * words
    assert any("were asked for" in each for each in summary.warnings) == (summary.num_words < 0.85 * words)
    assert summary.num_words == num_words(summary.text) <= 1.15 * words
    assert summary.text.endswith(".")


def test_a_model_that_stops_early_is_asked_to_go_on(tokenizer: HubTokenizer):
    made = stream(tokenizer, (sentence(n, 9) for n in count()), 40)
    assert 34 <= made.result().num_words <= 46
    assert "Go on about the whole document" in made.engine.asked[1]
    assert made.ended == [1]


def test_a_sentence_too_long_for_a_short_summary_is_shortened(tokenizer: HubTokenizer):
    head = "The harbour of Velmora has boats in the north and in the south"
    made = stream(tokenizer, iter([f"{head}, {'which are very old and ' * 1}so on. And"] * MAX_TURNS), 12)
    assert made.result().text == head + "."


def test_a_sentence_that_leaves_no_room_for_another_is_said_only_if_nothing_fits(tokenizer: HubTokenizer):
    first, second = " ".join("Abcdefghijklmnoz") + ".", " ".join(f"Q{i}" for i in range(21)) + "."
    assert stream(tokenizer, iter([f"{first} {second} And"] * MAX_TURNS), 20).result().text == second
    assert stream(tokenizer, iter([f"{first} {second * 2} And"] * MAX_TURNS), 20).result().text == first


def test_every_part_of_the_document_is_asked_for_in_order(tokenizer: HubTokenizer):
    made = stream(tokenizer, (sentence(n, 16) + " And" for n in count()), 150)
    made.result()
    wanted = [next(i for i, task in enumerate(made.engine.asked) if place in task) for place in
              ("the beginning of", "the middle of", "the end of")]  # fmt: skip
    assert wanted == sorted(wanted)
    assert "“Page 2 is about" in made.engine.asked[wanted[1]]


def test_what_was_said_already_and_what_is_cut_off_is_left_out(tokenizer: HubTokenizer):
    again = sentence(0, 8)
    made = stream(tokenizer, iter([f"{again} {again} {sentence(1, 9)} {sentence(2, 90)}"] * MAX_TURNS), 30)
    summary = made.result()
    assert summary.text == f"{again} {sentence(1, 9)}"
    assert summary.finish_reason == "stop"
    assert summary.warnings[-1].startswith("It has 17 words where 30 were asked for")
    assert len(summary.turns) == MAX_TURNS


def test_a_model_that_never_ends_a_sentence_gives_a_text_that_looks_cut_off(tokenizer: HubTokenizer):
    summary = stream(tokenizer, iter(["on and on " * 99] * MAX_TURNS), 12).result()
    assert summary.finish_reason == "length"
    assert summary.num_words <= 12
    assert summary.sentences == ()


def test_sections_stand_under_their_titles(tokenizer: HubTokenizer, book: wb.Document, monkeypatch):
    monkeypatch.setitem(globals(), "DOCUMENT", book)
    summary = stream(tokenizer, (sentence(n, 12) + " And" for n in count()), 100, "by section").result()
    assert "\n\nChapter " in summary.text
    assert 85 <= summary.num_words <= 115
    assert all(summary.text[start:end].endswith(".") for start, end in summary.sentences)


def test_sentences_come_one_by_one_and_add_up_to_the_text(tokenizer: HubTokenizer):
    items = list(stream(tokenizer, (sentence(n, 14) + " And" for n in count()), 100))
    assert isinstance(items[-1], Summary)
    assert "".join(item.text for item in items[:-1]) == items[-1].text
    assert len(items) - 1 == len(items[-1].sentences)


def test_a_cancelled_summary_has_what_was_written_and_gives_its_branch_back(tokenizer: HubTokenizer):
    made = stream(tokenizer, (sentence(n, 14) for n in count()), 200)
    next(made)
    made.cancel()
    summary = made.result()
    assert summary.finish_reason == "cancelled"
    assert summary.text == sentence(0, 14)
    assert made.ended == [1]
    made.close()
    assert made.ended == [1]


def test_each_sentence_is_cited_and_pages_that_nothing_rests_on_are_known(tokenizer: HubTokenizer):
    said = "It has “the harbour of Velmora and its 5 boats”. Nobody knows the colour of the sea there at night. So"
    summary = stream(tokenizer, iter([said] * MAX_TURNS), 20).result()
    assert summary.coverage.schema == tables.SUMMARY_COVERAGE
    assert summary.coverage.filter(pl.col("page") == 3)["sentences"].to_list() == [[1]]
    assert summary.uncovered == (1, 2, 4, 5, 6)
    cited = summary.citations[0]
    assert summary.text[slice(*cited.answer_span)] == cited.quote
    asked = {"words": 20, "style": "brief", "max_tokens": None}
    assert summary.manifest["request"] == {"kind": "summarize", "arguments": asked}


def test_a_summary_may_be_closed_by_another_thread(tokenizer: HubTokenizer):
    made = stream(tokenizer, (sentence(n, 14) for n in count()), 200)
    next(made)
    thread = threading.Thread(target=made.close)
    thread.start()
    thread.join()
    assert made.answer is not None
    assert made.answer.finish_reason == "cancelled"


def test_no_number_of_tokens_is_refused(tokenizer: HubTokenizer):
    with pytest.raises(wb.ConfigError, match="max_tokens=0"):
        stream(tokenizer, iter(()), 50, max_tokens=0)
