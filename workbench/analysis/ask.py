"""One question to one branch: the prompt's ids, the stream of text, the Answer with its citations and counts.

Not covered: what the prompts say (analysis.prompts), conversations (analysis.chat), the engine.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from workbench.analysis import prompts
from workbench.analysis.absent import Absent
from workbench.analysis.audit import AuditLog
from workbench.analysis.background import finish
from workbench.analysis.caution import caution
from workbench.analysis.citations import cite, unsupported
from workbench.analysis.citing import Quoted, Quoter
from workbench.analysis.manifest import TURN, Request, manifest
from workbench.analysis.prompts import says_absent
from workbench.analysis.text import THINK_START, AnswerText
from workbench.analysis.together import Together
from workbench.analysis.usage import usage
from workbench.config import SamplingParams
from workbench.documents.document import Document
from workbench.errors import ConfigError, EngineError, WorkbenchError
from workbench.results import Answer, Citation, Delta
from workbench.types import Branch, Constraint, Engine, FinishReason, Question, Step, Tokenizer


@dataclass(frozen=True, slots=True)
class Context:
    """What every question to one reading shares.

    Attributes:
        document: what was read.
        prefix_ids: the ids in front of every question, the words that begin each one included.
        num_document_tokens: those in front of every other task.
        engine: runs the ids.
        tokenizer: of the same model.
        model: its name.
        seed: of the workbench.
        opened: how the workbench was opened: model, precisions, device and window, as plain values.
        audit: logs what is asked and answered; None logs nothing.
    """

    document: Document
    prefix_ids: tuple[int, ...]
    num_document_tokens: int
    engine: Engine
    tokenizer: Tokenizer
    model: str
    seed: int
    opened: Mapping[str, object] = field(default_factory=dict)
    audit: AuditLog | None = None

    def asked(self, question: str, request: Request) -> int:
        """Write a question into the log, if there is one; its number, or 0.

        Raises:
            EngineError: the log cannot be written.
        """
        if self.audit is None or request.kind == TURN:  # the whole summary is logged
            return 0
        document, said = self.document, {"kind": request.kind, "arguments": dict(request.arguments)}
        return self.audit.asked(document.name, document.hash, question, said)

    def ended(self, number: int, answer: Answer | None, error: BaseException | None = None) -> None:
        """Write what came of a question into the log, if there is one."""
        if self.audit is None or not number:
            return
        if answer is None:
            self.audit.failed(number, error)
        else:
            self.audit.answered(number, answer.text, answer.citations, answer.manifest, answer.finish_reason)


def prefix_ids(tokenizer: Tokenizer, text: str) -> tuple[int, ...]:
    """The frozen prefix: system text, frame and document, the same for every task."""
    frame = tokenizer.frame
    opening = [*frame.before_system, *tokenizer.encode(prompts.SYSTEM), *frame.before_user]
    return (*opening, *tokenizer.encode(prompts.OPEN), *tokenizer.encode(text), *tokenizer.encode(prompts.CLOSE))


def opening_ids(tokenizer: Tokenizer) -> tuple[int, ...]:
    """What begins every question, read with the document."""
    return tuple(tokenizer.encode(prompts.ASK))


def task_ids(tokenizer: Tokenizer, task: str, *, thinking: bool) -> tuple[int, ...]:
    """What follows the prefix: the task, and the template's turn to the model."""
    frame = tokenizer.frame
    return (*tokenizer.encode(task), *(frame.after_user_thinking if thinking else frame.after_user))


def absent_choice(tokenizer: Tokenizer, threshold: float | None, *, thinking: bool) -> Absent | None:
    """Weighs ``prompts.ABSENT`` before the answer; None where a thought stands in front of it.

    Raises:
        ConfigError: ``threshold`` is no probability.
    """
    if threshold is not None and not 0 <= threshold <= 1:
        raise ConfigError(f"absent_threshold={threshold!r} is no probability; give 0 to 1, or None for no threshold.")
    return None if thinking else Absent(tokenizer.encode(prompts.ABSENT), tokenizer.end_token_ids, threshold)


