"""The columns that a table is to have: a short line, a mapping, or a pydantic model, made into one form.

Types are text, whole numbers, numbers, yes/no, dates, categories, and lists of text. Every value may be absent,
whatever the type says: a document need not say everything.

Not covered: tables within tables, validators of a pydantic model, times of day.
"""

from __future__ import annotations

import re
import types
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from enum import Enum
from typing import Annotated, Literal, Union, get_args, get_origin

import polars as pl
from pydantic import BaseModel, ValidationError

from workbench.errors import ConfigError, nearest

Kind = Literal["text", "integer", "number", "yes_no", "date", "choice", "list"]
MAX_COLUMNS = 40
"""More make one row so long that a model loses its thread; two tables do better."""

_MAX_NAME_CHARS = 64
_WORDS: dict[str, Kind] = {
    "text": "text", "str": "text", "string": "text",
    "int": "integer", "integer": "integer",
    "number": "number", "float": "number", "decimal": "number",
    "bool": "yes_no", "boolean": "yes_no", "yes/no": "yes_no",
    "date": "date", "list": "list",
}  # fmt: skip
_CLASSES: dict[object, Kind] = {str: "text", int: "integer", float: "number", bool: "yes_no", date: "date"}
_DTYPES: dict[Kind, pl.DataType] = {
    "text": pl.String(), "integer": pl.Int64(), "number": pl.Float64(), "yes_no": pl.Boolean(), "date": pl.Date(),
    "list": pl.List(pl.String()),
}  # fmt: skip
_VALID = "str, int, float, bool, date, list[str], a Literal or an Enum of strings, each also | None"
_FORMS = 'a line ("person, born date, amount number"), a dict ({"person": str}) or a pydantic model'


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: as it stands in the frame.
        kind: of its values.
        choices: of a ``choice``, its categories.
        description: what is meant, for the model; may be empty.
    """

    name: str
    kind: Kind = "text"
    choices: tuple[str, ...] = ()
    description: str = ""

    @property
    def dtype(self) -> pl.DataType:
        """Of the frame's column."""
        return pl.Enum(self.choices) if self.kind == "choice" else _DTYPES[self.kind]

    @property
    def copied(self) -> bool:
        """Whether its values stand in the document as they are; else they are concluded from a quote."""
        return self.kind not in ("yes_no", "choice")


@dataclass(frozen=True, slots=True)
class Schema:
    """The columns of a table, and what a row of it is.

    Attributes:
        columns: at least one.
        name: of a row, for the model; empty when nothing says it.
    """

    columns: tuple[Column, ...]
    name: str = ""

    @property
    def frame_schema(self) -> pl.Schema:
        """Of the frame."""
        return pl.Schema([(column.name, column.dtype) for column in self.columns])

    def plain(self) -> dict[str, object]:
        """As JSON values, for the manifest."""
        return {"name": self.name, "columns": [asdict(column) for column in self.columns]}


SchemaLike = str | Mapping[str, object] | type[BaseModel] | Schema


def schema_of(plain: object) -> Schema:
    """What ``Schema.plain`` was made of.

    Raises:
        ConfigError: it was edited or is damaged.
    """
    try:
        given = _Plain.model_validate(plain)
    except ValidationError as error:
        raise ConfigError(f"This is no schema of a table; it was edited or is damaged. {error}") from error
    columns = [Column(each.name, each.kind, tuple(each.choices), each.description) for each in given.columns]
    return _checked(columns, given.name)


class _PlainColumn(BaseModel):
    name: str
    kind: Kind
    choices: list[str]
    description: str


class _Plain(BaseModel):
    name: str
    columns: list[_PlainColumn]


def parse_schema(given: SchemaLike) -> Schema:
    """One form of all that may be given.

    Raises:
        ConfigError: no columns, a name twice, a name that cannot be one, or a type that is not supported.
    """
    if isinstance(given, Schema):
        return given
    if isinstance(given, str):
        return _checked([_short(part) for part in given.split(",") if part.strip()])
    if isinstance(given, Mapping):
        return _checked([_column(str(name), kind, "") for name, kind in given.items()])
    if isinstance(given, type) and issubclass(given, BaseModel):
        fields = given.model_fields.items()
        return _checked([_column(name, each.annotation, each.description or "") for name, each in fields],
                        given.__name__)  # fmt: skip
    raise ConfigError(f"A schema is {_FORMS}; this is {type(given).__name__}.")


