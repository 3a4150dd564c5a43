"""The labels of a document (``CC: Gout``), and whether one names a column of a schema. By words; no model.

A label names a column where it has the column's name, at its end (``Monthly rent`` for ``rent``), or is what its
description begins with, in letters of an abbreviation too (``DOB``, ``CC``). Of several labels the one that is nearest
to the column's name counts.

Not covered: words of the same meaning (``Lessor`` for ``landlord``), heads of tables.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from workbench.analysis.schema import Column
from workbench.analysis.statuses import SMALL, same_word
from workbench.types import Span

EXACT, NAMED, DESCRIBED, WEAK = 1.0, 0.8, 0.6, 0.3
"""How near a label is to a column: it is the name, it has the name, it is the description, it is but ``Name``."""

_LABEL = re.compile(r"(?:^|(?<=[\t;|])|(?<=  ))[ \t>*•·–-]*([^\W\d_][\w ./()#&'’-]{0,39}?)[ *]*:(?=[ \t*]|$)", re.M)
_MAX_WORDS = 5
_PLAIN = frozenset(("name", "full", "complete", "details"))
_SPELLED = {"no": "number", "nr": "number"}
_WORD = re.compile(r"[^\W_]+")
_OF = re.compile(r"\b(?:of|for|to|from|by)\b", re.IGNORECASE)
_HUMP = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z])")


@dataclass(frozen=True, slots=True)
class Field:
    """What stands behind a label.

    Attributes:
        label: as the document has it.
        value: what is behind it in its line, or the next line where that is empty.
    """

    label: str
    value: Span


def fields(text: str) -> list[Field]:
    """Every label of a document that has something behind it, in their order."""
    found = [match for match in _LABEL.finditer(text) if _is_label(match[1])]
    starts = {match.start(): match.start(1) for match in found}
    made = []
    for match, following in zip(found, [*found[1:], None], strict=False):
        value = _line(text, match.end(), following.start() if following else len(text))
        if value.start_char == value.end_char:
            below = value.end_char + 1
            value = _line(text, below, len(text)) if below < len(text) and below not in starts else value
        if value.start_char < value.end_char:
            made.append(Field(" ".join(match[1].split()), value))
    return made


def _is_label(said: str) -> bool:
    return len(said.split()) <= _MAX_WORDS and not re.search(r"\.\s", said)


def _line(text: str, start: int, end: int) -> Span:
    """The rest of a line up to ``end``, without the marks and white space around it."""
    stop = text.find("\n", start)
    end = min(end, len(text) if stop < 0 else stop)
    said = text[start:end]
    begin = start + len(said) - len(said.lstrip(" \t*"))
    return Span(begin, max(begin, start + len(said.rstrip(" \t\r*;|"))))


def fit(label: str, column: Column, *, begun: bool = True) -> float:
    """How near a label is to a column, in [0, 1]; 0 where nothing says that it names it.

    Words in front of the name are let through where the column has no description, or its description has them: an
    ``Invoice number`` is the ``number`` of a column that is described so, an ``Order number`` is not.

    Args:
        label: as the document has it.
        column: of a schema.
        begun: whether a label may be the beginning of a name or description. Of a question, that is what it is about,
            not what it asks for: ``Patient`` begins ``patient complain``.
    """
    said, name, described = _words(label), _words(column.name), _words(column.description)
    if said and _same(said, name):
        return EXACT
    telling = [word for word in said if word not in _PLAIN]
    if not telling:
        return WEAK if any(word in described for word in said) else 0.0
    head = [word for word in _words(_OF.split(label)[0]) if word not in _PLAIN] or telling
    more = [word for word in telling if word not in head[-len(name) :]]
    explained = all(any(same_word(word, other) for other in described) for word in more)
    if name and _same(head[-len(name) :], name) and (explained or (not described and head == telling)):
        return NAMED
    if begun and len(telling) < len(name) and _same(telling, name[: len(telling)]):
        return NAMED
    first = range(1, len(said) + 1) if begun else (len(described),)
    if any(_same(said, described[:n]) for n in first) or _abbreviates(label, column):
        return DESCRIBED
    return 0.0


def _words(text: str) -> list[str]:
    every = _WORD.findall(_HUMP.sub(" ", text).casefold())
    return [_SPELLED.get(word, word) for word in every if word in _SPELLED or word not in SMALL]


def _same(some: Sequence[str], others: Sequence[str]) -> bool:
    """Whether two have the same words, in any order."""
    return len(some) == len(others) and all(any(same_word(word, other) for other in others) for word in some)


def _abbreviates(label: str, column: Column) -> bool:
    """Whether a label in capitals stands in the description, or has the first letters of it or of the name."""
    short = label.replace(".", "")
    if not (short.isalpha() and short.isupper() and 2 <= len(short) <= 5):
        return False
    if re.search(rf"\b{short}\b", column.description):
        return True
    every = [_WORD.findall(_HUMP.sub(" ", text)) for text in (column.name, column.description)]
    return short.casefold() in {"".join(word[0] for word in words[: len(short)]).casefold() for words in every}
