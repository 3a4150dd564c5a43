"""Evidence with its passages: of each page that leads for a sentence, the passage most like it.

Not covered: which pages lead (analysis.evidence).
"""

from __future__ import annotations

import polars as pl

from workbench.analysis.citations import citation
from workbench.documents.document import Document
from workbench.documents.sentences import sentences, words
from workbench.results import Citation, EvidenceMap
from workbench.types import Span

TOP_PAGES = 3
"""Pages of a sentence that have their passage."""

MAX_CHARS = 400


def evidence_map(document: Document, frame: pl.DataFrame) -> EvidenceMap:
    """A frame of ``analysis.evidence`` as something to look at."""
    by_number = {page.number: page for page in document.pages}
    passages = {}
    for row in frame.group_by("sentence", maintain_order=True).head(TOP_PAGES).to_dicts():
        page = by_number[row["page"]]
        found = _passage(document, Span(page.start_char, page.end_char), row["text"])
        if found is not None:
            passages[row["sentence"], page.number] = found
    labels = {page.number: page.label for page in document.pages}
    return EvidenceMap(document.name, frame, labels, passages, TOP_PAGES)


def _passage(document: Document, page: Span, sentence: str) -> Citation | None:
    """The sentence of a page that has most of a sentence's words, the shortest of several; None on an empty page."""
    text, said = document.text[page.start_char : page.end_char], words(sentence)
    spans = sentences(text)
    if not spans:
        return None
    best = max(spans, key=lambda span: (len(said & words(text[slice(*span)])), span.start_char - span.end_char))
    start = page.start_char + best.start_char
    end = min(page.start_char + best.end_char, start + MAX_CHARS)
    span = Span(start, end)
    return citation(document, " ".join(document.text[start:end].split()), span, None, "nearest")
