"""Whether a quote supports a value or a claim: decided by comparing words, names, numbers and dates; no model.

``supported`` is said only where everything telling of the value stands in the quote and nothing contradicts; in doubt
it is ``quote_only``, and where code cannot judge ``unassessed``.

Not covered: whether the document has the quote (documents.quotes); meaning: a passage that says the same in other
words is ``quote_only``.

Source: the four states of github.com/vandalizer/vandalizer, issues 713 and 766; 85 % contiguous as in documents.quotes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Literal

from rapidfuzz import fuzz
from rapidfuzz.distance import LCSseq

from workbench.analysis.figures import Day, Number, dates, numbers, plain
from workbench.documents.quotes import MIN_CHARS, MIN_SIMILARITY, spell
from workbench.results import CitationStatus

ValueKind = Literal["text", "name", "number", "date", "choice", "bool"]

MIN_TOLD = 0.85
"""Share of a claim's telling words that a quote must have, in their order."""

_SAME_WORD = 80.0  # per cent: ``pay`` and ``paid`` are not, ``payment`` and ``payments`` are
_WORD = re.compile(r"[^\W_]+(?:[-'][^\W_]+)*")
_SPACELESS = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")
_NEGATION = re.compile(
    r"\b(?:not?|never|none|nor|neither|nobody|nothing|cannot|without|denie[sd]|deny|denying|refuse[sd]?|absent|lacks?"
    r"|un(?:able|likely)|nicht|keine?[rnms]?|nie|niemals|ohne|pas|jamais|sans|aucune?|nunca|sin)\b|n't\b|[不没沒未無]"
)  # fmt: skip
TITLES = frozenset(
    re.findall(
        r"\w+",
        """mr mrs ms miss dr prof professor sir lady lord justice judge captain capt herr frau mme""",
    )
)
SMALL = frozenset(
    re.findall(
        r"\w+",
        """a an the of in on at to for from by with as and or but if than that this these those which who whom whose
        what when where is are was were be been being has have had do does did will would can could may might
        shall should must it its he she they them his her their him i we you our your there here so very also
        into over about between under after before during while because such only just more most other some any
        all each both up out off then now document says yes no not der die das und ist war ein eine einer den dem
        des zu im in von mit auf für le la les un une de du des et est en dans pour par sur au aux el los las y
        es""",
    )
)


def assess(quote: str, value: object, kind: ValueKind = "text") -> CitationStatus:
    """Whether a passage of the document supports the value of a cell.

    Args:
        quote: the document's own words; empty without a source.
        value: of the cell; None says that the document has none.
        kind: how to compare.
    """
    if not quote.strip():
        return "no_source"
    if value is None or value == "" or kind == "bool":
        return "unassessed"
    if kind == "number":
        return _number(quote, str(value))
    if kind == "date":
        return _date(quote, value)
    if kind == "name":
        return "supported" if _name_in(_plainly(str(value)), _plainly(quote)) else "quote_only"
    return _text(quote, str(value))


def assess_claim(claim: str, quote: str, *, beside: str = "") -> CitationStatus:
    """Whether a passage of the document supports a sentence.

    Args:
        claim: a sentence of an answer.
        quote: the document's own words; empty without a source.
        beside: the question; its ordinary words need not stand in the quote, its names and numbers must.
    """
    if not quote.strip():
        return "no_source"
    said, told = _plainly(claim).strip(" .'"), _plainly(quote)
    if len(said) >= MIN_CHARS and _holds(told, said):
        return "supported"
    if _SPACELESS.search(claim):
        near = fuzz.partial_ratio(said, told) >= MIN_SIMILARITY and len(said) <= len(told)
        return (
            "supported"
            if near and _same_figures(claim, quote) and _negations(claim) == _negations(quote)
            else "quote_only"
        )
    asked = set(_telling(beside))
    new = [word for word in _telling(claim) if word not in asked]
    names = [spell(word) for word in _capitalised(claim)]
    words = _telling(quote)
    if not (new or names or numbers(claim) or dates(plain(claim))):
        return "unassessed"
    if not _same_figures(claim, quote) or not all(_among(name, words) for name in names):
        return "quote_only"
    if _odd(claim, beside) != _odd(quote, ""):
        return "quote_only"
    return "supported" if _told_in_order(new or names, words) >= MIN_TOLD else "quote_only"


def _plainly(text: str) -> str:
    return " ".join(spell(plain(text)).split())


def _holds(told: str, said: str) -> bool:
    """Whether ``told`` has ``said`` as whole words."""
    if _SPACELESS.search(said):
        return said in told
    return re.search(rf"(?<![^\W_]){re.escape(said)}(?![^\W_])", told) is not None


