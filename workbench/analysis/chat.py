"""A conversation over a reading: its branch is kept, and its history is appended as token ids, never rendered again.

Not covered: the prompts; several conversations share one copy of the document through the engine's blocks.
"""

from __future__ import annotations

from workbench.analysis import prompts
from workbench.analysis.ask import AnswerStream, Context
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
    """

    def __init__(
        self,
        context: Context,
        branch: Branch,
        history: tuple[int, ...],
        turns: tuple[Answer, ...] = (),
        system: str | None = None,
    ) -> None:
        self._context, self._branch, self._system = context, branch, system
        self._history, self._turns = history, turns
        self._busy = self._closed = False

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
    ) -> Answer:
        """Ask on. The arguments are those of ``Reading.ask``."""
        return self.stream(
            question, max_tokens=max_tokens, temperature=temperature, top_p=top_p, top_k=top_k, seed=seed, stop=stop,
            thinking=thinking, system=system,
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
    ) -> AnswerStream:
        """Ask on, and watch the answer being written.

        Raises:
            EngineError: the chat is closed, or still answering.
            ContextTooLong: the conversation has filled the window.
        """
        self._check()
        params = SamplingParams(max_tokens, temperature, top_p, top_k, seed, stop)
        tokenizer = self._context.tokenizer
        frame = tokenizer.frame
        first = not self._turns
        instruction = system or (self._system if first else None)
        task = prompts.ask(question, instruction) if first or instruction else question
        closing = frame.after_user_thinking if thinking else frame.after_user
        new = (*(() if first else frame.between_turns), *tokenizer.encode(task), *closing)
        self._busy = True
        return AnswerStream(
            self._context, self._branch, new, self._history, question, params, thinking=thinking, on_end=self._ended
        )

    def _check(self) -> None:
        if self._closed:
            raise EngineError("This chat is closed; start another with reading.chat().")
        if self._busy:
            raise EngineError("This chat is still answering; wait for it, cancel it, or fork the chat.")

    def _ended(self, said: tuple[int, ...], answer: Answer | None) -> None:
        """Keep what was said, also of a turn that broke off. An end token stays out: the next frame brings its own."""
        self._busy = False
        ends = self._context.tokenizer.end_token_ids
        self._history = said[:-1] if answer and answer.token_ids and said[-1] in ends else said
        if answer is not None:
            self._turns = (*self._turns, answer)

    def fork(self) -> Chat:
        """A second conversation with the same past; the two go on apart."""
        self._check()
        return Chat(self._context, self._branch.fork(), self._history, self._turns, self._system)

    def close(self) -> None:
        """Give its blocks back. Safe to call twice."""
        self._closed = True
        self._branch.close()

    def __enter__(self) -> Chat:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
