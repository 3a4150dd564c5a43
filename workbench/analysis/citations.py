"""What of the document an answer rests on. Decided by code; the model has no say.

A quote that the model writes is looked up. Where it quotes nothing that the document has, each sentence of the answer
gets the passage that has its telling words, if there is one.

Not covered: whether a passage supports what is claimed.
"""

from workbench.analysis.prompts import says_absent
from workbench.documents.document import Document
from workbench.documents.quotes import locate, quoted
from workbench.documents.sentences import index, sentences
from workbench.results import Citation, CitationOrigin
from workbench.types import Span

CONTEXT_CHARS = 160
"""Characters of the document shown on each side of a passage, at most."""


def cite(document: Document, answer: str, question: str = "") -> tuple[Citation, ...]:
    """The quotes of at least 12 characters in ``answer``; the nearest passages where none of them has a source."""
    quotes = tuple(_quote(document, answer, span) for span in quoted(answer))
    if any(quote.page is not None for quote in quotes) or says_absent(answer):
        return quotes
    return (*quotes, *_nearest(document, answer, question, quotes))


def _quote(document: Document, answer: str, answer_span: Span) -> Citation:
    quote = answer[answer_span.start_char : answer_span.end_char]
    found = locate(document, quote)
    return Citation(quote, answer_span=answer_span) if found is None else _citation(document, quote, found, answer_span)


def _nearest(document: Document, answer: str, question: str, quotes: tuple[Citation, ...]) -> tuple[Citation, ...]:
    passages: dict[Span, Citation] = {}
    for sentence in sentences(answer):
        # A sentence with a quote that the document has not is not made to look proved.
        if any(quote.answer_span and _overlap(sentence, quote.answer_span) for quote in quotes):
            continue
        found = index(document.text).nearest(answer[sentence.start_char : sentence.end_char], question)
        if found is not None and found not in passages:
            passage = " ".join(document.text[found.start_char : found.end_char].split())
            passages[found] = _citation(document, passage, found, sentence, "nearest")
    return tuple(passages.values())


def _overlap(one: Span, other: Span) -> bool:
    return one.start_char < other.end_char and other.start_char < one.end_char


def _citation(
    document: Document, quote: str, found: Span, answer_span: Span, origin: CitationOrigin = "quoted"
) -> Citation:
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
        # Cut at a word, where there are words: Chinese has no spaces.
        before=before.partition(" ")[2] or before if start > CONTEXT_CHARS else before,
        passage=text[start:end],
        after=after.rpartition(" ")[0] or after if end + CONTEXT_CHARS < len(text) else after,
        answer_span=answer_span,
        origin=origin,
        where=document.locate(found)[0].where,
    )
