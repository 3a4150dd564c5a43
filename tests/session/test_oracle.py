"""Anyone can replay an answer's prompt through plain transformers and gets its ids."""

from pathlib import Path

import torch
from transformers import PreTrainedModel

import workbench as wb
from tests.session.replay import logits, our_logits, plain_model, replayed


def test_an_answer_about_a_real_page_is_what_transformers_says(reading: wb.Reading, plain_tiny: PreTrainedModel):
    answer = reading.ask("Who delivered the opinion of the Court?", max_tokens=12, absent_threshold=None)
    assert replayed(plain_tiny, answer) == answer.token_ids
    torch.testing.assert_close(our_logits(reading, answer), logits(plain_tiny, answer), atol=1e-4, rtol=0)


def test_a_folder_in_the_hubs_layout_answers_as_transformers_does(random_bench: wb.Workbench, page: wb.Document):
    plain = plain_model(Path(random_bench._asked))
    with random_bench.read(page, progress=None) as reading, reading.chat() as chat:
        first, second = (chat.ask(asked, max_tokens=12, absent_threshold=None) for asked in ("Who?", "When?"))
        for answer in (reading.ask("Where?", max_tokens=24, absent_threshold=None), first, second):
            assert replayed(plain, answer) == answer.token_ids
            assert len(answer.token_ids) == answer.usage.completion_tokens > 1
            torch.testing.assert_close(our_logits(reading, answer), logits(plain, answer), atol=1e-4, rtol=0)


def test_a_summary_can_be_replayed_too(hybrid: wb.Workbench, page: wb.Document):
    with hybrid.read(page, progress=None) as reading:
        answer = reading.summarize(words=20, max_tokens=10)
        assert replayed(plain_model(Path(hybrid._asked)), answer) == answer.token_ids
