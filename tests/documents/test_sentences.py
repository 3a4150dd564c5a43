from itertools import pairwise

import pytest

import workbench as wb
from workbench.documents.sentences import MAX_CHARS, SentenceIndex, index, sentences


def texts(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


def test_a_sentence_ends_before_a_capital_and_at_a_blank_line():
    assert texts("One went. Two came!\nThree? “Four,” he said.\n\nfive") == [
        "One went.",
        "Two came!",
        "Three?",
        "“Four,” he said.",
        "five",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Mr. Elliot met Dr. R. Johnson at No. 5 in the St. James.",
        "He was indicted under 18 U. S. C. Section 1519 in the D. Mass.",
        "It cost 1.5 million, i.e. Much less.",
    ],
)
def test_an_abbreviation_ends_nothing(text: str):
    assert texts(text) == [text]


def test_sentences_cover_everything_but_white_space(samples):
    for name in ("abouammo-v-united-states.txt", "persuasion.txt"):
        text = wb.load(samples / name).text
        spans = sentences(text)
        assert all(a.end_char <= b.start_char for a, b in pairwise(spans))
        assert "".join("".join(texts(text)).split()) == "".join(text.split())


def found(text: str, answer: str, question: str = "") -> str | None:
    span = index(text).nearest(answer, question)
    return None if span is None else text[span.start_char : span.end_char]


LETTERS = (
    "Anne walked to Molland's shop. It rained in Bath that day. Captain Wentworth came in with a party of ladies. "
    "He coloured deeply. The rent of Kellynch was 400 pounds. Lady Russell drove past in her carriage."
)


def test_the_passage_with_the_words_of_the_answer_is_the_nearest():
    assert found(LETTERS, "The Captain came with ladies.") == "Captain Wentworth came in with a party of ladies."
    assert found(LETTERS, "400 pounds", "What was the rent?") == "The rent of Kellynch was 400 pounds."
    assert found(LETTERS, "Bath", "Where did it rain?") == "It rained in Bath that day."


def test_words_that_only_the_question_has_prove_nothing():
    assert found(LETTERS, "The rent of Kellynch was 900 pounds.", "What was the rent of Kellynch?") is None
    assert found(LETTERS, "Yes.", "Did Lady Russell drive past?") is None
    assert found(LETTERS, "", "Did Lady Russell drive past?") is None


def test_a_long_sentence_is_cut_around_the_words_between_words():
    text = "Whoever " + "alters or conceals or covers up " * 40 + "shall be imprisoned for 20 years. The end."
    passage = found(text, "20 years")
    assert passage is not None
    assert "20 years" in passage
    assert len(passage) <= MAX_CHARS
    assert text.split().count(passage.split()[0]) > 0


def test_a_text_without_words_has_no_passage():
    assert SentenceIndex("...").nearest("Anything") is None


def test_a_hostile_text_takes_no_quadratic_time():
    text = "a" * 200_000 + ". " + "\n" * 200_000 + "A.”’)" * 50_000
    assert SentenceIndex(text).nearest("a" * 200_000) is not None
