"""Comparing two documents: the texts first, then the model on what may contradict, then a question to both.

Not covered: the differences themselves (documents.versions, analysis.compare), how they look (workbench.views).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import TYPE_CHECKING

from workbench.analysis import compare, prompts
from workbench.analysis.context import task_ids
from workbench.config import DEFAULT_RESERVE, SamplingParams
from workbench.documents.collection import joined
from workbench.documents.document import Document
from workbench.documents.load import load
from workbench.documents.versions import versions
from workbench.errors import ConfigError
from workbench.results import Answer, Comparison
from workbench.session.reading import Reading
from workbench.types import ProgressCallback, Question, Weigh

if TYPE_CHECKING:
    from workbench.session.bench import Workbench

_BATCH = 8
"""Pairs that are judged together."""


class Comparing:
    """One comparison.

    Args:
        bench: reads and answers.
        max_tokens: of an answer.
        progress: of what is read.
    """

    def __init__(self, bench: Workbench, max_tokens: int, progress: bool | ProgressCallback | None) -> None:
        self._bench, self._max_tokens, self._progress = bench, max_tokens, progress

    def run(self, first: Reading | Document, second: Reading | Document, question: str | None) -> Comparison:
        """Compare, ask, and close what was opened for it."""
        if question is not None and not question.strip():
            raise ConfigError("The question is empty; leave it out to compare without one.")
        with ExitStack() as opened:
            readings = [self._reading(each, opened) for each in (first, second)]
            documents = [reading.document for reading in readings]
            names = compare.names_of(*documents)
            found = versions(documents[0].text, documents[1].text)
            alike = found.share_kept >= compare.MIN_KEPT
            pairs = compare.changed_pairs(found, *documents) if alike else compare.near_pairs(*documents)
            judged = self._judged(readings[1], documents, pairs[: compare.MAX_JUDGED])
            answer = None if question is None else self._answer(readings, names, question)
        frame = compare.differences(found if alike else None, judged, *documents)
        return Comparison(*names, frame, found.share_kept, alike, answer, _warnings(len(pairs), alike))

    def _reading(self, given: Reading | Document, opened: ExitStack) -> Reading:
        if isinstance(given, Reading):
            return given
        return opened.enter_context(self._bench.read(given, progress=self._progress))

    def _judged(
        self, reading: Reading, documents: list[Document], pairs: list[compare.Pair]
    ) -> dict[compare.Pair, float]:
        """The model's probability that only one of two passages can be true, by pair."""
        tasks = [
            prompts.can_both_be_true(documents[0].text[slice(*pair.first)], documents[1].text[slice(*pair.second)])
            for pair in pairs
        ]
        judged: dict[compare.Pair, float] = {}
        for at in range(0, len(tasks), _BATCH):
            batch = tasks[at : at + _BATCH]
            for pair, (yes, no) in zip(pairs[at:], weighed(reading, batch, ("Yes", "No")), strict=False):
                judged[pair] = no / (yes + no) if yes + no else 0.0
        return judged

    def _answer(self, readings: list[Reading], names: tuple[str, str], question: str) -> Answer:
        """Both asked as one where the window and memory hold them; else each, and the answers are weighed."""
        documents = [reading.document for reading in readings]
        both = joined(" and ".join(names), documents, names)
        if self._bench.fit(both, reserve=DEFAULT_RESERVE).fits:
            answer = self._asked(both, names, question)
        else:
            parts = []
            for reading, name in zip(readings, names, strict=True):
                said = reading.ask(question, max_tokens=self._max_tokens)
                quotes = tuple(each.passage for each in said.citations if each.page is not None)
                parts.append(prompts.weighed(name, said.text, quotes))
            answer = self._asked(load("".join(parts).encode(), name=both.name), names, question)
        return replace(answer, citations=compare.cite_both(documents, names, answer.text, question))

    def _asked(self, document: Document, names: tuple[str, str], question: str) -> Answer:
        """A question to a document that was made for it, which is not kept on disk."""
        with self._bench._read(document, self._progress, DEFAULT_RESERVE, kept=False) as reading:
            # What it rests on is looked up afterwards, in each of the two.
            return reading.ask(question, max_tokens=self._max_tokens, system=prompts.of_both(*names), quotes=False)


def weighed(reading: Reading, tasks: Sequence[str], beginnings: Sequence[str]) -> list[tuple[float, ...]]:
    """How probable some beginnings of an answer are to each task, by the model's own logits; all in one request."""
    context, tokenizer = reading._context, reading._context.tokenizer
    weigh = Weigh(tuple(tuple(tokenizer.encode(each)) for each in beginnings))
    found: list[tuple[float, ...]] = [()] * len(tasks)
    questions, one = list[Question](), SamplingParams(max_tokens=1)
    with ExitStack() as forks:
        for task in tasks:
            with reading.bench._lock:
                branch = forks.enter_context(closing(reading._fork(context.num_document_tokens)))
            ids = task_ids(tokenizer, task, thinking=False)
            feed = (*context.prefix_ids[branch.num_tokens : context.num_document_tokens], *ids)
            own = threading.Event()  # of its own: a branch that is closed sets it
            questions.append(Question(branch, feed, one, tokenizer.end_token_ids, None, own, weigh=weigh))
        try:
            for index, step in context.engine.generate_many(questions):
                found[index] = step.weighed or found[index]
        except BaseException:
            for question in questions:
                question.cancel.set()
            raise
    return found


def _warnings(num_pairs: int, alike: bool) -> tuple[str, ...]:
    said = []
    if not alike:
        said.append("These are not versions of one text: listed is only what the model holds to contradict.")
    if num_pairs > compare.MAX_JUDGED:
        said.append(f"{num_pairs - compare.MAX_JUDGED:,} changes were not judged for contradictions; their "
                    "probability is null.")  # fmt: skip
    return tuple(said)
