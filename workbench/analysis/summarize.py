"""A summary of everything that was read, part by part over the one cached document, held to its words by code.

The parts are turns of one conversation. A turn may not end before it has its words, nor go round in circles, and is
ended at a sentence where they are used up. A sentence that was said already, or is cut off, is left out; where that
leaves too little, the model is asked to go on, sampled from the third turn on. What is kept is cited sentence by
sentence.

Not covered: the parts and their shares (analysis.parts), what the prompts say, what rests on what (analysis.coverage).
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable
from dataclasses import replace

from workbench.analysis import prompts
from workbench.analysis.ask import AnswerStream
from workbench.analysis.context import Context, task_ids, without_end
from workbench.analysis.coverage import Said, summary_of, written
from workbench.analysis.length import TOLERANCE, Flow, enough, num_words, shortened, whole_sentences
from workbench.analysis.manifest import TURN, Request
from workbench.analysis.parts import SummaryStyle, plan
from workbench.analysis.streaming import Stream
from workbench.config import SamplingParams
from workbench.documents.sentences import words as words_of
from workbench.errors import ContextTooLong, EngineError
from workbench.results import Answer, Delta, Summary
from workbench.types import Branch, FinishReason

MAX_TURNS = 8
"""Of a part: the first, and those that go on."""

LONG_SENTENCE, SHORT_SENTENCE, LEAST_SENTENCE = 20, 12, 8
"""Words by which a turn may go beyond, so that its last sentence comes to an end and can be shortened; words that are
better left for another one, where one is needed; and words below which there is no room for it."""

TOKENS_PER_WORD, SPARE_TOKENS = 2.5, 48
"""Room of one turn; a bound, not an aim."""

_HEAT = (0.0, 0.0, 0.8, 0.8, 1.0)
"""Temperature of each turn of a part: what did not fit is not said again."""

_SAME_SHARE = 0.8
"""Share of a sentence's words that an earlier one has, from which on it says the same."""


