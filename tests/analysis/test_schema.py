from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Literal

import polars as pl
import pytest
from pydantic import BaseModel, Field

from workbench.analysis.schema import Column, parse_schema
from workbench.errors import ConfigError


class State(Enum):
    OPEN = "open"
    CLOSED = "closed"


class Case(BaseModel):
    person: str
    born: date | None = Field(None, description="day of birth")
    state: State
    court: Literal["high", "low"]
    names: list[str] = []
    amount: Annotated[float | None, Field(ge=0)] = None


class Court(BaseModel):
    cases: list[Case]


def test_a_short_line_a_mapping_and_a_model_make_the_same_columns():
    short = parse_schema("person, born date, age int, amount: number, sure bool, names list, state open|closed")
    mapped = parse_schema({"person": str, "born": date, "age": int, "amount": float, "sure": bool, "names": list[str],
                           "state": Literal["open", "closed"]})  # fmt: skip
    assert short == mapped
    assert short.frame_schema == pl.Schema({
        "person": pl.String, "born": pl.Date, "age": pl.Int64, "amount": pl.Float64, "sure": pl.Boolean,
        "names": pl.List(pl.String), "state": pl.Enum(["open", "closed"]),
    })  # fmt: skip


def test_a_pydantic_model_gives_types_descriptions_and_the_name_of_a_row():
    schema = parse_schema(Case)
    assert schema.name == "Case"
    assert schema.columns == (
        Column("person"), Column("born", "date", (), "day of birth"), Column("state", "choice", ("open", "closed")),
        Column("court", "choice", ("high", "low")), Column("names", "list"), Column("amount", "number"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("a numbr", r"'numbr' of column 'a' is no type.*Did you mean 'number'\?"),
        ("first seen date", r"write the name as one: first_seen"),
        ("", r"no columns"),
        ({}, r"no columns"),
        ("a, A", r"'A' twice"),
        ({"": str}, r"cannot name a column"),
        ({"a\nb": str}, r"cannot name a column"),
        ({"a": "strng"}, r"Did you mean 'string'"),
        ({"a": datetime}, r"type datetime, which is not supported.*Did you mean 'date'"),
        ({"a": Decimal}, r"Did you mean 'float'"),
        ({"a": int | str}, r"several types"),
        ({"a": list[int]}, r"only list\[str\]"),
        ({"a": Literal[1, 2]}, r"two or more different, printable strings"),
        ({"a": Case}, r"models within models are not supported"),
        (Court, r"tables within tables are not supported.*extract\(Case\)"),
        (7, r"this is int"),
        (", ".join(f"c{n}" for n in range(41)), r"41 columns; at most 40"),
    ],
)
def test_what_is_no_schema_is_said_with_what_would_be_one(given: object, said: str):
    with pytest.raises(ConfigError, match=said):
        parse_schema(given)
