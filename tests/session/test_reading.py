"""Asking: what is reused, what is computed, what an answer holds."""

import pytest

import workbench as wb
from workbench.analysis import prompts
from workbench.analysis.context import task_ids
from workbench.engine.sampling import Sampler

WHO = "Who delivered the opinion?"


def own_ids(reading: wb.Reading, question: str) -> tuple[int, ...]:
    return task_ids(reading._context.tokenizer, prompts.ask(question), thinking=False)


def test_every_question_computes_its_own_tokens_and_no_others(reading: wb.Reading):
    for question in (WHO, "What was the case about, and who lost it?"):
        answer = reading.ask(question, max_tokens=1)
        usage, own = answer.usage, own_ids(reading, question)
        assert usage.reused_tokens == reading.num_tokens
        assert usage.computed_tokens == len(own)
        assert answer.prompt_token_ids == (*reading._context.prefix_ids, *own)
        assert usage.prompt_tokens == len(answer.prompt_token_ids)


def test_an_answer_does_not_hear_of_others(bytes_reading: wb.Reading):
    reading = bytes_reading
    first = reading.ask(WHO, max_tokens=8)
    with reading.chat() as chat:
        chat.ask("Say something else.", max_tokens=3)
    reading.ask("What else?", max_tokens=3)
    again = reading.ask(WHO, max_tokens=8)
    assert again.token_ids == first.token_ids
    assert again.text == first.text
    assert again.usage.computed_tokens == first.usage.computed_tokens


def test_a_stream_is_the_answer_in_pieces(bytes_reading: wb.Reading):
    reading = bytes_reading
    *deltas, answer = reading.stream(WHO, max_tokens=8)
    assert isinstance(answer, wb.Answer)
    assert all(isinstance(delta, wb.Delta) for delta in deltas)
    assert "".join(delta.text for delta in deltas) == answer.text
    assert sum((delta.token_ids for delta in deltas), ()) == answer.token_ids
    short = reading.ask(WHO, max_tokens=2)
    assert short.finish_reason == "length"
    assert short.token_ids == answer.token_ids[:2]


def test_a_stop_string_across_tokens_ends_the_answer_and_is_never_shown(reading: wb.Reading):
    pieces = [delta.text for delta in reading.stream(WHO, max_tokens=8) if isinstance(delta, wb.Delta)]
    whole = "".join(pieces)
    borders = {len("".join(pieces[:count])): count for count in range(2, len(pieces))}
    border, count = next((b, c) for b, c in borders.items() if whole.find(whole[b - 2 : b + 2]) == b - 2)
    stop = whole[border - 2 : border + 2]
    *deltas, answer = reading.stream(WHO, max_tokens=8, stop=(stop, "never"))
    assert answer.text == whole[: border - 2] == "".join(delta.text for delta in deltas)
    assert answer.finish_reason == "stop"
    assert len(answer.token_ids) == count + 1


def test_an_end_token_ends_the_answer_and_shows_nothing(bytes_reading: wb.Reading, monkeypatch: pytest.MonkeyPatch):
    ids = bytes_reading.ask("Who?", max_tokens=6).token_ids
    end = next(token for token in ids if token != ids[0])
    monkeypatch.setattr(bytes_reading._context.tokenizer, "end_token_ids", frozenset({end}))
    answer = bytes_reading.ask("Who?", max_tokens=6)
    assert answer.token_ids == ids[: ids.index(end) + 1]
    assert answer.finish_reason == "stop"


def test_sampling_repeats_with_its_seed_and_the_workbenchs(hybrid: wb.Workbench, new_bench, page: wb.Document):
    def ask(reading: wb.Reading, seed: int | None) -> tuple[int, ...]:
        return reading.ask("Who?", max_tokens=16, temperature=1.5, top_p=0.95, top_k=100, seed=seed).token_ids

    with hybrid.read(page, progress=None) as reading:
        assert ask(reading, 1) == ask(reading, 1) != ask(reading, 2)
        assert ask(reading, None) == ask(reading, 0)
    with new_bench(seed=2).read(page, progress=None) as other:
        answer = other.ask("Who?", max_tokens=16, temperature=1.5, top_p=0.95, top_k=100)
        assert answer.manifest["sampling"]["seed"] == 2
        assert answer.token_ids == ask(other, 2)


