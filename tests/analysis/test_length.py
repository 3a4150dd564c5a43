"""Words as people count them, sentences that are whole, and a text that goes on until it has its words."""

import numpy as np
import pytest

from workbench.analysis.length import RUN_TOKENS, Flow, enough, num_words, shortened, whole_sentences
from workbench.engine.tokenizer import HubTokenizer


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0), ("It's a well-known – fact, 3.5 %.", 5), ("法院认为 the law 2.", 7), ("東京タワー。", 5),
        ("한국어 문장", 2), ("a\u00a0b\nc", 3),
    ],
)  # fmt: skip
def test_words_are_counted_as_people_do_and_characters_where_no_space_parts_them(text: str, count: int):
    assert num_words(text) == count


def test_a_sentence_is_whole_once_the_next_one_begins_or_the_writer_is_done():
    assert whole_sentences("It is 3.", ended=False) == []
    assert whole_sentences("It is 3.5 m. Th", ended=False) == ["It is 3.5 m."]
    assert whole_sentences("It is 3.5 m. That", ended=True) == ["It is 3.5 m."]
    assert whole_sentences("It is 3.5 m. “That.”", ended=True) == ["It is 3.5 m.", "“That.”"]


def test_marks_of_lists_and_headings_are_no_part_of_a_sentence():
    assert whole_sentences("## Facts\n\n- **One** is here.\n\n2. Two is `there`.", ended=True) == [
        "One is here.", "Two is there.",
    ]  # fmt: skip
    assert whole_sentences("***\n\n12.\n\nOne.", ended=True) == ["One."]


@pytest.mark.parametrize(
    ("sentence", "most", "left"),
    [
        ("The court heard the case in May, which surprised the parties.", 11, None),
        ("The court heard the case in May, which surprised the parties.", 9, "The court heard the case in May."),
        ("The court heard the case in May; they left, and he stayed.", 8, "The court heard the case in May."),
        ("The court heard the case in May, and the judge stayed.", 9, "The court heard the case in May."),
        ("The court heard the case in May, but it did not decide.", 9, ""),
        ("The man from Oslo with a hat, who was tried, was acquitted.", 9, ""),
        ("They bought the boats of Velmora, the nets, and the sails.", 9, ""),
        ("If the court hears the case, which it may, the trial ends.", 9, ""),
        ("It is not a case for this court, which has said so.", 9, ""),
        ("The court heard it in May, which surprised the parties.", 5, ""),
        ("The court heard it in May.", -1, ""),
        ("The judge (of the court in Oslo, which sat late) left.", 8, ""),
    ],
)  # fmt: skip
def test_a_sentence_is_shortened_by_clauses_that_only_add_to_it(sentence: str, most: int, left: str | None):
    assert shortened(sentence, most) == (sentence if left is None else left)


def test_a_text_ends_at_a_whole_sentence_that_has_the_words_or_when_there_are_too_many():
    ends = enough(4, 8)
    assert not ends("One two three four.")
    assert ends("One two three four. Five")
    assert not ends("One two. Three four five six seven")
    assert ends("One two. Three four five six seven eight nine")


def test_the_end_is_refused_until_there_are_words_enough(tokenizer: HubTokenizer):
    flow = Flow(tokenizer.stream(), tokenizer.end_token_ids, least=2)
    mask = flow.allowed()
    assert isinstance(mask, np.ndarray)
    assert not mask[list(tokenizer.end_token_ids)].any()
    assert mask.sum() == len(mask) - len(tokenizer.end_token_ids)
    for token in tokenizer.encode("one two"):
        flow.advance(token)
    assert flow.allowed() is None


def refused(flow: Flow) -> list[int]:
    mask = flow.allowed()
    return [] if mask is None else list(np.flatnonzero(~mask))


def test_a_run_of_tokens_is_not_written_twice_not_even_of_an_earlier_turn(tokenizer: HubTokenizer):
    said, new = tokenizer.encode("abcdefghijkl"), tokenizer.encode("x")
    flow = Flow(tokenizer.stream(), tokenizer.end_token_ids, least=0, said=[said])
    for token in (*new, *said[: RUN_TOKENS - 1]):
        assert refused(flow) == []
        flow.advance(token)
    assert refused(flow) == [said[RUN_TOKENS - 1]]


def test_a_turn_does_not_begin_as_an_earlier_one_did(tokenizer: HubTokenizer):
    said = tokenizer.encode("abcd")
    flow = Flow(tokenizer.stream(), tokenizer.end_token_ids, least=0, said=[said])
    assert refused(flow) == []
    flow.advance(said[0])
    assert refused(flow) == [said[1]]
