"""A document with the place of each of its tokens: tokens of its sections, pages and files, exact for the whole.

A token belongs where its first character stands, so that every table adds up to the document.

Not covered: the verdict (analysis.fitting), what can be done (analysis.choices).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import polars as pl

from workbench import tables
from workbench.analysis import prompts
from workbench.documents.document import Document, Section
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


def prefix_tokens(counted: Counted, window: Window) -> int:
    """Tokens of template, system text, frame, document and what begins every question."""
    return window.overhead_tokens + counted.frame_tokens + counted.num_tokens


def sections_of(document: Document) -> list[Section]:
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


def section_table(counted: Counted, sections: list[Section], window: int) -> pl.DataFrame:
    """Tokens of sections, see ``tables.FIT_SECTIONS``."""
    rows = []
    for section in sections:
        tokens = counted.between(section.start_char, section.end_char)
        rows.append((section.title, section.page, tokens, tokens / window))
    return pl.DataFrame(rows, schema=tables.FIT_SECTIONS, orient="row")


def page_table(counted: Counted, window: int) -> pl.DataFrame:
    """Tokens of pages, see ``tables.FIT_PAGES``."""
    rows = []
    for page in counted.document.pages:
        tokens = counted.between(page.start_char, page.end_char)
        rows.append((page.number, page.label, tokens, tokens / window))
    return pl.DataFrame(rows, schema=tables.FIT_PAGES, orient="row")
