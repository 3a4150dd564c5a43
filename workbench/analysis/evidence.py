"""On which pages an answer rests, by the attention it paid while it was written.

The answer's own tokens are fed again, one by one, and the engine says how the attention behind each was shared among
the blocks of the document. Shares are exact, but the first page and the last absorb much whatever is asked: rank by
**lift**, the share against that of one fixed neutral question.

Not covered: whether a page supports what is said (analysis.citations).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from workbench import tables
from workbench.analysis import prompts
from workbench.analysis.context import Context, task_ids
from workbench.analysis.length import whole_sentences
from workbench.config import SamplingParams
from workbench.documents.document import Document
from workbench.documents.sentences import sentences
from workbench.engine.blocks import BLOCK_SIZE
from workbench.errors import ConfigError
from workbench.results import Answer, Summary
from workbench.types import Branch

NEUTRAL_QUESTION = "What is this document about?"
NEUTRAL_TOKENS = 8


Forked = Callable[[int | None], AbstractContextManager[Branch]]
"""A branch of a reading's prefix, or of its first so many tokens, closed at the end."""


@dataclass(frozen=True, slots=True)
class _Fed:
    """A text to be fed again.

    Attributes:
        start: tokens of the reading's prefix in front of it.
        feed: the ids between prefix and text.
        text: of it.
        token_ids: of the text, perhaps with a thought before it.
        kept: sentences that count, in order; none for all.
    """

    start: int
    feed: tuple[int, ...]
    text: str
    token_ids: tuple[int, ...]
    kept: tuple[str, ...] = ()


def evidence(
    context: Context, answer: Answer | str, question: str, forked: Forked, neutral: np.ndarray | None
) -> tuple[pl.DataFrame, np.ndarray]:
    """Pages by sentence of an answer, those with the highest lift first.

    Args:
        context: the reading's.
        answer: to a question, or a summary; or a text that is taken for the answer.
        question: that a text answers.
        forked: makes branches.
        neutral: shares by block under the neutral question, if they are known.

    Returns:
        A frame, see ``tables.EVIDENCE``, and the shares under the neutral question.

    Raises:
        ConfigError: an answer of another reading, or a text without a word.
    """
    texts = _given(context, answer, question) if isinstance(answer, str) else _answered(context, answer)
    if neutral is None:
        with forked(None) as branch:
            neutral = _neutral(context, branch)
    pages, rows = _page_matrix(context), list[tuple[int, str, int, float, float]]()
    for fed in texts:
        with forked(fed.start) as branch:
            shares = _watched(context, branch, fed.feed, fed.token_ids)
        rows += _rows(context, fed, shares, neutral, pages, rows[-1][0] if rows else 0)
    return pl.DataFrame(rows, schema=tables.EVIDENCE, orient="row"), neutral


def _given(context: Context, text: str, question: str) -> list[_Fed]:
    """A text as the answer to a question; the model is not asked whether it would have said so."""
    if not text.strip():
        raise ConfigError("There is no text to look for; give an answer, or a sentence.")
    feed = task_ids(context.tokenizer, prompts.ask(question), thinking=False)
    return [_Fed(len(context.prefix_ids), feed, text, tuple(context.tokenizer.encode(text)))]


def _answered(context: Context, answer: Answer) -> list[_Fed]:
    """An answer as it was said; a summary turn by turn, without the sentences that were left out."""
    if isinstance(answer, Summary) and answer.sentences:
        left = [answer.text[start:end] for start, end in answer.sentences]
        return [fed for turn in answer.turns for fed in _kept(context, turn, left)]
    said, starts = answer.prompt_token_ids, (len(context.prefix_ids), context.num_document_tokens)
    start = next((n for n in starts if said[:n] == context.prefix_ids[:n] and len(said) > n), None)
    if start is None:
        raise ConfigError(f"This answer is not one of {context.document.name}; give one of reading.ask().")
    return [_Fed(start, said[start:], answer.withdrawn or answer.text, answer.token_ids)]


def _kept(context: Context, turn: Answer, left: list[str]) -> list[_Fed]:
    """A turn of a summary, if a sentence of it is among those ``left``, which are taken out of it."""
    found = []
    for sentence in whole_sentences(turn.text, ended=True):
        if sentence in left:
            left.remove(sentence)
            found.append(sentence)
    return [replace(fed, kept=tuple(found)) for fed in _answered(context, turn)] if found else []


