"""One question to one branch: the stream of text, the Answer with its citations and counts.

Not covered: the prompt's ids (analysis.context), conversations (analysis.chat), the engine.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from workbench.analysis import prompts
from workbench.analysis.absent import Absent
from workbench.analysis.caution import caution
from workbench.analysis.citations import cite, unsupported
from workbench.analysis.citing import Quoted, Quoter
from workbench.analysis.context import Context, opens_thought, without_end
from workbench.analysis.looking import look, withdrawal
from workbench.analysis.manifest import Request, manifest
from workbench.analysis.streaming import Stream
from workbench.analysis.text import AnswerText
from workbench.analysis.together import Together
from workbench.analysis.usage import usage
from workbench.config import SamplingParams
from workbench.errors import EngineError
from workbench.results import Answer, Citation, Delta
from workbench.types import Branch, Constraint, FinishReason, Question, Step


class AnswerStream(Stream):
    """An answer as it is written: an iterator of Delta, with the Answer as its last item.

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
        constraint: what the answer may say; None for anything. It has ``absent`` said itself.
        together: the questions that this one is answered with; None asks it alone.
        quotes: whether passages are quoted for the answer, once it has come to its end.
        looks: whether the question is put once more to the passages of an answer in doubt, read alone; that takes one
            that hangs on no other.
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
        looks: bool = False,
        absent: Absent | None = None,
        on_end: Callable[[tuple[int, ...], Answer | None], None],
    ) -> None:
        super().__init__()
        self._context, self._on_end = context, on_end
        self._question, self._params, self._branch, self._request = question, params, branch, request
        self._quotes, self._looks, self._absent, self._task = quotes, looks, absent, token_ids
        self._prompt = (*history, *token_ids)
        self._num_shown, self._ids, self._look_s = 0, list[int](), 0.0
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
                    branch, feed, params, ends, should_stop, self._cancel, constraint=constraint or absent, weigh=weigh
                )
            else:
                self._steps = together.add(
                    Question(branch, feed, params, ends, should_stop, self._cancel, constraint or absent, weigh)
                )
        except BaseException as error:
            on_end(history, None)
            context.ended(self._number, None, error)
            raise
        self._ended = False

    def __next__(self) -> Delta | Answer:
        with self._lock:
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
        withdrawn = text if reason == "stop" and self._in_vain(text, citations) else ""
        told = (withdrawal(withdrawn, citations),) if withdrawn else ()
        if withdrawn:
            text, citations = prompts.ABSENT, ()
        counts = usage(len(self._prompt), len(self._ids), last)
        return Answer(
            question=self._question,
            text=text,
            citations=citations,
            usage=replace(
                counts, quote_tokens=sum(len(each.steps) - 1 for each in quoted),
                quote_s=sum(each.seconds for each in quoted), look_s=self._look_s,
            ),
            finish_reason=reason,
            prompt_token_ids=self._prompt,
            token_ids=tuple(self._ids),
            manifest=manifest(
                context, self._request, params=self._params, prompt_token_ids=self._prompt,
                token_ids=tuple(self._ids), citations=citations, finish_reason=reason,
                looked=self._absent is not None and self._absent.looked, withdrawn=withdrawn,
            ),
            thinking=self._text.thinking,
            document_name=context.document.name,
            warnings=(*caution(context.document, citations), *told),
            unsupported=unsupported(text, citations),
            absent_probability=self._absent.probability if self._absent is not None else None,
            withdrawn=withdrawn,
        )  # fmt: skip

    def _in_vain(self, text: str, citations: tuple[Citation, ...]) -> bool:
        """Whether an answer is to be withdrawn: its passages, read alone, do not say what is asked for."""
        absent = self._absent
        if not self._looks or absent is None or not absent.in_doubt or prompts.says_absent(text):
            return False
        began = time.perf_counter()
        alone = look(self._context, citations, self._task, self._cancel)
        self._look_s = time.perf_counter() - began
        if alone is not None:
            absent.look(alone)
        return absent.said

    def _quoted(self, text: str) -> tuple[tuple[Citation, ...], tuple[Quoted, ...]]:
        """Passages for the answer's sentences, if it says anything that the document is to prove."""
        if not self._quotes or not text.strip() or prompts.says_absent(text):
            return (), ()
        said = without_end(self._context.tokenizer, (*self._prompt, *self._ids), len(self._ids))
        quoter = Quoter(self._context.document, self._context.engine, self._context.tokenizer)
        return quoter.citations(self._branch, said, text, self._cancel)
