"""The outline: bookmarks at their headings.

Not covered: sections out of it (readers.text).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import pymupdf

from workbench.documents.document import Page


def bookmarks(pdf: pymupdf.Document, pages: Sequence[Page], text: str) -> list[tuple[int, int, str]]:
    """(start, level, title): where the title stands on its page, else the page's beginning."""
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
