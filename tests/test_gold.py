"""Twenty questions about the opinion, one prompt for all, asked of the model that is the default without a GPU."""

import tomllib
from pathlib import Path

import pytest

import workbench as wb
from workbench.analysis.prompts import says_absent
from workbench.documents.quotes import spell

GOLD = tomllib.loads((Path(__file__).parent / "gold" / "opinion.toml").read_text(encoding="utf-8"))["question"]
ENOUGH = 15


def is_right(question: dict[str, object], answer: wb.Answer) -> bool:
    if question["absent"]:
        return says_absent(answer.text)
    said = spell(answer.text)
    return any(spell(value) in said for value in question["value"]) and any(
        passage.page in question["page"] and len(passage.quote) >= 12 for passage in answer.citations
    )


@pytest.mark.slow
def test_most_questions_about_the_opinion_are_answered_and_proved(samples: Path):
    document = wb.load(samples / "abouammo-v-united-states.txt")
    with wb.Workbench("small") as bench, bench.read(document, progress=None) as reading:
        answers = [reading.ask(question["text"], max_tokens=160) for question in GOLD]
    wrong = [
        f"{question['text']} {answer.text!r} {[passage.place for passage in answer.citations]}"
        for question, answer in zip(GOLD, answers, strict=True)
        if not is_right(question, answer)
    ]
    print(f"{len(GOLD) - len(wrong)} of {len(GOLD)} right", *wrong, sep="\n")
    assert len(GOLD) - len(wrong) >= ENOUGH, wrong


@pytest.mark.slow
def test_a_year_that_the_opinion_gives_for_something_else_is_withdrawn(samples: Path):
    document = wb.load(samples / "abouammo-v-united-states.txt")
    with wb.Workbench("small") as bench, bench.read(document, progress=None) as reading:
        answer = reading.ask("In which year did Abouammo join Twitter?", max_tokens=160)
        free = reading.ask("In which year did Abouammo join Twitter?", max_tokens=160, absent_threshold=None)
    assert says_absent(answer.text), answer.text
    assert answer.withdrawn == free.text
    assert answer.token_ids == free.token_ids
