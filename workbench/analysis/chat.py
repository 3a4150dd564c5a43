"""A conversation over a reading: its branch is kept, and its history is appended as token ids, never rendered again.

Not covered: the prompts; several conversations share one copy of the document through the engine's blocks.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from workbench.analysis import prompts
from workbench.analysis.absent import ABSENT_THRESHOLD
from workbench.analysis.ask import AnswerStream
from workbench.analysis.background import finish
from workbench.analysis.context import Context, absent_choice, without_end
from workbench.analysis.manifest import Request
from workbench.config import SamplingParams
from workbench.errors import EngineError
from workbench.results import Answer
from workbench.types import Branch


class Chat:
    """A conversation. Made by ``Reading.chat``.

    Args:
        context: the reading's.
        branch: its own fork.
        history: ids so far: the prefix, at first.
        turns: answers so far.
        system: an instruction that holds for the whole conversation.
        on_open: told of this chat and of each of its forks, so that they can be closed with the workbench.
    """

    def __init__(
        self,
        context: Context,
        branch: Branch,
        history: tuple[int, ...],
        turns: tuple[Answer, ...] = (),
        system: str | None = None,
        *,
        on_open: Callable[[Chat], None],
    ) -> None:
        self._context, self._branch, self._system = context, branch, system
        self._history, self._turns = history, turns
        self._lock = threading.RLock()
        self._busy = self._closed = False
        self._on_open = on_open
        on_open(self)

    @property
    def turns(self) -> tuple[Answer, ...]:
        """The answers so far, in order."""
        return self._turns

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
        """Ask on. The arguments are those of ``Reading.ask``; a turn, which hangs on others, is never withdrawn."""
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
        """Ask on, and watch the answer being written.

        Raises:
            EngineError: the chat is closed, or still answering.
            ContextTooLong: the conversation has filled the window.
        """
        params = SamplingParams(max_tokens, temperature, top_p, top_k, seed, stop)
        with self._lock:
            self._check()
            new = self._new_ids(question, system, thinking=thinking)
            absent = absent_choice(self._context.tokenizer, absent_threshold, thinking=thinking)
            self._busy = True  # from here on, the stream tells of its end
            request = Request("chat", {"question": question, "turn": len(self._turns) + 1, "system": system})
            return AnswerStream(
                self._context, self._branch, new, self._history, question, params, request=request, thinking=thinking,
                quotes=quotes, absent=absent, on_end=self._ended,
            )  # fmt: skip

    def _new_ids(self, question: str, system: str | None, *, thinking: bool) -> tuple[int, ...]:
        """What this turn adds to the history."""
        tokenizer = self._context.tokenizer
        frame = tokenizer.frame
        # By the history, not the answers: a first turn that failed has left its question there.
        first = self._history == self._context.prefix_ids
        instruction = "\n\n".join(filter(None, (self._system if first else None, system)))
        task = prompts.ask(question, instruction) if first or instruction else question
        if instruction and not first:
            task = prompts.ASK + task
        closing = frame.after_user_thinking if thinking else frame.after_user
        return (*(() if first else frame.between_turns), *tokenizer.encode(task), *closing)

    def _check(self) -> None:
        if self._closed:
            raise EngineError("This chat is closed; start another with reading.chat().")
        if self._busy:
            raise EngineError("This chat is still answering; wait for it, or cancel it, then ask on.")

    def _ended(self, said: tuple[int, ...], answer: Answer | None) -> None:
        """Keep what was said, also of a turn that broke off."""
        with self._lock:
            self._busy = False
            self._history = without_end(self._context.tokenizer, said, len(answer.token_ids) if answer else 0)
            if answer is not None:
                self._turns = (*self._turns, answer)

    def fork(self) -> Chat:
        """A second conversation with the same past; the two go on apart."""
        with self._lock:
            self._check()
            branch = self._branch.fork()
            return Chat(self._context, branch, self._history, self._turns, self._system, on_open=self._on_open)

    def cancel(self) -> None:
        """End what it is saying at the next token, from any thread; returns at once."""
        self._branch.cancel()

    def close(self) -> None:
        """End what it is saying, and give its blocks back. Safe to call twice."""
        with self._lock:
            self._closed = True
        self._branch.close()

    def __enter__(self) -> Chat:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if not self._closed:
            finish(self.close)