def _watched(context: Context, branch: Branch, feed: Sequence[int], answer_ids: Sequence[int]) -> np.ndarray:
    """Shares behind each token of an answer but the first, fed again.

    Args:
        context: the reading's.
        branch: at its prefix; grows.
        feed: the ids between prefix and answer.
        answer_ids: the answer's.

    Returns:
        fp64 (num_answer_tokens - 1, num_blocks).
    """
    one, rows = SamplingParams(max_tokens=1), []
    for ids in (feed, *([token] for token in answer_ids[:-1])):
        steps = list(context.engine.generate(branch, ids, one, frozenset(), watched_tokens=context.num_document_tokens))
        rows.append(steps[0].shares)
    return np.array(rows[1:], dtype=np.float64).reshape(len(rows) - 1, -1)


def _neutral(context: Context, branch: Branch) -> np.ndarray:
    """Shares by block, (num_blocks,), while a neutral question is answered."""
    feed = task_ids(context.tokenizer, prompts.ask(NEUTRAL_QUESTION), thinking=False)
    params = SamplingParams(max_tokens=NEUTRAL_TOKENS)
    steps = context.engine.generate(branch, feed, params, frozenset(), watched_tokens=context.num_document_tokens)
    rows = [step.shares for step in steps if step.shares]
    mean: np.ndarray = np.array(rows, dtype=np.float64).mean(0)
    return mean


def _rows(
    context: Context, fed: _Fed, shares: np.ndarray, neutral: np.ndarray, pages: np.ndarray, num_before: int
) -> Iterator[tuple[int, str, int, float, float]]:
    """Shares behind the tokens of a text, by sentence and page: rows of ``tables.EVIDENCE``."""
    numbers = [page.number for page in context.document.pages]
    base = neutral @ pages
    for text, first, last in _sentences(context, fed):
        chosen = shares[max(first - 1, 0) : max(last - 1, first, 1)]  # row i is behind token i + 1
        if not len(chosen):
            continue
        num_before += 1
        by_page = chosen.mean(0) @ pages
        lift = np.divide(by_page, base, out=np.zeros_like(by_page), where=base > 0)
        for ratio, share, number in sorted(zip(lift, by_page, numbers, strict=True), reverse=True):
            yield num_before, text, number, float(share), float(ratio)


def _page_matrix(context: Context) -> np.ndarray:
    """How the tokens of each block spread over the pages, (num_blocks, num_pages), rows adding up to 1 or less."""
    document: Document = context.document
    spans = context.tokenizer.encode_with_spans(document.text)[1]
    close = len(context.tokenizer.encode(prompts.CLOSE))
    first = context.num_document_tokens - close - len(spans)
    index = {page.number: place for place, page in enumerate(document.pages)}
    num_blocks = -(-context.num_document_tokens // BLOCK_SIZE)
    matrix = np.zeros((num_blocks, len(document.pages)))
    for place, span in enumerate(spans, first):
        matrix[place // BLOCK_SIZE, index[document.page_at(span.start_char).number]] += 1
    sizes = np.minimum(BLOCK_SIZE, context.num_document_tokens - BLOCK_SIZE * np.arange(num_blocks))
    return matrix / sizes[:, None]


def _sentences(context: Context, fed: _Fed) -> list[tuple[str, int, int]]:
    """Sentences that count, each with its first token and one past its last."""
    stream, ends, total = context.tokenizer.stream(), [], 0
    for token in fed.token_ids:
        total += 0 if token in context.tokenizer.end_token_ids else len(stream.step(token))
        ends.append(total)
    hidden = total - len(fed.text)  # thoughts, and white space that was taken off
    found, left = [], list(fed.kept)
    for span in sentences(fed.text):
        text = fed.text[span.start_char : span.end_char].strip()
        if fed.kept:
            (text,) = whole_sentences(text, ended=True) or ("",)
            if text not in left:
                continue
            left.remove(text)
        first = next((i for i, end in enumerate(ends) if end - hidden > span.start_char), len(ends))
        last = next((i + 1 for i, end in enumerate(ends) if end - hidden >= span.end_char), len(ends))
        found.append((text, first, last))
    return found
