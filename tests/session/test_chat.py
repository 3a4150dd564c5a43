"""Conversations: history as ids, one copy of the document, turns that broke off."""

import gc
from pathlib import Path

import pytest
import torch
from transformers import PreTrainedModel

import workbench as wb
from tests.session.replay import memory, plain_model, replayed


def test_a_second_turn_goes_on_from_the_ids_of_the_first(hybrid: wb.Workbench, page: wb.Document):
    with hybrid.read(page, progress=None) as reading, reading.chat() as chat:
        first = chat.ask("Who delivered the opinion?", max_tokens=2)
        second = chat.ask("When was that?", max_tokens=3)
        assert chat.turns == (first, second)
    said = (*first.prompt_token_ids, *first.token_ids)
    assert second.prompt_token_ids[: len(said)] == said
    # Only the last token of the first answer was not in the cache.
    assert second.usage.reused_tokens == len(said) - 1
    assert second.usage.computed_tokens == len(second.prompt_token_ids) - len(said) + 1
    frame = reading._context.tokenizer.frame
    own = (*frame.between_turns, *reading._context.tokenizer.encode("When was that?"), *frame.after_user)
    assert second.prompt_token_ids[len(said) :] == own


def test_an_end_token_is_not_said_twice(hybrid: wb.Workbench, page: wb.Document, monkeypatch: pytest.MonkeyPatch):
    with hybrid.read(page, progress=None) as reading, reading.chat() as chat:
        tokenizer = reading._context.tokenizer
        ids = reading.ask("Who?", max_tokens=1).token_ids
        monkeypatch.setattr(tokenizer, "end_token_ids", frozenset(ids))
        first, second = chat.ask("Who?", max_tokens=5), chat.ask("When?", max_tokens=5)
        assert first.token_ids == ids
        assert first.text == ""
        assert second.prompt_token_ids[: len(first.prompt_token_ids)] == first.prompt_token_ids
        rest = second.prompt_token_ids[len(first.prompt_token_ids) :]
        assert rest[: len(tokenizer.frame.between_turns)] == tokenizer.frame.between_turns


def test_a_fork_has_the_past_and_goes_its_own_way(random_bench: wb.Workbench, page: wb.Document):
    plain = plain_model(Path(random_bench._asked))
    with random_bench.read(page, progress=None) as reading, reading.chat() as chat:
        first = chat.ask("Who?", max_tokens=5)
        with chat.fork() as other:
            here, there = chat.ask("When?", max_tokens=5), other.ask("Where?", max_tokens=5)
            assert chat.turns == (first, here)
            assert other.turns == (first, there)
            assert other.ask("Why?", max_tokens=5).prompt_token_ids[: len(there.prompt_token_ids)] == (
                there.prompt_token_ids
            )
            for answer in (here, there, *other.turns):
                assert replayed(plain, answer) == answer.token_ids


@pytest.mark.parametrize("num_items", [0, 3])
def test_a_chat_goes_on_after_a_turn_that_was_cancelled(random_bench: wb.Workbench, page: wb.Document, num_items: int):
    plain = plain_model(Path(random_bench._asked))
    with random_bench.read(page, progress=None) as reading, reading.chat() as chat:
        chat.ask("Who?", max_tokens=4)
        stream = chat.stream("Tell me everything. " * 30, max_tokens=800)
        if not num_items:
            stream.cancel()  # perhaps while it still reads the question
        for _ in range(num_items):
            next(stream)
        stream.cancel()
        cut = stream.result()
        assert cut.finish_reason == "cancelled"
        assert num_items <= len(cut.token_ids) < 800
        after = chat.ask("When?", max_tokens=8)
        said = (*cut.prompt_token_ids, *cut.token_ids)
        assert after.prompt_token_ids[: len(said)] == said
        assert replayed(plain, after) == after.token_ids


def test_a_turn_cancelled_half_way_through_its_question_leaves_no_half_state(
    hybrid: wb.Workbench, page: wb.Document, monkeypatch: pytest.MonkeyPatch
):
    with hybrid.read(page, progress=None) as reading, reading.chat() as chat:
        last = chat._branch.sequence.layers[-1]
        update = last.update
        stream = None

        def cancelling(*args: object, **kwargs: object) -> object:
            assert stream is not None
            stream.cancel()
            return update(*args, **kwargs)

        monkeypatch.setattr(last, "update", cancelling)
        with hybrid._lock:  # the engine gets its work after the name is bound
            stream = chat.stream("Tell me everything. " * 30, max_tokens=50)
        cut = stream.result()
        monkeypatch.undo()
        assert cut.finish_reason == "cancelled"
        assert cut.token_ids == ()
        plain = plain_model(Path(hybrid._asked))
        torch.testing.assert_close(next_logits(chat, cut), last_logits(plain, cut), atol=1e-4, rtol=0)
        after = chat.ask("When?", max_tokens=8)
        assert after.prompt_token_ids[: len(cut.prompt_token_ids)] == cut.prompt_token_ids
        assert replayed(plain, after) == after.token_ids


