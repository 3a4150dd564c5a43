"""Passages behind an answer: real ones, whatever the model; the answer itself hears nothing of them."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import workbench as wb
from workbench.analysis import prompts
from workbench.analysis.citing import Quoter
from workbench.analysis.passages import MIN_CHARS, spell
from workbench.analysis.quoting import MAX_CHARS, Quote, QuoteGuard

WHO = "Who delivered the opinion?"


def quoted(answer: wb.Answer) -> list[wb.Citation]:
    return [citation for citation in answer.citations if citation.origin == "quoted"]


def check(citation: wb.Citation, document: wb.Document) -> None:
    assert citation.start_char is not None
    assert citation.end_char is not None
    assert document.text[citation.start_char : citation.end_char] == citation.passage
    assert spell(citation.quote) == spell(citation.passage)
    assert MIN_CHARS <= len(citation.quote) <= MAX_CHARS
    assert citation.page == document.page_at(citation.start_char).number


def test_each_sentence_of_an_answer_has_a_passage_of_the_document(bytes_reading: wb.Reading, said: list[str]):
    said.append("It was Justice Kagan. She wrote for a unanimous Court.")
    answer = bytes_reading.ask(WHO)
    assert answer.text == "It was Justice Kagan. She wrote for a unanimous Court."
    assert 1 <= len(quoted(answer)) <= 2
    for citation in quoted(answer):
        check(citation, bytes_reading.document)
        assert citation.answer_span in [(at, at) for at in (len("It was Justice Kagan."), len(answer.text))]
    assert answer.usage.quote_tokens >= MIN_CHARS
    assert answer.usage.quote_s > 0


def test_an_answer_is_the_same_without_quotes_and_so_is_what_follows_in_a_chat(
    bytes_reading: wb.Reading, said: list[str]
):
    whole: list[list[tuple[int, ...]]] = []
    for quotes in (True, False):
        said.extend(["Kagan.", "In June."])
        with bytes_reading.chat() as chat:
            answers = [chat.ask(question, quotes=quotes) for question in (WHO, "When?")]
        whole.append([ids for answer in answers for ids in (answer.prompt_token_ids, answer.token_ids)])
        assert all((answer.usage.quote_tokens > 0) == quotes for answer in answers)
        assert all(bool(quoted(answer)) == quotes for answer in answers)
    assert whole[0] == whole[1]


def test_questions_asked_together_have_their_own_passages(bytes_reading: wb.Reading, said: list[str]):
    said.append("Kagan.")
    answers = bytes_reading.ask_many([WHO])
    (citation,) = quoted(answers[0])
    check(citation, bytes_reading.document)


def test_what_the_document_does_not_say_is_not_quoted_for(bytes_reading: wb.Reading, said: list[str]):
    said.append(prompts.ABSENT)
    answer = bytes_reading.ask(WHO)
    assert (answer.citations, answer.usage.quote_tokens) == ((), 0)


def test_an_answer_that_was_cut_off_is_not_quoted_for(bytes_reading: wb.Reading):
    answer = bytes_reading.ask(WHO, max_tokens=3)
    assert (answer.finish_reason, answer.usage.quote_tokens) == ("length", 0)


def test_a_window_without_room_for_a_quote_leaves_the_nearest_passage(
    bytes_reading: wb.Reading, said: list[str], monkeypatch: pytest.MonkeyPatch
):
    said.append("Justice Kagan delivered the opinion of the Court.")
    engine = bytes_reading._engine
    sentence = len(said[0]) + 150
    monkeypatch.setattr(engine, "_window", bytes_reading.num_tokens + sentence)
    answer = bytes_reading.ask(WHO)
    assert {citation.origin for citation in answer.citations} == {"nearest"}


def test_that_the_document_does_not_say_has_its_probability_and_is_said_from_a_threshold_on(
    bytes_reading: wb.Reading,
):
    free = bytes_reading.ask(WHO, max_tokens=4, absent_threshold=None)
    assert free.absent_probability is not None
    assert 0 <= free.absent_probability < 0.5
    forced = bytes_reading.ask(WHO, max_tokens=len(prompts.ABSENT), absent_threshold=0.0)
    assert forced.text == prompts.ABSENT
    assert forced.absent_probability == free.absent_probability
    below = bytes_reading.ask(WHO, max_tokens=4, absent_threshold=0.9)
    assert below.token_ids == free.token_ids
    many = bytes_reading.ask_many([WHO, WHO], max_tokens=len(prompts.ABSENT), absent_threshold=0.0)
    assert [answer.text for answer in many] == [prompts.ABSENT] * 2
    assert bytes_reading.ask(WHO, max_tokens=4, thinking=True).absent_probability is None


def test_a_threshold_that_is_no_probability_is_refused(bytes_reading: wb.Reading):
    with pytest.raises(wb.ConfigError, match="absent_threshold"):
        bytes_reading.ask(WHO, absent_threshold=1.5)


@pytest.mark.parametrize("kind", ["llama", "qwen3.5"])
@pytest.mark.parametrize("weights", ["fp32", "int8"])
def test_drafts_change_nothing_of_a_quote(
    checkpoint: Callable[[str], Path], page: wb.Document, kind: str, weights: str, monkeypatch: pytest.MonkeyPatch
):
    # A random model would close a quote by chance.
    monkeypatch.setattr(Quote, "closable", property(lambda quote: quote._num_chars >= 150))
    drafts, draft = list[int](), QuoteGuard.draft

    def counted(guard: QuoteGuard) -> list[int]:
        drafts.append(len(draft(guard)))
        return list(draft(guard))

    with wb.Workbench(str(checkpoint(kind)), weights=weights) as bench, bench.read(page, progress=None) as reading:
        context, branch = reading._context, reading._fork()
        quoter = Quoter(page, context.engine, context.tokenizer, MAX_CHARS, False)
        found = []
        for each in (counted, lambda _: []):
            monkeypatch.setattr(QuoteGuard, "draft", each)
            found.append(quoter.quote(branch, context.prefix_ids, prompts.quote(), threading.Event()))
        branch.close()
    drafted, plain = found
    assert drafted is not None
    assert plain is not None
    assert sum(drafts) >= 100
    assert drafted.span == plain.span
    assert [step.token_id for step in drafted.steps] == [step.token_id for step in plain.steps]
    probabilities = [step.probability for step in plain.steps]
    assert [step.probability for step in drafted.steps] == pytest.approx(probabilities, abs=1e-4)


def test_what_is_absent_can_be_replayed_and_a_chat_goes_on_behind_it(bytes_reading: wb.Reading):
    length = len(prompts.ABSENT)
    answer = bytes_reading.ask(WHO, max_tokens=length, absent_threshold=0.0)
    assert answer.text == prompts.ABSENT
    assert wb.replay(answer, bytes_reading.document, bench=bytes_reading.bench, progress=None).identical
    with bytes_reading.chat() as chat:
        first = chat.ask(WHO, max_tokens=length, absent_threshold=0.0)
        second = chat.ask("When?", max_tokens=4, absent_threshold=None)
    said = (*first.prompt_token_ids, *first.token_ids)
    assert first.text == prompts.ABSENT
    assert second.prompt_token_ids[: len(said)] == said
