"""What two documents say differently: the frame of differences, passages that may contradict, quotes of both.

Of versions of one text, code finds every difference and the model is asked which of the changed sentences contradict.
Of other texts, code finds pairs of passages with the same telling words, and the model is asked about those.

Not covered: comparing the texts (documents.versions), asking (session.comparing).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from workbench import tables
from workbench.analysis.citations import cite
from workbench.documents.document import Document
from workbench.documents.quotes import spell
from workbench.documents.sentences import index, sentences, words
from workbench.documents.versions import Versions
from workbench.results import Citation
from workbench.types import Span

MIN_KEPT = 0.4
"""Share of characters in common from which two texts count as versions of one."""

MAX_JUDGED = 64
"""Pairs that the model is asked about; the frame says null for more, and a warning how many."""

CONTRADICTS = 0.6
"""Probability from which two passages contradict each other: set on twelve pairs with ``small``."""

_NEGATIONS = frozenset(
    [
        "not",
        "no",
        "never",
        "none",
        "nor",
        "neither",
        "cannot",
        "without",
        "nicht",
        "kein",
        "keine",
        "ne",
        "pas",
        "jamais",
        "nunca",
        "sin",
    ]
)
_MIN_WORDS = 4  # a shorter sentence says too little to contradict another


@dataclass(frozen=True, slots=True)
class Pair:
    """Two passages that may contradict each other: their characters in the first and in the second text."""

    first: Span
    second: Span


def changed_pairs(found: Versions, first: Document, second: Document) -> list[Pair]:
    """The changed sentences where each says what the other does not: what is only added contradicts nothing."""
    pairs = [Pair(each.first, each.second) for each in found.differences if each.first and each.second]
    said = [(spell(first.text[slice(*pair.first)]), spell(second.text[slice(*pair.second)])) for pair in pairs]
    return [pair for pair, (one, other) in zip(pairs, said, strict=True) if _may_contradict(words(one), words(other))]


def _may_contradict(first: frozenset[str], second: frozenset[str]) -> bool:
    """Whether both have words of their own, or one a negation or a figure that the other has not."""
    return bool(first - second and second - first) or any(
        word in _NEGATIONS or word.isdigit() for word in first ^ second
    )


def near_pairs(first: Document, second: Document) -> list[Pair]:
    """Sentences of the first with the passage of the second that has most of their telling words, best first."""
    pairs, there = [], index(second.text)
    for span in sentences(first.text):
        said = first.text[slice(*span)]
        if len(words(said)) < _MIN_WORDS:
            continue
        found = there.nearest(said)
        if found is None:
            continue
        other = second.text[slice(*found)]
        shared = words(said) & words(other)
        if _may_contradict(words(said), words(other)):
            pairs.append((-sum(map(there.weight, shared)), Pair(span, found)))
    return [pair for _, pair in sorted(pairs, key=lambda each: each[0])][:MAX_JUDGED]


def differences(found: Versions | None, judged: dict[Pair, float], first: Document, second: Document) -> pl.DataFrame:
    """Every difference of two versions, or with None only what contradicts: a frame, see ``tables.DIFFERENCES``."""
    rows: list[tuple[object, ...]] = []
    spans: list[tuple[str, Span | None, Span | None]]
    if found is None:
        spans = [("contradicts", pair.first, pair.second) for pair, sure in judged.items() if sure >= CONTRADICTS]
    else:
        spans = [(each.kind, each.first, each.second) for each in found.differences]
    for kind, one, other in spans:
        sure = judged.get(Pair(one, other)) if one and other else None
        shown = "contradicts" if sure is not None and sure >= CONTRADICTS else kind
        rows.append((shown, *_place(first, one), *_place(second, other), sure))
    return pl.DataFrame(rows, schema=tables.DIFFERENCES, orient="row")


def _place(document: Document, span: Span | None) -> tuple[str | None, int | None, int | None, int | None]:
    if span is None:
        return None, None, None, None
    return document.text[slice(*span)], document.page_at(span.start_char).number, *span


def cite_both(documents: Sequence[Document], names: Sequence[str], answer: str, question: str) -> tuple[Citation, ...]:
    """What an answer rests on in several documents; a quote that one of them has is not missing in the others."""
    found = [
        replace(citation, document=name)
        for document, name in zip(documents, names, strict=True)
        for citation in cite(document, answer, question)
    ]
    sourced = {citation.answer_span for citation in found if citation.page is not None}
    missing = {c.answer_span: replace(c, document="") for c in found if c.page is None}
    kept = [citation for citation in found if citation.page is not None]
    return (*kept, *(citation for span, citation in missing.items() if span not in sourced))


def names_of(first: Document, second: Document) -> tuple[str, str]:
    """The documents' names; told apart where they have the same one."""
    if first.name != second.name:
        return first.name, second.name
    return f"{first.name} (first)", f"{second.name} (second)"