def opens_thought(tokenizer: Tokenizer, *, thinking: bool) -> bool:
    """Whether the template's turn to the model ends inside a thought."""
    frame = tokenizer.frame
    closing = frame.after_user_thinking if thinking else frame.after_user
    return tokenizer.decode(closing).rstrip().endswith(THINK_START)


class AnswerStream:
    """An answer as it is written: an iterator of Delta, with the Answer as its last item.

    Dropped before its end, by a loop that broke off, it ends itself.

    Args:
        context: the reading's.
        branch: grows by this question; given back through ``on_end``.
        token_ids: to be fed.
        history: ids in front of ``token_ids``.
        question: as asked.
        params: sampling.
        request: what was asked for, for the manifest.
        thinking: whether the model thinks before it answers.
        enough: ends the answer, told its text at each token; on the engine's thread, so that what is said never hangs
            on who is faster.
        constraint: what the answer may say; None for anything.
        together: the questions that this one is answered with; None asks it alone.
        quotes: whether passages are quoted for the answer, once it has come to its end.
        absent: weighs whether the document says it at all; None does not.
        on_end: called once, with every id that was said (prompt and answer) and the Answer; without one if it failed.

    Attributes:
        answer: the Answer, once there is one.
    """

    def __init__(
        self,
        context: Context,
        branch: Branch,
        token_ids: tuple[int, ...],
        history: tuple[int, ...],
        question: str,
        params: SamplingParams,
        *,
        request: Request,
        thinking: bool = False,
        enough: Callable[[str], bool] | None = None,
        constraint: Constraint | None = None,
        together: Together | None = None,
        quotes: bool = False,
        absent: Absent | None = None,
        on_end: Callable[[tuple[int, ...], Answer | None], None],
    ) -> None:
        self._ended = self._told = True
        self._context, self._on_end = context, on_end
        self._question, self._params, self._branch, self._request = question, params, branch, request
        self._quotes, self._absent = quotes, absent
        self._prompt = (*history, *token_ids)
        self._cancel, self._turn = threading.Event(), threading.RLock()
        self._num_shown, self._ids = 0, list[int]()
        self.answer: Answer | None = None

        def new_text() -> AnswerText:
            opened = opens_thought(context.tokenizer, thinking=thinking)
            return AnswerText(context.tokenizer.stream(), params.stop, in_thought=opened, may_think=thinking)

        # The engine's thread looks for stop strings in a text of its own: what is shown never hangs on who is faster.
        self._text, told = new_text(), new_text()

        def stops(token_id: int) -> bool:
            return told.add(token_id) or (enough is not None and enough(told.visible()))

        should_stop = stops if params.stop or enough else None
        feed, ends = self._prompt[branch.num_tokens :], context.tokenizer.end_token_ids
        weigh = absent.weigh if absent is not None else None
        self._number = 0
        try:
            self._number = context.asked(question, request)
            if together is None:
                self._steps = context.engine.generate(
                    branch, feed, params, ends, should_stop, self._cancel, constraint=absent or constraint, weigh=weigh
                )
            else:
                self._steps = together.add(
                    Question(branch, feed, params, ends, should_stop, self._cancel, absent or constraint, weigh)
                )
        except BaseException as error:
            on_end(history, None)
            context.ended(self._number, None, error)
            raise
        self._ended = self._told = False

    def cancel(self) -> None:
        """End it at the next token, from any thread; the Answer has what was written."""
        self._cancel.set()

    @property
    def cancelled(self) -> bool:
        """Whether somebody cancelled it; its answer may have come to its end at the same moment."""
        return self._cancel.is_set()

    def __iter__(self) -> Iterator[Delta | Answer]:
        return self

    def __next__(self) -> Delta | Answer:
        with self._turn:
            if not self._ended:
                step = self._advance()
                shown = self._text.finish() if self._ended else self._text.visible()
                new, self._num_shown = shown[self._num_shown :], max(self._num_shown, len(shown))
                token_ids = () if step is None or step.token_id is None else (step.token_id,)
                if new or token_ids:
                    return Delta(new, token_ids)
            if self.answer is None or self._told:
                raise StopIteration
            self._told = True
            return self.answer

    def result(self) -> Answer:
        """Take everything and return the Answer. An interrupt (Ctrl-C) cancels and returns what was written."""
        try:
            for _ in self:
                pass
        except KeyboardInterrupt:
            self.close()
            if self.answer is None:
                raise
        if self.answer is None:
            raise EngineError("The stream ended before its answer; ask again.")
        return self.answer

    def close(self) -> None:
        """Cancel what nobody waits for any more, and give its blocks back. From any thread; safe to call twice."""
        self._cancel.set()
        # What a request that was given up still fails with is nobody's concern.
        with self._turn, contextlib.suppress(WorkbenchError):
            while not self._ended:
                self._advance()

    def __enter__(self) -> AnswerStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if not self._ended:
            self._cancel.set()
            finish(self.close)

    def _advance(self) -> Step | None:
        """Take a step and keep its token; the last one, or an error, ends it."""
        try:
            step = self._wait()
        except KeyboardInterrupt:
            raise  # the engine still has it: the next call, or close, goes on
        except StopIteration:
            self._end(None)
            return None
        except BaseException as error:
            self._end(None, error)
            raise
        if step.token_id is not None:
            self._ids.append(step.token_id)
            if step.token_id not in self._context.tokenizer.end_token_ids:
                self._text.add(step.token_id)
        if step.finish_reason is not None:
            self._end(step)
        return step

    def _wait(self) -> Step:
        """The next step. An interrupt cancels, and what the engine still had to say is waited for."""
        try:
            return next(self._steps)
        except KeyboardInterrupt:
            self._cancel.set()
        return next(self._steps)

    def _end(self, last: Step | None, error: BaseException | None = None) -> None:
        """The engine let go: make the Answer if there is one, and give the branch back."""
        self._ended = True
        try:
            if last is not None:
                self.answer = self._answer(last)
        finally:
            self._on_end((*self._prompt, *self._ids), self.answer)
            self._context.ended(self._number, self.answer, error)

    def _answer(self, last: Step) -> Answer:
        context, text = self._context, self._text.finish()
        reason: FinishReason = last.finish_reason or "cancelled"
        passages, quoted = self._quoted(text) if reason == "stop" else ((), ())
        citations = cite(context.document, text, self._question, passages)
        counts = usage(len(self._prompt), len(self._ids), last)
        return Answer(
            question=self._question,
            text=text,
            citations=citations,
            usage=replace(
                counts, quote_tokens=sum(len(each.steps) - 1 for each in quoted),
                quote_s=sum(each.seconds for each in quoted),
            ),
            finish_reason=reason,
            prompt_token_ids=self._prompt,
            token_ids=tuple(self._ids),
            manifest=manifest(
                context, self._request, params=self._params, prompt_token_ids=self._prompt,
                token_ids=tuple(self._ids), citations=citations, finish_reason=reason,
            ),
            thinking=self._text.thinking,
            document_name=context.document.name,
            warnings=caution(context.document, citations),
            unsupported=unsupported(text, citations),
            absent_probability=self._absent.probability if self._absent is not None else None,
        )  # fmt: skip

    def _quoted(self, text: str) -> tuple[tuple[Citation, ...], tuple[Quoted, ...]]:
        """Passages for the answer's sentences, if it says anything that the document is to prove."""
        if not self._quotes or not text.strip() or says_absent(text):
            return (), ()
        ends = self._context.tokenizer.end_token_ids
        said = (*self._prompt, *self._ids)
        quoter = Quoter(self._context.document, self._context.engine, self._context.tokenizer)
        return quoter.citations(self._branch, said[:-1] if said[-1] in ends else said, text, self._cancel)
