"""When an answer is that the document does not say it, and how probable that is."""

from itertools import product

import pytest

from workbench.analysis import prompts
from workbench.analysis.absent import LOOK_FROM, Absent, Wording, combined, estimate

WORDING = Wording((1, 2), (7, 8), ((5,), (6,)), (1, 2, 3), frozenset({9}))


def told(threshold: float | None, *probabilities: float) -> Absent:
    absent = Absent(WORDING, threshold)
    assert absent.weigh.told is not None
    absent.weigh.told(probabilities)
    return absent


@pytest.mark.parametrize(
    "answer",
    [prompts.ABSENT, "The document does not mention the price.", " The document does not specify who paid.\n"],
)
def test_an_answer_that_denies_is_known_in_other_words_too(answer: str):
    assert prompts.says_absent(answer)


@pytest.mark.parametrize(
    "answer", ["The document does not bind the parties.", "No.", "It says: The document does not say."]
)
def test_an_answer_about_what_a_document_does_not_do_is_an_answer(answer: str):
    assert not prompts.says_absent(answer)


def test_the_estimate_is_a_probability_that_rises_with_both_of_its_signs():
    shares = (0.0, 1e-9, 0.01, 0.3, 1.0)
    for denied, yes, no in product(shares, repeat=3):
        assert 0 <= estimate(denied, yes, no) <= 1
    rising = [estimate(denied, 0.6, 0.4) for denied in shares]
    assert rising == sorted(rising)
    assert rising[0] < rising[-1]
    falling = [estimate(0.05, yes, 1 - yes) for yes in (0.0, 0.2, 0.5, 0.8, 1.0)]
    assert falling == sorted(falling, reverse=True)
    assert falling[0] > falling[-1]


def test_a_model_that_replies_neither_yes_nor_no_is_heard_by_its_denial_alone():
    absent = told(0.5, 0.3, 0.0, 0.0, 0.2, 0.1)
    assert (absent.probability, absent.understood, absent.in_doubt) == (0.3, False, False)


def test_two_sights_of_a_question_are_taken_together():
    shares = (0.0, 0.02, 0.3, 0.7, 1.0)
    for whole, alone in product(shares, repeat=2):
        assert 0 <= combined(whole, alone) <= 1
    for rising in ([combined(0.3, alone) for alone in shares], [combined(whole, 0.6) for whole in shares]):
        assert rising == sorted(rising)
        assert rising[0] < 0.5 < rising[-1]


def test_passages_that_do_not_say_it_make_it_the_answer_and_no_others():
    says_not, says_so, unheard = (told(None, *p) for p in (
        (0.5, 0.0, 0.0, 0.1, 0.9), (0.01, 0.0, 0.0, 0.9, 0.1), (0.9, 0.0, 0.0, 0.1, 0.1)
    ))  # fmt: skip
    doubted = {name: told(0.5, 0.1, 0.0, 0.0, 0.7, 0.3) for name in ("not", "so", "unheard")}
    assert all(each.in_doubt for each in doubted.values())
    before = doubted["unheard"].probability
    for absent, alone in zip(doubted.values(), (says_not, says_so, unheard), strict=True):
        absent.look(alone)
    assert [absent.said for absent in doubted.values()] == [True, False, False]
    assert doubted["unheard"].probability == before


def test_what_is_sure_or_left_to_the_model_is_not_in_doubt():
    sure = told(0.5, 1e-4, 0.0, 0.0, 0.9, 0.1)
    assert sure.probability is not None
    assert sure.probability < LOOK_FROM
    assert not sure.in_doubt
    assert not told(0.5, 0.9, 0.0, 0.0, 0.1, 0.9).in_doubt
    assert not told(None, 0.1, 0.0, 0.0, 0.7, 0.3).in_doubt


def test_the_sentence_is_said_to_its_end_from_the_threshold_on_and_never_without_one():
    sure = told(0.5, 0.9, 0.0, 0.0, 0.1, 0.9)
    assert sure.probability is not None
    assert sure.probability > 0.5
    said = []
    for _ in range(4):
        said.append(sure.allowed())
        sure.advance(0)
    assert said == [(1,), (2,), (3,), [9]]
    assert told(0.5, 1e-4, 0.0, 0.0, 0.9, 0.1).allowed() is None
    assert told(None, 0.9, 0.0, 0.0, 0.1, 0.9).allowed() is None


def test_a_question_that_is_answered_with_yes_or_no_is_answered_so():
    assert told(0.5, 0.05, 0.2, 0.7, 0.2, 0.8).probability == 0.05
    asked_for_a_name = told(0.5, 0.05, 0.01, 0.01, 0.2, 0.8).probability
    assert asked_for_a_name is not None
    assert asked_for_a_name > 0.5
