"""Whether a document fits, exactly, before anything runs; and what can be done when it does not.

Not covered: bytes and seconds (the model estimates them).
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from itertools import pairwise

import polars as pl

from workbench import tables
from workbench.analysis import prompts
from workbench.documents.document import Document, Section
from workbench.results import Fit
from workbench.types import TokenCounter

MAX_SECTIONS = 60
"""Rows of the table; a finer outline is left at its top level, a longer one is joined into runs."""


@dataclass(frozen=True, slots=True)
class Window:
    """What a document is held against.

    Attributes:
        model: its name.
        tokens: the window.
        overhead_tokens: what the chat template puts in front.
        larger: name and window of the models that hold more, smallest first.
    """

    model: str
    tokens: int
    overhead_tokens: int
    larger: tuple[tuple[str, int], ...] = ()


class Counted:
    """A document with the place of each of its tokens.

    Args:
        document: to be counted.
        counter: in the model's own vocabulary.
    """

    def __init__(self, document: Document, counter: TokenCounter) -> None:
        self.document = document
        ids, spans = counter.encode_with_spans(document.text)
        self.num_tokens = len(ids)
        self._starts = [span.start_char for span in spans]
        fixed = (prompts.SYSTEM, prompts.OPEN, prompts.CLOSE)
        self.frame_tokens = sum(len(counter.encode_with_spans(text)[0]) for text in fixed)

    def between(self, start_char: int, end_char: int) -> int:
        """Tokens that begin in a range of characters."""
        return bisect_left(self._starts, end_char) - bisect_left(self._starts, start_char)


def fit(counted: Counted, window: Window, reserve: int, kv_bytes: int, seconds: float | None) -> Fit:
    """The verdict, with the choices if it is no."""
    document, tokens = counted.document, prefix_tokens(counted, window)
    fits = tokens + reserve <= window.tokens
    sections = _sections(counted)
    return Fit(
        document_name=document.name,
        model=window.model,
        tokens=tokens,
        document_tokens=counted.num_tokens,
        window=window.tokens,
        reserve=reserve,
        kv_bytes=kv_bytes,
        seconds=seconds,
        fits=fits,
        choices=() if fits else _choices(counted, sections, window, tokens, reserve),
        sections=_table(counted, sections, window.tokens),
    )


def prefix_tokens(counted: Counted, window: Window) -> int:
    """Tokens of template, system text, frame and document."""
    return window.overhead_tokens + counted.frame_tokens + counted.num_tokens


def _sections(counted: Counted) -> list[Section]:
    """Top-level entries with what stands before and between them, so that the rows add up to the document."""
    document = counted.document
    top = min((section.level for section in document.outline), default=0)
    heads = [section for section in document.outline if section.level == top]
    if not heads or len(heads) > MAX_SECTIONS:
        return _page_runs(document)
    bounds = [section.start_char for section in heads] + [len(document.text)]
    rows = [
        Section(head.title, head.level, start, end, head.page)
        for head, (start, end) in zip(heads, pairwise(bounds), strict=True)
    ]
    if bounds[0] > 0 and document.text[: bounds[0]].strip():
        rows.insert(0, Section("(before the first section)", top, 0, bounds[0], document.pages[0].number))
    return rows


def _page_runs(document: Document) -> list[Section]:
    step = -(-len(document.pages) // MAX_SECTIONS)
    runs = [document.pages[i : i + step] for i in range(0, len(document.pages), step)]
    return [
        Section(
            f"page {run[0].label}" if len(run) == 1 else f"pages {run[0].label}–{run[-1].label}",
            1, run[0].start_char, run[-1].end_char, run[0].number,
        )
        for run in runs
    ]  # fmt: skip


def _table(counted: Counted, sections: list[Section], window: int) -> pl.DataFrame:
    rows = []
    for section in sections:
        tokens = counted.between(section.start_char, section.end_char)
        rows.append((section.title, section.page, tokens, tokens / window))
    return pl.DataFrame(rows, schema=tables.FIT_SECTIONS, orient="row")


def _choices(counted: Counted, sections: list[Section], window: Window, tokens: int, reserve: int) -> tuple[str, ...]:
    room = window.tokens - reserve - window.overhead_tokens - counted.frame_tokens
    choices = [_largest_part(counted, sections, room)]
    choices += [
        f"Read it with a model whose window holds it: {name} ({size:,} tokens)."
        for name, size in window.larger
        if size >= tokens + reserve
    ][:1]
    if tokens < window.tokens:
        choices.append(f"Keep less for question and answer: reserve={window.tokens - tokens:,} is what is left.")
    return tuple(choice for choice in choices if choice)


def _largest_part(counted: Counted, sections: list[Section], room: int) -> str:
    """The longest run from the start that fits, as something to type."""
    document = counted.document
    fitting = [s for s in sections if counted.between(0, s.end_char) <= room]
    named = [s for s in fitting if any(s.title == entry.title for entry in document.outline)]
    if named:
        expression = named[0].title if len(named) == 1 else f"{named[0].title}..{named[-1].title}"
        tokens = counted.between(named[0].start_char, named[-1].end_char)
        return f"Read a part: document.select({expression!r}) is {tokens:,} tokens."
    pages = [page for page in document.pages if counted.between(0, page.end_char) <= room]
    if pages:
        first, last = pages[0].number, pages[-1].number
        tokens = counted.between(0, pages[-1].end_char)
        return f"Read a part: document.select(pages=range({first}, {last + 1})) is {tokens:,} tokens."
    return ""
