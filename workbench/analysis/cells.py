"""From what a model wrote under a schema to a frame of true types, and what each value rests on.

Where a value stands in the document is found by code. One that stands there several times is taken where the others of
its row are, or where its column's name is.

A value that cannot be read as its type is null in the frame; what was written stays in ``cells``.

Not covered: holding the model to the schema (analysis.grammar), comparing a value and its quote (analysis.statuses).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median_low

import polars as pl

from workbench import tables
from workbench.analysis.belonging import MIN_PROBABILITY, Claim, Labels, Verdict, judged
from workbench.analysis.figures import THOUSANDS
from workbench.analysis.schema import Column, Schema
from workbench.analysis.statuses import ValueKind, assess
from workbench.analysis.values import Order, Parsed, Value, date_order, parse
from workbench.documents.document import Document
from workbench.documents.sentences import sentences
from workbench.results import CitationStatus
from workbench.types import Span

NO_VALUE = "the document was found to say nothing of it"

_QUOTE_CHARS = 300
_LABELLED = re.compile(r"\s*[\w .()/#-]{1,40}:\s")
_ASSESSED: dict[str, ValueKind] = {
    "integer": "number", "number": "number", "date": "date", "choice": "choice", "yes_no": "bool"
}  # fmt: skip
_LARGE = re.compile(r"(\d{4,})(?:\.(\d+?)0*)?")
_VARIANTS = {"'": "['\"“”„‟]", "/": r"[/\\]", " ": r"[\s\x00-\x1f\x7f-\x9f]+"}

Row = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Found:
    """One value of a row, as it was written.

    Attributes:
        column: it belongs to.
        written: as the document has it; for a conclusion its quote; empty for none.
        value: of a conclusion (yes/no, a category); else None.
    """

    column: Column
    written: str = ""
    value: str | bool | None = None


def rows_of(
    document: Document, schema: Schema, rows: Sequence[Row], likely: Sequence[Mapping[str, float]] = ()
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The frame of the rows, and their cells (``tables.CELLS``).

    Args:
        document: they were taken from.
        schema: of the rows.
        rows: as the grammar lets them be written; a key may be missing.
        likely: the probability of each value of each row, in [0, 1], where that is known.
    """
    order, labels = date_order(document.text), Labels(document.text, schema, many=len(rows) > 1)
    values: dict[str, list[object]] = {column.name: [] for column in schema.columns}
    cells: list[dict[str, object]] = []
    for number, row in enumerate(rows):
        found = [list(_found(column, row.get(column.name))) for column in schema.columns]
        sure = likely[number] if likely else {}
        places = _places(document.text, [each for column in found for each in column], labels)
        verdicts = _verdicts(labels, [each for column in found for each in column], places, sure)
        for column, each in zip(schema.columns, found, strict=True):
            weighed = [(one, verdicts.get(id(one), Verdict())) for one in each]
            made = [(one, _parsed(one, order, verdict), verdict) for one, verdict in weighed]
            cells += [
                _cell(document, number, one, parsed, None if verdict.status == "no_source" else places.get(id(one)),
                      sure.get(column.name), verdict)
                for one, parsed, verdict in made
            ]  # fmt: skip
            kept = [parsed.value for _, parsed, _ in made if parsed.value is not None]
            values[column.name].append(kept if column.kind == "list" else (kept[0] if kept else None))
    return pl.DataFrame(values, schema=schema.frame_schema), pl.DataFrame(cells, schema=tables.CELLS)


def _found(column: Column, given: object) -> Iterator[Found]:
    """What a row has for a column; at least one, perhaps without a value."""
    if isinstance(given, list) and given:
        yield from (Found(column, str(item)) for item in given)
    elif isinstance(given, dict) and isinstance(given.get("value"), str | bool):
        yield Found(column, str(given.get("quote", "")), given["value"])
    else:
        yield Found(column, given if isinstance(given, str) else "")


def _parsed(found: Found, order: Order | None, verdict: Verdict) -> Parsed:
    if verdict.status == "no_source":
        return Parsed(None, verdict.note)
    if not found.written:
        return Parsed(None, NO_VALUE)
    if not found.column.copied:
        return Parsed(found.value)
    return parse(found.written, found.column.kind, order)


def _verdicts(
    labels: Labels, found: Sequence[Found], places: Mapping[int, Span], sure: Mapping[str, float]
) -> dict[int, Verdict]:
    """Whether each of a row's copied values belongs in its column, by the identity of ``Found``."""
    copied = [each for each in found if each.column.copied and id(each) in places]
    claims = [Claim(each.column, each.written, places[id(each)], sure.get(each.column.name)) for each in copied]
    return dict(zip(map(id, copied), judged(labels, claims), strict=True))


