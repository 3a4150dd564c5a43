"""The log of questions and answers: what is in it, when it stops a question, and what verify finds."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import workbench as wb
from tests.test_cli import refused, said
from workbench.analysis.audit import AuditLog

WHO = "Who delivered the opinion?"
WRITER = """
import sys
from workbench.analysis.audit import AuditLog
log = AuditLog(sys.argv[1])
for n in range(20):
    log.failed(log.asked("a.txt", "h", f"{n}?", {}), None)
"""


@pytest.fixture
def log(tmp_path: Path) -> AuditLog:
    return AuditLog(tmp_path / "project.sqlite")


@pytest.fixture
def full(log: AuditLog) -> AuditLog:
    for question in ("Who?", "Why?", "When?"):
        log.answered(log.asked("a.txt", "hash", question, {"kind": "ask"}), "She.", (), {"model": "m"}, "stop")
    return log


@pytest.fixture
def reading(checkpoint: Callable[[str], Path], page: wb.Document, tmp_path: Path) -> Iterator[wb.Reading]:
    with (
        wb.Workbench(str(checkpoint("llama")), audit=tmp_path / "project.sqlite") as bench,
        bench.read(page, progress=None) as reading,
    ):
        yield reading


def edited(log: AuditLog, statement: str) -> tuple[str, ...]:
    """What verify says after somebody took the guards off and edited."""
    with sqlite3.connect(log.path) as connection:
        for trigger in ("no_update", "no_delete"):
            connection.execute(f"DROP TRIGGER {trigger}")
        connection.execute(statement)
    connection.close()
    return log.verify()


def test_every_question_and_what_came_of_it_is_in_the_log(reading: wb.Reading, log: AuditLog):
    answer = reading.ask(WHO, max_tokens=4)
    stream = reading.stream("Why?", max_tokens=200)
    next(stream)
    stream.close()
    reading.ask_many(["One?", "Two?"], max_tokens=2)
    with reading.chat() as chat:
        chat.ask("And then?", max_tokens=2)
    reading.summarize(words=10, max_tokens=4)
    with pytest.raises(wb.ContextTooLong):
        reading.ask("and then " * 500)
    rows = list(log.rows())
    assert log.verify() == ()
    asked = {row.number: row for row in rows if row.event == "asked"}
    ends = [row for row in rows if row.asked]
    assert sorted(row.asked for row in ends) == sorted(asked)
    outcomes = [(asked[row.asked].question[:8], row.event) for row in sorted(ends, key=lambda row: row.asked)]
    assert outcomes == [
        (WHO[:8], "answered"), ("Why?", "cancelled"), ("One?", "answered"), ("Two?", "answered"),
        ("And then", "answered"), ("", "answered"), ("and then", "failed"),
    ]  # fmt: skip
    first = json.loads(rows[1].content)
    assert (first["text"], first["manifest"]) == (answer.text, answer.manifest)
    assert len(first["citations"]) == len(answer.citations)
    assert (rows[1].document, rows[1].document_hash) == (answer.document_name, reading.document.hash)
    assert "ContextTooLong" in json.loads(rows[-1].content)["error"]


def test_a_log_that_cannot_be_written_stops_the_question_and_loses_no_answer(
    reading: wb.Reading, log: AuditLog, monkeypatch: pytest.MonkeyPatch
):
    write = AuditLog._append

    def full_disk(self: AuditLog, event: str, *rest: object) -> int:
        if event != "asked":
            raise sqlite3.OperationalError("database or disk is full")
        return write(self, event, *rest)

    monkeypatch.setattr(AuditLog, "_append", full_disk)
    assert len(reading.ask(WHO, max_tokens=4).token_ids) == 4
    assert [row.event for row in log.rows()] == ["asked"]
    monkeypatch.setattr(AuditLog, "_append", lambda *_: full_disk(log, "other"))
    with pytest.raises(wb.EngineError, match="nothing was asked"):
        reading.ask(WHO, max_tokens=4)
    monkeypatch.undo()
    assert len(reading.ask(WHO, max_tokens=4).token_ids) == 4


def test_the_file_is_its_owners_alone(full: AuditLog):
    assert full.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE log SET content = '{}' WHERE number = 4", ("Row 4 was edited.",)),
        ("UPDATE log SET time = '2020' WHERE number = 1", ("Row 1 was edited.",)),
        ("DELETE FROM log WHERE number IN (2, 3)", ("Rows 2 to 3 are missing.",)),
        ("DELETE FROM log WHERE number = 1", ("Row 1 is missing.",)),
        ("DELETE FROM log WHERE number = 6", ("Row 6 is missing.",)),
        ("UPDATE log SET previous = 'x', digest = 'y' WHERE number = 2",
         ("Row 2 does not follow the row before it.", "Row 2 was edited.", "Row 3 does not follow the row before it.")),
    ],
)  # fmt: skip
def test_rows_that_were_edited_or_are_missing_are_found(full: AuditLog, statement: str, found: tuple[str, ...]):
    assert edited(full, statement) == found


@pytest.mark.parametrize("statement", ["UPDATE log SET question = ''", "DELETE FROM log"])
def test_the_file_itself_refuses_edits(full: AuditLog, statement: str):
    with pytest.raises(sqlite3.IntegrityError, match="append-only"), sqlite3.connect(full.path) as connection:
        connection.execute(statement)
    connection.close()
    assert full.verify() == ()


def test_several_processes_write_one_chain(log: AuditLog):
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(log.path)]) for _ in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    assert len(list(log.rows())) == 120
    assert log.verify() == ()


def test_a_file_of_another_kind_is_left_alone(tmp_path: Path):
    other, text = tmp_path / "other.sqlite", tmp_path / "notes.txt"
    with sqlite3.connect(other) as connection:
        connection.execute("CREATE TABLE mine (x)")
    connection.close()
    text.write_text("my notes, which are no database at all " * 4)
    for path, message in ((other, "another kind"), (text, "cannot be written"), (tmp_path, "cannot be written")):
        with pytest.raises(wb.ConfigError, match=message):
            wb.Workbench("tiny", audit=path)
    assert text.read_text().startswith("my notes")


def test_what_sqlite_cannot_hold_is_replaced(log: AuditLog):
    log.failed(log.asked("a\ud800.txt", "h", "\ud800?", {"kind": "\ud800"}), None)
    assert [row.question for row in log.rows()] == ["??", "??"]
    assert log.verify() == ()


def test_the_command_line_shows_and_verifies(full: AuditLog, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("WORKBENCH_AUDIT", str(full.path))
    assert "6 rows, whole" in said("audit", "verify")
    shown = said("audit", "show").splitlines()
    assert len(shown) == 6
    assert "answered" in shown[1]
    assert "a.txt · Who? · She." in shown[1]
    assert json.loads(said("audit", "show", str(full.path), "--json").splitlines()[0])["question"] == "Who?"
    edited(full, "UPDATE log SET question = '' WHERE number = 2")
    assert "Row 2 was edited." in refused("audit", "verify")
    assert "is not there" in refused("audit", "verify", str(full.path.with_name("none.sqlite")))
