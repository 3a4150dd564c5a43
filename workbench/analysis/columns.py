"""The columns of a matrix: a question and what kind of answer it has; from what the model says to a value of the kind.

By code, and never more than is said: what cannot be read as the kind is no value, with the reason.

Not covered: asking (session.filling), what supports a value (analysis.matrix).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal, get_args

import polars as pl
from rapidfuzz import fuzz, process

from workbench.analysis import schema
from workbench.analysis.statuses import SMALL
from workbench.analysis.values import Order, parse
from workbench.errors import ConfigError, nearest

ColumnKind = Literal["text", "name", "number", "date", "bool", "choice"]
Value = str | int | float | bool | date

_REPLY = {
    "text": "",
    "name": " Reply with the name alone.",
    "number": " Reply with the number and its unit, as written.",
    "date": " Reply with the date, as written.",
    "bool": " Reply with Yes or No.",
}
_KINDS: dict[str, schema.Kind] = {"number": "number", "date": "date", "bool": "yes_no", "choice": "choice"}
_WORD = re.compile(r"[^\W_]+")
_YES = re.compile(r"\W*(yes|no)\b", re.IGNORECASE)
_SAME_CHOICE = 90.0


@dataclass(frozen=True, slots=True)
class Column:
    """A question to every document, and the kind of its answer.

    Attributes:
        question: in plain words.
        kind: ``text``, ``name``, ``number``, ``date``, ``bool`` (yes or no) or ``choice``.
        choices: what a ``choice`` may be; without ``kind`` they make it one.
    """

    question: str
    kind: ColumnKind = "text"
    choices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in get_args(ColumnKind):
            valid = ", ".join(get_args(ColumnKind))
            hint = nearest(str(self.kind), list(get_args(ColumnKind)))
            raise ConfigError(f"A column has no kind {self.kind!r}; there are {valid}.{hint}")
        if not self.question.strip():
            raise ConfigError("A column has no question; give one: wb.Column('Who is the doctor?', kind='name').")
        if self.choices and self.kind == "text":
            object.__setattr__(self, "kind", "choice")
        if len(set(self.choices)) < len(self.choices):
            raise ConfigError(f"A choice stands twice: {', '.join(self.choices)}.")
        if (self.kind == "choice") != bool(self.choices):
            raise ConfigError("A choice needs choices, and they need a choice: wb.Column('...', choices=('a', 'b')).")

    @property
    def task(self) -> str:
        """The question as the model is asked it."""
        if self.kind == "choice":
            return f"{self.question} Reply with one of: {', '.join(self.choices)}."
        return self.question + _REPLY[self.kind]

    @property
    def replies(self) -> tuple[str, ...] | None:
        """What alone may be said to it, beside that the document does not say it; None for anything."""
        return ("Yes", "No") if self.kind == "bool" else self.choices or None


Questions = Mapping[str, str | Column] | Sequence[str | Column]


def columns(questions: Questions) -> dict[str, Column]:
    """Columns by name; of a list, each question is its column's name.

    Raises:
        ConfigError: there is none, two have one name, or one is named ``document``.
    """
    if isinstance(questions, str):
        raise ConfigError("questions is one string; give a list, or a mapping from names to questions.")
    given = (
        list(questions.items())
        if isinstance(questions, Mapping)
        else [(each if isinstance(each, str) else each.question, each) for each in questions]
    )
    made = {name: each if isinstance(each, Column) else Column(each) for name, each in given}
    if not made or len(made) < len(given):
        raise ConfigError("There is no question." if not made else "A question stands twice; each needs its own name.")
    if "document" in made:
        raise ConfigError("'document' is the column of the documents' names; give the question another name.")
    return made


def as_schema(asked: Mapping[str, Column]) -> schema.Schema:
    """The columns as those of a table: each is described by the words of its question that tell."""
    made = []
    for name, column in asked.items():
        telling = " ".join(word for word in _WORD.findall(column.question) if word.casefold() not in SMALL)
        made.append(schema.Column(name, _KINDS.get(column.kind, "text"), column.choices, telling))
    return schema.Schema(tuple(made))


def from_toml(path: Path) -> dict[str, Column]:
    """Columns from a file: ``doctor = "Who is the doctor?"``, or a table with ``question``, ``kind``, ``choices``.

    Raises:
        ConfigError: it cannot be read, or says something else.
    """
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"The questions in {path} cannot be read: {error}") from error
    return from_plain(said, str(path))


def from_plain(said: Mapping[str, object], source: str) -> dict[str, Column]:
    """Columns from plain values: a question, or a mapping with ``question``, ``kind`` and ``choices``, by name.

    Args:
        said: from a file, or from a manifest.
        source: which, for errors.

    Raises:
        ConfigError: they say something else.
    """
    made: dict[str, str | Column] = {}
    for name, given in said.items():
        if isinstance(given, Mapping):
            unknown = set(given) - {"question", "kind", "choices"}
            if unknown or "question" not in given:
                wrong = f"unknown: {', '.join(sorted(unknown))}" if unknown else "no question"
                raise ConfigError(f"[{name}] in {source}: {wrong}; it takes question, kind and choices.")
            choices = given.get("choices", ())
            if not isinstance(choices, Sequence) or isinstance(choices, str):
                raise ConfigError(f"[{name}] in {source}: choices is no list: {choices!r}.")
            made[name] = Column(str(given["question"]), given.get("kind", "text"), tuple(map(str, choices)))
        else:
            made[name] = str(given)
    return columns(made)


def value_of(column: Column, said: str, order: Order | None = None) -> tuple[Value | None, str]:
    """What an answer says as a value of the column's kind; with None why there is none, else what to know of it."""
    said = " ".join(said.split())
    if column.kind in ("date", "number"):
        found = parse(said, "date" if column.kind == "date" else "number", order)
        value = found.value
        return (int(value) if isinstance(value, float) and value == int(value) else value), found.note
    if column.kind == "bool":
        match = _YES.match(said)
        return (match[1].lower() == "yes", "") if match else (None, "neither yes nor no")
    if column.kind == "choice":
        best = process.extractOne(
            said.strip(" ."), column.choices, scorer=fuzz.ratio, processor=str.casefold, score_cutoff=_SAME_CHOICE
        )
        named = [each for each in column.choices if re.search(rf"\b{re.escape(each)}\b", said, re.IGNORECASE)]
        chosen = best[0] if best else named[0] if len(named) == 1 else None
        return (chosen, "") if chosen else (None, "none of the choices")
    return (said.rstrip(".") if column.kind == "name" else said) or None, "" if said else "nothing was said"


def dtype(column: Column, values: Sequence[Value | None]) -> pl.DataType:
    """The column's type in the frame; numbers are whole where every one is."""
    if column.kind == "number":
        return pl.Float64() if any(isinstance(value, float) for value in values) else pl.Int64()
    if column.kind == "choice":
        return pl.Enum(column.choices)
    return {"date": pl.Date(), "bool": pl.Boolean()}.get(column.kind, pl.String())
