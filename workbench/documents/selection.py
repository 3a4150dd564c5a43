"""Parts of a Document as Documents: by title, by range of titles, by page.

A part keeps its page numbers and labels, and names the whole it comes from; its characters are counted anew.

Not covered: what fits a window (analysis.fitting).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from rapidfuzz import fuzz, process

from workbench.documents.document import Document, Page, Section
from workbench.errors import ConfigError
from workbench.types import Span

_ROMAN = re.compile(r"(?=[ivxlc])(xc|xl|l?x{0,3})(ix|iv|v?i{0,3})")
_DIGITS = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100}


def select(
    document: Document,
    expression: str | None = None,
    *,
    pages: range | Sequence[int] | None = None,
    sections: Sequence[str] | None = None,
) -> Document:
    """The part that one of the three asks for; see ``Document.select``.

    Raises:
        ConfigError: not exactly one of them, nothing in it, or a name or page that is not here.
    """
    if sum(asked is not None for asked in (expression, pages, sections)) != 1:
        raise ConfigError(
            "select takes one of: a title or range ('Chapter 1..Chapter 4'), pages=range(3, 8), sections=['Chapter 2']."
        )
    if expression is not None:
        return _part(document, [_titled(document, expression)], expression)
    if sections is not None:
        if isinstance(sections, str) or not sections:
            raise ConfigError(f"sections={sections!r}: give a list of titles, such as ['Chapter 2'].")
        return _part(document, [_section(document, title).span for title in sections], ", ".join(sections))
    numbers = sorted(set(pages or ()))
    if not numbers:
        raise ConfigError(f"pages={pages!r} holds no page; give numbers, such as pages=range(1, 4).")
    chosen = [page_by_number(document, number) for number in numbers]
    return _part(document, [Span(page.start_char, page.end_char) for page in chosen], _runs(numbers))


def page_by_number(document: Document, number: int) -> Page:
    """The page with a number.

    Raises:
        ConfigError: no such page here.
    """
    for page in document.pages:
        if page.number == number:
            return page
    first, last = document.pages[0].number, document.pages[-1].number
    raise ConfigError(f"{document.name} has no page {number}; its pages are {first} to {last}.")


def _titled(document: Document, expression: str) -> Span:
    first, dots, last = expression.partition("..")
    if not dots:
        return _section(document, expression).span
    begin, end = _section(document, first), _section(document, last)
    if end.start_char < begin.start_char:
        raise ConfigError(f"{expression!r} runs backwards: {end.title!r} stands before {begin.title!r}. Swap them.")
    return Span(begin.start_char, max(begin.end_char, end.end_char))


def _section(document: Document, title: str) -> Section:
    """The first section whose title is, else begins with, what was asked for."""
    if not document.outline:
        last = document.pages[-1].number
        raise ConfigError(f"{document.name} has no chapters or sections; select by pages=range(1, {last + 1}).")
    asked = normalised(title)
    for section in document.outline:
        if normalised(section.title) == asked:
            return section
    for section in document.outline:
        if asked and re.match(re.escape(asked) + r"\b", normalised(section.title)):
            return section
    titles = [section.title for section in document.outline]
    near = [found for found, _, _ in process.extract(title, titles, scorer=fuzz.WRatio, limit=3)]
    raise ConfigError(
        f"{document.name} has no section {title.strip()!r}. Nearest: {', '.join(map(repr, near))}; all {len(titles)} "
        "are in document.outline_table()."
    )


def normalised(title: str) -> str:
    """A title for comparing: case, spaces and a closing full stop aside, Roman numerals as figures."""
    words = unicodedata.normalize("NFKC", title).casefold().split()
    return " ".join(_figure(word) for word in words).rstrip(". ")


def _figure(word: str) -> str:
    """``xiv.`` as ``14``; other words as they are."""
    bare = word.rstrip(".:,")
    if not bare or not _ROMAN.fullmatch(bare):
        return word
    values = [_DIGITS[letter] for letter in bare]
    pairs = zip(values, [*values[1:], 0], strict=True)
    return str(sum(-value if value < following else value for value, following in pairs)) + word[len(bare) :]


def _runs(numbers: list[int]) -> str:
    contiguous = numbers == list(range(numbers[0], numbers[-1] + 1))
    if len(numbers) == 1:
        return f"page {numbers[0]}"
    return f"pages {numbers[0]}–{numbers[-1]}" if contiguous else f"pages {', '.join(map(str, numbers))}"


def _merged(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for span in sorted(spans):
        if merged and span.start_char <= merged[-1].end_char:
            merged[-1] = Span(merged[-1].start_char, max(merged[-1].end_char, span.end_char))
        else:
            merged.append(span)
    return merged


def _part(document: Document, spans: list[Span], what: str) -> Document:
    """The characters of ``spans`` as a document; pages and sections that reach into them come along."""
    pieces = _merged(spans)
    text = "".join(document.text[start:end] for start, end in pieces)
    if not text.strip():
        raise ConfigError(f"{what.strip()} of {document.name} holds no text.")
    pages: dict[int, Page] = {}
    outline: list[Section] = []
    shift = 0
    for start, end in pieces:
        moved = shift - start
        for page in document.pages:
            low, high = max(page.start_char, start), min(page.end_char, end)
            inside = low < high or (page.start_char == page.end_char and start <= page.start_char < end)
            if inside:
                before = pages.get(page.number)
                low = before.start_char - moved if before else low
                pages[page.number] = replace(page, start_char=low + moved, end_char=high + moved)
        outline += [
            replace(s, start_char=s.start_char + moved, end_char=min(s.end_char, end) + moved)
            for s in document.outline
            if start <= s.start_char < end
        ]
        shift += end - start
    kept = tuple(page for _, page in sorted(pages.items()))
    warnings = tuple(w for w in document.warnings if not w.pages or set(w.pages) & set(pages))
    name = f"{document.name} · {what.strip()}"
    return Document(name, text, kept, tuple(outline), warnings, document.source, document.hash)
