"""Two versions of a text, sentence by sentence: what was added, removed, changed, moved.

Sentences that are the same in the same order stand still (a longest common subsequence). What is left is the same
sentence elsewhere (moved), a similar one at the same place (changed), or has no counterpart. White space, quotation
marks, dashes and hyphenation do not count; capitals, figures and punctuation do.

Not covered: what a change means (analysis.compare); changes inside pictures; scripts without sentence marks, where a
paragraph is the unit.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from rapidfuzz import fuzz
from rapidfuzz.distance import LCSseq

from workbench.documents.quotes import SAME
from workbench.documents.sentences import sentences
from workbench.types import Span

Kind = Literal["added", "removed", "changed", "moved"]

MIN_SIMILARITY = 55.0
"""Per cent, of two sentences at the same place that are versions of each other."""

MIN_MOVED_CHARS = 20
"""Shorter sentences are found in many places; they are removed here and added there."""

_NEAR = 40  # sentences on each side of the place where a counterpart is looked for
_JOINED = re.compile(r"(?<=\w)-\n\s*(?=[a-zà-ÿ])")
_WORD = re.compile(r"\w+(?:[.,:/]\d+)*|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference between two texts.

    Attributes:
        kind: ``changed`` and ``moved`` have both places.
        first: its characters in the first text; None when added.
        second: its characters in the second text; None when removed.
    """

    kind: Kind
    first: Span | None
    second: Span | None


@dataclass(frozen=True, slots=True)
class Versions:
    """How two texts differ.

    Attributes:
        differences: in the order of the second text, what was removed at the place where it stood.
        share_kept: of the characters of both, those in sentences that stand still, moved or changed; in [0, 1].
    """

    differences: tuple[Difference, ...]
    share_kept: float


@dataclass(frozen=True, slots=True)
class _Gap:
    """A place where the texts part: sentences of each, by number."""

    first: list[int]
    second: list[int]


def normalised(text: str) -> str:
    """A text for comparing: white space, quotation marks, dashes and hyphens at line ends made the same."""
    return " ".join(_JOINED.sub("", text).translate(SAME).split())


def versions(first: str, second: str) -> Versions:
    """How ``second`` differs from ``first``."""
    spans = (sentences(first), sentences(second))
    said = tuple([normalised(text[a:b]) for a, b in each] for text, each in zip((first, second), spans, strict=True))
    gaps = list(_gaps(*said))
    moved = _moved(gaps, *said)
    found: list[Difference] = []
    for gap in gaps:
        changed = _changed(gap, moved, *said)
        found += _listed(gap, moved, changed, first, second, *spans)
    return Versions(tuple(found), _share_kept(found, *said))


def word_changes(first: str, second: str) -> tuple[tuple[Span, ...], tuple[Span, ...]]:
    """The characters of each text that are not in the other one, word by word."""
    words = tuple([Span(*match.span()) for match in _WORD.finditer(text)] for text in (first, second))
    keys = tuple(
        [text[a:b].translate(SAME) for a, b in each] for text, each in zip((first, second), words, strict=True)
    )
    marked: tuple[list[Span], list[Span]] = ([], [])
    for tag, a_start, a_end, b_start, b_end in _opcodes(*keys):
        if tag == "equal":
            continue
        for side, (start, end) in enumerate(((a_start, a_end), (b_start, b_end))):
            if start < end:
                marked[side].append(Span(words[side][start].start_char, words[side][end - 1].end_char))
    return tuple(marked[0]), tuple(marked[1])


def _opcodes(first: Sequence[str], second: Sequence[str]) -> Iterator[tuple[str, int, int, int, int]]:
    for code in LCSseq.opcodes(first, second):
        yield code.tag, code.src_start, code.src_end, code.dest_start, code.dest_end


def _gaps(first: list[str], second: list[str]) -> Iterator[_Gap]:
    gap = _Gap([], [])
    for tag, a_start, a_end, b_start, b_end in _opcodes(first, second):
        if tag == "equal":
            if gap.first or gap.second:
                yield gap
            gap = _Gap([], [])
            continue
        gap.first.extend(range(a_start, a_end))
        gap.second.extend(range(b_start, b_end))
    if gap.first or gap.second:
        yield gap


