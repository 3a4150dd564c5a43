"""Which quotes of an answer stand in the document, and where. Decided by code; the model has no say.

Not covered: whether a quote supports what is claimed beside it.
"""

from workbench.documents.document import Document
from workbench.documents.quotes import locate, quoted
from workbench.results import Citation
from workbench.types import Span

CONTEXT_CHARS = 160
"""Characters of the document shown on each side of a passage, at most."""


def cite(document: Document, answer: str) -> tuple[Citation, ...]:
    """A citation for every quote of at least 12 characters in ``answer``, in order."""
    return tuple(_citation(document, answer[span.start_char : span.end_char], span) for span in quoted(answer))


def _citation(document: Document, quote: str, answer_span: Span) -> Citation:
    found = locate(document, quote)
    if found is None:
        return Citation(quote=quote, answer_span=answer_span)
    start, end = found
    page, text = document.page_at(start), document.text
    before = text[max(start - CONTEXT_CHARS, 0) : start]
    after = text[end : end + CONTEXT_CHARS]
    return Citation(
        quote=quote,
        page=page.number,
        label=page.label,
        start_char=start,
        end_char=end,
        status="unassessed",
        before=before.partition(" ")[2] if start > CONTEXT_CHARS else before,
        passage=text[start:end],
        after=after.rpartition(" ")[0] if end + CONTEXT_CHARS < len(text) else after,
        answer_span=answer_span,
    )
