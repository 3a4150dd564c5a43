"""What was read of a document and what was not, page by page, with characters and tokens.

Tokens are those of the whole text in Qwen3.5's vocabulary, each on the page of its first character, so that the
column adds up to the document's count. Encoding takes a second for a million characters and is done once a text.

Not covered: tokens in a model's own vocabulary (analysis.fitting), what to warn of (warnings).
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from workbench import tables
from workbench.vocabulary import Places, packaged_counter

if TYPE_CHECKING:
    from workbench.documents.document import Document, Page

_WITHOUT_LOSS = ("read", "ocr", "empty")
_SAID = {
    "scanned": "scanned without text",
    "unreadable": "unreadable",
    "excluded": "left out",
    "ocr": "by OCR",
    "empty": "empty",
}


def coverage(document: Document) -> pl.DataFrame:
    """A row for each page, see ``tables.COVERAGE``."""
    starts = _token_starts(document.text)
    bounds = np.array([[page.start_char, page.end_char] for page in document.pages], np.int64).reshape(-1, 2)
    tokens = np.diff(np.searchsorted(starts, bounds), axis=1)[:, 0].tolist()
    rows = [
        (_member_of(document, page), page.number, page.label, page.status, page.reason,
         page.end_char - page.start_char, num_tokens)
        for page, num_tokens in zip(document.pages, tokens, strict=True)
    ]  # fmt: skip
    return pl.DataFrame(rows, schema=tables.COVERAGE, orient="row")


def _member_of(document: Document, page: Page) -> str:
    at = bisect_right(document.members, page.number, key=lambda member: member.first_page) - 1
    return document.members[at].name if at >= 0 else ""


@lru_cache(maxsize=8)
def _token_starts(text: str) -> Places:
    return packaged_counter("qwen3.5").starts(text)


def share_read(document: Document) -> float:
    """The share of pages of which nothing is missing, in [0, 1]; an empty page has nothing to miss."""
    return sum(page.status in _WITHOUT_LOSS for page in document.pages) / max(len(document.pages), 1)


def account(document: Document) -> str:
    """One line: how many pages, how many of them were read, and what became of the rest."""
    total = len(document.pages)
    found = Counter[str](page.status for page in document.pages)
    lost = sum(num for status, num in found.items() if status not in _WITHOUT_LOSS)
    # Rounded down: 99.97 % of the pages are not all of them.
    share = f"{int(1_000 * share_read(document)) / 10:g} %"
    read = f"{total - lost:,} read ({share})" if lost else "all read" if total > 1 else "read"
    rest = [f"{found[status]:,} {said}" for status, said in _SAID.items() if found[status]]
    return ", ".join([f"{total:,} page{'' if total == 1 else 's'}", read, *rest])
