"""Parts of a Document as Documents: by title, by range of titles, by page.

A part keeps its page numbers and labels, and names the whole it comes from; its characters are counted anew.

Not covered: what fits a window (analysis.fitting).
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from rapidfuzz import fuzz, process

from workbench.documents.document import Document, Page, Section
from workbench.documents.layout import Cut, merged
from workbench.documents.warnings import INSPECTED, inspect
from workbench.errors import ConfigError
from workbench.types import Span

_ROMAN = re.compile(r"(?=[ivxlc])(xc|xl|l?x{0,3})(ix|iv|v?i{0,3})")
_DIGITS = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}
_RANGE = re.compile(r"\s*(?:\.{2,}|…)\s*")
_NEAREST = 3
TITLE_MARK = " · "
"""Between the number and the title of a section that has both."""


def select(
    document: Document,
    expression: str | None = None,
    *,
    pages: range | Sequence[int] | None = None,
    sections: Sequence[str] | None = None,
    without: Sequence[str] | None = None,
) -> Document:
    """The part that one of the first three asks for, and ``without`` cuts; see ``Document.select``.

    Raises:
        ConfigError: not exactly one of the three and no ``without``, nothing in it, or a name or page not here.
    """
    asked = sum(given is not None for given in (expression, pages, sections))
    if asked > 1 or (asked == 0 and without is None):
        raise ConfigError(
            "select takes one of: a title or range ('Chapter 1..Chapter 4'), pages=range(3, 8), "
            "sections=['Chapter 2']; "
            "and without=['Chapter 3'] beside it or alone."
        )
    spans, reached, what = _asked(document, expression, pages, sections)
    if without is None:
        return _part(document, spans, reached, what)
    left_out = merged(span for name in _titles("without", without) for span in _named(document, name))
    spans = _outside(spans, left_out)
    here = {page.number for span in spans for page in _reaching(document, span)}
    # An empty page goes with what is left out around it.
    return _part(
        document, spans, [page for page in reached if page.number in here], f"{what} without {', '.join(without)}"
    )


def _asked(
    document: Document,
    expression: str | None,
    pages: range | Sequence[int] | None,
    sections: Sequence[str] | None,
) -> tuple[Sequence[Span], Sequence[Page], str]:
    """Spans in order, the pages they reach, and what to call them; of the whole if nothing is asked for."""
    if expression is not None:
        spans = _named(document, expression)
        return spans, _reaching_all(document, spans), expression
    if sections is not None:
        titles = _titles("sections", sections)
        spans = merged(_section(document, title).span for title in titles)
        return spans, _reaching_all(document, spans), ", ".join(titles)
    if pages is None:
        return (Span(0, len(document.text)),), document.pages, ""
    if isinstance(pages, int | str) or not pages:
        raise ConfigError(f"pages={pages!r} names no pages; give numbers, such as pages=range(1, 4).")
    numbers = sorted(set(pages))
    chosen = [page_by_number(document, number) for number in numbers]
    return merged(Span(page.start_char, page.end_char) for page in chosen), chosen, _runs(numbers)


def _titles(option: str, given: Sequence[str]) -> Sequence[str]:
    if isinstance(given, str) or not given:
        raise ConfigError(f"{option}={given!r}: give a list of titles, such as ['Chapter 2'].")
    return given


def _reaching_all(document: Document, spans: Sequence[Span]) -> list[Page]:
    return [page for span in spans for page in _reaching(document, span)]


def _outside(spans: Sequence[Span], left_out: Sequence[Span]) -> list[Span]:
    """What is left of spans."""
    rest = []
    for start, end in spans:
        for first, last in left_out:
            if first < end and last > start:
                rest.append(Span(start, min(first, end)))
                start = max(start, last)
        rest.append(Span(start, end))
    return [span for span in rest if span.start_char < span.end_char]


def _named(document: Document, expression: str) -> tuple[Span, ...]:
    """What an expression means: a section or a range of them, else a folder or a document of a collection."""
    name = expression.strip()
    if not any(normalised(section.title) == normalised(name) for section in document.outline):
        if name.endswith("/"):
            below = [section.span for section in document.outline if section.title.startswith(name)]
            if below:
                return merged(below)
        members = [Span(m.start_char, m.end_char) for m in document.members if m.name == name]
        if members:
            return (members[0],)
    return (_titled(document, expression),)


def page_by_number(document: Document, number: int) -> Page:
    """The page with a number.

    Raises:
        ConfigError: no such page here.
    """
    at = bisect_left(document.pages, number, key=lambda page: page.number)
    if at < len(document.pages) and document.pages[at].number == number:
        return document.pages[at]
    numbers = sorted((page.number for page in document.pages), key=lambda here: abs(here - number))
    near = ", ".join(map(str, sorted(numbers[:_NEAREST])))
    raise ConfigError(
        f"{document.name} has no page {number}. Nearest: {near}; its {len(numbers)} pages are {_runs(sorted(numbers))}."
    )


def _titled(document: Document, expression: str) -> Span:
    """The characters of a section, or from one to another; a title that has dots in it is a title."""
    ends = _RANGE.split(expression.strip(), maxsplit=1)
    if len(ends) == 1 or any(normalised(expression) in _names(s.title) for s in document.outline):
        return _section(document, expression).span
    begin = _section(document, ends[0])
    # Titles come again in every volume: the end of a range is the next one of its name.
    end = _section(document, ends[1], begin.start_char)
    if end.start_char < begin.start_char:
        raise ConfigError(f"{expression!r} runs backwards: {end.title!r} stands before {begin.title!r}. Swap them.")
    return Span(begin.start_char, max(begin.end_char, end.end_char))


def _section(document: Document, title: str, from_char: int = 0) -> Section:
    """The first section at or after a character whose title is, else begins with, what was asked for; else any."""
    if not document.outline:
        first, last = document.pages[0].number, document.pages[-1].number
        raise ConfigError(f"{document.name} has no chapters or sections; select by pages=range({first}, {last + 1}).")
    asked = normalised(title)
    exact = [section for section in document.outline if asked and asked in _names(section.title)]
    begun = re.compile(re.escape(asked) + r"(?!\w)")
    found = exact or [section for section in document.outline if asked and begun.match(normalised(section.title))]
    if found:
        return next((section for section in found if section.start_char >= from_char), found[0])
    titles = [section.title for section in document.outline]
    close = process.extract(title, titles, scorer=fuzz.WRatio, processor=normalised, limit=_NEAREST)
    near = ", ".join(repr(name) for name, _, _ in close)
    raise ConfigError(
        f"{document.name} has no section {title.strip()!r}. Nearest: {near}; all {len(titles)} are in "
        "document.outline_table()."
    )


def _names(title: str) -> tuple[str, str]:
    """What a section answers to: "Article 6 · Classification rules" to that, and to its title alone."""
    return normalised(title), normalised(title.partition(TITLE_MARK)[2])


def normalised(title: str) -> str:
    """A title for comparing: case, spaces and a closing full stop aside, Roman numerals as figures."""
    words = unicodedata.normalize("NFKC", title).casefold().split()
    return " ".join(_figure(word) for word in words).rstrip(".: ")


def _figure(word: str) -> str:
    """``xiv.`` as ``14.``; other words as they are."""
    bare = word.rstrip(".:,")
    if not bare or not _ROMAN.fullmatch(bare):
        return word
    values = [_DIGITS[letter] for letter in bare]
    pairs = zip(values, [*values[1:], 0], strict=True)
    return str(sum(-value if value < following else value for value, following in pairs)) + word[len(bare) :]


def _runs(numbers: Sequence[int]) -> str:
    """Numbers in order, runs of them joined: ``pages 1–3, 7``."""
    runs = [list(run) for _, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0])]
    shown = [str(run[0][1]) if len(run) == 1 else f"{run[0][1]}–{run[-1][1]}" for run in runs]
    return f"page{'' if len(numbers) == 1 else 's'} {', '.join(shown[:8])}{' ...' if len(shown) > 8 else ''}"


def _reaching(document: Document, span: Span) -> list[Page]:
    """The pages with characters in a span, and the empty ones between them and at the document's ends."""
    start, end = span
    last = end == len(document.text)
    return [
        page
        for page in document.pages
        if (page.start_char < end and page.end_char > start)
        or (
            page.start_char == page.end_char
            and page.status != "excluded"
            and (start <= page.start_char < end or (last and page.start_char == end))
        )
    ]


