"""Whether a value belongs in its column: decided by the labels of its document and by the words around it; no model.

That a value stands in the document does not say what it is there. A value behind a label that names its column belongs
there. One behind a label of another column, or outside the label that names its own, has only its quote. Where no label
and no word says what it is, code cannot judge: in a form it does not count, in prose the model's probability decides.

Not covered: whether the quote has the value (analysis.statuses), where a value stands (analysis.cells).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from workbench.analysis.figures import dates, numbers
from workbench.analysis.labels import DESCRIBED, WEAK, Field, fields, fit
from workbench.analysis.schema import Column, Schema
from workbench.analysis.statuses import SMALL, TITLES, same_word
from workbench.documents.quotes import spell
from workbench.documents.sentences import sentences
from workbench.results import CitationStatus
from workbench.types import Span

MIN_PROBABILITY = 0.05
"""A value with a less likely token was forced on the model; it is none, unless its own label says what it is."""

MIN_SURE = 0.8
"""A value that no word of the document connects with its column counts from this probability on."""

MIN_CONNECTED = 0.2
"""One that stands beside words of its column, from this one on; one that does not is none below it."""

FORCED = (
    "the document was found to say nothing of it: what was written was not likely, and nothing says that it is this"
)
UNTOLD = "neither a label nor the words around it say that it is this"
"""Notes of a value that is none, and of one that code cannot judge."""

MIN_FIELDS, MAX_FIELD_CHARS = 2, 1_000
"""Of a form, and characters for each of its fields; a longer text has a label here and there, which decides nothing."""

_NEAR_CHARS = 150
_MAX_FIELD_WORDS = 12
"""A longer text behind a label is a paragraph, in which anything may stand."""

_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a value belongs in its column.

    Attributes:
        status: at most; None for whatever the quote allows, ``no_source`` for what is no value at all.
        note: why.
        strength: of what says that it belongs there, in [0, 1].
    """

    status: CitationStatus | None = None
    note: str = ""
    strength: float = 0.0


@dataclass(frozen=True, slots=True)
class Claim:
    """A value that a row has for a column.

    Attributes:
        column: it was written for.
        written: as the document has it.
        place: in the document.
        probability: of its least likely token, in [0, 1], where that is known.
    """

    column: Column
    written: str
    place: Span
    probability: float | None = None


