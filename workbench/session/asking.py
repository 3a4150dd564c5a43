"""Asking a reading: one question, or several together, each a stream of its answer.

Not covered: what a question may be asked with (session.reading), how an answer is written (analysis.ask).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from workbench.analysis import prompts
from workbench.analysis.ask import AnswerStream
from workbench.analysis.context import absent_choice, task_ids
from workbench.analysis.manifest import Request
from workbench.analysis.replies import Replies
from workbench.analysis.together import Together
from workbench.config import SamplingParams
from workbench.errors import ConfigError

if TYPE_CHECKING:
    from workbench.session.reading import Reading


@dataclass(frozen=True, slots=True)
class Asking:
    """How questions are asked; the arguments of ``Reading.ask`` beside the question.

    Attributes:
        reading: is asked.
        params: sampling.
    """

    reading: Reading
    params: SamplingParams
    thinking: bool
    system: str | None
    quotes: bool
    absent_threshold: float | None

    def one(self, question: str) -> AnswerStream:
        """A question alone."""
        return self._stream(question, self._request("ask", question=question))

    def many(self, questions: Sequence[str], replies: Sequence[Sequence[str] | None] | None) -> list[AnswerStream]:
        """Several in one request.

        Raises:
            ConfigError: as for ``Reading.ask_many``.
        """
        if isinstance(questions, str):
            raise ConfigError("questions is one string; give a list: ask_many(['...', '...']), or use ask.")
        given = list(replies) if replies is not None else [None] * len(questions)
        if len(given) != len(questions) or (self.thinking and any(given)):
            raise ConfigError("replies is a list with one of replies, or None, a question, and thinking must be off.")
        named: dict[str, object] = {} if replies is None else {"replies": [each and list(each) for each in given]}
        together, streams = Together(self.reading._engine), list[AnswerStream]()
        try:
            for index, question in enumerate(questions):
                request = self._request("ask_many", questions=list(questions), index=index, **named)
                streams.append(self._stream(question, request, together, given[index]))
            if streams:
                together.start()
        except BaseException:
            for stream in streams:
                stream.close()
            raise
        return streams

    def _request(self, kind: str, **question: object) -> Request:
        """What was asked for, for the manifest."""
        beside = {
            "thinking": self.thinking, "system": self.system, "quotes": self.quotes,
            "absent_threshold": self.absent_threshold,
        }  # fmt: skip
        return Request(kind, question | beside)

    def _stream(
        self,
        question: str,
        request: Request,
        together: Together | None = None,
        replies: Sequence[str] | None = None,
    ) -> AnswerStream:
        context, bench = self.reading._context, self.reading.bench
        task = task_ids(context.tokenizer, prompts.ask(question, self.system), thinking=self.thinking)
        absent = absent_choice(context.tokenizer, self.absent_threshold, thinking=self.thinking)
        with bench._lock:
            branch = self.reading._fork()
            stream = AnswerStream(
                context, branch, task, context.prefix_ids, question, self.params, request=request,
                thinking=self.thinking, together=together, quotes=self.quotes, looks=self.quotes, absent=absent,
                constraint=Replies(replies, context.tokenizer, absent) if replies else None,
                on_end=lambda _said, _answer: branch.close(),
            )  # fmt: skip
            bench._hold(stream)
        return stream
