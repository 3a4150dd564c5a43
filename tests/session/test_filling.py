"""A matrix: one row a document, one column a question; kept, gone on with, verified."""

import datetime
import json
import re
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest

import workbench as wb
from workbench.results import Usage
from workbench.session.reading import Reading
from workbench.types import MatrixProgress

NOTE = "Patient {n}. Seen by Dr. R. Johnson on 6/15/2023. The patient is a {age}-year-old and does not smoke."
NOTES = [wb.load(NOTE.format(n=n, age=50 + n).encode(), name=f"note-{n}.txt") for n in range(3)]
ASKED = {
    "doctor": wb.Column("Who is the doctor?", kind="name"),
    "visit": wb.Column("When was the visit?", kind="date"),
    "age": wb.Column("How old is the patient?", kind="number"),
    "smokes": wb.Column("Does the patient smoke?", kind="bool"),
}


class Said:
    """A stream that has come to its end."""

    def __init__(self, answer: wb.Answer | BaseException) -> None:
        self._answer = answer

    def result(self) -> wb.Answer:
        if isinstance(self._answer, BaseException):
            raise self._answer
        return self._answer

    def cancel(self) -> None: ...

    def close(self) -> None: ...


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What readings say to a question that has this word, and under ``heard`` what they were asked."""
    from workbench.analysis.citations import cite

    script: dict[str, object] = {"doctor": "Dr. R. Johnson.", "visit": "6/15/2023", "old": "52 years", "smoke": "No."}
    script["heard"] = heard = []

    def stream_many(self: Reading, questions: list[str], **_: object) -> list[Said]:
        streams = []
        for question in questions:
            heard.append((self.document.name, question))
            text = next(said for word, said in script.items() if word in question)
            if isinstance(text, BaseException):
                streams.append(Said(text))
                continue
            cited = cite(self.document, str(text), question)
            streams.append(Said(wb.Answer(question, str(text), cited, Usage(1, 0, 1), "stop", (), ())))
        return streams

    monkeypatch.setattr(Reading, "stream_many", stream_many)
    return script


@pytest.fixture(scope="module")
def bench(checkpoint: Callable[[str], Path]) -> Iterator[wb.Workbench]:
    with wb.Workbench(str(checkpoint("llama")), store=False) as bench:
        yield bench


def test_the_frame_has_true_types_and_each_cell_its_source(bench: wb.Workbench, asked: dict[str, object]):
    steps: list[MatrixProgress] = []
    table = bench.matrix(NOTES, ASKED, progress=steps.append)
    assert table.frame.schema == pl.Schema(
        {"document": pl.String(), "doctor": pl.String(), "visit": pl.Date(), "age": pl.Int64(), "smokes": pl.Boolean()}
    )
    assert table.frame.row(2) == ("note-2.txt", "Dr. R. Johnson", datetime.date(2023, 6, 15), 52, False)
    assert table.cells.filter(pl.col("column") == "doctor")["status"].to_list() == ["supported"] * 3
    assert table.citation(2, "age").status == "supported"
    assert "52-year-old" in table.citation(2, "age").quote
    assert [(step.done_cells, step.total_cells) for step in steps] == [(n, 12) for n in range(1, 13)]
    assert bench.open_readings == ()


def test_a_value_that_the_document_does_not_have_is_never_supported(bench: wb.Workbench, asked: dict[str, object]):
    asked |= {"doctor": "Dr. Q. Zweig.", "visit": "7/4/1999", "old": "The document does not say.", "smoke": "Perhaps."}
    table = bench.matrix(NOTES[:1], ASKED, progress=None)
    assert "supported" not in table.cells["status"].to_list()
    assert table.frame.row(0)[3:] == (None, None)
    notes = dict(table.cells.select("column", "note").iter_rows())
    assert notes["age"] == "The document does not say."
    assert notes["smokes"] == "The answer has neither yes nor no: Perhaps."


FORM = wb.load(
    b"Patient Name: Ann Lee\nCC: Urinary tract infection (UTI)\n\nHX: Miss Lee is a 24-year-old who reports burning "
    b"pain.\n\nSeen by Dr. M. Patel on 6/28/2023.",
    name="form.txt",
)


def test_a_form_is_asked_by_its_labels(bench: wb.Workbench, asked: dict[str, object]):
    asked |= {"complaint": "Urinary tract infection (UTI)."}
    questions = {"complaint": "What is the chief complaint?", "smokes": ASKED["smokes"], "doctor": ASKED["doctor"]}
    table = bench.matrix([FORM], questions, progress=None)
    assert asked["heard"] == [
        ("form.txt", "What is the chief complaint? Copy what stands behind “CC:”."),
        ("form.txt", "Does the patient smoke? Reply with Yes or No."),
        ("form.txt", "Who is the doctor? Reply with the name alone."),
    ]
    cited = table.citation(0, "complaint")
    assert (cited.status, cited.quote) == ("supported", "CC: Urinary tract infection (UTI)")
    asked["complaint"] = "CC: Urinary tract infection (UTI)"
    again = bench.matrix([FORM], questions, progress=None)
    assert again.frame["complaint"].item() == "Urinary tract infection (UTI)"


@pytest.mark.parametrize(
    ("column", "said", "note"),
    [
        ("complaint", "Burning pain", "the document has it behind “CC:”, this stands elsewhere"),
        ("doctor", "Urinary tract infection (UTI)", "it stands behind “CC:”"),
        ("doctor", "Ann Lee", "it stands behind “Patient Name:”"),
    ],
)
def test_what_stands_behind_the_label_of_another_column_has_only_its_quote(
    bench: wb.Workbench, asked: dict[str, object], column: str, said: str, note: str
):
    asked |= {"complaint": said, "doctor": said, "patient": "Ann Lee"}
    questions = {
        "complaint": "What is the chief complaint?", "doctor": ASKED["doctor"],
        "patient": wb.Column("What is the name of the patient?", kind="name"),
    }  # fmt: skip
    table = bench.matrix([FORM], questions, progress=None)
    status, why = table.cells.filter(pl.col("column") == column).select("status", "note").row(0)
    assert (status, why) == ("quote_only", note)
    assert table.frame[column].item() == said


@pytest.mark.parametrize(
    ("column", "question", "said", "quote"),
    [
        ("doctor", "Who is the doctor?", "Dr. M. Patel", "Seen by Dr. M. Patel on 6/28/2023."),
        ("why", "What does the patient complain of?", "Burning pain", "HX: Miss Lee is a 24-year-old who reports"),
        ("complaint", "What is the chief complaint?", "urinary tract infection (UTI)", "CC: Urinary tract"),
        ("is it from", "Who is it from?", "Dr. M. Patel", "Seen by Dr. M. Patel on 6/28/2023."),
    ],
)
def test_no_label_but_that_of_what_is_asked_for_takes_support_away(
    bench: wb.Workbench, asked: dict[str, object], column: str, question: str, said: str, quote: str
):
    asked |= dict.fromkeys(("doctor", "complain", "from"), said)
    table = bench.matrix([FORM], {column: question}, progress=None)
    assert ("Copy what stands behind" in asked["heard"][0][1]) == (column == "complaint")  # type: ignore[index]
    cited = table.citation(0, column)
    assert cited.status == "supported"
    assert cited.quote.startswith(quote)


def test_a_kept_cell_is_judged_beside_the_columns_of_its_own_matrix(
    bench: wb.Workbench, asked: dict[str, object], tmp_path: Path
):
    asked |= {"doctor": "Urinary tract infection (UTI)", "complaint": "Urinary tract infection (UTI)"}
    out, both = tmp_path / "kept.jsonl", {"doctor": "Who is the doctor?", "complaint": "What is the chief complaint?"}
    alone = bench.matrix([FORM], {"doctor": both["doctor"]}, out=out, progress=None)
    beside = bench.matrix([FORM], both, out=out, progress=None)
    assert alone.citation(0, "doctor").status == "supported"
    assert beside.citation(0, "doctor").status == "quote_only"
    assert beside.cells.equals(bench.matrix([FORM], both, progress=None).cells)


def test_a_second_call_asks_nothing_and_a_new_question_only_itself(
    bench: wb.Workbench, asked: dict[str, object], tmp_path: Path
):
    out, heard = tmp_path / "kept" / "answers.jsonl", asked["heard"]
    first = bench.matrix(NOTES, ASKED, out=out, progress=None)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    heard.clear()
    again = bench.matrix(NOTES, ASKED, out=out, progress=None)
    assert heard == []
    assert again.frame.equals(first.frame)
    assert again.cells.equals(first.cells)
    bench.matrix(NOTES[:1], ASKED | {"who": "Who else is the doctor?"}, out=out, progress=None)
    assert heard == [("note-0.txt", "Who else is the doctor?")]


def test_a_damaged_line_is_passed_over_with_a_word_and_asked_again(
    bench: wb.Workbench, asked: dict[str, object], tmp_path: Path
):
    out, heard = tmp_path / "answers.jsonl", asked["heard"]
    whole = bench.matrix(NOTES, ASKED, out=out, progress=None)
    lines = out.read_bytes().splitlines(keepends=True)
    out.write_bytes(b"".join([b"\xff{}\n", *lines[:2], b"[1]\n", *lines[3:-1], lines[-1][:20]]))
    heard.clear()
    again = bench.matrix(NOTES, ASKED, out=out, progress=None)
    assert len(heard) == 2
    assert again.frame.equals(whole.frame)
    assert again.warnings == ("3 damaged lines of kept answers were passed over and asked again.",)
    heard.clear()
    bench.matrix(NOTES, ASKED, out=out, progress=None)
    assert heard == [], "what was asked again stands on a line of its own"


def test_what_fails_stays_in_its_cells_and_the_rest_goes_on(
    bench: wb.Workbench, asked: dict[str, object], tmp_path: Path
):
    too_long = wb.load(("A word. " * 3_000).encode(), name="long.txt")
    table = bench.matrix([tmp_path / "none.txt", too_long, NOTES[2]], ASKED, progress=None)
    assert table.frame["age"].to_list() == [None, None, 52]
    notes = table.cells.filter(pl.col("column") == "age")["note"].to_list()
    assert notes[0].startswith("DocumentError:")
    assert notes[1].startswith("ContextTooLong:")
    asked["doctor"] = wb.EngineError("the engine failed")
    out = tmp_path / "answers.jsonl"
    failed = bench.matrix(NOTES[:1], ASKED, out=out, progress=None)
    assert failed.cells["note"][0] == "EngineError: the engine failed"
    asked["doctor"] = "Dr. R. Johnson."
    assert bench.matrix(NOTES[:1], ASKED, out=out, progress=None).frame["doctor"][0] == "Dr. R. Johnson"


def test_an_interrupt_keeps_what_is_there_and_the_next_call_goes_on(
    bench: wb.Workbench, asked: dict[str, object], tmp_path: Path
):
    out = tmp_path / "answers.jsonl"
    asked["old"] = KeyboardInterrupt()
    stopped = bench.matrix(NOTES, ASKED, out=out, progress=None)
    assert stopped.frame["doctor"].to_list() == ["Dr. R. Johnson", None, None]
    assert stopped.warnings == ("Stopped after 2 of 12 cells; call it again to go on.",)
    assert "Not asked" in stopped.cells["note"][2]
    asked["old"] = "52"
    asked["heard"].clear()
    whole = bench.matrix(NOTES, ASKED, out=out, progress=None)
    assert len(asked["heard"]) == 10
    assert whole.warnings == ()


def test_a_choice_is_one_of_its_choices_whatever_a_model_would_rather_say(bench: wb.Workbench):
    asked = {
        "smokes": wb.Column("Does the patient smoke?", kind="bool"),
        "state": wb.Column("How is the patient?", choices=("ill", "well", "well known")),
        "who": wb.Column("Who?"),
    }
    table = bench.matrix(NOTES, asked, progress=None)
    assert table.frame["smokes"].null_count() == table.frame["state"].null_count() == 0
    assert set(table.cells["status"]) <= {"supported", "quote_only", "unassessed", "no_source"}


def test_a_matrix_run_again_is_identical_from_its_manifest(bench: wb.Workbench):
    table = bench.matrix(NOTES, ASKED, progress=None)
    then = json.loads(json.dumps(table.manifest))
    assert then["request"]["arguments"]["questions"]["age"]["question"] == "How old is the patient?"
    assert then["documents"][0]["tasks"]["age"].startswith("How old is the patient? Reply with")
    again = wb.replay(then, NOTES, bench=bench, progress=None)
    assert (again.identical, again.num_cells, again.difference, again.changed) == (True, 12, None, ())
    assert again.answer.frame.equals(table.frame)
    assert "Identical: 12 cells." in again._repr_mimebundle_()["text/plain"]


def test_the_first_cell_that_differs_is_shown_and_nothing_that_was_kept_is_taken(
    bench: wb.Workbench, asked: dict[str, object], tmp_path: Path
):
    out, asked["old"] = tmp_path / "answers.jsonl", "50 years"
    bench.matrix(NOTES, ASKED, out=out, progress=None)
    table = bench.matrix(NOTES, ASKED, out=out, progress=None)
    assert table.manifest["num_kept"] == 12
    asked["old"] = "52 years"
    again = wb.replay(table, NOTES, bench=bench, progress=None)
    assert not again.identical
    assert (again.difference.document, again.difference.column) == ("note-0.txt", "age")
    assert (again.difference.then, again.difference.now) == ("50 (supported)", "no value (no_source)")
    assert again.changed == ("12 of its cells were kept by an earlier run, and may have been asked with others.",)
    shown = again._repr_mimebundle_()["text/plain"]
    assert "age of note-0.txt is another" in shown
    assert "Then: 50 (supported)" in shown


def test_of_a_matrix_only_what_had_an_answer_is_run_again(bench: wb.Workbench, asked: dict[str, object]):
    broken = "missing.txt"
    table = bench.matrix([broken, *NOTES[:2]], ASKED, progress=None)
    changed = wb.load(b"Another note altogether.", name="note-0.txt")
    again = wb.replay(table, [broken, changed, NOTES[1]], bench=bench, progress=None)
    assert (again.num_cells, again.answer.frame.height) == (8, 2)
    assert again.difference.document == "note-0.txt"
    (reason,) = again.changed
    assert reason.startswith("The document has changed: note-0.txt")
    asked["visit"] = wb.EngineError("It broke.")
    again = wb.replay(table, [broken, *NOTES[:2]], bench=bench, progress=None)
    assert (again.difference.now, again.difference.why) == ("", "EngineError: It broke.")
    shown = again._repr_mimebundle_()["text/plain"]
    assert "has no answer now" in shown
    assert "edited" not in shown


def test_what_differs_in_a_cell_is_shown_where_its_value_is_the_same(bench: wb.Workbench, asked: dict[str, object]):
    asked["old"] = "50 years"
    table = bench.matrix(NOTES[:1], ASKED, progress=None)
    asked["old"] = "50"
    again = wb.replay(table, NOTES[:1], bench=bench, progress=None)
    assert again.difference.then == "50 (supported), written: 50 years"
    assert again.difference.now == "50 (supported), written: 50"


def test_a_document_that_is_given_twice_is_asked_once_and_kept_by_no_earlier_run(
    bench: wb.Workbench, asked: dict[str, object]
):
    table = bench.matrix([NOTES[0], NOTES[0]], ASKED, progress=None)
    assert len(asked["heard"]) == len(ASKED)
    assert table.manifest["num_kept"] == 0
    assert wb.replay(table, [NOTES[0], NOTES[0]], bench=bench, progress=None).identical


def test_a_reading_of_another_workbench_is_not_asked(
    bench: wb.Workbench, asked: dict[str, object], checkpoint: Callable[[str], Path]
):
    table = bench.matrix(NOTES[:1], ASKED, progress=None)
    with (
        wb.Workbench(str(checkpoint("qwen3.5")), store=False) as other,
        other.read(NOTES[0], progress=None) as reading,
    ):
        with pytest.raises(wb.ConfigError, match="another workbench"):
            bench.matrix([reading], ASKED, progress=None)
        assert wb.replay(table, [reading], bench=bench, progress=None).answer.manifest["model"] == bench.name
        other_bench = wb.replay(table, [reading], bench=other, progress=None)
        assert any("model" in reason for reason in other_bench.changed)


def test_a_replay_of_a_matrix_that_is_stopped_has_no_verdict(bench: wb.Workbench, asked: dict[str, object]):
    table = bench.matrix(NOTES, ASKED, progress=None)
    asked["old"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        wb.replay(table, NOTES, bench=bench, progress=None)


def test_what_of_a_matrix_cannot_be_run_again_is_said(bench: wb.Workbench, asked: dict[str, object]):
    then = bench.matrix(NOTES, ASKED, progress=None).manifest
    asked["doctor"] = wb.EngineError("It broke.")
    none = bench.matrix(NOTES, {"doctor": "Who is the doctor?"}, progress=None).manifest
    cell = then["cells"][0]
    for source, documents, said in (
        (then, NOTES[:2], "is of 3 documents"),
        (then, NOTES[0], "is of 3 documents"),
        (then, iter(NOTES), "is of 3 documents"),
        (then, None, "wb.replay(table, [all its documents, in their order])"),
        ({name: then[name] for name in then if name != "cells"}, NOTES, "ask again"),
        (then | {"documents": [{}] * 3}, NOTES, "does not hold the cells"),
        (then | {"cells": "all"}, NOTES, "does not hold the cells"),
        (then | {"cells": [cell | {"row": 3}]}, NOTES, "does not hold the cells"),
        (then | {"cells": [{"row": 0}]}, NOTES, "does not hold the cells"),
        (then | {"request": {"kind": "matrix", "arguments": {}}}, NOTES, "no question"),
        (none, NOTES, "nothing to compare"),
    ):
        with pytest.raises(wb.ConfigError, match=re.escape(said)):
            wb.replay(source, documents, bench=bench, progress=None)
    with bench.read(NOTES[0], progress=None) as reading, pytest.raises(wb.ConfigError, match="one document"):
        wb.replay(reading.ask("Who?", max_tokens=2), NOTES, bench=bench, progress=None)


def test_replies_are_in_the_manifest_and_are_one_list_a_question(bench: wb.Workbench):
    with bench.read(NOTES[0], progress=None) as reading:
        answers = reading.ask_many(["Ill?", "Who?"], max_tokens=6, replies=[("Yes", "No"), None])
        assert answers[0].text in ("Yes", "No")
        assert answers[1].text not in ("Yes", "No")
        assert wb.replay(answers[0], NOTES[0], bench=bench, progress=None).identical
        with pytest.raises(wb.ConfigError, match="a question"):
            reading.ask_many(["Ill?"], replies=[])
        with pytest.raises(wb.ConfigError, match="thinking"):
            reading.ask_many(["Ill?"], replies=[("Yes", "No")], thinking=True)


def test_a_real_model_is_cancelled_from_another_thread_and_a_reading_stays_open(bench: wb.Workbench):
    cancel = threading.Event()
    with bench.read(NOTES[0], progress=None) as reading:
        table = bench.matrix([reading, *NOTES[1:]], ["Who?", "Where?"], progress=lambda _: cancel.set(), cancel=cancel)
        assert not reading.closed
        assert reading.ask("Who?", max_tokens=2).finish_reason != "cancelled"
    assert table.frame.height == 3
    assert "Stopped after" in table.warnings[0]
    assert "Not asked" in table.cells["note"][-1]


@pytest.mark.parametrize(
    ("documents", "questions", "said"),
    [
        ("a.txt", ["Who?"], "not a list"),
        ([], ["Who?"], "not a list"),
        (iter(NOTES), ["Who?"], "not a list"),
        (NOTES, "Who?", "one string"),
        (NOTES, [], "no question"),
        (NOTES, ["Who?", "Who?"], "stands twice"),
        (NOTES, {"document": "Who?"}, "another name"),
    ],
)
def test_what_cannot_be_asked_is_said(bench: wb.Workbench, documents: object, questions: object, said: str):
    with pytest.raises(wb.ConfigError, match=said):
        bench.matrix(documents, questions, progress=None)
