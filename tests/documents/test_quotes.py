"""Quotes in a document: found exactly, found nearly, or not at all."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import SAMPLES
from workbench.documents import quotes
from workbench.documents.quotes import MIN_CHARS, find

OPINION = SAMPLES / "abouammo-v-united-states.txt"


def passage(text: str, quote: str) -> str | None:
    span = find(text, quote)
    return None if span is None else text[span.start_char : span.end_char]


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        ("He said “half agony, half hope” to her.", '"half agony, half hope"'),
        ("the dog's breakfast is served", "the dog’s breakfast"),
        ("a well‑known 2010–2015 case – so far", "a well-known 2010-2015 case - so far"),
        ("Sir Walter--vanity of person", "Sir Walter—vanity of person"),
        ("in the year\u00a01815,\n   on the\tfirst of May", "in the year 1815, on the first of May"),
        ("the ﬁnal eﬀect of ﬂoods", "the final effect of floods"),
        ("THE VENUE WAS PROPER THERE", "the venue was proper there"),
        ("die große Straße am Fluss", "DIE GROSSE STRASSE AM FLUSS"),
        ("un café très sucré, merci", "un cafe\u0301 tre\u0300s sucre\u0301, merci"),
        ("un cafe\u0301 tre\u0300s sucre\u0301", "un café très sucré"),
        ("an ex\u00adam\u200bple of hidden marks", "an example of hidden marks"),
        ("the so-called ‘final “effect” of it’", "the so-called \"final 'effect' of it\""),
        ("ｔｈｅ ｆｕｌｌ ｗｉｄｔｈ", "the full width"),
    ],
)
def test_spelling_of_marks_spaces_and_letters_does_not_matter(text, quote):
    found = passage(f"Before it. {text} After it.", quote)
    assert found is not None
    assert quotes.spell(found).strip("'") in quotes.spell(text)


def test_the_span_covers_exactly_the_passage():
    text = "Before.  The “only”\n prohibited act is the falsiﬁcation of a document. After."
    assert passage(text, "\"The 'only' prohibited act is the falsification of a document.\"") == (
        "The “only”\n prohibited act is the falsiﬁcation of a document."
    )
    assert passage(text, "the falsification of a document") == "the falsiﬁcation of a document"
    assert passage(text, "…prohibited act is the falsification…") == "prohibited act is the falsiﬁcation"


def test_real_quotes_are_found_on_their_pages(persuasion, opinion, sample):
    for document, quote, label in (
        (opinion, "the crime is complete upon falsification", "6"),
        (opinion, "denied giving the Saudi official confidential information", "1"),
        (persuasion, "You pierce my soul. I am half agony, half hope.", "Chapter 23"),
        (sample("eu-ai-act.pdf"), "‘AI system’ means a machine-based system that is designed to operate", "46"),
        (sample("itsdangerous-2.2.0"), "class BadSignature(BadData):", "src/itsdangerous/exc.py"),
    ):
        span = document.find(quote)
        assert span is not None, quote
        assert document.page_at(span.start_char).label.startswith(label)


@pytest.mark.parametrize("quote", ["falsified", "the law", "   a  b   c   ", "... ... ... ...", "", "“Saudi”"])
def test_quotes_under_12_characters_are_refused(opinion, quote):
    assert find(opinion.text + " falsified the law a b c", quote) is None


@pytest.mark.parametrize(
    ("text", "quote"),
    [
        (
            "the official wired Abouammo a total of $300,000 in all",
            "the official wired Abouammo a total of $400,000 in all",
        ),
        ("he paid a total of 1,300,000 dollars", "300,000 dollars"),
        ("he paid a total of 12.5 percent of it", "he paid a total of 12"),
        ("decided on 11 June 2026 by the Court", "decided on 11 June 2025 by the Court"),
        ("the defendant was not guilty of the charge", "the defendant was guilty of the charge"),
        ("the defendant was guilty of the charge", "the defendant was not guilty of the charge"),
        ("they did know what they were doing there", "they didn't know what they were doing there"),
        ("venue is where the falsification occurred", "venue is where the investigation was located"),
        ("nothing of the kind is in this text", "Captain Wentworth refused the invitation to Bath"),
        ("short text", "a quote that is longer than the whole text"),
    ],
)
def test_a_quote_that_says_something_else_is_refused(text, quote):
    assert find(f"Before it. {text}. After it.", quote) is None


@pytest.mark.parametrize(
    ("quote", "expected"),
    [
        (
            "a crime to knowingly falsify a record with intent to obstruct",
            "a crime to knowingly falsify any record with the intent to obstruct",
        ),
        (
            "crime to knowing falsify any records with the intent",
            "crime to knowingly falsify any record with the intent",
        ),
        (
            "to knowingly falsifi any record with the intent to obstruct",
            "to knowingly falsify any record with the intent to obstruct",
        ),
        ("obstruct an investigation within its jurisdiction", "obstruct an investi-\ngation within its jurisdiction"),
        ("the intent of it. The text of the statute follows", "the intent of it.1 The text of the statute follows"),
    ],
)
def test_a_quote_with_a_slip_finds_whole_words_of_its_passage(quote, expected):
    text = (
        "That makes it a crime to knowingly falsify any record with the intent to obstruct an investi-\ngation within "
        "its jurisdiction. Such is the intent of it.1 The text of the statute follows below."
    )
    assert passage(text, quote) == expected


@pytest.mark.parametrize(
    ("quote", "found"),
    [
        ("It imposes crimzzzz liability on a person", True),  # 90 %
        ("It imposes crimzzzz liability on a pezzzz", False),  # 80 %
    ],
)
def test_similarity_under_85_per_cent_is_refused(quote, found):
    text = "It imposes criminal liability on a person who knowingly falsifies a record or document."
    assert (find(text, quote) is not None) == found


def test_whole_words_are_preferred_to_the_inside_of_others():
    text = "the smart of the world; the art of the world is old"
    assert find(text, "art of the world").start_char == text.index("art of the world is")
    assert passage("the smart of the world is old", "art of the world") in ("smart of the world", None)


def test_scripts_without_spaces_are_found_within_a_run():
    text = "今天天气很好，我们一起去公园里散步看花，然后回家。"
    assert passage(text, "我们一起去公园里散步看花") == "我们一起去公园里散步看花"


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_run_of_whole_words_is_found_where_its_words_stand(data):
    text = OPINION.read_text(encoding="utf-8")
    words = text.split()
    start = data.draw(st.integers(0, len(words) - 1))
    quote = " ".join(words[start : start + data.draw(st.integers(1, 40))])
    found = passage(text, quote.replace("“", '"').replace("’", "'"))
    if len(quote.strip(" .,;:*_'\"“”‘’")) >= MIN_CHARS:
        assert found is not None
        assert quotes.spell(found).strip(" .,;:'") == quotes.spell(quote).strip(" .,;:'")


def test_a_document_is_normalised_once(persuasion, monkeypatch):
    quotes.flatten.cache_clear()
    for number in range(30):
        persuasion.find(f"a quote that is nowhere, number {number}")
    assert quotes.flatten.cache_info().misses == 1


def test_hostile_quotes_take_no_quadratic_time(persuasion):
    begin = time.process_time()
    assert persuasion.find("zx qj " * 5_000) is None
    assert persuasion.find("the " * 900) is None
    assert find("a" * 300_000, "a" * 200_000) is None  # the inside of a word
    assert time.process_time() - begin < 5


def test_long_quotes_are_found_when_they_are_exact(persuasion):
    text = persuasion.select("Chapter 5").text
    assert persuasion.find(text.replace("\n", " ").upper()) is not None
