"""One question to one branch: the prompt's ids, the stream of text, the Answer with its citations and counts.

Not covered: what the prompts say (analysis.prompts), conversations (analysis.chat), the engine.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

import psutil

from workbench.analysis import prompts
from workbench.analysis.citations import cite
from workbench.analysis.manifest import manifest
from workbench.config import SamplingParams
from workbench.documents.document import Document
from workbench.errors import EngineError
from workbench.results import Answer, Delta, Usage
from workbench.types import Branch, Engine, FinishReason, Step, TextStream, Tokenizer

THINK_END = "</think>"


@dataclass(frozen=True, slots=True)
class Context:
    """What every question to one reading shares.

    Attributes:
        document: what was read.
        prefix_ids: the ids in front of every question.
        engine: runs the ids.
        tokenizer: of the same model.
        model: its name.
        seed: of the workbench.
    """

    document: Document
    prefix_ids: tuple[int, ...]
    engine: Engine
    tokenizer: Tokenizer
    model: str
    seed: int


def prefix_ids(tokenizer: Tokenizer, text: str) -> tuple[int, ...]:
    """The frozen prefix: system text, frame and document, the same for every task."""
    frame = tokenizer.frame
    opening = [*frame.before_system, *tokenizer.encode(prompts.SYSTEM), *frame.before_user]
    return (*opening, *tokenizer.encode(prompts.OPEN), *tokenizer.encode(text), *tokenizer.encode(prompts.CLOSE))


def task_ids(tokenizer: Tokenizer, task: str, *, thinking: bool) -> tuple[int, ...]:
    """What follows the prefix: the task, and the template's turn to the model."""
    frame = tokenizer.frame
    return (*tokenizer.encode(task), *(frame.after_user_thinking if thinking else frame.after_user))


class AnswerStream:
    """An answer as it is written: an iterator of Delta, with the Answer as its last item.

    Args:
        context: the reading's.
        branch: grows by this question; given back through ``on_end``.
        token_ids: to be fed.
        history: ids in front of ``token_ids``.
        question: as asked.
        params: sampling.
        thinking: whether the model thinks before it answers.
        on_end: called once, with every id that was said (prompt and answer) and the Answer; without one if it failed.
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
        thinking: bool = False,
        on_end: Callable[[tuple[int, ...], Answer | None], None],
    ) -> None:
        self._context, self._on_end = context, on_end
        self._question, self._params = question, params
        self._prompt = (*history, *token_ids)
        self._reused = branch.num_tokens
        self._cancel = threading.Event()
        self._text = _Text(context.tokenizer.stream(), params.stop, thinking=thinking)
        self._shown, self._ids = _Shown(), list[int]()
        self.answer: Answer | None = None
        feed, ends = self._prompt[self._reused :], context.tokenizer.end_token_ids
        try:
            self._steps = context.engine.generate(branch, feed, params, ends, self._should_stop, self._cancel)
        except BaseException:
            on_end(history, None)
            raise
        self._items = self._run()

    def _should_stop(self, token_id: int) -> bool:
        """Engine thread: take the token's text, and say whether a stop string is complete."""
        return self._text.add(token_id)

    def cancel(self) -> None:
        """End it at the next token, from any thread; the Answer has what was written."""
        self._cancel.set()

    def __iter__(self) -> Iterator[Delta | Answer]:
        return self

    def __next__(self) -> Delta | Answer:
        return next(self._items)

    def close(self) -> None:
        """Cancel what nobody waits for any more. Safe to call twice."""
        self._cancel.set()
        self._items.close()

    def result(self) -> Answer:
        """Take everything and return the Answer. An interrupt (Ctrl-C) cancels and returns what was written."""
        for item in self:
            if isinstance(item, Answer):
                return item
        if self.answer is None:
            raise EngineError("The stream was closed before its answer.")
        return self.answer

    def _run(self) -> Generator[Delta | Answer, None, None]:
        last: Step | None = None
        try:
            while last is None or last.finish_reason is None:
                last = self._take()
                if last.token_id is not None:
                    yield Delta(self._shown.grow(self._text.visible()), (last.token_id,))
            rest = self._shown.grow(self._text.finish())
            if rest:
                yield Delta(rest, ())
        finally:
            self._end(last)
        if self.answer is not None:
            yield self.answer

    def _take(self) -> Step:
        """The next step; its token is kept."""
        try:
            step = next(self._steps)
        except KeyboardInterrupt:
            self._cancel.set()
            step = next(self._steps)
        if step.token_id is not None:
            self._ids.append(step.token_id)
        return step

    def _end(self, last: Step | None) -> None:
        """Whatever happened: let the engine finish, make the Answer if there is one, give the branch back."""
        self._cancel.set()
        try:
            for step in self._steps:
                last = step
                self._ids += [step.token_id] if step.token_id is not None else []
            if last is not None and last.finish_reason is not None:
                self.answer = self._answer(last)
        finally:
            self._on_end((*self._prompt, *self._ids), self.answer)

    def _answer(self, last: Step) -> Answer:
        context, text, num_tokens = self._context, self._text.finish(), len(self._ids)
        usage = Usage(
            prompt_tokens=len(self._prompt),
            reused_tokens=len(self._prompt) - last.computed_tokens,
            completion_tokens=num_tokens,
            ttft_s=last.ttft_s,
            tokens_per_s=(num_tokens - 1) / last.decode_s if num_tokens > 1 and last.decode_s > 0 else 0.0,
            peak_bytes=peak_bytes(),
        )
        reason: FinishReason = last.finish_reason or "cancelled"
        return Answer(
            question=self._question,
            text=text,
            citations=cite(context.document, text),
            usage=usage,
            finish_reason=reason,
            prompt_token_ids=self._prompt,
            token_ids=tuple(self._ids),
            manifest=manifest(
                model=context.model, fingerprint=context.engine.fingerprint, document=context.document,
                prompt_token_ids=self._prompt, params=self._params, seed=context.seed,
            ),
            thinking=self._text.thinking,
            document_name=context.document.name,
        )  # fmt: skip


