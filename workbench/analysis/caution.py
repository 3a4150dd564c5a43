"""What to know about the pages that an answer rests on: text that nobody sees, orders to a model.

An answer that cites no page rests on no page more than on another, so it is told of all of them.

Not covered: finding such text (documents.warnings, the readers).
"""

from collections.abc import Sequence

from workbench.documents.document import Document, DocumentWarning
from workbench.documents.warnings import excerpt
from workbench.results import Citation

_SAID = {
    "hidden": "text that a reader does not see",
    "invisible": "characters that a reader does not see",
    "bidi": "text that is shown in another order than it is read",
    "lookalike": "a word of two alphabets that look the same",
    "instructions": "a phrase that reads like an instruction to a model",
}


def caution(document: Document, citations: Sequence[Citation]) -> tuple[str, ...]:
    """A sentence for each kind of suspicious text on the pages of ``citations``; it was read, and may have worked."""
    cited = {citation.page for citation in citations if citation.page is not None}
    return tuple(said for warning in document.warnings if (said := _sentence(document, warning, cited)))


def _sentence(document: Document, warning: DocumentWarning, cited: set[int]) -> str:
    """Nothing for other kinds, for other pages, and for what was dropped: the model has not read it."""
    if warning.kind not in _SAID or not warning.spans:
        return ""
    spans = {document.page_at(span.start_char).number: span for span in reversed(warning.spans)}
    pages = sorted(set(spans) & cited if cited else spans)
    if not pages:
        return ""
    first = spans[pages[0]]
    label, more = document.page_at(first.start_char).label, len(pages) - 1
    others = f" and {more:,} more page{'' if more == 1 else 's'}" if more else ""
    rests = "The answer rests on" if cited else "The answer cites no page, and the document has"
    return f"{rests} page {label}{others} with {_SAID[warning.kind]}: {excerpt(document, first)}."
