"""What of the document an answer rests on, and whether it supports what is said. Decided by code, not by the model.

A quote that the model writes is looked up. Each sentence (a claim) that quotes nothing gets the passage that has its
telling words, if there is one. A quote that stands alone belongs to the claim in front of it. A claim that is the
document's own words, quotation marks and all, rests on these.

Not covered: comparing a claim and a passage (analysis.statuses).
"""

from dataclasses import replace

from workbench.analysis.prompts import says_absent
from workbench.analysis.statuses import assess_claim
from workbench.documents.document import Document
from workbench.documents.quotes import find_exact, locate, quoted
from workbench.documents.sentences import index, sentences
from workbench.results import Citation, CitationOrigin
from workbench.types import Span

CONTEXT_CHARS = 160
"""Characters of the document shown on each side of a passage, at most."""


def cite(
    document: Document, answer: str, question: str = "", passages: tuple[Citation, ...] = ()
) -> tuple[Citation, ...]:
    """What an answer rests on, assessed: its own quotes, ``passages`` quoted behind it, and the nearest passages.

    A claim gets the nearest passage where it has no quote, and beside passages quoted behind it where none of them
    supports it.
    """
    quotes = tuple(_quote(document, answer, span) for span in quoted(answer))
    passages = assessed(answer, passages, question)
    proving = (*quotes, *(passage for passage in passages if passage.status == "supported"))
    near = () if says_absent(answer) else assessed(answer, _nearest(document, answer, question, proving), question)
    known = {(passage.start_char, passage.end_char) for passage in passages}
    near = tuple(each for each in near if (each.start_char, each.end_char) not in known)
    found = (*assessed(answer, quotes, question), *passages, *near)
    return _in_order(found if says_absent(answer) else _with_verbatim(document, answer, found))


def claims(answer: str) -> tuple[Span, ...]:
    """The sentences of an answer that say something: not those that are a quote and nothing else."""
    return tuple(span for span in sentences(answer) if not _is_quote(answer, span))


def assessed(answer: str, citations: tuple[Citation, ...], question: str = "") -> tuple[Citation, ...]:
    """Citations with the status of what they do for the claim they belong to."""
    found = []
    for citation in citations:
        status = assess_claim(_said(answer, citation), citation.passage, beside=question)
        found.append(replace(citation, status=status))
    return tuple(found)


def _said(answer: str, citation: Citation) -> str:
    """What is claimed beside a quote: its sentence without it."""
    claim, quote = claim_of(answer, citation), citation.answer_span
    if claim is None:
        return ""
    if citation.origin == "nearest" or quote is None or not _overlap(claim, quote):
        return answer[claim.start_char : claim.end_char]
    return answer[claim.start_char : max(quote.start_char, claim.start_char)] + answer[quote.end_char : claim.end_char]


def claim_of(answer: str, citation: Citation) -> Span | None:
    """The sentence that a citation belongs to: the one it stands in, or the last one in front of it."""
    place = citation.answer_span
    before = None
    for span in claims(answer):
        if place is not None and _overlap(span, place):
            return span
        if place is None or span.end_char <= place.start_char:
            before = span
    return before


def unsupported(answer: str, citations: tuple[Citation, ...]) -> tuple[Span, ...]:
    """The claims of an answer that no citation supports."""
    if says_absent(answer):
        return ()
    proved = {claim_of(answer, citation) for citation in citations if citation.status == "supported"}
    return tuple(span for span in claims(answer) if span not in proved)


def _in_order(citations: tuple[Citation, ...]) -> tuple[Citation, ...]:
    return tuple(sorted(citations, key=lambda c: c.answer_span or Span(0, 0)))


def _is_quote(answer: str, span: Span) -> bool:
    inner = [quote for quote in quoted(answer) if _overlap(span, quote)]
    left = "".join(
        char
        for place, char in enumerate(answer[span.start_char : span.end_char], span.start_char)
        if not any(quote.start_char <= place < quote.end_char for quote in inner)
    )
    return bool(inner) and not any(char.isalnum() for char in left)


def _quote(document: Document, answer: str, answer_span: Span) -> Citation:
    quote = answer[answer_span.start_char : answer_span.end_char]
    found = locate(document, quote)
    return Citation(quote, answer_span=answer_span) if found is None else citation(document, quote, found, answer_span)


def _nearest(document: Document, answer: str, question: str, quotes: tuple[Citation, ...]) -> tuple[Citation, ...]:
    passages: dict[Span, Citation] = {}
    proved = {claim_of(answer, quote) for quote in quotes}
    for claim in claims(answer):
        # A sentence with a quote that the document has not is not made to look proved.
        if claim in proved:
            continue
        found = index(document.text).nearest(answer[claim.start_char : claim.end_char], question)
        if found is not None and found not in passages:
            passage = " ".join(document.text[found.start_char : found.end_char].split())
            passages[found] = citation(document, passage, found, claim, "nearest")
    return tuple(passages.values())


def _with_verbatim(document: Document, answer: str, citations: tuple[Citation, ...]) -> tuple[Citation, ...]:
    """Citations where a claim that none supports, but that the document has as it stands, is its own passage.

    What is quoted in such a claim is quoted by the document: it is no evidence of its own.
    """
    verbatim: dict[Span, Citation] = {}
    for claim in unsupported(answer, citations):
        found = find_exact(document.text, answer[slice(*claim)])
        if found is not None:
            passage = " ".join(document.text[slice(*found)].split())
            verbatim[claim] = replace(citation(document, passage, found, claim, "nearest"), status="supported")
    kept = (c for c in citations if not any(c.answer_span and _overlap(c.answer_span, claim) for claim in verbatim))
    return (*kept, *verbatim.values())


def _overlap(one: Span, other: Span) -> bool:
    return one.start_char < other.end_char and other.start_char < one.end_char


def citation(
    document: Document, quote: str, found: Span, answer_span: Span | None, origin: CitationOrigin = "quoted"
) -> Citation:
    """A citation of a passage, not yet assessed.

    Args:
        document: has the passage.
        quote: as the model wrote it.
        found: of the passage, in ``Document.text``.
        answer_span: where the quote stands in the answer, or the sentence it belongs to.
        origin: how it was found.
    """
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