class SummaryStream(Stream):
    """A summary as it is written: an iterator of ``Delta``, a sentence each, with the ``Summary`` as its last item.

    Args:
        context: the reading's.
        branch: at the end of the document; given back through ``on_end``.
        words: asked for.
        style: what kind of summary.
        max_tokens: of all turns together; None for what the words need.
        on_end: called once.

    Attributes:
        answer: the Summary, once there is one.

    Raises:
        ConfigError: ``max_tokens`` below 1.
    """

    def __init__(
        self,
        context: Context,
        branch: Branch,
        words: int,
        style: SummaryStyle,
        max_tokens: int | None,
        *,
        on_end: Callable[[], None],
    ) -> None:
        super().__init__()
        self._context, self._branch, self._on_end = context, branch, on_end
        self._words, self._style = words, style
        self._parts = plan(context.document, words, style)
        self._history = context.prefix_ids[: context.num_document_tokens]
        self._turns, self._said = list[Answer](), list[Said]()
        self._part = self._turn = 0
        self._left = max_tokens
        SamplingParams(1 if max_tokens is None else max_tokens)  # refuses what is no number of tokens
        self._pending, self._spare = deque[Delta](), list[str]()
        self._inner: AnswerStream | None = None
        self._text, self._num_seen = "", 0
        self.answer: Summary | None = None
        self._request = Request("summarize", {"words": words, "style": style, "max_tokens": max_tokens})
        self._number = context.asked("", self._request)
        self._ended = False

    def cancel(self) -> None:
        """End it at the next token, from any thread; the Summary has what was written."""
        super().cancel()
        inner = self._inner
        if inner is not None:
            inner.cancel()

    def __next__(self) -> Delta | Answer:
        with self._lock:
            while not self._pending and not self._ended:
                self._advance()
            if self._pending:
                return self._pending.popleft()
            if self.answer is None or self._told:
                raise StopIteration
            self._told = True
            return self.answer

    def result(self) -> Summary:
        """Take everything and return the Summary. An interrupt (Ctrl-C) cancels and returns what was written."""
        try:
            for _ in self:
                pass
        except KeyboardInterrupt:
            self.close()
        if self.answer is None:
            raise EngineError("The summary ended before it was written; ask again.")
        return self.answer

    def _advance(self) -> None:
        """Take one step: a turn that begins, a piece of its text, or the end of it all."""
        try:
            if self._inner is None:
                if self._cancel.is_set() or self._part == len(self._parts) or self._left == 0:
                    self._end()
                    return
                self._inner = self._next_turn()
            item = next(self._inner)
            if isinstance(item, Answer):
                self._take(item)
            else:
                self._grow(item.text)
        except KeyboardInterrupt:
            raise  # the engine still has it: the next call, or close, goes on
        except ContextTooLong:
            if not self._said:
                self._give_back()
                raise
            self._left = 0  # the window is full: what there is has its end
        except BaseException:
            self._give_back()
            raise

    @property
    def _num_said(self) -> int:
        return sum(num_words(said.text) + num_words(said.heading) for said in self._said)

    def _bounds(self) -> tuple[int, int]:
        """Words that this turn must have at least, and may have at most."""
        slack, said = int(TOLERANCE * self._words), self._num_said
        through = sum(part.words for part in self._parts[: self._part + 1]) - said - num_words(self._heading())
        if self._part < len(self._parts) - 1:  # the next part makes up for it
            slack = min(slack, max(self._parts[self._part].words // 4, 1))
        return through - slack, through + slack

    def _heading(self) -> str:
        """The title of the part, where it is still to be written."""
        titled = self._style == "by section" and not any(said.part == self._part for said in self._said)
        return self._parts[self._part].title if titled else ""

    def _next_turn(self) -> AnswerStream:
        """Ask for the part, or for more of it.

        Raises:
            ContextTooLong: the window is full.
        """
        least, most = self._bounds()
        part = replace(self._parts[self._part], words=max((least + most) // 2, 5))
        first, last = not self._turns, self._turn == MAX_TURNS - 1
        task = prompts.summarize(self._style, part, self._part, len(self._parts), first=first, again=self._turn > 0)
        tokenizer = self._context.tokenizer
        ids = task_ids(tokenizer, task, thinking=False)
        ends_all = self._part == len(self._parts) - 1
        stop_at = max(2 * most if last else most, most + LONG_SENTENCE if ends_all else 0)
        room = int(max(stop_at, 5) * TOKENS_PER_WORD) + SPARE_TOKENS
        params = SamplingParams(
            max_tokens=room if self._left is None else min(room, self._left),
            temperature=_HEAT[min(self._turn, len(_HEAT) - 1)], top_p=1.0 if self._turn < 2 else 0.95,
            seed=None if self._turn < 2 else self._context.seed + self._turn,
        )  # fmt: skip
        self._text, self._num_seen = "", 0
        return AnswerStream(
            self._context, self._branch, ids if first else (*tokenizer.frame.between_turns, *ids), self._history, "",
            params, request=Request(TURN, {"task": task}), enough=enough(max(least, 1), stop_at),
            constraint=self._flow(least), on_end=self._turn_ended,
        )  # fmt: skip

    def _flow(self, least: int) -> Flow:
        tokenizer = self._context.tokenizer
        said = [turn.token_ids for turn in self._turns]
        return Flow(tokenizer.stream(), tokenizer.end_token_ids, least, said)

    def _turn_ended(self, said: tuple[int, ...], answer: Answer | None) -> None:
        """Keep the history."""
        self._history = without_end(self._context.tokenizer, said, len(answer.token_ids) if answer else 0)

    def _grow(self, text: str) -> None:
        self._text += text
        if text:
            self._keep(whole_sentences(self._text, ended=False))

    def _keep(self, found: list[str], *, at_last: bool = False) -> None:
        """Write those sentences of a turn that are new and leave the part within its words."""
        for whole in found[self._num_seen :]:
            least, most = self._bounds()
            # At last the nearer of two lengths is taken.
            sentence = shortened(whole, least + most if at_last and least > 0 else most)
            if num_words(sentence) < least and num_words(sentence) > most - SHORT_SENTENCE:
                sentence = shortened(sentence, most - SHORT_SENTENCE) or sentence
            if not sentence:
                return
            self._num_seen += 1
            if most - num_words(sentence) < LEAST_SENTENCE and num_words(sentence) < least and not at_last:
                self._spare.append(sentence)
            elif not self._repeats(sentence):
                self._say(sentence)

    def _say(self, sentence: str) -> None:
        said = Said(sentence, self._part, self._heading())
        self._pending.append(Delta(written([*self._said, said])[len(written(self._said)) :], ()))
        self._said.append(said)

    def _say_spare(self) -> None:
        """Say what left too little room for another sentence, now that none is to come."""
        for sentence in self._spare:
            if num_words(sentence) <= self._bounds()[1] and not self._repeats(sentence):
                self._say(sentence)

    def _repeats(self, sentence: str) -> bool:
        """Whether it was said already."""
        new = words_of(sentence)
        return any(len(new & words_of(said.text)) >= _SAME_SHARE * len(new) for said in self._said)

    def _take(self, turn: Answer) -> None:
        """A turn is over: keep what is whole, and decide whether its part is."""
        self._inner = None
        ends = self._context.tokenizer.end_token_ids
        by_itself = bool(turn.token_ids) and turn.token_ids[-1] in ends
        at_last = self._turn == MAX_TURNS - 1 and self._part == len(self._parts) - 1
        self._keep(whole_sentences(turn.text, ended=by_itself), at_last=at_last)
        if self._turn == MAX_TURNS - 1:
            self._say_spare()
        self._turns.append(turn)
        self._turn += 1
        if self._left is not None:
            self._left -= len(turn.token_ids)
        if self._bounds()[0] <= 0 or self._turn == MAX_TURNS:
            self._part, self._turn, self._spare = self._part + 1, 0, []

    def _give_back(self) -> None:
        if not self._ended:
            self._ended = True
            self._on_end()
            self._context.ended(self._number, self.answer, sys.exception())

    def _end(self) -> None:
        """Make the Summary, and give the branch back."""
        reason: FinishReason = "cancelled" if self._cancel.is_set() else "length" if self._left == 0 else "stop"
        try:
            if self._turns:
                self.answer = summary_of(
                    self._context, self._said, self._turns, reason, self._words, self._style, self._request
                )
        finally:
            self._give_back()
