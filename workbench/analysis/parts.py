"""The parts that a summary goes through, from a document's beginning to its end, each with its share of the words.

Where a document has an outline, a part is a section or a run of them; else a run of pages. Shares are by length, with a
least for each, so that no part is passed over.

Not covered: what is asked about a part (analysis.prompts), holding it to its words (analysis.summarize).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from workbench.analysis.counted import sections_of
from workbench.documents.document import Document
from workbench.errors import ConfigError

SummaryStyle = Literal["brief", "executive", "chronological", "by section"]
_STYLES: tuple[SummaryStyle, ...] = get_args(SummaryStyle)
STYLES: tuple[str, ...] = _STYLES

MIN_WORDS = 10
"""Of a summary."""

PART_WORDS = 50
"""A part has about so many, unless the document has fewer parts or the style gives each section its own."""

LEAST_PART_WORDS = 20
MAX_PARTS = 12

_LEAD_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class Part:
    """A run of a document, and the words that it gets.

    Attributes:
        title: of its sections; empty where there are none, and for the whole document.
        begins: its first words.
        start_char: first character.
        end_char: one past the last.
        words: of the summary.
        leads: whether it stands for the whole document, in front of the others.
    """

    title: str
    begins: str
    start_char: int
    end_char: int
    words: int
    leads: bool = False


def check(words: int, style: str) -> SummaryStyle:
    """The style by its name; ``by-section`` and ``by_section`` are taken too.

    Raises:
        ConfigError: an unknown style, or too few words.
    """
    if words < MIN_WORDS:
        raise ConfigError(f"words={words}: a summary needs at least {MIN_WORDS}.")
    for known in _STYLES:
        if style.replace("-", " ").replace("_", " ") == known:
            return known
    raise ConfigError(f"style={style!r} is not known; take one of: {', '.join(STYLES)}.")


def plan(document: Document, words: int, style: SummaryStyle) -> tuple[Part, ...]:
    """The parts of a document in order; their words add up to ``words``."""
    lead = round(words * _LEAD_SHARE) if style == "executive" and words >= 2 * LEAST_PART_WORDS else 0
    rest = words - lead
    wanted = rest // LEAST_PART_WORDS if style == "by section" else round(rest / PART_WORDS)
    runs = _runs(document, max(1, min(wanted, MAX_PARTS)))
    if style != "by section" and len(runs) == 1:
        runs = [("", 0, len(document.text))]
    sizes = [end - start for _, start, end in runs]
    parts = [
        Part(title, _first_words(document.text[start:end]), start, end, share)
        for (title, start, end), share in zip(runs, _shares(sizes, rest), strict=True)
    ]
    whole = Part("", "", 0, len(document.text), lead, leads=True)
    return (whole, *parts) if lead else tuple(parts)


def _runs(document: Document, most: int) -> list[tuple[str, int, int]]:
    """Title, first character and end of at most ``most`` runs of sections or pages, about equally long."""
    whole = len(document.text)
    if len(document.outline) > 1:
        places = [
            (" ".join(section.title.split()) if section.level else "", section.start_char, section.end_char)
            for section in sections_of(document)
        ]
    else:
        places = [("", page.start_char, page.end_char) for page in document.pages]
    places = [place for place in places if document.text[place[1] : place[2]].strip()] or [("", 0, whole)]
    groups: list[list[tuple[str, int, int]]] = [[] for _ in range(most)]
    for place in places:
        middle = (place[1] + place[2]) / 2
        groups[min(int(middle / max(whole, 1) * most), most - 1)].append(place)
    found = [group for group in groups if group]
    starts = [0, *(group[0][1] for group in found[1:]), whole]
    return [(_title(group), starts[i], starts[i + 1]) for i, group in enumerate(found)]


def _title(group: Sequence[tuple[str, int, int]]) -> str:
    titles = [title for title, _, _ in group if title]
    return " – ".join(dict.fromkeys((titles[0], titles[-1]))) if titles else ""


def _shares(sizes: Sequence[int], words: int) -> list[int]:
    """Words of each part by its length, none under the least that all can have; they add up to ``words``."""
    least = min(LEAST_PART_WORDS, words // len(sizes))
    spare, total = words - least * len(sizes), max(sum(sizes), 1)
    ends = [round(spare * sum(sizes[: i + 1]) / total) for i in range(len(sizes))]
    return [least + end - before for before, end in zip([0, *ends], ends, strict=False)]


def _first_words(text: str) -> str:
    return " ".join(text.split()[:10])[:80]
