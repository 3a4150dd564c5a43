"""The text of an answer as its tokens come: cut at stop strings, thinking put aside.

Not covered: ids (analysis.ask), halves of characters (the tokenizer's stream holds them back).
"""

from __future__ import annotations

from typing import Literal

from workbench.types import TextStream

THINK_START, THINK_END = "<think>", "</think>"


class AnswerText:
    """Grows by tokens. Belongs to one thread; what ``visible`` gives only ever grows.

    Args:
        stream: decodes the ids.
        stop: strings that end the answer and are not part of it.
        in_thought: whether the prompt ends inside a thought.
        may_think: whether the answer may open with one.

    Attributes:
        thinking: the thought, once it is closed or ``finish`` was called.
    """

    def __init__(
        self, stream: TextStream, stop: tuple[str, ...] = (), *, in_thought: bool = False, may_think: bool = False
    ) -> None:
        self._stream, self._stop = stream, stop
        self._state: Literal["open", "thought", "answer"] = "answer"
        if in_thought or may_think:
            self._state = "thought" if in_thought else "open"
        self._raw = ""
        self._after_thought = self._flushed = False
        self._stopped_at: int | None = None
        self.thinking = ""
        # A stop string may come in pieces: as many characters are held back as could be its beginning.
        self._num_held = max((len(s) for s in stop), default=1) - 1

    def add(self, token_id: int) -> bool:
        """Take a token; whether a stop string is complete."""
        self._grow(self._stream.step(token_id))
        return self._stopped_at is not None

    def _grow(self, text: str) -> None:
        self._raw += text
        if self._state == "open":
            self._look_for_thought()
        if self._state == "thought":
            thought, closed, rest = self._raw.partition(THINK_END)
            if closed:
                self.thinking, self._raw, self._state, self._after_thought = thought.strip(), rest, "answer", True
        if self._state != "answer" or self._stopped_at is not None:
            return
        if self._after_thought:
            # The blank lines behind a thought belong to neither.
            self._raw = self._raw.lstrip()
            self._after_thought = not self._raw
        self._stopped_at = min((self._raw.find(s) for s in self._stop if s in self._raw), default=None)

    def _look_for_thought(self) -> None:
        begun = self._raw.lstrip()
        if begun.startswith(THINK_START):
            self._raw, self._state = begun.removeprefix(THINK_START), "thought"
        elif not THINK_START.startswith(begun):
            self._state = "answer"

    def visible(self) -> str:
        """What may be shown now."""
        if self._state != "answer":
            return ""
        if self._stopped_at is not None:
            return self._raw[: self._stopped_at]
        return self._raw[: max(len(self._raw) - self._num_held, 0)]

    def finish(self) -> str:
        """All of it, once no more tokens come."""
        if not self._flushed:
            self._flushed = True
            self._grow(self._stream.flush())
            if self._state == "open":
                self._state = "answer"
                self._grow("")
        if self._state == "thought":
            self.thinking = self._raw.strip()
            return ""
        return self._raw[: self._stopped_at]
