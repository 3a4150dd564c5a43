"""What a summary rests on: the citations of each of its sentences, and the sentences of each page.

Not covered: writing it (analysis.summarize), how a citation is found (analysis.citations).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from workbench import tables
from workbench.analysis.caution import caution
from workbench.analysis.citations import cite
from workbench.analysis.context import Context
from workbench.analysis.length import missed, num_words
from workbench.analysis.manifest import Request, manifest
from workbench.documents.document import Document
from workbench.results import Answer, Citation, Summary, Usage
from workbench.types import FinishReason, Span


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence of a summary.

    Attributes:
        text: of it.
        part: number of the part that it belongs to, from 0.
        heading: stands above it; mostly empty.
    """

    text: str
    part: int
    heading: str = ""


def written(said: Sequence[Said]) -> str:
    """The text of a summary: a line for each heading, a paragraph for each part under one, else one paragraph."""
    return "".join(_joint(said, i) + sentence.text for i, sentence in enumerate(said))


def _joint(said: Sequence[Said], i: int) -> str:
    """What stands in front of a sentence."""
    if said[i].heading:
        return ("\n\n" if i else "") + said[i].heading + "\n"
    return " " if i else ""


def summary_of(
    context: Context,
    said: Sequence[Said],
    turns: Sequence[Answer],
    reason: FinishReason,
    words: int,
    style: str,
    request: Request,
) -> Summary:
    """The summary of what was said, each sentence cited.

    A model that never ended a sentence has said something all the same: then that is the text, and it looks cut off.
    """
    document, text = context.document, written(said)
    if not said and reason == "stop":
        reason = "length"
    if not said:
        text = " ".join(turns[-1].text.split()[:words])
    spans = _spans(said)
    cited = [_cite(document, text, span) for span in spans]
    citations = tuple(citation for found in cited for citation in found)
    has = num_words(text)
    told = missed(has, words) if reason == "stop" else ""  # what was cut off is shown to be
    first, usages = turns[0], [turn.usage for turn in turns]
    token_ids = tuple(token for turn in turns for token in turn.token_ids)
    return Summary(
        question="",
        text=text,
        citations=citations,
        usage=_usage(usages),
        finish_reason=reason,
        prompt_token_ids=first.prompt_token_ids,
        token_ids=token_ids,
        manifest=manifest(
            context, request, prompt_token_ids=first.prompt_token_ids, token_ids=token_ids, citations=citations,
            finish_reason=reason,
        ),
        document_name=document.name,
        warnings=(*caution(document, citations), *filter(None, [told])),
        unsupported=tuple(
            span for span, found in zip(spans, cited, strict=True) if all(c.status != "supported" for c in found)
        ),
        style=style,
        words=words,
        num_words=has,
        sentences=spans,
        coverage=coverage(document, cited),
        turns=tuple(turns),
    )  # fmt: skip


def _spans(said: Sequence[Said]) -> tuple[Span, ...]:
    ends, at = list[Span](), 0
    for i, sentence in enumerate(said):
        at += len(_joint(said, i))
        ends.append(Span(at, at + len(sentence.text)))
        at += len(sentence.text)
    return tuple(ends)


def _cite(document: Document, text: str, span: Span) -> tuple[Citation, ...]:
    """What one sentence rests on: its quotes, else the nearest passage."""
    return tuple(
        replace(
            citation,
            answer_span=Span(
                citation.answer_span.start_char + span.start_char, citation.answer_span.end_char + span.start_char
            ),
        )
        if citation.answer_span
        else citation
        for citation in cite(document, text[span.start_char : span.end_char])
    )


def coverage(document: Document, cited: Sequence[Sequence[Citation]]) -> pl.DataFrame:
    """Pages with the sentences that rest on them, see ``tables.SUMMARY_COVERAGE``; ``cited`` is by sentence."""
    resting: dict[int, list[int]] = {}
    for number, citations in enumerate(cited, 1):
        for page in sorted({citation.page for citation in citations if citation.page is not None}):
            resting.setdefault(page, []).append(number)
    rows = [
        (page.number, page.label, page.end_char - page.start_char, resting.get(page.number, []))
        for page in document.pages
    ]
    return pl.DataFrame(rows, schema=tables.SUMMARY_COVERAGE, orient="row")


def _usage(turns: Sequence[Usage]) -> Usage:
    """What all turns took together; a later turn reuses the earlier ones."""
    first, written_tokens = turns[0], sum(turn.completion_tokens for turn in turns)
    seconds = sum((turn.completion_tokens - 1) / turn.tokens_per_s for turn in turns if turn.tokens_per_s)
    decoded = sum(max(turn.completion_tokens - 1, 0) for turn in turns if turn.tokens_per_s)
    computed = sum(turn.computed_tokens for turn in turns)
    return Usage(
        prompt_tokens=first.reused_tokens + computed,
        reused_tokens=first.reused_tokens,
        completion_tokens=written_tokens,
        ttft_s=first.ttft_s,
        tokens_per_s=decoded / seconds if seconds else 0.0,
        peak_bytes=max(turn.peak_bytes for turn in turns),
    )
