"""Kinds of answers: from what a model says to a value, and never more than it says."""

import datetime
from pathlib import Path

import polars as pl
import pytest

import workbench as wb
from workbench.analysis.columns import columns, dtype, from_toml, value_of

TONE = wb.Column("How is the tone?", choices=("friendly", "hostile"))
DAY = datetime.date(2023, 6, 15)


@pytest.mark.parametrize(
    ("column", "said", "value"),
    [
        (wb.Column("?", kind="name"), "Dr. R. Johnson.", "Dr. R. Johnson"),
        (wb.Column("?", kind="number"), "It is 1,250 euros.", 1250),
        (wb.Column("?", kind="number"), "37.5 kg", 37.5),
        (wb.Column("?", kind="number"), "from 3 to 5", None),
        (wb.Column("?", kind="date"), "On June 15, 2023.", DAY),
        (wb.Column("?", kind="date"), "6/15/2023", DAY),
        (wb.Column("?", kind="date"), "in June", None),
        (wb.Column("?", kind="bool"), "Yes, he does.", True),
        (wb.Column("?", kind="bool"), "no", False),
        (wb.Column("?", kind="bool"), "Nobody knows.", None),
        (TONE, "Friendly.", "friendly"),
        (TONE, "The tone is hostile.", "hostile"),
        (TONE, "Neither friendly nor hostile.", None),
        (wb.Column("?"), "A sentence.", "A sentence."),
    ],
)
def test_an_answer_is_a_value_of_its_kind_or_none_with_a_reason(column: wb.Column, said: str, value: object):
    found, note = value_of(column, said)
    assert found == value
    assert type(found) is type(value)
    assert bool(note) == (value is None)


def test_a_date_in_figures_is_read_as_the_document_reads_its_others():
    day = wb.Column("?", kind="date")
    assert value_of(day, "7/2/2023", "day") == (datetime.date(2023, 2, 7), "")
    assert value_of(day, "7/2/2023", "month") == (datetime.date(2023, 7, 2), "")
    value, note = value_of(day, "7/2/2023")
    assert value == datetime.date(2023, 7, 2)
    assert "month first" in note


def test_columns_have_the_types_of_polars():
    assert dtype(wb.Column("?", kind="number"), [1, None]) == pl.Int64()
    assert dtype(wb.Column("?", kind="number"), [1, 2.5]) == pl.Float64()
    assert dtype(TONE, []) == pl.Enum(["friendly", "hostile"])


def test_questions_come_from_a_file(tmp_path: Path):
    path = tmp_path / "questions.toml"
    path.write_text('doctor = "Who is it?"\n[visit]\nquestion = "When?"\nkind = "date"\n[tone]\nquestion = "How?"\n'
                    'choices = ["good", "bad"]\n')  # fmt: skip
    made = from_toml(path)
    assert made == columns({
        "doctor": "Who is it?", "visit": wb.Column("When?", kind="date"),
        "tone": wb.Column("How?", choices=("good", "bad"))
    })  # fmt: skip
    assert made["tone"].kind == "choice"
    for text, said in (
        ("[a]\nkind = 'date'", "no question"),
        ("[a]\nquestion = 'a'\nq = 1", "unknown: q"),
        ("[a]\nquestion = 'a'\nchoices = 'b'", "no list"),
        ("=", "cannot be read"),
    ):
        path.write_text(text)
        with pytest.raises(wb.ConfigError, match=said):
            from_toml(path)


def test_a_column_that_makes_no_sense_is_refused():
    with pytest.raises(wb.ConfigError, match="Did you mean 'date'"):
        wb.Column("When?", kind="dat")
    with pytest.raises(wb.ConfigError, match="no question"):
        wb.Column(" ")
    with pytest.raises(wb.ConfigError, match="stands twice"):
        wb.Column("How?", choices=("a", "a"))
    with pytest.raises(wb.ConfigError, match="needs choices"):
        wb.Column("How?", kind="choice")
