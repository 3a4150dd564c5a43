"""What in a document's text should make a reader wary: unseen and lookalike characters, reordered text, orders.

Found when a Document is put together, and told with the places. Nothing is changed unless ``hidden="drop"`` asks for
it (assemble), and then the warning says what was taken out.

Not covered: text that a page does not show (the PDF reader's ``hidden``), which answers to warn of (analysis.caution).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from workbench.documents.document import Document, DocumentWarning
from workbench.documents.instructions import find_instructions
from workbench.documents.invisible import made_visible, reordering, spelled, unseen
from workbench.documents.lookalikes import lookalikes, made_plain
from workbench.documents.parsed import KeepOrDrop
from workbench.types import Span

INSPECTED = ("invisible", "bidi", "lookalike", "instructions")
"""Kinds of warning that come from the text alone."""

SHOWN_PLACES = 5
"""Places that a warning shows with the text around them; ``spans`` has all."""

_FATES: dict[KeepOrDrop, str] = {"keep": "load(..., hidden='drop') takes them out.", "drop": "They were taken out."}
_AROUND_CHARS = 24
_LOOKED_AT = 40
_QUOTED_CHARS = 160
_NAMES = {
    "\u200b": "zero-width space", "\u200c": "zero-width non-joiner", "\u200d": "zero-width joiner",
    "\u2060": "word joiner", "\ufeff": "byte order mark",
}  # fmt: skip


def inspect(document: Document, hidden: KeepOrDrop = "keep") -> tuple[DocumentWarning, ...]:
    """Warnings of a document's text, one a kind, each with its pages and spans.

    Args:
        document: as it was read.
        hidden: what becomes of the characters that are not seen; the warnings say so.
    """
    text, fate = document.text, _FATES[hidden]
    invisible, reordered, alike = ((), (), ()) if text.isascii() else (unseen(text), reordering(text), lookalikes(text))
    found = (
        ("invisible", invisible, _of_invisible, fate),
        ("bidi", reordered, _of_reordered, fate),
        ("lookalike", alike, _of_lookalikes, ""),
        ("instructions", _instructions(made_plain(text, alike), invisible), _of_instructions, ""),
    )
    return tuple(
        DocumentWarning(kind, f"{message(document, spans)} {after}".rstrip(), _pages_of(document, spans), spans)
        for kind, spans, message, after in found
        if spans
    )


def _instructions(text: str, invisible: tuple[Span, ...]) -> tuple[Span, ...]:
    """Instructions in the text as a reader sees it: unseen characters between its letters hide none."""
    if not invisible:
        return find_instructions(text)
    kept = np.ones(len(text), bool)
    for start, end in invisible:
        kept[start:end] = False
    places = np.flatnonzero(kept)
    seen = "".join(text[end:start] for end, start in zip(
        (0, *(span.end_char for span in invisible)), (*(span.start_char for span in invisible), len(text)), strict=True
    ))  # fmt: skip
    return tuple(Span(int(places[start]), int(places[end - 1]) + 1) for start, end in find_instructions(seen))


def _pages_of(document: Document, spans: Sequence[Span]) -> tuple[int, ...]:
    """Numbers of the pages that spans begin on."""
    return tuple(sorted({document.page_at(start).number for start, _ in spans}))


def _of_invisible(document: Document, spans: tuple[Span, ...]) -> str:
    text = document.text
    chars = Counter(char for start, end in spans for char in text[start:end])
    named = Counter[str]()
    for char, num in chars.items():
        named[_NAMES.get(char) or ("tag character" if spelled(char) else f"U+{ord(char):04X}")] += num
    kinds = ", ".join(f"{name} × {num:,}" for name, num in named.most_common(4)) + (" ..." if len(named) > 4 else "")
    hidden = spelled("".join(text[start:end] for start, end in spans))
    said = f" The tag characters spell {_quoted(hidden)}." if hidden else ""
    total = sum(chars.values())
    return (
        f"{total:,} character{'' if total == 1 else 's'} that a reader does not see and a model does "
        f"({kinds}).{said} {_places(document, spans)}."
    )


def _of_reordered(document: Document, spans: tuple[Span, ...]) -> str:
    return (
        f"Text is shown in another order than it is read ({_places(document, spans)}): a model reads what stands "
        f"there, not what you see."
    )


def _of_lookalikes(document: Document, spans: tuple[Span, ...]) -> str:
    words = f"{len(spans):,} word{' mixes' if len(spans) == 1 else 's mix'}"
    return (
        f"{words} letters of two alphabets that look the same ({_places(document, spans)}): a search for what you see "
        "does not find them, and a model may read something else."
    )


def _of_instructions(document: Document, spans: tuple[Span, ...]) -> str:
    phrases = f"{len(spans):,} phrase{' reads' if len(spans) == 1 else 's read'}"
    return (
        f"{phrases} like instructions to a model ({_places(document, spans)}): read these places "
        "yourself before you trust an answer."
    )


def _places(document: Document, spans: tuple[Span, ...]) -> str:
    """``page 3: “…” · page 4: “…” · 12 more``; two in one passage are shown once."""
    shown: list[str] = []
    num_seen = 0
    for num_seen, span in enumerate(spans[:_LOOKED_AT], 1):  # noqa: B007 - how far it came is counted below
        place = f"page {document.page_at(span.start_char).label}: {excerpt(document, span)}"
        if place not in shown:
            shown.append(place)
        if len(shown) == SHOWN_PLACES:
            break
    more = [f"{len(spans) - num_seen:,} more"] if len(spans) > num_seen else []
    return " · ".join([*shown, *more])


def excerpt(document: Document, span: Span) -> str:
    """A passage with a little of its page around it, in quotation marks; what is not seen is spelled out."""
    page = document.page_at(span.start_char)
    first, last = (
        max(span.start_char - _AROUND_CHARS, page.start_char),
        min(span.end_char + _AROUND_CHARS, page.end_char),
    )
    return _quoted(document.text[first : min(last, first + _QUOTED_CHARS)])


def _quoted(text: str) -> str:
    shown = made_visible(text)
    return f"“{shown if len(shown) <= _QUOTED_CHARS else shown[:_QUOTED_CHARS] + ' ...'}”"
