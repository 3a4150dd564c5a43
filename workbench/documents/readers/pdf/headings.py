"""The outline: bookmarks at their headings, and under them the headings that the pages themselves show.

"Article 6" alone in a line, set apart from the text by its type or its place, is a heading; the line below it, set
apart as well, is its title: "Article 6 · Classification rules for high-risk AI systems". A document that has neither
bookmarks nor such numbers takes its headings from its tags (tags), else from the size of their type.

Not covered: sections out of starts and levels (readers.text.nest).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pymupdf

from workbench.documents.document import Page

Entry = tuple[int, int, str]
"""First character, level, title."""

_RANKS = (
    ("volume", "book", "part", "title"),
    ("chapter", "annex", "appendix", "schedule"),
    ("section",),
    ("article", "rule", "clause"),
)
_RANK = {word: rank for rank, words in enumerate(_RANKS) for word in words}
_NUMBERED = re.compile(
    rf"(?P<word>{'|'.join(_RANK)})\s+(?:\d+(?:\.\d+)*[a-z]?|[ivxlc]+|[A-Z])(?P<rest>(?![\w.]*\.{{3}}).*)", re.IGNORECASE
)
_LEADER = re.compile(r"(?:\.\s*){3,}|\s\d+$")
_MAX_TITLE_LINES = 4
_MAX_TITLE_CHARS = 300
_MAX_SHARE = 0.1
"""Share of all lines above which large type is no longer a heading."""
_LARGER = 1.15


@dataclass(frozen=True, slots=True)
class Shown:
    """A line as it stands in the document.

    Attributes:
        start_char: in the text.
        end_char: one past its last, without the line break.
        page: index of its page.
        bbox: x0, y0, x1, y1.
        size: of its type, in points.
        font: of it.
        is_bold: whether that is a heavy one.
    """

    start_char: int
    end_char: int
    page: int
    bbox: tuple[float, float, float, float]
    size: float
    font: str
    is_bold: bool

    @property
    def style(self) -> tuple[str, float]:
        """Font and size."""
        return self.font, round(self.size, 1)


def bookmarks(pdf: pymupdf.Document, pages: Sequence[Page], text: str) -> list[Entry]:
    """Where each title stands on its page, else the page's beginning."""
    flat = []
    for level, title, number in pdf.get_toc(simple=True):
        words = title.split()
        if not 1 <= number <= len(pages) or not words:
            continue
        page = pages[number - 1]
        spaced = r"\s+".join(map(re.escape, words))
        # At the beginning of a line it is the heading, elsewhere perhaps a reference to it.
        at = next(
            (
                match.start(1)
                for pattern in (rf"^[^\S\n]*({spaced})(?!\w)", rf"({spaced})")
                if (match := re.compile(pattern, re.MULTILINE).search(text, page.start_char, page.end_char))
            ),
            page.start_char,
        )
        flat.append((at, level, " ".join(words)))
    return sorted(flat, key=lambda entry: entry[0])


def with_headings(
    marks: Sequence[Entry], lines: Sequence[Shown], text: str, tagged: Sequence[Entry] = ()
) -> list[Entry]:
    """The bookmarks, and the headings between them a level or more below; else those that are tagged, else large."""
    body = _body(lines)
    found = list(_numbered(lines, text, body))
    if not marks and not found:
        found = list(tagged or _large(lines, text, body))
    ranks = {rank: depth for depth, rank in enumerate(sorted({rank for _, rank, _ in found}), 1)}
    merged: list[Entry] = list(marks)
    starts = sorted(at for at, _, _ in marks)
    titles = {(at, title.casefold()) for at, _, title in marks}
    for at, rank, title in found:
        if at in starts or any(abs(at - mark) < _MAX_TITLE_CHARS and _same(title, name) for mark, name in titles):
            continue
        above = max((mark for mark in marks if mark[0] <= at), default=None, key=lambda mark: mark[0])
        merged.append((at, (above[1] if above else 0) + ranks[rank], title))
    return sorted(merged, key=lambda entry: (entry[0], entry[1]))


def _same(title: str, name: str) -> bool:
    """Whether a heading is what a bookmark names."""
    mine = re.sub(r"\W+", " ", title.casefold()).strip()
    theirs = re.sub(r"\W+", " ", name).strip()
    return mine.startswith(theirs) or theirs.startswith(mine)


def _body(lines: Sequence[Shown]) -> tuple[str, float]:
    """Font and size of most characters."""
    counts: Counter[tuple[str, float]] = Counter()
    for line in lines:
        counts[line.style] += line.end_char - line.start_char
    return counts.most_common(1)[0][0] if counts else ("", 0.0)