def _part(document: Document, spans: Sequence[Span], pages: Sequence[Page], what: str) -> Document:
    """The characters of ``spans`` as a document of their own, with ``pages``."""
    what = what.strip()
    if not any(document.text[start:end].strip() for start, end in spans):
        raise ConfigError(f"{what} of {document.name} holds no text.")
    part = kept(document, spans, pages)
    # What was found in the text is found anew, so that its counts and places are the part's own.
    found = [w for w in part.warnings if w.kind in INSPECTED and w.spans]
    said = (*(w for w in part.warnings if w not in found), *inspect(part)) if found else part.warnings
    return replace(part, name=f"{document.name} · {what}", parent=document.hash, warnings=said)


def kept(document: Document, spans: Sequence[Span], pages: Sequence[Page]) -> Document:
    """A document of the characters of ``spans`` and of ``pages``; what stands on them moves along.

    Sections that begin in the spans stay, and warnings of the whole or of these pages.
    """
    cut = Cut(spans)
    here = {
        page.number: replace(page, start_char=cut.place(page.start_char), end_char=cut.place(page.end_char))
        for page in pages
    }
    outline = tuple(
        replace(s, start_char=cut.place(s.start_char), end_char=cut.place(s.end_char))
        for s in document.outline
        if cut.moved(Span(s.start_char, s.start_char + 1))
    )
    warnings = tuple(
        replace(
            w,
            pages=tuple(page for page in w.pages if page in here),
            spans=merged(piece for span in w.spans for piece in cut.moved(span)),
        )
        for w in document.warnings
        if not w.pages or not here.keys().isdisjoint(w.pages)
    )
    members = tuple(
        replace(m, start_char=cut.place(m.start_char), end_char=cut.place(m.end_char))
        for m in document.members
        if cut.moved(Span(m.start_char, m.end_char))
    )
    return replace(
        document,
        text="".join(document.text[start:end] for start, end in spans),
        pages=tuple(here.values()),
        outline=outline,
        warnings=warnings,
        members=members,
        layout=document.layout.part(spans, document.text),
    )
