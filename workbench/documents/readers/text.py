r"""Plain text in any encoding: pages, chapters.

Page breaks are ``\f`` and ``[page N]`` marks, which are taken out of the text. Text without either gets pages of about
3,000 characters that end at paragraphs and begin anew with each chapter.

Not covered: markup (readers.markup).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

import charset_normalizer

from workbench.documents.document import DocumentWarning, Page, Section
from workbench.errors import DocumentError

PAGE_CHARS = 3_000
"""Characters of a made page, about."""

_MARK = re.compile(r"\[page (\d{1,6})\][ \t]*\n?|\f")
_NUMBER = r"(?:[ivxlcdm]+|\d+|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
_RANKED = (
    ("volume", "book", "part"),
    ("chapter", "adventure", "letter", "act", "canto", "article", "annex", "appendix", "section", "title"),
)
_WORD = "|".join(word for rank in _RANKED for word in rank)
_HEADING = re.compile(
    rf"^[ \t]*(?P<hash>#{{1,6}}[ \t]+)?(?P<title>(?P<word>{_WORD})[ \t]+{_NUMBER}\b[^\n]{{0,80}}"
    rf"|(?:prologue|epilogue|preface|foreword|introduction|afterword)\.?|(?P<numeral>[IVXLC]{{1,7}})\.?)[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
_HASHED = re.compile(r"^(#{1,6})[ \t]+(\S[^\n]*?)[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a reader makes of a file: the text, its pages and outline, and what to warn of."""

    text: str
    pages: tuple[Page, ...]
    outline: tuple[Section, ...]
    warnings: tuple[DocumentWarning, ...] = ()