def _numbered(lines: Sequence[Shown], text: str, body: tuple[str, float]) -> Iterator[Entry]:
    """Start, rank and title of lines such as "Article 6", with the title lines below."""
    edges = _columns(lines)
    for index, line in enumerate(lines):
        own = text[line.start_char : line.end_char].strip()
        match = _NUMBERED.fullmatch(own) if len(own) <= _MAX_TITLE_CHARS and own[:1].isupper() else None
        if match is None or _LEADER.search(match["rest"]) or not _is_title(match["rest"]):
            continue
        if not _apart(line, body, edges) or _continues(lines[index - 1] if index else None, line, text):
            continue
        rest = match["rest"].strip(" .:–—-\t\u00a0")
        title = own if rest else " · ".join(filter(None, (own, _title_below(lines, index, text, body, edges))))
        yield line.start_char, _RANK[match["word"].casefold()], " ".join(title.split())


def _is_title(rest: str) -> bool:
    """Whether what follows the number goes on as a title; "Section 12 provides ..." does not."""
    bare = rest.strip()
    return not bare or bare[0] in ".:–—-" or (rest[0].isspace() and not bare[0].islower() and bare[0] not in "(,;)")


def _continues(before: Shown | None, line: Shown, text: str) -> bool:
    """Whether a line ends the title above it: "... in accordance with", "Article 49"."""
    if before is None or before.page != line.page or before.style != line.style:
        return False
    near = 0 <= line.bbox[1] - before.bbox[1] < 1.6 * line.size
    return near and not _NUMBERED.fullmatch(text[before.start_char : before.end_char].strip())


def _title_below(
    lines: Sequence[Shown], index: int, text: str, body: tuple[str, float], edges: dict[int, tuple[float, float]]
) -> str:
    """The lines below a number that are set alike and apart from the text."""
    found: list[str] = []
    head = lines[index]
    first: Shown | None = None
    for line in lines[index + 1 : index + 1 + _MAX_TITLE_LINES]:
        own = text[line.start_char : line.end_char].strip()
        near = 0 <= line.bbox[1] - head.bbox[1] <= 3.5 * max(line.size, head.size)
        if line.page != head.page or not near or not _apart(line, body, edges) or _NUMBERED.fullmatch(own):
            break
        if first is not None and line.style != first.style:
            break
        found.append(own)
        first, head = first or line, line
    return " ".join(found)[:_MAX_TITLE_CHARS]


def _columns(lines: Sequence[Shown]) -> dict[int, tuple[float, float]]:
    """Left and right edge of the text on each page."""
    edges: dict[int, tuple[float, float]] = {}
    for line in lines:
        x0, x1 = edges.get(line.page, (float("inf"), float("-inf")))
        edges[line.page] = min(x0, line.bbox[0]), max(x1, line.bbox[2])
    return edges


def _apart(line: Shown, body: tuple[str, float], edges: dict[int, tuple[float, float]]) -> bool:
    """Whether a line is set apart from the text: heavier, larger, in another face, or centred."""
    font, size = body
    if line.size < size * 0.85:
        return False
    if line.font != font or line.size > size * _LARGER:
        return True
    x0, x1 = edges[line.page]
    left, right = line.bbox[0] - x0, x1 - line.bbox[2]
    return min(left, right) > 0.1 * (x1 - x0) and abs(left - right) < 0.1 * (x1 - x0)


def _large(lines: Sequence[Shown], text: str, body: tuple[str, float]) -> Iterator[Entry]:
    """Start, rank and title of lines in larger type, those that follow each other alike joined."""
    size = body[1]
    large = [line for line in lines if line.size >= size * _LARGER and text[line.start_char : line.end_char].strip()]
    if not large or len(large) > max(_MAX_SHARE * len(lines), 3):
        return
    ranks = {-style: rank for rank, style in enumerate(sorted({-round(line.size) for line in large}))}
    before: Shown | None = None
    entry: Entry | None = None
    for line in large:
        own = " ".join(text[line.start_char : line.end_char].split())
        goes_on = (
            before is not None
            and before.style == line.style
            and before.page == line.page
            and not text[before.end_char : line.start_char].strip()
        )
        if goes_on and entry is not None:
            entry = entry[0], entry[1], f"{entry[2]} {own}"
        else:
            if entry is not None and any(char.isalpha() for char in entry[2]):
                yield entry
            entry = line.start_char, ranks[round(line.size)], own
        before = line
    if entry is not None and any(char.isalpha() for char in entry[2]):
        yield entry