class _Shown:
    """How much of a growing text has been passed on."""

    def __init__(self) -> None:
        self._num_chars = 0

    def grow(self, text: str) -> str:
        new = text[self._num_chars :]
        self._num_chars = max(self._num_chars, len(text))
        return new


class _Text:
    """Text of tokens, cut at stop strings, thinking put aside.

    The engine thread adds, the waiting thread looks: ``visible`` only ever grows.
    """

    def __init__(self, stream: TextStream, stop: tuple[str, ...], *, thinking: bool) -> None:
        self._stream, self._stop = stream, stop
        self._raw = ""
        self._in_thought = thinking
        self._flushed = False
        self._stopped_at: int | None = None
        self.thinking = ""
        # A stop string may come in pieces: as many characters are held back as could be its beginning.
        self._held = max((len(s) for s in stop), default=1) - 1

    def add(self, token_id: int) -> bool:
        """Take a token; whether a stop string is complete."""
        self._grow(self._stream.step(token_id))
        return self._stopped_at is not None

    def _grow(self, text: str) -> None:
        self._raw += text
        if self._in_thought:
            thought, found, rest = self._raw.partition(THINK_END)
            if not found:
                return
            self.thinking, self._raw, self._in_thought = thought.strip(), rest.lstrip(), False
        if self._stopped_at is None:
            found_at = [self._raw.find(s) for s in self._stop if s in self._raw]
            self._stopped_at = min(found_at, default=None)

    def visible(self) -> str:
        """What may be shown now."""
        if self._in_thought:
            return ""
        if self._stopped_at is not None:
            return self._raw[: self._stopped_at]
        return self._raw[: len(self._raw) - self._held] if self._held else self._raw

    def finish(self) -> str:
        """All of it, once no more tokens come."""
        if not self._flushed:
            self._flushed = True
            self._grow(self._stream.flush())
        if self._in_thought:
            self.thinking = self._raw.strip()
            return ""
        return self._raw[: self._stopped_at] if self._stopped_at is not None else self._raw


def peak_bytes() -> int:
    """Peak resident set of this process."""
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