def decode(data: bytes, name: str) -> tuple[str, tuple[DocumentWarning, ...]]:
    """Text of bytes: UTF-8 or with a byte order mark, else by the best guess, which is said.

    Raises:
        DocumentError: the bytes are no text.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _newlines(data.decode("utf-16", "replace")), ()
    if b"\0" in data[:65_536]:
        raise DocumentError(
            f"{name} is a binary file, not text ({len(data):,} bytes with zero bytes in them). Give a text, Markdown, "
            "HTML, EPUB or PDF file, or a folder of source code."
        )
    try:
        return _newlines(data.decode("utf-8-sig")), ()
    except UnicodeDecodeError:
        best = charset_normalizer.from_bytes(data).best()
    if best is None:
        raise DocumentError(
            f"{name} is neither UTF-8 nor text in an encoding that can be recognised. Save it as UTF-8."
        )
    guess = DocumentWarning(
        "encoding", f"{name} is not UTF-8; it was read as {best.encoding}. Check its special letters."
    )
    return _newlines(str(best)), (guess,)


def _newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_text(data: bytes, name: str) -> Parsed:
    """A plain text file."""
    text, warnings = decode(data, name)
    text, marked = take_marks(text)
    outline = headings(text, marked)
    pages = marked or paginate(text, outline)
    return Parsed(text, pages, with_pages(outline, pages), warnings)


def take_marks(text: str) -> tuple[str, tuple[Page, ...]]:
    """The text without its page marks, and the pages they cut; no pages if there are no marks."""
    pieces: list[str] = []
    breaks: list[tuple[int, str]] = []  # start of a page in the new text, label
    last = length = 0
    for mark in _MARK.finditer(text):
        pieces.append(text[last : mark.start()])
        length += len(pieces[-1])
        breaks.append((length, mark.group(1) or ""))
        last = mark.end()
    pieces.append(text[last:])
    if not breaks:
        return text, ()
    clean = "".join(pieces)
    # What stands before the first [page N] is its head; before the first form feed it is a page of its own.
    if breaks[0][1] or not clean[: breaks[0][0]].strip():
        breaks[0] = (0, breaks[0][1])
    else:
        breaks.insert(0, (0, ""))
    if not clean[breaks[-1][0] :].strip() and len(breaks) > 1 and not breaks[-1][1]:
        breaks.pop()
    bounds = [start for start, _ in breaks] + [len(clean)]
    return clean, tuple(
        make_page(clean, number, label or str(number), bounds[number - 1], bounds[number])
        for number, (_, label) in enumerate(breaks, 1)
    )


def make_page(text: str, number: int, label: str, start_char: int, end_char: int) -> Page:
    """A page, ``empty`` when nothing is on it."""
    status = "read" if text[start_char:end_char].strip() else "empty"
    return Page(number, label, start_char, end_char, status)  # type: ignore[arg-type]


def headings(text: str, marked: tuple[Page, ...] = ()) -> tuple[Section, ...]:
    """Chapters of a plain text: lines that stand alone and read like a heading."""
    found: dict[int, tuple[int, str]] = {m.start(): (2, m.group(2)) for m in _HASHED.finditer(text)}
    starts = {page.start_char for page in marked}
    for match in _HEADING.finditer(text):
        alone = match.start() in starts or text[: match.start()].endswith("\n\n") or match.start() == 0
        title = match["title"].strip()
        if not alone or (match["numeral"] and not match["numeral"].isupper()):
            continue
        if match["word"] and not match["word"][0].isupper():
            continue
        if not re.match(r"\n[ \t]*\n|\n?\Z", text[match.end() : match.end() + 80]) and match["numeral"]:
            continue
        rank = 0 if match["word"] and match["word"].lower() in _RANKED[0] else 1 if not match["numeral"] else 3
        found[match.start()] = (rank, title)
    ranks = {rank: level for level, rank in enumerate(sorted({rank for rank, _ in found.values()}), 1)}
    flat = [(start, ranks[rank], title) for start, (rank, title) in sorted(found.items())]
    return nest(flat, len(text))


def nest(flat: Iterable[tuple[int, int, str]], end: int) -> tuple[Section, ...]:
    """Sections of (start, level, title) in order: each ends where the next of its level or a higher one begins."""
    flat = list(flat)
    sections = []
    for index, (start, level, title) in enumerate(flat):
        end_char = next((s for s, other, _ in flat[index + 1 :] if other <= level), end)
        sections.append(Section(title, level, start, end_char, 0))
    return tuple(sections)


def with_pages(outline: tuple[Section, ...], pages: tuple[Page, ...]) -> tuple[Section, ...]:
    """The outline with the number of the page that each section begins on."""
    starts = [page.start_char for page in pages]
    return tuple(
        Section(
            s.title, s.level, s.start_char, s.end_char, pages[max(bisect_right(starts, s.start_char) - 1, 0)].number
        )
        for s in outline
    )


def paginate(text: str, outline: tuple[Section, ...], first: int = 1) -> tuple[Page, ...]:
    """Made pages: about ``PAGE_CHARS`` each, ending at paragraphs, beginning anew with each top-level section."""
    top = min((section.level for section in outline), default=0)
    heads = [section for section in outline if section.level == top]
    bounds = [(section.start_char, section.title.rstrip(".")) for section in heads]
    if not bounds or bounds[0][0] > 0:
        bounds.insert(0, (0, "Opening" if heads and text[: heads[0].start_char].strip() else ""))
    pages: list[Page] = []
    for (start, title), (end, _) in zip(bounds, [*bounds[1:], (len(text), "")], strict=True):
        for ordinal, (from_char, to_char) in enumerate(_cuts(text, start, end), 1):
            number = first + len(pages)
            label = f"{title[:60]} · {ordinal}" if title else str(number)
            pages.append(make_page(text, number, label, from_char, to_char))
    return tuple(pages)


def _cuts(text: str, start: int, end: int) -> list[tuple[int, int]]:
    cuts = []
    while end - start > PAGE_CHARS * 3 // 2:
        near = start + PAGE_CHARS
        cut = text.rfind("\n\n", start + PAGE_CHARS // 2, near + PAGE_CHARS // 2)
        cut = cut + 2 if cut >= 0 else next_break(text, near, end)
        cuts.append((start, cut))
        start = cut
    return [*cuts, (start, end)]


def next_break(text: str, near: int, end: int) -> int:
    """The end of the line, else of the word, before ``near``; ``near`` itself in text without either."""
    for mark in ("\n", " "):
        cut = text.rfind(mark, near - PAGE_CHARS // 2, near)
        if cut >= 0:
            return cut + 1
    return min(near, end)
