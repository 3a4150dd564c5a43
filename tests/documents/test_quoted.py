"""Quotes in an answer: what stands between the marks, whole."""

import time
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.documents.quotes import MIN_CHARS, locate, quoted

STATUTE = (
    "That statute makes it a crime to knowingly “falsif[y]” (or similarly, “alter[], destroy[], mutilate[]” and so "
    "forth) a “record [or] document” “with the intent to impede [or] obstruct” an ongoing or contemplated federal "
    "investigation."
)


def spans(text: str) -> list[str]:
    return [text[span.start_char : span.end_char] for span in quoted(text)]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ('He says "the venue was proper" there.', ["the venue was proper"]),
        ("He says “the venue was proper” there.", ["the venue was proper"]),
        ("Er sagt „das war nicht richtig“ dort.", ["das war nicht richtig"]),
        ("Er sagt »das war nicht richtig« dort.", ["das war nicht richtig"]),
        ("Il dit « ce n’était pas juste » ici.", ["ce n’était pas juste"]),
        ("他说“我不知道这件事情的经过是什么”。", ["我不知道这件事情的经过是什么"]),
        ('他说"我不知道这件事情的经过是什么"。', ["我不知道这件事情的经过是什么"]),
        ('"one two three four" and "five six seven"', ["one two three four", "five six seven"]),
        ('**"one two three four"**, *"five six seven"*', ["one two three four", "five six seven"]),
        ('("one two three four"; "five six seven")', ["one two three four", "five six seven"]),
        ('" one two three four "', ["one two three four"]),
        ('"one two three four…"', ["one two three four…"]),
        ('- "one two\n  three four"', ["one two\n  three four"]),
        ("\"he said 'yes, of course' then\"", ["he said 'yes, of course' then"]),
        ("“he said ‘yes, of course’ then”", ["he said ‘yes, of course’ then"]),
        ("It's Anne's, isn't it? It's 'theirs' and dogs'.", []),
        ('"short" and “also short”', []),
        ("no quotes at all", []),
        ("", []),
    ],
)
def test_quotes_are_what_stands_between_the_marks(answer, expected):
    assert spans(answer) == expected


@pytest.mark.parametrize(
    "answer",
    [
        f'Quote: "{STATUTE}"',
        f"Quote: “{STATUTE}”",
        f'Quote: "{STATUTE.replace("“", chr(34)).replace("”", chr(34))}"',
        f"Quote: “{STATUTE.replace('“', chr(34)).replace('”', chr(34))}”",
        f"Quote: «{STATUTE}»",
        f'1. "{STATUTE}" [page 2]',
    ],
    ids=[
        "curly in straight",
        "curly in curly",
        "straight in straight",
        "straight in curly",
        "in guillemets",
        "in a list",
    ],
)
def test_a_passage_with_quotes_in_it_is_one_quote(opinion, answer):
    (found,) = spans(answer)
    assert found.startswith("That statute makes it")
    assert found.endswith("investigation.")
    span = locate(opinion, found)
    assert opinion.text[span.start_char : span.end_char].startswith("That statute makes it a crime")
    assert opinion.page_at(span.start_char).number == 2


def test_a_quote_that_begins_or_ends_with_a_quote_is_whole():
    assert spans('He wrote "“falsif[y]” is the only verb".') == ["“falsif[y]” is the only verb"]
    assert spans('He wrote "the only verb is “falsif[y]”".') == ["the only verb is “falsif[y]”"]
    assert spans('He wrote ""falsify" is the only verb".') == ['"falsify" is the only verb']
    assert spans('He wrote "the only verb is "falsify"".') == ['the only verb is "falsify"']


@pytest.mark.parametrize(
    "answer",
    [
        'A pipe of 6" width. He said "one two three four" then.',
        'An unclosed "mark here. He said "one two three four" then.',
        "An unclosed “mark here. He said “one two three four” then.",
        'An unclosed “mark here. He said "one two three four" then.',
        'He said "one two three four" then, and opened "another',
        "A stray ” mark. He said “one two three four” then.",
        '“one two three four” and 6" tall',
    ],
)
def test_a_mark_without_its_fellow_hides_no_other_quote(answer):
    assert "one two three four" in spans(answer)


def test_each_span_is_the_place_of_its_quote_in_the_answer():
    answer = 'First “one two three” – then " four five six seven ".'
    assert [answer[s:e] for s, e in quoted(answer)] == ["one two three", "four five six seven"]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from([*"\"“”„«»'‘ .a1", "words of it "]), max_size=60))
def test_spans_of_any_answer_are_in_order_apart_and_without_outer_space(parts):
    answer = "".join(parts)
    found = quoted(answer)
    assert all(before.end_char < after.start_char for before, after in pairwise(found))
    for start, end in found:
        assert end - start >= MIN_CHARS
        assert answer[start:end] == answer[start:end].strip()


def test_hostile_answers_take_no_quadratic_time():
    begin = time.process_time()
    assert quoted('"a ' * 100_000) == []
    assert quoted("“a " * 100_000) == []
    assert len(quoted("“" * 50_000 + "words words words" + "”" * 50_000)) == 1
    assert time.process_time() - begin < 5
