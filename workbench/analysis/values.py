"""From what a document says to a value of a type. By code, and never more than is written.

A date in figures may be read in two ways (``7/2/2023``). Which one a document means is told by its other dates: one
with a figure above 12 decides. Where none does, the month comes first, and that is said.

Not covered: times, spans of dates, dates without a year (figures finds none of them).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Literal

from workbench.analysis.figures import dates, numbers
from workbench.analysis.schema import Kind

Value = str | int | float | bool | date
Order = Literal["month", "day"]

_FIGURES = re.compile(r"(?<![\d/.-])(\d{1,2})([/-])(\d{1,2})\2(?:\d{4}|\d{2})(?!\d)")
_MAX_INTEGER = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Parsed:
    """A value, or why there is none.

    Attributes:
        value: in the type asked for; None when it cannot be read so.
        note: what to know of it; empty for most.
    """

    value: Value | None
    note: str = ""


def parse(written: str, kind: Kind, order: Order | None = None) -> Parsed:
    """What a document has, as a value of a kind that is copied from it.

    Args:
        written: as it stands there.
        kind: ``text``, ``integer``, ``number`` or ``date``; an item of a list is ``text``.
        order: what comes first in a date in figures, where that is known.
    """
    if kind in ("integer", "number"):
        return _number(written, whole=kind == "integer")
    if kind == "date":
        return _date(written, order)
    said = " ".join(written.split())
    return Parsed(said) if said else Parsed(None, "nothing but white space")


def date_order(text: str) -> Order | None:
    """What comes first in the dates in figures of a document; None when none of them tells, or they disagree."""
    orders = set[Order]()
    for first, _, second in _FIGURES.findall(text):
        if int(first) > 12 >= int(second):
            orders.add("day")
        if int(second) > 12 >= int(first):
            orders.add("month")
    return orders.pop() if len(orders) == 1 else None


def _number(written: str, *, whole: bool) -> Parsed:
    found = {number.value for number in numbers(written)}
    if whole and len(found) > 1:  # of 1.250 both readings are kept, and one of them may be no whole number
        found = {value for value in found if value == int(value)}
    if not found:
        return Parsed(None, "no number")
    if len(found) > 1:
        return Parsed(None, "more than one number, or one that can be read in two ways")
    value = found.pop()
    if not whole:
        return Parsed(float(value))
    if value != int(value) or abs(value) > _MAX_INTEGER:
        return Parsed(None, "not a whole number")
    return Parsed(int(value))


def _date(written: str, order: Order | None) -> Parsed:
    found = dates(written)
    if len(found) != 1:
        return Parsed(None, "more than one date" if found else "no date with day, month and year")
    readings = sorted(found[0].readings)
    if len(readings) == 1:
        return Parsed(readings[0])
    first = re.search(r"\d+", written[found[0].start_char : found[0].end_char])
    day_first, month_first = (
        next((each for each in readings if getattr(each, part) == int(first[0] if first else 0)), None)
        for part in ("day", "month")
    )
    note = "" if order else "read with the month first; nothing in the document tells whether the day is"
    return Parsed(day_first if order == "day" else month_first, note)