def test_a_question_longer_than_the_rest_of_the_window_is_refused_and_the_next_one_answered(bytes_reading: wb.Reading):
    reading = bytes_reading
    before = reading.ask(WHO, max_tokens=3)
    with pytest.raises(wb.ContextTooLong, match="4,096") as caught:
        reading.ask("and then " * 500)
    assert caught.value.window == 4_096
    assert caught.value.num_tokens > 4_096
    assert reading.ask(WHO, max_tokens=3).token_ids == before.token_ids


def test_an_answer_ends_with_the_window(new_bench, page: wb.Document):
    bench = new_bench("llama", window=2_304)
    with bench.read(page, progress=None, reserve=500) as reading:
        answer = reading.ask("?", max_tokens=1_024)
    assert answer.finish_reason == "length"
    assert len(answer.prompt_token_ids) + len(answer.token_ids) == 2_304


def test_a_summary_has_no_question_and_its_own_bounds(hybrid: wb.Workbench, page: wb.Document):
    with hybrid.read(page, progress=None) as reading:
        answer = reading.summarize(words=10)
        assert answer.question == ""
        assert len(reading.summarize(words=10, max_tokens=50).token_ids) == 50
        # It starts where the document ends, in front of the words that begin every question.
        opening = len(reading._context.tokenizer.encode(prompts.ASK))
        assert answer.usage.reused_tokens == reading.num_tokens - opening
        with pytest.raises(wb.ConfigError, match="at least 10"):
            reading.summarize(words=9)
        with pytest.raises(wb.ConfigError, match="max_tokens=0"):
            reading.summarize(max_tokens=0)


def test_a_further_instruction_reaches_the_prompt_behind_the_document(reading: wb.Reading):
    answer = reading.ask(WHO, system="Answer in French.", max_tokens=1)
    assert "Answer in French." in reading._context.tokenizer.decode(answer.prompt_token_ids[reading.num_tokens :])
    assert answer.usage.reused_tokens == reading.num_tokens


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"max_tokens": 0}, "at least 1"), ({"temperature": -1}, "greedy"), ({"top_p": 0}, "top_p"),
        ({"top_k": -1}, "top_k"), ({"stop": ("",)}, "empty string"), ({"stop": 3}, "give a string"),
    ],
)  # fmt: skip
def test_a_bad_option_is_refused_before_anything_runs(reading: wb.Reading, options: dict[str, object], said: str):
    with pytest.raises(wb.ConfigError, match=said):
        reading.ask(WHO, **options)


def test_a_model_that_cannot_think_answers_all_the_same(reading: wb.Reading):
    plain, thinking = (reading.ask(WHO, max_tokens=6, thinking=thinking) for thinking in (False, True))
    assert thinking.text == plain.text != ""
    assert thinking.thinking == ""


def test_a_thought_is_put_aside_whoever_opens_it(bytes_reading: wb.Reading, monkeypatch: pytest.MonkeyPatch):
    tokenizer = bytes_reading._context.tokenizer
    said = tokenizer._control_ids("<think>Hm.</think>\n\nYes.")
    script = iter(said)
    monkeypatch.setattr(Sampler, "choose", lambda *_: next(script))  # the words; all else is the engine's
    answer = bytes_reading.ask("Who?", max_tokens=len(said), thinking=True)
    assert (answer.thinking, answer.text, answer.token_ids) == ("Hm.", "Yes.", said)
    opened = tokenizer._control_ids("<|im_start|>assistant\n<think>\n")
    monkeypatch.setattr(tokenizer, "frame", tokenizer.frame._replace(after_user_thinking=opened))
    script = iter(said[1:])
    *deltas, answer = bytes_reading.stream("Who?", max_tokens=len(said) - 1, thinking=True)
    assert (answer.thinking, answer.text) == ("Hm.", "Yes.")
    assert "".join(delta.text for delta in deltas) == "Yes."
    script = iter(said[1:])
    cut = bytes_reading.ask("Who?", max_tokens=2, thinking=True)
    assert (cut.thinking, cut.text, cut.finish_reason) == ("Hm", "", "length")