def _text(quote: str, value: str) -> CitationStatus:
    said, told = _plainly(value).strip(" .,;:'"), _plainly(quote)
    if _holds(told, said):
        return "quote_only" if _denied(told, said) else "supported"
    near = fuzz.partial_ratio_alignment(said, told) if MIN_CHARS <= len(said) <= len(told) else None
    if near is None or near.score < MIN_SIMILARITY or not _same_figures(value, quote):
        return "quote_only"
    words = re.findall(_WORD, said)
    if not all(_among(word, re.findall(_WORD, told)) for word in words if word not in SMALL):
        return "quote_only"
    return "supported" if _negations(said) == _negations(told[near.dest_start : near.dest_end]) else "quote_only"


def _denied(told: str, said: str) -> bool:
    """Whether a negation stands close in front of the value, in its own clause, that the value does not have."""
    before = re.split(r"[.,;:!?]", told[: told.find(said)])[-1]
    return _negations(said) == 0 and _negations(" ".join(before.split()[-4:])) > 0


def _number(quote: str, value: str) -> CitationStatus:
    wanted, found = numbers(value), numbers(quote)
    if not wanted:
        return _text(quote, value)
    return "supported" if any(_agree(w, f) for w in wanted for f in found) else "quote_only"


def _agree(one: Number, other: Number) -> bool:
    return one.value == other.value and (not one.unit or one.unit == other.unit)


def _date(quote: str, value: object) -> CitationStatus:
    wanted = frozenset({value}) if isinstance(value, date) else next((d.readings for d in dates(str(value))), None)
    if not wanted:
        return _text(quote, str(value))
    found = dates(quote)
    if any(day.readings <= wanted for day in found):
        return "supported"
    return "unassessed" if any(day.readings & wanted for day in found) else "quote_only"


def _name_in(said: str, told: str) -> bool:
    """Whether the parts of a name stand together in a text: titles aside, initials for names, in either order."""
    if _SPACELESS.search(said):
        return said in told
    parts = [part for part in re.findall(_WORD, said) if part not in TITLES]
    words = [word for word in re.findall(_WORD, told) if word not in TITLES]
    if not parts or all(len(part) == 1 for part in parts):
        return False
    for at in range(len(words)):
        run = words[at : at + len(parts)]
        for order in (parts, [*parts[1:], parts[0]], [parts[-1], *parts[:-1]]):
            if len(run) == len(order) and all(_same_name(one, other) for one, other in zip(order, run, strict=True)):
                return any(len(one) > 1 and one == other for one, other in zip(order, run, strict=True))
    return False


def _same_name(one: str, other: str) -> bool:
    return one == other or (1 in (len(one), len(other)) and one[0] == other[0])


def _same_figures(claim: str, quote: str) -> bool:
    """Whether every number and date of a claim is one of the quote."""
    found = numbers(quote)
    places: dict[int, list[Number]] = {}
    for number in numbers(claim):
        places.setdefault(number.start_char, []).append(number)
    if not all(any(_agree(one, other) for one in readings for other in found) for readings in places.values()):
        return False
    days = dates(plain(quote))
    return all(_same_day(day, days) for day in dates(plain(claim)))


def _same_day(day: Day, others: Sequence[Day]) -> bool:
    return any(other.readings <= day.readings for other in others)


def _telling(text: str) -> list[str]:
    """Words that tell, in order: not the small ones, not figures, which are compared as such."""
    words = re.findall(_WORD, _plainly(_undated(text)))
    return [word for word in words if word not in SMALL and not word[0].isdigit()]


def _undated(text: str) -> str:
    """A text without its dates, which are compared as such: their months have many writings."""
    text = plain(text)
    for day in reversed(dates(text)):
        text = f"{text[: day.start_char]} {text[day.end_char :]}"
    return text


def _capitalised(text: str) -> list[str]:
    """Names: words with a capital that do not begin the sentence, titles aside."""
    found = [match for match in _WORD.finditer(_undated(text)) if match.group()[0].isupper()]
    return [
        match.group()
        for match in found
        if match.start() > 0 and len(match.group()) > 1 and match.group().casefold() not in TITLES | SMALL
    ]


def _among(word: str, words: Sequence[str]) -> bool:
    return any(same_word(word, other) for other in words)


def same_word(one: str, other: str) -> bool:
    """Whether two words, in small letters, are the same but for an ending or a slip."""
    if one == other:
        return True
    short = min(len(one), len(other))
    return short >= 4 and one[:3] == other[:3] and fuzz.ratio(one, other) >= _SAME_WORD


def _told_in_order(wanted: Sequence[str], words: Sequence[str]) -> float:
    """Share of the wanted words that a text has in the same order."""
    if not wanted:
        return 1.0
    spelled = [next((w for w in wanted if same_word(w, word)), word) for word in words]
    return float(LCSseq.similarity(list(wanted), spelled)) / len(wanted)


def _negations(text: str) -> int:
    return len(_NEGATION.findall(text.casefold().replace("’", "'")))


def _odd(text: str, beside: str) -> bool:
    """Whether a text denies: by an odd number of negations, those of the question's own words aside."""
    return (_negations(text) - min(_negations(text), _negations(beside))) % 2 == 1
