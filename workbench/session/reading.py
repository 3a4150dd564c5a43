"""Reading: a document that the model has read whole, to be asked as often as wanted.

Not covered: reading it (session.bench), how a question is put to it (session.asking).
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import AbstractContextManager, closing
from typing import TYPE_CHECKING

import polars as pl

from workbench.analysis.absent import ABSENT_THRESHOLD
from workbench.analysis.ask import AnswerStream
from workbench.analysis.chat import Chat
from workbench.analysis.context import Context
from workbench.analysis.evidence import evidence
from workbench.analysis.extract import ExtractCallback, Extraction, Rows, check_limits
from workbench.analysis.leading import evidence_map
from workbench.analysis.parts import check
from workbench.analysis.schema import SchemaLike, parse_schema
from workbench.analysis.summarize import SummaryStream
from workbench.config import SamplingParams
from workbench.documents.document import Document
from workbench.errors import EngineError
from workbench.results import Answer, EvidenceMap, Summary, Table, Usage
from workbench.session.asking import Asking
from workbench.session.shared import Shared
from workbench.types import Branch, LoadedModel

if TYPE_CHECKING:
    from workbench.session.bench import Workbench


class Reading:
    """A document that the model has read whole. Made by ``Workbench.read``.

    Attributes:
        document: what was read.
        bench: the workbench that read it.
        read_usage: tokens of the prefix, and how many of them were in the cache already.
    """

    def __init__(self, bench: Workbench, document: Document, loaded: LoadedModel, shared: Shared, usage: Usage) -> None:
        self.bench, self.document = bench, document
        self._shared, self._engine = shared, loaded.engine
        self._context = Context(
            document, shared.prefix.token_ids, shared.num_document_tokens, loaded.engine, loaded.tokenizer, bench.name,
            bench._options.seed, bench._opened(), bench._audit,
        )  # fmt: skip
        self.read_usage = usage
        self._closed = False

    @property
    def num_tokens(self) -> int:
        """Tokens of the prefix: template, system text, frame, document and what begins every question."""
        return len(self._context.prefix_ids)

    @property
    def num_bytes(self) -> int:
        """Bytes of its cache."""
        return self._shared.prefix.num_bytes

    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
        return self._closed

    def __repr__(self) -> str:
        return f"Reading({self.document.name!r}, {self.num_tokens:,} tokens, {self.bench.name!r})"

    def ask(
        self,
        question: str,
        *,
        max_tokens: int = 1024,
        temperature: float = 0.0,
        top_p: float = 1.0,
        top_k: int = 0,
        seed: int | None = None,
        stop: tuple[str, ...] = (),
        thinking: bool = False,
        system: str | None = None,
        quotes: bool = True,
        absent_threshold: float | None = ABSENT_THRESHOLD,
    ) -> Answer:
        """Ask a question, independent of all others: a cell run twice says the same.

        An interrupt (Ctrl-C) ends the answer; what was written is returned, with ``finish_reason == "cancelled"``.

        Args:
            question: in plain words.
            max_tokens: of the answer, at most.
            temperature: 0 is greedy.
            top_p: share of probability kept when sampling.
            top_k: tokens kept when sampling; 0 keeps all.
            seed: of sampling; None takes the workbench's.
            stop: strings that end the answer; they are not part of it.
            thinking: let the model think first, where it can.
            system: a further instruction for this question.
            quotes: have the model quote the passage behind each sentence, held to the document; and, where it is in
                doubt whether the document says it at all, ask the passages alone, which may have the answer withdrawn.
                That takes time; without, passages are found by their words.
            absent_threshold: the probability that the document does not say it from which on that is the answer,
                whatever else the model says; None leaves it to the model.

        Raises:
            EngineError: the reading is closed.
            ContextTooLong: the question does not fit behind the document.
        """
        return self.stream(
            question, max_tokens=max_tokens, temperature=temperature, top_p=top_p, top_k=top_k, seed=seed, stop=stop,
            thinking=thinking, system=system, quotes=quotes, absent_threshold=absent_threshold,
        ).result()  # fmt: skip

    def stream(
        self,
        question: str,
        *,
        max_tokens: int = 1024,
        temperature: float = 0.0,
        top_p: float = 1.0,
        top_k: int = 0,
        seed: int | None = None,
        stop: tuple[str, ...] = (),
        thinking: bool = False,
        system: str | None = None,
        quotes: bool = True,
        absent_threshold: float | None = ABSENT_THRESHOLD,
    ) -> AnswerStream:
        """Ask, and watch the answer being written: an iterator of ``Delta``, then the ``Answer``."""
        params = SamplingParams(max_tokens, temperature, top_p, top_k, seed, stop)
        return Asking(self, params, thinking, system, quotes, absent_threshold).one(question)

    def ask_many(
        self,
        questions: Sequence[str],
        *,
        max_tokens: int = 1024,
        temperature: float = 0.0,
        top_p: float = 1.0,
        top_k: int = 0,
        seed: int | None = None,
        stop: tuple[str, ...] = (),
        thinking: bool = False,
        system: str | None = None,
        quotes: bool = True,
        absent_threshold: float | None = ABSENT_THRESHOLD,
        replies: Sequence[Sequence[str] | None] | None = None,
    ) -> list[Answer]:
        """Ask several questions, each independent of the others, and decode the answers together.

        That takes less time than one after the other: the document is attended to once for all of them. The answers
        are those of ``ask``, up to rounding: where two tokens are all but equally likely, another may be taken.

        An interrupt (Ctrl-C) ends all answers; what was written is returned. ``replies`` are, for each question, those
        of which one is the answer, word for word, or that the document does not say it; None lets the model say what
        it likes. The other arguments are those of ``ask``.

        Raises:
            ConfigError: replies that are not one list a question, or for a model that is to think first.
        """
        streams = self.stream_many(
            questions, max_tokens=max_tokens, temperature=temperature, top_p=top_p, top_k=top_k, seed=seed, stop=stop,
            thinking=thinking, system=system, quotes=quotes, absent_threshold=absent_threshold, replies=replies,
        )  # fmt: skip
        answers = []
        for stream in streams:
            answers.append(stream.result())
            if stream.cancelled:
                for other in streams:
                    other.cancel()
        return answers

    def stream_many(
        self,
        questions: Sequence[str],
        *,
        max_tokens: int = 1024,
        temperature: float = 0.0,
        top_p: float = 1.0,
        top_k: int = 0,
        seed: int | None = None,
        stop: tuple[str, ...] = (),
        thinking: bool = False,
        system: str | None = None,
        quotes: bool = True,
        absent_threshold: float | None = ABSENT_THRESHOLD,
        replies: Sequence[Sequence[str] | None] | None = None,
    ) -> list[AnswerStream]:
        """Ask several questions together, and watch the answers being written; each can be cancelled alone."""
        params = SamplingParams(max_tokens, temperature, top_p, top_k, seed, stop)
        return Asking(self, params, thinking, system, quotes, absent_threshold).many(questions, replies)

    def summarize(self, words: int = 150, style: str = "brief", *, max_tokens: int | None = None) -> Summary:
        """Summarise all of it, from its beginning to its end, in ``words`` words (within 15 %), each sentence cited.

        Args:
            words: of the summary; characters, where a script does not part its words.
            style: ``brief``, ``executive``, ``chronological`` or ``by section``.
            max_tokens: of everything that is written for it; None for what the words need.

        Raises:
            ConfigError: an unknown style, or fewer than 10 words.
            EngineError: the reading is closed.
        """
        return self.stream_summary(words, style, max_tokens=max_tokens).result()

    def stream_summary(self, words: int = 150, style: str = "brief", *, max_tokens: int | None = None) -> SummaryStream:
        """Summarise, and watch it being written: an iterator of ``Delta``, a sentence each, then the ``Summary``."""
        known = check(words, style)
        with self.bench._lock:
            branch = self._fork(self._context.num_document_tokens)
            try:
                stream = SummaryStream(self._context, branch, words, known, max_tokens, on_end=branch.close)
            except BaseException:
                branch.close()
                raise
            self.bench._hold(stream)
        return stream

    def extract(
        self,
        schema: SchemaLike,
        *,
        rows: Rows = "many",
        max_rows: int | None = None,
        max_tokens: int | None = None,
        system: str | None = None,
        progress: ExtractCallback | None = None,
        cancel: threading.Event | None = None,
    ) -> Table:
        """A table of what the document says, in true types; each value leads to its source.

        Values are copied from the document while they are written, so none can be made up; they are then read as their
        type. What belongs in its column by its label or the words around it is ``supported``; else a cell's note says
        why it is not. Rows that say the same word for word are one. An interrupt (Ctrl-C) ends it, and whole rows are
        returned.

        Args:
            schema: ``"person, born date, amount number"``, ``{"person": str, "born": date}``, or a pydantic model.
            rows: ``many`` for a row of each thing that is found, ``one`` for a single row.
            max_rows: of many, at most; None for no limit.
            max_tokens: of what is written, at most; None for as many as the window has.
            system: a further instruction.
            progress: hears of rows and tokens as they are written.
            cancel: ends it from another thread, as an interrupt does.

        Raises:
            ConfigError: the schema or a limit is not valid.
            AnswerParseError: the table did not come to its end; ``partial`` has the rows that are whole.
            EngineError: the reading is closed.
        """
        parsed = parse_schema(schema)
        check_limits(rows, max_rows, max_tokens)
        with self.bench._lock:
            branch = self._fork(self._context.num_document_tokens)
        with closing(branch):
            extraction = Extraction(
                self._context, branch, parsed, rows=rows, max_rows=max_rows, system=system, max_tokens=max_tokens,
                cancel=cancel,
            )  # fmt: skip
            self.bench._hold(extraction)
            return extraction.result(progress)

    def _fork(self, mark: int | None = None) -> Branch:
        """A branch of the prefix, or of its first ``mark`` tokens; under the lock, so that nobody closes it."""
        self.bench._check_open()
        if self._closed:
            raise EngineError(f"The reading of {self.document.name} is closed; bench.read(document) reads it again.")
        return self._engine.fork(self._shared.prefix, mark)

    def evidence(self, answer: Answer | str, question: str = "") -> pl.DataFrame:
        """On which pages each sentence of an answer rests, by the attention it paid: a frame, see ``tables.EVIDENCE``.

        The tokens of the answer (to a question or of a summary) are fed once more, which takes about as long as it
        did. Rank by ``lift``.

        Args:
            answer: of this reading; or a text that is taken for the answer, whether the model would say so or not.
            question: that a text answers; may be empty.

        Raises:
            ConfigError: an answer of another reading, or of a conversation; a text without a word.
            EngineError: the reading is closed.
        """

        def forked(mark: int | None) -> AbstractContextManager[Branch]:
            with self.bench._lock:
                return closing(self._fork(mark))

        frame, self._shared.neutral = evidence(self._context, answer, question, forked, self._shared.neutral)
        return frame

    def evidence_map(self, answer: Answer | str, question: str = "") -> EvidenceMap:
        """The same as a heat map of sentences and pages, with the passages of the pages that lead.

        The arguments and errors are those of ``evidence``.
        """
        return evidence_map(self.document, self.evidence(answer, question))

    def chat(self, *, system: str | None = None) -> Chat:
        """Start a conversation that remembers its own turns.

        Args:
            system: an instruction for the whole conversation.

        Raises:
            EngineError: the reading is closed.
        """
        with self.bench._lock:
            branch, prefix_ids = self._fork(), self._context.prefix_ids
            return Chat(self._context, branch, prefix_ids, system=system, on_open=self.bench._hold)

    def close(self) -> None:
        """Give its blocks back; answers being written and chats keep theirs until they end. Safe to call twice."""
        with self.bench._lock:
            if not self._closed:
                self._closed = True
                self.bench._forget(self, self._shared)

    def __enter__(self) -> Reading:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