def _places(text: str, found: Sequence[Found], labels: Labels) -> dict[int, Span]:
    """Where each of a row's values stands, by the identity of ``Found``; nothing for what stands nowhere."""
    every = {id(each): _occurrences(text, each, labels) for each in found if each.written}
    certain = [spans[0].start_char for spans in every.values() if len(spans) == 1]
    middle = median_low(certain) if certain else None
    placed = {}
    for each in found:
        spans = every.get(id(each), [])
        if spans:
            names = re.findall(r"[^\W_]{3,}", each.column.name.casefold())

            def near(span: Span, names: Sequence[str] = names, column: Column = each.column) -> tuple[bool, bool, int]:
                line = _line(text, span)
                named = any(name in text[line.start_char : line.end_char].casefold() for name in names)
                return not labels.named(column, span), not named, 0 if middle is None else abs(span.start_char - middle)

            placed[id(each)] = min(spans, key=near)
    return placed


def _occurrences(text: str, found: Found, labels: Labels) -> list[Span]:
    """Where a text has a value; behind a label of its column in capitals or small letters."""
    spans = occurrences(text, found.written)
    if not spans or not labels.naming(found.column) or any(labels.named(found.column, span) for span in spans):
        return spans
    alike = occurrences(text, found.written, re.IGNORECASE)
    return [span for span in alike if labels.named(found.column, span)] or spans


def occurrences(text: str, written: str, flags: int = 0) -> list[Span]:
    """Where a text has what was copied from it: as whole words, runs of white space alike."""
    wanted = "".join(_VARIANTS.get(char, re.escape(char)) for char in written.strip())
    if not wanted:
        return []
    whole = rf"(?<!\w){wanted}(?!\w)" if written.strip()[0].isalnum() and written.strip()[-1].isalnum() else wanted
    spans = [Span(*match.span()) for match in re.finditer(whole, text, flags)]
    if not spans and (number := _LARGE.fullmatch(written.strip())):
        wanted = _grouped(number[1], number[2] or "")
    return spans or [Span(*match.span()) for match in re.finditer(wanted, text, flags)]


def _grouped(whole: str, fraction: str) -> str:
    """A number whose thousands a text sets apart, and whose fraction it may write with noughts at its end."""
    first = len(whole) % 3 or 3
    groups = [whole[:first], *(whole[at : at + 3] for at in range(first, len(whole), 3))]
    rest = f"[.,]{fraction}0*" if fraction else "(?:[.,]0+)?"
    return rf"(?<![\w.,]){THOUSANDS.join(groups)}{rest}(?!\d)"


def _line(text: str, span: Span) -> Span:
    start = text.rfind("\n", 0, span.start_char) + 1
    end = text.find("\n", span.end_char)
    return Span(start, len(text) if end < 0 else end)


def passage(text: str, span: Span) -> Span:
    """What is quoted for a value: its line where that is a field or a row of a table, else its sentence."""
    line = _line(text, span)
    said = text[line.start_char : line.end_char]
    if _LABELLED.match(said) or "|" in said or "\t" in said:
        around = line
    else:
        every = sentences(text)
        around = every[max(bisect_right(every, span.start_char, key=lambda s: s.start_char) - 1, 0)]
    start, end = min(around.start_char, span.start_char), max(around.end_char, span.end_char)
    if end - start > _QUOTE_CHARS + len(said := text[span.start_char : span.end_char]):
        start = max(start, text.find(" ", max(span.start_char - _QUOTE_CHARS // 2, 0), span.start_char) + 1)
        cut = text.rfind(" ", span.end_char, span.end_char + _QUOTE_CHARS // 2)
        end = min(end, cut if cut > span.end_char else span.end_char)
    while start < span.start_char and text[start].isspace():
        start += 1
    return Span(start, max(end, span.end_char))


def _cell(
    document: Document,
    row: int,
    found: Found,
    parsed: Parsed,
    place: Span | None,
    sure: float | None,
    verdict: Verdict,
) -> dict[str, object]:
    cell: dict[str, object] = {
        "document": document.name, "row": row, "column": found.column.name, "value": _text(parsed.value),
        "written": found.written or None, "status": "no_source", "note": parsed.note, "probability": sure,
    }  # fmt: skip
    if place is None:
        return cell
    around = passage(document.text, place) if found.column.copied else place
    quote = " ".join(document.text[around.start_char : around.end_char].split())
    page = document.page_at(around.start_char)
    status, note = _status(quote, found, parsed, sure), parsed.note
    if status == "supported" and verdict.status is not None:
        status, note = verdict.status, f"{note}; {verdict.note}" if note else verdict.note
    return cell | {
        "quote": quote, "page": page.number, "label": page.label, "start_char": around.start_char,
        "end_char": around.end_char, "status": status, "note": note,
        "where": document.locate(place)[0].where,
    }  # fmt: skip


def _status(quote: str, found: Found, parsed: Parsed, sure: float | None) -> CitationStatus:
    """Of a value that has a quote; one that could not be read, or a conclusion that is not likely, has only that."""
    unlikely = not found.column.copied and sure is not None and sure < MIN_PROBABILITY
    if parsed.value is None or unlikely:
        return "quote_only"
    kind = _ASSESSED.get(found.column.kind, "text")
    # A day that the whole document decides is the one that is written, whichever way that can be read alone.
    decided = kind == "number" or (kind == "date" and not parsed.note)
    return assess(quote, found.written if decided else parsed.value, kind)


def _text(value: Value | None) -> str | None:
    if value is None:
        return None
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
