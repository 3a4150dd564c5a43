"""Several questions answered together: one request to the engine, an AnswerStream for each.

Not covered: one question alone (analysis.ask).
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator

from workbench.types import Engine, Question, Step


class Together:
    """Hands each answer its own steps of a request that answers all; whoever waits takes the others' along.

    Args:
        engine: answers.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._questions: list[Question] = []
        self._events: Iterator[tuple[int, Step]] | None = None
        self._waiting: list[deque[Step]] = []
        self._unfinished: set[int] = set()
        self._error: BaseException | None = None
        self._turn = threading.RLock()

    def add(self, question: Question) -> Iterator[Step]:
        """One more; its steps come once ``start`` was called."""
        self._questions.append(question)
        self._waiting.append(deque())
        self._unfinished.add(len(self._waiting) - 1)
        return _Steps(self, len(self._waiting) - 1)

    def start(self) -> None:
        """Put all of them in the queue."""
        self._events = self._engine.generate_many(self._questions)

    def next_step(self, index: int) -> Step:
        """The next step of an answer.

        Raises:
            StopIteration: there is none.
            WorkbenchError: the request failed; every answer hears of it.
        """
        with self._turn:
            while not self._waiting[index]:
                if self._error is not None:
                    raise self._error
                if self._events is None:
                    raise StopIteration
                try:
                    other, step = next(self._events)
                except KeyboardInterrupt:
                    raise  # it can be taken up again
                except StopIteration:
                    self._drop()
                    continue
                except BaseException as error:
                    self._error = error
                    raise
                self._waiting[other].append(step)
                if step.finish_reason is not None:
                    self._unfinished.discard(other)
            return self._waiting[index].popleft()

    def _drop(self) -> None:
        """The engine has no more to say; who got no end was stopped before the request had its turn."""
        self._events = None
        for index in self._unfinished:
            self._waiting[index].append(Step(None, "cancelled"))
        self._unfinished = set()


class _Steps:
    """The steps of one answer."""

    def __init__(self, together: Together, index: int) -> None:
        self._together, self._index = together, index

    def __iter__(self) -> Iterator[Step]:
        return self

    def __next__(self) -> Step:
        return self._together.next_step(self._index)
