"""Which part of a document is looked at alone, and what people are told of an answer that was withdrawn."""

from workbench.analysis.looking import widened, withdrawal
from workbench.results import Citation
from workbench.types import Span

TEXT = "One is here. Two is here. Three is here. Four is here. Five is here. Six is here."


def parts(*said: str) -> list[str]:
    spans = [Span(TEXT.index(each), TEXT.index(each) + len(each)) for each in said]
    return [TEXT[slice(*span)] for span in widened(TEXT, spans)]


def test_a_passage_is_read_with_the_sentences_beside_it():
    assert parts("Three is") == ["Two is here. Three is here. Four is here."]
    assert parts("One") == ["One is here. Two is here."]
    assert parts("Six is here.") == ["Five is here. Six is here."]
    assert parts("here. Three") == ["One is here. Two is here. Three is here. Four is here."]


def test_where_everything_is_one_sentence_a_passage_is_not_read_with_all_of_it():
    rows = "\n".join(f"{n},{n * n}" for n in range(4_000))
    (wide,) = widened(rows, [Span(20_000, 20_025)])
    assert wide.start_char < 20_000 < 20_025 < wide.end_char
    assert wide.end_char - wide.start_char < 1_000


def test_passages_that_meet_are_read_once():
    assert parts("Six", "One") == ["One is here. Two is here.", "Five is here. Six is here."]
    assert parts("Two", "Three") == ["One is here. Two is here. Three is here. Four is here."]
    assert parts(TEXT, "Three") == [TEXT]


def test_people_are_told_what_was_withdrawn_and_where_it_rested():
    one, other = Citation("a", page=3, label="iii"), Citation("b", page=4, where="Sheet1!B4")
    unsourced = Citation("c")
    assert withdrawal("It was 2014.", (one, unsourced)) == (
        "Withdrawn: “It was 2014.” The passage it rested on (page iii), read alone, does not say so."
    )
    assert withdrawal("It was 2014.", (one, one, other)) == (
        "Withdrawn: “It was 2014.” The passages it rested on (page iii, Sheet1!B4), read alone, do not say so."
    )
    assert " …” The passage" in withdrawal("word " * 100, (one,))
