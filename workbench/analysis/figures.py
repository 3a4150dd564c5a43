"""Numbers and dates in a text, whatever their writing, for comparing.

``1,000``, ``1.000`` and ``one thousand`` are one number; ``6/15/2023``, ``15 June 2023`` and ``2023-06-15`` one day.
A writing that can mean two things is kept as both.

Not covered: arithmetic, spans of time, unit conversion; numbers in words of other languages than English.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache

from babel.dates import get_month_names
from text_to_num import alpha2digit

_LOCALES = ("en", "de", "fr", "es", "it", "nl", "pt")
_SCALES = {
    "thousand": 3, "k": 3, "million": 6, "mio": 6, "m": 6, "billion": 9, "bn": 9, "trillion": 12,
    "tausend": 3, "millionen": 6, "milliarden": 9, "mille": 3, "millions": 6, "milliards": 9,
    "万": 4, "亿": 8, "億": 8,
}  # fmt: skip
_UNITS = {
    "$": "usd", "us$": "usd", "usd": "usd", "dollar": "usd", "dollars": "usd", "€": "eur", "eur": "eur", "euro": "eur",
    "euros": "eur", "£": "gbp", "gbp": "gbp", "pound": "gbp", "pounds": "gbp", "¥": "yen", "yen": "yen", "円": "yen",
    "元": "cny", "%": "%", "percent": "%", "per cent": "%", "prozent": "%", "pour cent": "%", "kg": "kg",
    "kilogram": "kg", "kilograms": "kg", "g": "g", "mg": "mg", "lb": "lb", "lbs": "lb", "km": "km", "m": "m",
    "cm": "cm", "mm": "mm", "mile": "mi", "miles": "mi", "ml": "ml", "l": "l", "mmhg": "mmhg", "°c": "°c", "°f": "°f",
    "day": "day", "days": "day", "tag": "day", "tage": "day", "week": "week", "weeks": "week", "month": "month",
    "months": "month", "year": "year", "years": "year", "jahr": "year", "jahre": "year", "ans": "year", "年": "year",
    "hour": "hour", "hours": "hour", "minute": "minute", "minutes": "minute",
}  # fmt: skip


THOUSANDS = "[.,' \u00a0\u202f]"
"""Pattern of the marks that stand between the thousands of a number."""


def _either(names: Iterable[str]) -> str:
    return "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))


_NUMBER = re.compile(
    rf"""(?<![\w.,/])(?P<sign>[-−]?)\s?(?P<before>us\$|[$€£¥])?\s?
    (?P<digits>\d+(?:{THOUSANDS}\d{{3}})*(?:[.,]\d+)?)(?![\d/])
    (?:\s?(?P<scale>{_either(_SCALES)})(?![a-z]))?
    (?:[\s-]?(?P<after>{_either(_UNITS)})(?![a-z]))?""",
    re.IGNORECASE | re.VERBOSE,
)
_YEAR = r"(?P<year>\d{4})"
_ISO = re.compile(rf"(?<!\d){_YEAR}[-/.](?P<month>\d{{1,2}})[-/.](?P<day>\d{{1,2}})(?!\d)")
_CJK = re.compile(rf"{_YEAR}年\s?(?P<month>\d{{1,2}})月\s?(?P<day>\d{{1,2}})日")
_SLASHED = re.compile(
    r"(?<![\d/.-])(?P<one>\d{1,2})(?P<mark>[/.-])(?P<two>\d{1,2})(?P=mark)(?P<year>\d{4}|\d{2})(?!\d)"
)


@dataclass(frozen=True, slots=True)
class Number:
    """A number and its unit, empty for none. ``start_char`` is where it stands."""

    value: Decimal
    unit: str
    start_char: int


@dataclass(frozen=True, slots=True)
class Day:
    """A date; ``readings`` has two days where day and month could be exchanged."""

    readings: frozenset[date]
    start_char: int
    end_char: int


def plain(text: str) -> str:
    """Full width made narrow, numbers in English words made digits."""
    # Joined to its figure, for it would be read as a number of its own.
    text = re.sub(r"(?<=\d) (?=(?:thousand|million|billion|trillion)\b)", "", unicodedata.normalize("NFKC", text))
    return str(alpha2digit(text, "en"))


def numbers(text: str) -> tuple[Number, ...]:
    """Every number of a text but those of its dates, in order; of ``1.234`` both readings."""
    text = plain(text)
    covered = [(day.start_char, day.end_char) for day in dates(text)]
    found: list[Number] = []
    for match in _NUMBER.finditer(text):
        if any(start <= match.start("digits") < end for start, end in covered):
            continue
        scale = Decimal(10) ** _SCALES.get((match["scale"] or "").lower(), 0)
        sign = -1 if match["sign"] else 1
        unit = _UNITS.get((match["before"] or match["after"] or "").lower(), "")
        found += [Number(sign * value * scale, unit, match.start()) for value in _values(match["digits"])]
    return tuple(found)


def _values(digits: str) -> tuple[Decimal, ...]:
    """What a writing can mean: marks part thousands or, the last of them, a fraction."""
    digits = re.sub(r"[' \u00a0\u202f]", "", digits)
    marks = re.findall(r"[.,]", digits)
    if not marks:
        return (Decimal(digits),)
    whole, mark, rest = digits.rpartition(marks[-1])
    fraction = Decimal(re.sub(r"[.,]", "", whole) + "." + rest)
    joined = Decimal(re.sub(r"[.,]", "", digits))
    if len(rest) != 3 or len(set(marks)) > 1:
        return (fraction,)
    if len(marks) > 1 or (mark == "," and whole != "0"):
        return (joined,)
    return (fraction, joined)


def dates(text: str) -> tuple[Day, ...]:
    """Every whole date of a text, in order."""
    found = [
        day
        for pattern, read in (
            (_ISO, _named),
            (_CJK, _named),
            (_SLASHED, _slashed),
            *((p, _worded) for p in _worded_dates()),
        )
        for match in pattern.finditer(text)
        if (day := read(match)) is not None
    ]
    found.sort(key=lambda day: (day.start_char, -day.end_char))
    kept: list[Day] = []
    for day in found:
        if not kept or day.start_char >= kept[-1].end_char:
            kept.append(day)
    return tuple(kept)


@cache
def _months() -> dict[str, int]:
    """Month names of the languages we know, whole and short, in small letters."""
    names: dict[str, int] = {}
    for locale in _LOCALES:
        for width in ("wide", "abbreviated"):
            for number, name in get_month_names(width, locale=locale).items():
                names.setdefault(str(name).rstrip(".").lower(), int(number))
    return {name: number for name, number in names.items() if len(name) > 2} | {"sept": 9}


@cache
def _worded_dates() -> tuple[re.Pattern[str], ...]:
    month = rf"(?P<name>{_either(_months())})\.?"
    day = r"(?P<day>\d{1,2})(?:st|nd|rd|th|er|\.|º)?"
    return (
        re.compile(rf"(?<!\d){day}\s(?:of\s|de\s|d[’'])?{month},?\s(?:de\s)?{_YEAR}(?!\d)", re.IGNORECASE),
        re.compile(rf"\b{month}\s{day},?\s{_YEAR}(?!\d)", re.IGNORECASE),
    )


def _named(match: re.Match[str]) -> Day | None:
    return _day(match, [(match["year"], match["month"], match["day"])])


def _worded(match: re.Match[str]) -> Day | None:
    return _day(match, [(match["year"], str(_months()[match["name"].lower()]), match["day"])])


def _slashed(match: re.Match[str]) -> Day | None:
    year, one, two = match["year"], match["one"], match["two"]
    year = year if len(year) == 4 else ("20" if int(year) < 50 else "19") + year
    orders = [(year, two, one)] if match["mark"] == "." else [(year, one, two), (year, two, one)]
    return _day(match, orders)


def _day(match: re.Match[str], orders: list[tuple[str, str, str]]) -> Day | None:
    readings = set()
    for year, month, day in orders:
        try:
            readings.add(date(int(year), int(month), int(day)))
        except ValueError:
            continue  # not a date in this order
    return Day(frozenset(readings), match.start(), match.end()) if readings else None
