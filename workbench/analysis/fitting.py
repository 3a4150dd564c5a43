"""Whether a document fits, exactly, before anything runs; and what can be done when it does not.

Not covered: bytes and seconds (the model estimates them).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar

import polars as pl

from workbench import tables
from workbench.analysis import prompts
from workbench.documents.document import Document, Section
from workbench.errors import CacheFull, ConfigError, ContextTooLong
from workbench.results import Fit
from workbench.types import TokenCounter

if TYPE_CHECKING:
    from workbench.engine.budget import Cost

MAX_SECTIONS = 60
"""Rows of the table; a finer outline is left at its top level, a longer one is joined into runs."""

MIN_RESERVE = 512
"""Tokens below which a reserve is not worth offering: the task itself takes more than a hundred."""

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Window:
    """What a document is held against.

    Attributes:
        model: its name.
        tokens: the window.
        overhead_tokens: what the chat template puts in front.
        typed: the model as one would type it.
        native_tokens: the widest window it can be given; 0 when that is ``tokens``.
        larger: a model that holds the document and the reserve, as one would type it, and its window; or None.
    """

    model: str
    tokens: int
    overhead_tokens: int
    typed: str = ""
    native_tokens: int = 0
    larger: Callable[[], tuple[str, int] | None] = lambda: None


class Counted:
    """A document with the place of each of its tokens.

    Args:
        document: to be counted.
        counter: in the model's own vocabulary.
    """

    def __init__(self, document: Document, counter: TokenCounter) -> None:
        self.document, self.counter = document, counter
        ids, spans = counter.encode_with_spans(document.text)
        self.num_tokens = len(ids)
        self._starts = [span.start_char for span in spans]
        fixed = (prompts.SYSTEM, prompts.OPEN, prompts.CLOSE, prompts.ASK)
        self.frame_tokens = sum(len(counter.encode_with_spans(text)[0]) for text in fixed)

    def between(self, start_char: int, end_char: int) -> int:
        """Tokens that begin in a range of characters."""
        return bisect_left(self._starts, end_char) - bisect_left(self._starts, start_char)

    def count(self, part: Document) -> int:
        """Tokens of a part read by itself: a cut may split what was one token."""
        return len(self.counter.encode_with_spans(part.text)[0])


def fit(counted: Counted, window: Window, reserve: int, cost: Cost) -> Fit:
    """The verdict, with the choices if it is no.

    Raises:
        ConfigError: a reserve below 0.
    """
    if reserve < 0:
        raise ConfigError(f"reserve={reserve} is below 0; it is the tokens kept for question and answer.")
    document, tokens = counted.document, prefix_tokens(counted, window)
    sections = _sections(document)
    choices: tuple[str, ...] = ()
    if tokens + reserve > window.tokens:
        choices = _choices(counted, sections, window, tokens, reserve)
    elif cost.missing_bytes > 0:
        choices = _memory_choices(counted, sections, window, tokens, cost)
    return Fit(
        document_name=document.name,
        model=window.model,
        tokens=tokens,
        document_tokens=counted.num_tokens,
        window=window.tokens,
        reserve=reserve,
        kv_bytes=cost.kv_bytes,
        seconds=cost.seconds,
        fits=tokens + reserve <= window.tokens and cost.missing_bytes <= 0,
        choices=choices,
        sections=_table(counted, sections, window.tokens),
        weights_bytes=cost.weights_bytes,
        work_bytes=cost.work_bytes,
        free_bytes=cost.free_bytes,
    )


def too_long(verdict: Fit) -> ContextTooLong:
    """The error of a document that does not fit."""
    choices = "".join(f"\n  - {choice}" for choice in verdict.choices)
    return ContextTooLong(
        f"{verdict.document_name} takes {verdict.tokens:,} tokens and {verdict.reserve:,} are kept for question and "
        f"answer, but the window of {verdict.model} holds {verdict.window:,}. Nothing was read. You can:{choices}",
        num_tokens=verdict.tokens + verdict.reserve,
        window=verdict.window,
        choices=verdict.choices,
    )


def too_large(verdict: Fit) -> CacheFull:
    """The error of a document that memory does not hold."""
    choices = "".join(f"\n  - {choice}" for choice in verdict.choices)
    return CacheFull(
        f"{verdict.document_name} takes {_gb(verdict.needed_bytes)} ({_gb(verdict.weights_bytes)} of weights to load, "
        f"{_gb(verdict.kv_bytes)} of cache for {verdict.tokens:,} tokens, {_gb(verdict.work_bytes)} to work with) and "
        f"{_gb(verdict.free_bytes or 0)} of memory are free. Nothing was read. You can:{choices}"
    )


def _gb(num_bytes: int) -> str:
    return f"{num_bytes / 1e9:,.2f} GB"


def prefix_tokens(counted: Counted, window: Window) -> int:
    """Tokens of template, system text, frame, document and what begins every question."""
    return window.overhead_tokens + counted.frame_tokens + counted.num_tokens


def _sections(document: Document) -> list[Section]:
    """The outline's upper entries, each up to the next one, so that the rows add up to the document.

    A single entry above all others is a title, not a division: then the level below it counts as well.
    """
    levels = sorted({section.level for section in document.outline})
    heads: list[Section] = []
    for level in levels:
        heads = [section for section in document.outline if section.level <= level]
        if len(heads) > 1:
            break
    if not heads or len(heads) > MAX_SECTIONS:
        return _page_runs(document)
    bounds = [section.start_char for section in heads] + [len(document.text)]
    if not document.text[: bounds[0]].strip():
        bounds[0] = 0  # blank lines before the first heading are its own
    rows = [
        Section(head.title, head.level, start, end, head.page)
        for head, (start, end) in zip(heads, pairwise(bounds), strict=True)
    ]
    if bounds[0] > 0:
        rows.insert(0, Section("(before the first section)", 0, 0, bounds[0], document.pages[0].number))
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
    """What can be done, each with something to type that works."""
    needed, left = tokens + reserve, window.tokens - tokens
    choices = [_largest_part(counted, sections, left - reserve + counted.num_tokens)]
    if needed <= window.native_tokens:
        wider = min(-(-needed // 1_024) * 1_024, window.native_tokens)
        choices.append(f"Open its window wider: wb.Workbench({window.typed!r}, window={wider}).")
    elif larger := window.larger():
        typed, size = larger
        choices.append(f"Read it with a model whose window holds it: wb.Workbench({typed}) ({size:,} tokens).")
    if left >= MIN_RESERVE:
        choices.append(f"Keep less for question and answer: bench.read(document, reserve={left}).")
    return tuple(filter(None, choices))


def _memory_choices(
    counted: Counted, sections: list[Section], window: Window, tokens: int, cost: Cost
) -> tuple[str, ...]:
    """What can be done when memory does not hold it."""
    fewer = -(-cost.missing_bytes // cost.token_bytes)
    choices = [_largest_part(counted, sections, counted.num_tokens - fewer)] if fewer < counted.num_tokens else []
    if cost.missing_bytes <= tokens * (cost.token_bytes - cost.int8_token_bytes):
        choices.append(f"Hold the cache smaller: wb.Workbench({window.typed!r}, kv='int8').")
    choices.append(f"Close other readings or programs: {_gb(cost.missing_bytes)} more are needed.")
    if fewer >= counted.num_tokens:
        choices.append("Take a smaller model: `workbench models` lists them.")
    return tuple(filter(None, choices))


def _largest_part(counted: Counted, sections: list[Section], room: int) -> str:
    """The longest run that fits, as something to type.

    Of sections, unless the pages from the start hold far more; a single section where not even the first page fits.
    """
    document, deepest = counted.document, max(section.level for section in sections)
    known = {(section.title, section.level) for section in document.outline}
    named = [s for s in sections if s.level == deepest and (s.title, s.level) in known]
    titles = [s.title for s in named if counted.between(named[0].start_char, s.end_char) <= room]
    ends = [page.end_char for page in document.pages if counted.between(0, page.end_char) <= room]
    for run in _shortened(titles):
        title = run[0] if len(run) == 1 else f"{run[0]}..{run[-1]}"
        tokens = _tokens_of(counted, room, expression=title)
        if tokens and 2 * tokens >= counted.between(0, ends[-1] if ends else 0):
            return _offer(repr(title), tokens)
    for numbers in _shortened([page.number for page in document.pages[: len(ends)]]):
        if tokens := _tokens_of(counted, room, pages=numbers):
            whole = numbers == list(range(numbers[0], numbers[-1] + 1))
            return _offer(f"pages={f'range({numbers[0]}, {numbers[-1] + 1})' if whole else numbers}", tokens)
    for section in sorted(named, key=lambda s: counted.between(*s.span), reverse=True):
        if counted.between(*section.span) <= room and (tokens := _tokens_of(counted, room, expression=section.title)):
            return _offer(repr(section.title), tokens)
    return ""


def _offer(typed: str, tokens: int) -> str:
    return f"Read a part: document.select({typed}) is {tokens:,} tokens."


def _shortened(run: list[Item]) -> Iterator[list[Item]]:
    """A run, and the same with one and two less at its end: a cut moves the count by a token or so, not by more."""
    return (run[: len(run) - less] for less in range(3) if len(run) > less)


def _tokens_of(counted: Counted, room: int, *, expression: str | None = None, pages: list[int] | None = None) -> int:
    """Tokens of what ``select`` gives for this; 0 when it gives nothing, or more than there is room for."""
    try:
        tokens = counted.count(counted.document.select(expression, pages=pages))
    except ConfigError:  # two sections of one title, or a title with two dots
        return 0
    return tokens if tokens <= room else 0
