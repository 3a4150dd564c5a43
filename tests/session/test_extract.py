"""Tables from readings of random models and of tiny: always typed, never invented, never cut off in silence."""

import threading
from datetime import date
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

import workbench as wb
from workbench import tables
from workbench.analysis.extract import ExtractProgress
from workbench.types import Step

SCHEMA = {"age": int, "visit": date, "smokes": bool}
TYPES = {"age": pl.Int64, "visit": pl.Date, "smokes": pl.Boolean}


def held(table: wb.Table, document: wb.Document) -> None:
    """Types are true, every value has a status, and every quote stands in the document."""
    assert dict(table.frame.schema) == TYPES
    assert table.cells.schema == tables.CELLS
    for cell in table.cells.iter_rows(named=True):
        assert cell["status"] in ("supported", "quote_only", "unassessed", "no_source")
        if cell["value"] is not None:
            assert " ".join(document.text[cell["start_char"] : cell["end_char"]].split()) == cell["quote"]
        else:
            assert cell["note"]


@pytest.fixture(scope="module")
def random_reading(hybrid: wb.Workbench, note: wb.Document):
    with hybrid.read(note, progress=None) as reading:
        yield reading


def test_a_random_model_fills_a_typed_row(random_reading: wb.Reading, note: wb.Document):
    table = random_reading.extract(SCHEMA, rows="one")
    held(table, note)
    assert len(table) == 1
    assert table.manifest["document"]["hash"] == note.hash


@pytest.mark.slow
def test_tiny_fills_typed_rows_and_reads_nothing_twice(tiny: wb.Workbench, note: wb.Document):
    with tiny.read(note, progress=None) as reading:
        before, told = reading.num_tokens, list[ExtractProgress]()
        table = reading.extract("patient, age int", max_rows=2, progress=told.append)
        assert table.frame.schema == {"patient": pl.String, "age": pl.Int64}
        assert len(table) <= 2
        assert [step.tokens for step in told] == list(range(1, len(told) + 1))
        assert told[-1].rows >= len(table)
        assert reading.num_tokens == before
        assert reading.ask("Who is the patient?", max_tokens=4).usage.reused_tokens > 0


@pytest.mark.slow
def test_what_a_note_does_not_say_is_null_without_a_source(samples: Path):
    absent = {"blood_type": "text", "insurance_number": "text", "employer": "text"}
    with wb.Workbench("small", store=False) as small:
        for number in (3, 9, 14, 28, 41):  # two of them break off
            with small.read(wb.load(samples / "patient-notes" / f"note-{number:02}.txt"), progress=None) as reading:
                cells = reading.extract(absent, rows="one").cells
            assert cells["value"].to_list() == [None] * 3
            assert cells["status"].to_list() == ["no_source"] * 3


def test_a_table_that_does_not_come_to_its_end_is_an_error_with_what_there_is(random_reading: wb.Reading):
    with pytest.raises(wb.AnswerParseError, match="did not come to its end within 8 tokens; 0 rows") as error:
        random_reading.extract("patient, age int", rows="one", max_tokens=8)
    assert error.value.partial.frame.schema == {"patient": pl.String, "age": pl.Int64}
    assert "Cut off after 8 tokens" in error.value.partial.warnings[0]


def test_a_table_that_is_stopped_has_its_whole_rows_and_says_so(
    random_reading: wb.Reading, monkeypatch: pytest.MonkeyPatch
):
    def stop(_: ExtractProgress) -> None:
        raise KeyboardInterrupt

    table = random_reading.extract(SCHEMA, progress=stop)
    assert table.warnings[0].startswith("Stopped after")
    assert dict(table.frame.schema) == TYPES


@pytest.mark.parametrize(
    ("arguments", "said"),
    [({"rows": "some"}, "rows='some'"), ({"max_rows": 0}, "max_rows=0"), ({"max_tokens": 0}, "max_tokens=0")],
)
def test_limits_that_cannot_be_kept_are_refused(random_reading: wb.Reading, arguments: dict[str, object], said: str):
    with pytest.raises(wb.ConfigError, match=said):
        random_reading.extract("a", **arguments)


def test_a_closed_reading_is_not_extracted_from(hybrid: wb.Workbench, note: wb.Document):
    reading = hybrid.read(note, progress=None)
    reading.close()
    with pytest.raises(wb.EngineError, match="is closed"):
        reading.extract("a")


def test_rows_go_on_until_the_list_is_closed(
    random_reading: wb.Reading, note: wb.Document, monkeypatch: pytest.MonkeyPatch
):
    """An engine that says what it is told to: 120 rows, of which each is different."""
    words = note.text.split()
    pairs = dict.fromkeys((a, b) for a, b in pairwise(words) if a.isalpha() and b.isalpha())
    rows = [f'{{"pair": "{a} {b}"}}' for a, b in pairs]
    said = f"[{', '.join(rows)}]"
    tokenizer = random_reading._context.tokenizer

    def generate(branch: object, feed: object, params: object, ends: object, stop: object, cancel: threading.Event,
                 *, constraint: object) -> object:  # fmt: skip
        for token_id in tokenizer.encode(said):
            assert constraint.allowed()[token_id]
            constraint.advance(token_id)
            yield Step(token_id)
        yield Step(None, "stop")

    monkeypatch.setattr(random_reading._engine, "generate", generate)
    table = random_reading.extract("pair")
    assert len(table) == len(rows) > 50
    assert table.frame["pair"].to_list() == [f"{a} {b}" for a, b in pairs]
    assert not table.warnings


def test_an_extraction_is_ended_from_another_thread(random_reading: wb.Reading):
    cancel = threading.Event()
    table = random_reading.extract(SCHEMA, progress=lambda _: cancel.set(), cancel=cancel)
    assert table.warnings[0].startswith("Stopped after")
    assert not random_reading.closed
