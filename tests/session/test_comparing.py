"""Comparing two documents: what differs, what contradicts, and a question to both."""

from collections.abc import Callable
from pathlib import Path

import pytest

import workbench as wb
from tests.documents.test_versions import ONE
from workbench import tables
from workbench.session import comparing

TWO = ONE.replace("900", "950").replace(" The tenant keeps a dog.", "").replace("at night.", "at ten.")
FIRST, SECOND = wb.load(ONE.encode(), name="2023.txt"), wb.load(TWO.encode(), name="2024.txt")


@pytest.fixture(scope="module")
def bench(checkpoint: Callable[[str], Path]):
    with wb.Workbench(str(checkpoint("llama")), store=False) as bench:
        yield bench


def judged(monkeypatch: pytest.MonkeyPatch, *, no: float) -> list[str]:
    """Readings that hold every pair to contradict with this probability; the tasks they were given."""
    tasks: list[str] = []

    def weighed(_reading: wb.Reading, each: list[str], _beginnings: object) -> list[tuple[float, ...]]:
        tasks.extend(each)
        return [(1 - no, no)] * len(each)

    monkeypatch.setattr(comparing, "weighed", weighed)
    return tasks


def test_every_difference_has_the_words_and_places_of_both(bench: wb.Workbench, monkeypatch: pytest.MonkeyPatch):
    tasks = judged(monkeypatch, no=0.1)
    found = bench.compare(FIRST, SECOND, progress=None)
    assert found.differences.schema == tables.DIFFERENCES
    assert found.differences["kind"].to_list() == ["changed", "removed", "changed"]
    assert len(tasks) == 2, "what was removed is not judged"
    for side, document in (("first", FIRST), ("second", SECOND)):
        for row in found.differences.drop_nulls(f"{side}_quote").iter_rows(named=True):
            start, end = row[f"{side}_start_char"], row[f"{side}_end_char"]
            assert document.text[start:end] == row[f"{side}_quote"]
            assert row[f"{side}_page"] == document.page_at(start).number
    assert found.are_versions
    assert found.answer is None
    assert bench.open_readings == (), "what was opened for it is closed"


def test_what_the_model_holds_to_contradict_is_said_to(bench: wb.Workbench, monkeypatch: pytest.MonkeyPatch):
    judged(monkeypatch, no=0.9)
    found = bench.compare(FIRST, SECOND, progress=None)
    assert found.contradictions["contradiction"].to_list() == [0.9, 0.9]
    assert "900 euros" in found.contradictions["first_quote"][0]


def test_what_is_only_added_is_a_change_that_nobody_judges(bench: wb.Workbench, monkeypatch: pytest.MonkeyPatch):
    tasks = judged(monkeypatch, no=0.9)
    other = wb.load(ONE.replace("a month.", "a month, as said!").encode(), name="b.txt")
    assert bench.compare(FIRST, other, progress=None).differences["kind"].to_list() == ["changed"]
    assert tasks == []


def test_two_texts_that_are_no_versions_list_only_what_contradicts(
    bench: wb.Workbench, monkeypatch: pytest.MonkeyPatch
):
    judged(monkeypatch, no=0.9)
    letter = (
        b"Dear neighbour, as you know the rent is now 990 euros a month. We wish you a quiet winter, and good friends."
    )
    found = bench.compare(FIRST, wb.load(letter, name="letter.txt"), progress=None)
    assert not found.are_versions
    assert set(found.differences["kind"]) == {"contradicts"}
    assert any(
        "900 euros" in one and "990 euros" in other
        for one, other in found.differences.select("first_quote", "second_quote").iter_rows()
    )
    assert "not versions" in found.warnings[0]


def test_the_model_itself_weighs_and_its_probabilities_are_those_of_one_by_one(bench: wb.Workbench):
    with bench.read(FIRST, progress=None) as reading:
        tasks = ["Is it so? Yes or No.", "Can both be true at the same time?"]
        together = comparing.weighed(reading, tasks, ("Yes", "No"))
        alone = [comparing.weighed(reading, [task], ("Yes", "No"))[0] for task in tasks]
        assert all(0 <= share <= 1 for each in together for share in each)
        assert together == [pytest.approx(each, abs=1e-4) for each in alone]
        assert together[0] != together[1]
    assert bench.compare(FIRST, SECOND, progress=None).differences["contradiction"].null_count() == 1


def test_a_question_is_asked_of_both_at_once_and_cites_each_by_name(
    bench: wb.Workbench, monkeypatch: pytest.MonkeyPatch
):
    judged(monkeypatch, no=0.0)
    asked: list[tuple[str, str]] = []

    def ask(self: wb.Reading, question: str, **options: object) -> wb.Answer:
        asked.append((self.document.name, self.document.text))
        text = 'One says "The rent is 900 euros a month.", "The rent is 950 euros a month.", none "the moon is cheese".'
        return wb.Answer(question, text, (), wb.Usage(1, 0, 1), "stop", (), ())

    monkeypatch.setattr(wb.Reading, "ask", ask)
    found = bench.compare(FIRST, SECOND, "What is the rent?", progress=None)
    ((name, text),) = asked
    assert name == "2023.txt and 2024.txt"
    assert "===== 2024.txt =====" in text
    said = {(c.document, c.quote): c.place for c in found.answer.citations if c.origin == "quoted"}
    assert said == {
        ("2023.txt", "The rent is 900 euros a month."): "2023.txt, page 1",
        ("2024.txt", "The rent is 950 euros a month."): "2024.txt, page 1",
        ("", "the moon is cheese"): "not in the document",
    }


def test_what_does_not_fit_together_is_asked_one_by_one_and_weighed(
    bench: wb.Workbench, monkeypatch: pytest.MonkeyPatch
):
    judged(monkeypatch, no=0.0)
    long = [wb.load((text * 4).encode(), name=name) for text, name in ((ONE, "2023.txt"), (TWO, "2024.txt"))]
    asked: list[str] = []
    ask = wb.Reading.ask

    def heard(self: wb.Reading, question: str, **options: object) -> wb.Answer:
        asked.append(self.document.name)
        return ask(self, question, **options)

    monkeypatch.setattr(wb.Reading, "ask", heard)
    found = bench.compare(*long, "What is the rent?", max_tokens=4, progress=None)
    assert asked == ["2023.txt", "2024.txt", "2023.txt and 2024.txt"]
    assert found.answer.question == "What is the rent?"


def test_readings_that_were_open_stay_open_and_an_empty_question_is_refused(bench: wb.Workbench):
    with bench.read(FIRST, progress=None) as reading:
        assert len(bench.compare(reading, FIRST, progress=None)) == 0
        assert not reading.closed
    with pytest.raises(wb.ConfigError, match="question is empty"):
        bench.compare(FIRST, SECOND, " ", progress=None)