def next_logits(chat: wb.Chat, answer: wb.Answer) -> torch.Tensor:
    """What our engine says behind an answer's prompt, going on from where the chat's branch is."""
    sequence, runner = chat._branch.sequence.fork(), chat._context.engine._runner
    *_, last = runner.prefill(sequence, answer.prompt_token_ids[sequence.num_tokens :])
    sequence.close()
    return last


def last_logits(plain: PreTrainedModel, answer: wb.Answer) -> torch.Tensor:
    with torch.inference_mode():
        return plain(torch.tensor([answer.prompt_token_ids])).logits[0, -1]


def test_ten_chats_hold_one_copy_of_the_document(hybrid: wb.Workbench, page: wb.Document):
    blocks = memory(hybrid)
    with hybrid.read(page, progress=None) as reading:
        used = blocks.pool.num_used
        chats = [reading.chat() for _ in range(10)]
        assert blocks.pool.num_used == used
        first = chats[0].ask("Who?", max_tokens=3)
        for chat in chats[1:]:
            assert chat.ask("Who?", max_tokens=3).token_ids == first.token_ids
        own = -(-(first.usage.computed_tokens + 2) // 256)
        assert blocks.pool.num_used == used + 10 * own
        for chat in chats:
            chat.close()
        assert blocks.pool.num_used == used


def test_a_chat_outlives_its_reading_and_frees_what_it_held(new_bench, page: wb.Document):
    bench = new_bench()
    blocks = memory(bench)
    with bench.read(page, progress=None) as reading:
        chat = reading.chat()
    assert blocks.pool.num_used > 0
    assert chat.ask("Who?", max_tokens=3).usage.reused_tokens == reading.num_tokens
    chat.close()
    chat.close()
    assert blocks.pool.num_used == blocks.num_bytes == 0
    with pytest.raises(wb.EngineError, match=r"reading\.chat\(\)"):
        chat.ask("And?")


def test_a_chat_that_nobody_holds_frees_its_blocks(hybrid: wb.Workbench, page: wb.Document):
    with hybrid.read(page, progress=None) as reading:
        used = memory(hybrid).pool.num_used
        reading.chat().ask("Who?", max_tokens=3)
        gc.collect()
        assert memory(hybrid).pool.num_used == used


def test_a_chat_says_one_thing_at_a_time(hybrid: wb.Workbench, page: wb.Document):
    with hybrid.read(page, progress=None) as reading, reading.chat() as chat:
        stream = chat.stream("Who?", max_tokens=400)
        for call in (lambda: chat.ask("And?"), chat.fork):
            with pytest.raises(wb.EngineError, match="still answering"):
                call()
        stream.close()
        for _ in chat.stream("Who?", max_tokens=400):
            break  # a loop that breaks off ends its turn
        assert len(chat.turns) == 2
        assert chat.ask("And?", max_tokens=2).finish_reason == "length"


def test_a_turn_that_does_not_fit_is_refused_and_forgotten(hybrid: wb.Workbench, page: wb.Document):
    with hybrid.read(page, progress=None) as reading, reading.chat() as chat:
        first = chat.ask("Who?", max_tokens=2)
        with pytest.raises(wb.ContextTooLong):
            chat.ask("and then " * 500)
        second = chat.ask("When?", max_tokens=2)
    assert second.prompt_token_ids[: len(first.prompt_token_ids)] == first.prompt_token_ids
    assert len(second.prompt_token_ids) < len(first.prompt_token_ids) + 100


def test_instructions_for_the_conversation_and_for_a_turn_both_count(hybrid: wb.Workbench, page: wb.Document):
    def text(answer: wb.Answer) -> str:
        return reading._context.tokenizer.decode(answer.prompt_token_ids[reading.num_tokens :])

    with hybrid.read(page, progress=None) as reading, reading.chat(system="Be brief.") as chat:
        first = text(chat.ask("Who?", max_tokens=1, system="Be kind."))
        assert "Be brief." in first
        assert "Be kind." in first
        assert text(chat.ask("When?", max_tokens=1)).count("Be brief.") == 1


def test_an_option_that_is_refused_leaves_the_chat_ready(hybrid: wb.Workbench, page: wb.Document):
    with hybrid.read(page, progress=None) as reading, reading.chat() as chat:
        with pytest.raises(wb.ConfigError, match="absent_threshold=2"):
            chat.ask("Who?", max_tokens=2, absent_threshold=2)
        assert chat.ask("Who?", max_tokens=2).usage.completion_tokens == 2