def _moved(gaps: list[_Gap], first: list[str], second: list[str]) -> dict[int, int]:
    """Sentences of the second text by the number of the same one elsewhere in the first; runs stay together."""
    places: defaultdict[str, list[int]] = defaultdict(list)
    for gap in gaps:
        for index in gap.first:
            places[first[index]].append(index)
    moved: dict[int, int] = {}
    for gap in gaps:
        for index in gap.second:
            there = places.get(second[index])
            if not there or len(second[index]) < MIN_MOVED_CHARS:
                continue
            follows = moved.get(index - 1, -2) + 1
            moved[index] = follows if follows in there else there[0]
            there.remove(moved[index])
    return moved


def _changed(gap: _Gap, moved: dict[int, int], first: list[str], second: list[str]) -> dict[int, int]:
    """Similar sentences of a gap, in the same order, the most similar ones first: number in the second by the first."""
    gone = set(moved.values())
    ours = [index for index in gap.first if index not in gone]
    theirs = [index for index in gap.second if index not in moved]
    pairs = []
    for at, one in enumerate(ours):
        middle = at * len(theirs) // len(ours)
        for other in theirs[max(middle - _NEAR, 0) : middle + _NEAR]:
            score = fuzz.ratio(first[one], second[other], score_cutoff=MIN_SIMILARITY)
            if score:
                pairs.append((-score, one, other))
    chosen: list[tuple[int, int]] = []
    for _, one, other in sorted(pairs):
        at = bisect_left(chosen, (one, -1))
        left, right = chosen[at - 1] if at else (-1, -1), chosen[at] if at < len(chosen) else None
        if left[1] < other and left[0] < one and (right is None or (right[0] > one and right[1] > other)):
            chosen.insert(at, (one, other))
    return dict(chosen)


def _listed(
    gap: _Gap, moved: dict[int, int], changed: dict[int, int], first: str, second: str,
    first_spans: Sequence[Span], second_spans: Sequence[Span],
) -> Iterator[Difference]:  # fmt: skip
    """The differences of a gap in order, neighbours of one kind in one paragraph as one."""
    gone = set(moved.values())
    back = {other: one for one, other in changed.items()}
    removed = [index for index in gap.first if index not in gone and index not in changed]
    added = [index for index in gap.second if index not in moved and index not in back]
    placed: list[tuple[int, Difference]] = []  # by the sentence of the second text that it stands before
    for run in _runs(removed, first_spans, first):
        after = [changed[index] + 1 for index in changed if index < run[0]]
        placed.append((max(after, default=gap.second[0] if gap.second else -1), _one("removed", run, first_spans)))
    placed += [
        (run[0], Difference("added", None, _span(run, second_spans))) for run in _runs(added, second_spans, second)
    ]
    for other, one in back.items():
        placed.append((other, Difference("changed", first_spans[one], second_spans[other])))
    for run in _runs([index for index in gap.second if index in moved], second_spans, second, moved):
        there = Span(first_spans[moved[run[0]]].start_char, first_spans[moved[run[-1]]].end_char)
        placed.append((run[0], Difference("moved", there, _span(run, second_spans))))
    placed.sort(key=lambda each: each[0])
    yield from (difference for _, difference in placed)


def _one(kind: Kind, run: list[int], spans: Sequence[Span]) -> Difference:
    return Difference(kind, _span(run, spans), None)


def _span(run: list[int], spans: Sequence[Span]) -> Span:
    return Span(spans[run[0]].start_char, spans[run[-1]].end_char)


def _runs(
    indices: list[int], spans: Sequence[Span], text: str, moved: dict[int, int] | None = None
) -> Iterator[list[int]]:
    """Numbers that follow each other, in the other text too where they are ``moved``; a new paragraph begins anew."""
    run: list[int] = []
    for index in indices:
        follows = bool(run) and index == run[-1] + 1
        if follows and moved is not None:
            follows = moved[index] == moved[run[-1]] + 1
        elif follows:
            between = text[spans[run[-1]].end_char : spans[index].start_char]
            follows = not re.search(r"\n[ \t]*\n", between)
        if run and not follows:
            yield run
            run = []
        run.append(index)
    if run:
        yield run


def _share_kept(found: list[Difference], first: list[str], second: list[str]) -> float:
    total = sum(map(len, first)) + sum(map(len, second))
    lost = sum(
        span.end_char - span.start_char
        for difference in found if difference.kind in ("added", "removed")
        for span in (difference.first, difference.second) if span is not None
    )  # fmt: skip
    return max(1 - lost / total, 0.0) if total else 1.0
