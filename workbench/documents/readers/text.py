r"""Plain text in any encoding: pages, chapters.

Page breaks are ``\f`` and ``[page N]`` marks, which are taken out of the text. Text without either gets pages of about
3,000 characters that end at paragraphs and begin anew with each chapter.

Not covered: markup (readers.markup).
"""

from __future__ import annotations

import codecs
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import replace
from itertools import groupby

import charset_normalizer

from workbench.documents.document import DocumentWarning, Page, Section
from workbench.documents.layout import Layout, Region
from workbench.documents.parsed import Job, Parsed
from workbench.errors import DocumentError

PAGE_CHARS = 3_000
"""Characters of a made page, about."""

# The white space after a mark goes with it, unless it is all that parts two words; so a form feed may leave a newline.
_MARK = re.compile(r"\f?(?:(?<!\S)\[page (\d{1,6})\][ \t]*\n?|\[page (\d{1,6})\])|\f")
_WITHIN = re.compile(r"\w\f\w")
_NUMBER = r"(?:[ivxlcdm]+|\d+|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
_RANKED = (
    ("volume", "book", "part"),
    ("chapter", "adventure", "letter", "act", "canto", "article", "annex", "appendix", "section", "title"),
)
_WORD = "|".join(word for rank in _RANKED for word in rank)
_HEADING = re.compile(
    rf"^[ \t]*(?:#{{1,6}}[ \t]+)?(?P<title>(?P<word>{_WORD})[ \t]+{_NUMBER}\b(?P<rest>[^\n]{{0,80}})"
    rf"|(?:prologue|epilogue|preface|foreword|introduction|afterword)\.?|(?P<numeral>(?-i:[IVXLC]{{1,7}}))\.?)[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
_HASHED = re.compile(r"^(#{1,6})[ \t]+(\S[^\n]*)$", re.MULTILINE)
_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins like UTF-16, so it is tried first
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LEGACY = [
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "iso8859_2", "iso8859_5",
    "iso8859_7", "koi8_r", "koi8_u", "mac_roman", "cp932", "euc_jp", "gb18030", "big5", "euc_kr", "cp874",
]  # fmt: skip


def decode(data: bytes, name: str) -> tuple[str, tuple[DocumentWarning, ...]]:
    """Text of bytes: UTF-8 or with a byte order mark, else by the best guess, which is said.

    Raises:
        DocumentError: the bytes are no text.
    """
    marked = next((encoding for mark, encoding in _BOMS if data.startswith(mark)), None)
    text = data.decode(marked, "replace") if marked else ""
    if "\0" in text or 2 * text.count("�") > len(text) or (not marked and b"\0" in data[:65_536]):
        raise DocumentError(
            f"{name} is a binary file, not text ({len(data):,} bytes with zero bytes in them). Give a document, a "
            "table, a mail, a notebook, or a folder or zip of these."
        )
    if marked:
        return _newlines(text), _damage(text, marked.upper(), name)
    try:
        return _newlines(data.decode("utf-8-sig")), ()
    except UnicodeDecodeError:
        text = data.decode("utf-8-sig", "replace")
    # Letters of other encodings are hardly ever valid UTF-8: where most are, it is UTF-8 with damage.
    num_bad = text.count("�")
    if sum(char > "\x7f" for char in text) > 2 * num_bad:
        return _newlines(text), _damage(text, "UTF-8", name)
    return _guessed(data, name)


def _damage(text: str, encoding: str, name: str) -> tuple[DocumentWarning, ...]:
    num_bad = text.count("�")
    if not num_bad:
        return ()
    line = text.count("\n", 0, text.index("�")) + 1
    message = f"{name} is damaged: what is no valid {encoding} became � ({num_bad:,} times, first in line {line:,})."
    return (DocumentWarning("encoding", message),)


def _guessed(data: bytes, name: str) -> tuple[str, tuple[DocumentWarning, ...]]:
    matches = list(charset_normalizer.from_bytes(data, cp_isolation=_LEGACY))
    if not matches:
        raise DocumentError(
            f"{name} is neither UTF-8 nor text in an encoding that can be recognised. Save it as UTF-8."
        )
    best = matches[0]
    # Of encodings that fit equally well, Western European is by far the most common.
    western = [m for m in matches if "cp1252" in m.could_be_from_charset and m.chaos <= best.chaos]
    same = western and western[0].coherence >= best.coherence
    text, encoding = (data.decode("cp1252"), "cp1252") if same else (str(best), best.encoding)
    message = f"{name} is not UTF-8; it was read as {encoding}. Check its special letters, or save it as UTF-8."
    return _newlines(text), (DocumentWarning("encoding", message),)


def _newlines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_text(job: Job) -> Parsed:
    """A plain text file."""
    text, warnings = decode(job.data, job.name)
    text, marked = take_marks(text)
    outline = headings(text, marked)
    pages = marked or paginate(text, outline)
    return Parsed(text, pages, with_pages(outline, pages), warnings, Layout(regions=lines(text, job.name, marked)))


def lines(text: str, name: str, marked: tuple[Page, ...]) -> tuple[Region, ...]:
    """The file as a region with numbered lines; none where marks were taken out of it and its lines with them."""
    return () if marked or not text else (Region("file", name, 0, len(text), first_line=1),)


def take_marks(text: str) -> tuple[str, tuple[Page, ...]]:
    """The text without its page marks, and the pages they cut; no pages if there are no marks."""
    pieces: list[str] = []
    breaks: list[tuple[int, str]] = []  # start of a page in the new text, label
    last = length = 0
    for mark in _MARK.finditer(text):
        parts_words = mark.start() > 0 and _WITHIN.match(text, mark.start() - 1)
        pieces.append(text[last : mark.start()] + ("\n" if parts_words else ""))
        length += len(pieces[-1])
        breaks.append((length, mark.group(1) or mark.group(2) or ""))
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
    return Page(number, label, start_char, end_char, "read" if text[start_char:end_char].strip() else "empty")


def headings(text: str, marked: tuple[Page, ...] = ()) -> tuple[Section, ...]:
    """Chapters of a plain text: lines that stand alone and read like a heading."""
    starts = {0, *(page.start_char for page in marked)}
    found: dict[int, tuple[tuple[int, int], str]] = {}  # start: rank, title
    for match in _HASHED.finditer(text):
        if _parted(text, match.start(), starts) and _blank_after(text, match.end()):
            found[match.start()] = ((2, len(match[1])), match[2].rstrip())
    for match in _HEADING.finditer(text):
        alone = _parted(text, match.start(), starts)
        if not alone or (match["numeral"] and not _blank_after(text, match.end())):
            continue
        if match["word"] and not (match["word"][0].isupper() and _ends_title(match["rest"])):
            continue
        rank = 0 if match["word"] and match["word"].lower() in _RANKED[0] else 3 if match["numeral"] else 1
        found[match.start()] = ((rank, 0), match["title"].strip())
    levels = {rank: level for level, rank in enumerate(sorted({rank for rank, _ in found.values()}), 1)}
    return nest([(start, levels[rank], title) for start, (rank, title) in sorted(found.items())], len(text))


def _parted(text: str, start: int, starts: set[int]) -> bool:
    """Whether a line begins a page or follows a blank line."""
    return start in starts or not text[text.rfind("\n", 0, start - 1) + 1 : start - 1].strip()


def _blank_after(text: str, end: int) -> bool:
    """Whether a blank line, or nothing, follows a line that ends here."""
    close = text.find("\n", end + 1)
    return not text[end : close if close >= 0 else None].strip()


def _ends_title(rest: str) -> bool:
    """Whether what follows "Section 12" goes on as a title; "Section 12 provides ..." and "Section 12, ..." do not."""
    return not rest or rest[0] in ".:)—–-" or (rest[0] in " \t" and not rest.lstrip()[:1].islower())


def nest(flat: Iterable[tuple[int, int, str]], end: int) -> tuple[Section, ...]:
    """Sections of (start, level, title) in order: each ends where the next of its level or a higher one begins.

    Entries that begin at the same character share what follows.
    """
    sections: list[Section] = []
    # From the end: entries that may end one before them, the nearest last, each of a lower level than those behind it.
    levels: list[int] = []
    starts: list[int] = []
    for start, together in groupby(reversed(list(flat)), key=lambda entry: entry[0]):
        begun = list(together)
        for _, level, title in begun:
            at = bisect_right(levels, level) - 1
            sections.append(Section(title, level, start, starts[at] if at >= 0 else end, 0))
        for _, level, _ in begun:
            at = bisect_left(levels, level)
            levels[at:], starts[at:] = [level], [start]
    return tuple(reversed(sections))


def with_pages(outline: tuple[Section, ...], pages: tuple[Page, ...]) -> tuple[Section, ...]:
    """The outline with the number of the page that each section begins on."""
    starts = [page.start_char for page in pages]
    return tuple(replace(s, page=pages[max(bisect_right(starts, s.start_char) - 1, 0)].number) for s in outline)


def paginate(text: str, outline: tuple[Section, ...]) -> tuple[Page, ...]:
    """Made pages: about ``PAGE_CHARS`` each, ending at paragraphs, beginning anew with each top-level section."""
    top = min((section.level for section in outline), default=0)
    heads = {section.start_char: section.title.rstrip(".") for section in outline if section.level == top}
    first = min(heads, default=0)
    # White space before the first heading is no page of its own.
    before = "Opening" if text[:first].strip() else heads.pop(first, "")
    bounds = sorted({0: before, **heads}.items())
    pages: list[Page] = []
    for (start, title), (end, _) in zip(bounds, [*bounds[1:], (len(text), "")], strict=True):
        for ordinal, (from_char, to_char) in enumerate(_cuts(text, start, end), 1):
            number = len(pages) + 1
            label = f"{title[:60]} · {ordinal}" if title else str(number)
            pages.append(make_page(text, number, label, from_char, to_char))
    return tuple(pages)


def _cuts(text: str, start: int, end: int) -> list[tuple[int, int]]:
    cuts = []
    while end - start > PAGE_CHARS * 3 // 2:
        cut = _cut(text, start + PAGE_CHARS)
        cuts.append((start, cut))
        start = cut
    return [*cuts, (start, end)]


def _cut(text: str, near: int) -> int:
    """The paragraph's end nearest to ``near``, else a line's, else a word's before it; ``near`` itself without any."""
    reach = PAGE_CHARS // 2
    ends = [text.rfind("\n\n", near - reach, near) + 2, text.find("\n\n", near, near + reach) + 2]
    if max(ends) > 1:
        return min((end for end in ends if end > 1), key=lambda end: abs(end - near))
    for mark in ("\n", " "):
        cut = text.rfind(mark, near - reach, near)
        if cut >= 0:
            return cut + 1
    return near
