"""On which pages an answer rests, by the attention it paid while it was written.

The answer's own tokens are fed again, one by one, and the engine says how the attention behind each was shared among
the blocks of the document. Shares are exact, but the first page and the last absorb much whatever is asked: rank by
**lift**, the share against that of one fixed neutral question.

Not covered: whether a page supports what is said (analysis.citations).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import numpy as np
import polars as pl

from workbench import tables
from workbench.analysis import prompts
from workbench.analysis.ask import Context, task_ids
from workbench.config import SamplingParams
from workbench.documents.document import Document
from workbench.documents.sentences import sentences
from workbench.engine.blocks import BLOCK_SIZE
from workbench.errors import ConfigError
from workbench.results import Answer
from workbench.types import Branch

NEUTRAL_QUESTION = "What is this document about?"
NEUTRAL_TOKENS = 8


Forked = Callable[[int | None], AbstractContextManager[Branch]]
"""A branch of a reading's prefix, or of its first so many tokens, closed at the end."""


def evidence(
    context: Context, answer: Answer, forked: Forked, neutral: np.ndarray | None
) -> tuple[pl.DataFrame, np.ndarray]:
    """Pages by sentence of an answer, those with the highest lift first.

    Args:
        context: the reading's.
        answer: of a question or a summary.
        forked: makes branches.
        neutral: shares by block under the neutral question, if they are known.

    Returns:
        A frame, see ``tables.EVIDENCE``, and the shares under the neutral question.

    Raises:
        ConfigError: an answer of another reading.
    """
    said, starts = answer.prompt_token_ids, (len(context.prefix_ids), context.num_document_tokens)
    start = next((n for n in starts if said[:n] == context.prefix_ids[:n] and len(said) > n), None)
    if start is None:
        raise ConfigError(f"This answer is not one of {context.document.name}; give one of reading.ask().")
    if neutral is None:
        with forked(None) as branch:
            neutral = _neutral(context, branch)
    with forked(start) as branch:
        shares = _watched(context, branch, said[start:], answer.token_ids)
    return _frame(context, answer, shares, neutral), neutral


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


def _frame(context: Context, answer: Answer, shares: np.ndarray, neutral: np.ndarray) -> pl.DataFrame:
    """Shares behind the answer's tokens, by sentence and page."""
    pages = _page_matrix(context)
    numbers = [page.number for page in context.document.pages]
    base = neutral @ pages
    rows = []
    for index, (text, first, last) in enumerate(_sentences(context, answer), 1):
        chosen = shares[max(first - 1, 0) : max(last - 1, first, 1)]  # row i is behind token i + 1
        if not len(chosen):
            continue
        by_page = chosen.mean(0) @ pages
        lift = np.divide(by_page, base, out=np.zeros_like(by_page), where=base > 0)
        rows += [
            (index, text, number, float(share), float(ratio))
            for ratio, share, number in sorted(zip(lift, by_page, numbers, strict=True), reverse=True)
        ]
    return pl.DataFrame(rows, schema=tables.EVIDENCE, orient="row")


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


def _sentences(context: Context, answer: Answer) -> list[tuple[str, int, int]]:
    """Sentences of the answer, each with its first token and one past its last."""
    stream, ends, total = context.tokenizer.stream(), [], 0
    for token in answer.token_ids:
        total += 0 if token in context.tokenizer.end_token_ids else len(stream.step(token))
        ends.append(total)
    hidden = total - len(answer.text)  # thoughts, and white space that was taken off
    found = []
    for span in sentences(answer.text):
        first = next((i for i, end in enumerate(ends) if end - hidden > span.start_char), len(ends))
        last = next((i + 1 for i, end in enumerate(ends) if end - hidden >= span.end_char), len(ends))
        found.append((answer.text[span.start_char : span.end_char].strip(), first, last))
    return found