def _checked(columns: list[Column], name: str = "") -> Schema:
    if not columns:
        raise ConfigError(f"The schema has no columns. It is {_FORMS}.")
    if len(columns) > MAX_COLUMNS:
        raise ConfigError(f"The schema has {len(columns)} columns; at most {MAX_COLUMNS} go into one table. Split it.")
    seen = set()
    for column in columns:
        if not column.name.strip() or len(column.name) > _MAX_NAME_CHARS or not column.name.isprintable():
            raise ConfigError(f"{column.name!r} cannot name a column: 1 to {_MAX_NAME_CHARS} printable characters do.")
        if column.name.casefold() in seen:
            raise ConfigError(f"The schema has the column {column.name!r} twice; name each once.")
        seen.add(column.name.casefold())
    return Schema(tuple(columns), name)


def _short(part: str) -> Column:
    """``born date``, ``born: date`` or ``born``; ``state open|closed`` for categories."""
    words = part.replace(":", " ").split()
    if len(words) == 1:
        return Column(words[0])
    if len(words) > 2:
        joined = "_".join(words[:-1] if _kind(words[-1]) else words)
        raise ConfigError(f"{part.strip()!r}: a column is a name and perhaps a type; write the name as one: {joined}.")
    return _named(words[0], words[1])


def _kind(word: str) -> Kind | None:
    return _WORDS.get(word.casefold())


def _named(name: str, word: str, description: str = "") -> Column:
    """A column by the word for its type."""
    if "|" in word:
        return Column(name, "choice", _categories(name, [part.strip() for part in word.split("|")]), description)
    kind = _kind(word)
    if kind is None:
        valid = ", ".join(_WORDS)
        raise ConfigError(
            f"{word!r} of column {name!r} is no type; valid are {valid}, and categories as open|closed."
            f"{nearest(word.casefold(), list(_WORDS))}"
        )
    return Column(name, kind, (), description)


def _column(name: str, annotation: object, description: str) -> Column:
    """A column by a Python type."""
    if isinstance(annotation, str):
        return _named(name, annotation.strip(), description)
    if get_origin(annotation) is Annotated:
        return _column(name, get_args(annotation)[0], description)
    if get_origin(annotation) in (Union, types.UnionType):
        parts = [part for part in get_args(annotation) if part is not types.NoneType]
        if len(parts) == 1:
            return _column(name, parts[0], description)
        raise ConfigError(f"Column {name!r} has several types; give it one of: {_VALID}.")
    if get_origin(annotation) is Literal:
        return Column(name, "choice", _categories(name, list(get_args(annotation))), description)
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return Column(name, "choice", _categories(name, [member.value for member in annotation]), description)
    if annotation is list or get_origin(annotation) in (list, tuple, set, frozenset):
        return _listed(name, annotation, description)
    kind = _CLASSES.get(annotation) if isinstance(annotation, type) else None
    if kind is None:
        raise _not_supported(name, annotation)
    return Column(name, kind, (), description)


def _listed(name: str, annotation: object, description: str) -> Column:
    args = [arg for arg in get_args(annotation) if arg is not Ellipsis]
    if args in ([], [str]):
        return Column(name, "list", (), description)
    if isinstance(args[0], type) and issubclass(args[0], BaseModel):
        raise ConfigError(
            f"Column {name!r} is a list of {args[0].__name__}: tables within tables are not supported. Ask for its "
            f"rows alone, extract({args[0].__name__}), or make the column list[str]."
        )
    raise ConfigError(f"Column {name!r}: of lists only list[str] is supported.")


def _categories(name: str, values: list[object]) -> tuple[str, ...]:
    texts = [value for value in values if isinstance(value, str) and value.strip() and value.isprintable()]
    if len(texts) != len(values) or len(set(texts)) != len(texts) or len(texts) < 2:
        raise ConfigError(f"The categories of column {name!r} must be two or more different, printable strings.")
    return tuple(texts)


def _not_supported(name: str, annotation: object) -> ConfigError:
    said = getattr(annotation, "__name__", str(annotation))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return ConfigError(
            f"Column {name!r} is a {said}: models within models are not supported. "
            "Give its fields columns of their own."
        )
    close = {"datetime": "date", "Decimal": "float", "complex": "float", "dict": "list[str]", "bytes": "str"}.get(said)
    hint = f" Did you mean {close!r}?" if close else nearest(re.sub(r"\W", "", said), list(_WORDS))
    return ConfigError(f"Column {name!r} has the type {said}, which is not supported; valid are {_VALID}.{hint}")