class Labels:
    """The fields of a document as the columns of a schema see them.

    Args:
        text: of the document.
        schema: whose columns are named.
        many: whether there are several rows; then a label that stands once names a column of none of them.
        begun: as ``labels.fit`` takes it.
    """

    def __init__(self, text: str, schema: Schema, *, many: bool = False, begun: bool = True) -> None:
        self._text, self._many = text, many
        self._fields = fields(text)
        self._is_form = len(self._fields) >= MIN_FIELDS and len(text) <= MAX_FIELD_CHARS * len(self._fields)
        each = {field.label for field in self._fields}
        self._fit = {
            (label, column.name): fit(label, column, begun=begun) for label in each for column in schema.columns
        }
        self._best = {label: max((self._fit[label, c.name] for c in schema.columns), default=0.0) for label in each}
        self._naming = {column.name: self._named(column) for column in schema.columns}
        self._own = {(name, field) for name, named in self._naming.items() for field in named}

    def naming(self, column: Column) -> Sequence[Field]:
        """The fields whose label names a column nearest, and whose value can be one of it."""
        return self._naming[column.name]

    def named(self, column: Column, span: Span) -> bool:
        """Whether a place is behind a label that names a column."""
        return (column.name, self.around(span)) in self._own

    def _named(self, column: Column) -> list[Field]:
        if not self._is_form:
            return []
        named = [(self._near(field, column), field) for field in self._fields]
        named = [(near, field) for near, field in named if near >= DESCRIBED and self._can_be(field, column)]
        top = max((near for near, _ in named), default=0.0)
        nearest = [field for near, field in named if near == top]
        return [] if self._many and len(nearest) < 2 else nearest

    def copied_from(self, column: Column) -> Sequence[Field]:
        """The fields that a column's values are copied from; none for conclusions."""
        return self.naming(column) if column.copied else []

    def behind(self, column: Column) -> list[str]:
        """What stands in the fields that a column's values are copied from."""
        return [self._said(field) for field in self.copied_from(column)]

    def around(self, span: Span) -> Field | None:
        """The field that a place is in."""
        at = bisect_right(self._fields, span.start_char, key=lambda field: field.value.start_char) - 1
        return self._fields[at] if at >= 0 and span.start_char < self._fields[at].value.end_char else None

    def judge(self, claim: Claim) -> Verdict:
        """Whether what was written for a column belongs there, by its place in the document."""
        column, place, probability = claim.column, claim.place, claim.probability
        own, naming = self.around(place), self.naming(column)
        near = self._near(own, column) if own is not None else 0.0
        if own is not None and (self.named(column, place) or (near >= DESCRIBED and not naming)):
            return Verdict(strength=near)
        if any(self.agrees(field, column, claim.written) for field in naming):
            return Verdict(strength=DESCRIBED)
        # Of many rows or items, which one comes next is open: what is not likely then is not forced.
        several = self._many or column.kind == "list"
        sure = 1.0 if probability is None else probability
        forced = Verdict("quote_only" if several else "no_source", FORCED)
        if sure < MIN_PROBABILITY:
            return forced
        if naming:
            return Verdict("quote_only", f"the document has it behind “{naming[0].label}:”, this stands elsewhere")
        if self._is_form and own is not None and self._fills(own, place, column):
            if near >= WEAK:
                return Verdict(strength=near)
            other = self._best[own.label] >= DESCRIBED
            return Verdict("quote_only" if other else "unassessed", f"it stands behind “{own.label}:”")
        connected = self._connected(column, place)
        if sure < MIN_CONNECTED:
            return Verdict("unassessed", UNTOLD) if connected or several else forced
        if not connected and (self._is_form or (sure < MIN_SURE and not several)):
            return Verdict("unassessed", UNTOLD)
        return Verdict(strength=WEAK / 2 if connected else 0.0)

    def _near(self, field: Field, column: Column) -> float:
        """How near a label is to a column; 0 where it is nearer to another."""
        near = self._fit[field.label, column.name]
        return near if near == self._best[field.label] else 0.0

    def _said(self, field: Field) -> str:
        return self._text[field.value.start_char : field.value.end_char]

    def _can_be(self, field: Field, column: Column) -> bool:
        said = self._said(field)
        if column.kind == "date":
            return bool(dates(said))
        return bool(numbers(said)) if column.kind in ("integer", "number") else any(map(str.isalnum, said))

    def agrees(self, field: Field, column: Column, written: str) -> bool:
        """Whether a field says what was written somewhere else."""
        if column.kind == "date":
            readings = [day.readings for day in dates(self._said(field))]
            return any(day.readings & other for day in dates(written) for other in readings)
        if column.kind in ("integer", "number"):
            values = {number.value for number in numbers(self._said(field))}
            return any(number.value in values for number in numbers(written))
        said, told = (_edged(text) for text in (written, self._said(field)))
        return bool(said and told) and (_holds(told, said) or _holds(said, told))

    def _fills(self, field: Field, place: Span, column: Column) -> bool:
        """Whether a place is what its field gives, not a word in a paragraph behind a label."""
        said, value = self._said(field), self._text[place.start_char : place.end_char]
        if len(value) * 2 >= len(said) or column.kind == "list":
            return True
        before = self._text[field.value.start_char : place.start_char]
        return len(_WORD.findall(before)) <= 1 and len(_WORD.findall(said)) <= _MAX_FIELD_WORDS

    def _connected(self, column: Column, place: Span) -> bool:
        """Whether the line or sentence has a word of the column's name or description beside the value."""
        text, every = self._text, sentences(self._text)
        around = every[max(bisect_right(every, place.start_char, key=lambda s: s.start_char) - 1, 0)]
        before = text[max(around.start_char, place.start_char - _NEAR_CHARS) : place.start_char]
        behind = text[place.end_char : max(min(around.end_char, place.end_char + _NEAR_CHARS), place.end_char)]
        said = _words(f"{before} {behind}")
        return any(same_word(word, other) for word in _words(f"{column.name} {column.description}") for other in said)


def judged(labels: Labels, row: Sequence[Claim]) -> list[Verdict]:
    """Whether each value of a row belongs in its column; what two columns have, only the better founded of them has."""
    verdicts = [labels.judge(claim) for claim in row]
    made = []
    for claim, verdict in zip(row, verdicts, strict=True):
        better = next((
            other for other, its in zip(row, verdicts, strict=True)
            if other.column.name != claim.column.name and verdict.status is None and verdict.strength < DESCRIBED
            and _founded(other, its) > _founded(claim, verdict) and _the_same(claim, other)
        ), None)  # fmt: skip
        made.append(verdict if better is None else Verdict("unassessed", f"{better.column.name} has the same words"))
    return made


def _founded(claim: Claim, verdict: Verdict) -> tuple[bool, float, float]:
    return verdict.status is None, verdict.strength, claim.probability or 0.0


def _the_same(one: Claim, other: Claim) -> bool:
    """Whether a value is in another's place, or is a text of no other words than it."""
    if one.place.start_char < other.place.end_char and other.place.start_char < one.place.end_char:
        return True
    if {one.column.kind, other.column.kind} - {"text"}:
        return False
    said, told = ({word for word in _words(each.written) if word not in TITLES} for each in (one, other))
    return bool(said) and said <= told


def _words(text: str) -> list[str]:
    return [word for word in _WORD.findall(text.casefold()) if word not in SMALL]


def _edged(text: str) -> str:
    return spell(text).strip(" .,;:'")


def _holds(told: str, said: str) -> bool:
    """Whether ``told`` has ``said`` as whole words."""
    return re.search(rf"(?<![^\W_]){re.escape(said)}(?![^\W_])", told) is not None
