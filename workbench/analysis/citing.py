"""Quotes for an answer: each of its sentences is followed, on a fork, by a turn that asks for the passage.

The model writes the passage itself, held to the document by the quote guard, so it chooses and cannot invent. The
conversation goes on without these turns: the answer's own ids are those that the model would say anyway.

Not covered: quotes that the model makes in its answer (analysis.citations looks them up); answers that were cut off.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

from workbench.analysis import prompts
from workbench.analysis.citations import citation
from workbench.analysis.passages import passages
from workbench.analysis.quoting import MAX_CHARS, SLACK_CHARS, Quote, QuoteGuard
from workbench.analysis.vocabulary import vocabulary
from workbench.config import SamplingParams
from workbench.documents.document import Document
from workbench.documents.sentences import sentences
from workbench.errors import WorkbenchError
from workbench.results import Citation
from workbench.types import Branch, Engine, Span, Step, Tokenizer

MAX_QUOTES = 3
"""Sentences of an answer that are quoted for, at most."""

WRITTEN_CHARS = 100
"""What the model writes of a passage: by then it has chosen; the sentence's rest is the document's anyway."""

MARK = '"'
"""Opens a quote, and closes it where the document does not have it."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Quoted:
    """A passage that the model chose.

    Attributes:
        span: where the document has it, to the end of the sentence.
        steps: of its tokens, the one that closed it included.
    """

    span: Span
    steps: tuple[Step, ...]

    @property
    def seconds(self) -> float:
        """From the request to its end."""
        return self.steps[-1].ttft_s + self.steps[-1].decode_s


@dataclass(frozen=True, slots=True)
class Quoter:
    """Asks a model for passages of a document.

    Attributes:
        document: what is quoted.
        engine: runs the model.
        tokenizer: of the model.
        written_chars: what the model writes of a passage, at most, give or take a word.
        one_sentence: whether a passage ends with its sentence.
    """

    document: Document
    engine: Engine
    tokenizer: Tokenizer
    written_chars: int = WRITTEN_CHARS
    one_sentence: bool = True

    def citations(
        self, branch: Branch, said: tuple[int, ...], answer: str, cancel: threading.Event
    ) -> tuple[tuple[Citation, ...], tuple[Quoted, ...]]:
        """The passages for an answer's sentences, each passage once; none where there is no room or no time for it.

        Args:
            branch: what the answer grew on; it stays as it is.
            said: every id up to the answer's end, without an end token.
            answer: its text.
            cancel: ends it.
        """
        spans, quoted = sentences(answer)[:MAX_QUOTES], dict[Span, tuple[Span, Quoted]]()
        try:
            for sentence in spans:
                task = prompts.quote(answer[slice(*sentence)] if len(spans) > 1 else "")
                found = self.quote(branch, said, task, cancel)
                if found is not None:
                    quoted.setdefault(found.span, (sentence, found))
        except KeyboardInterrupt:
            cancel.set()  # the answer itself is whole
        except WorkbenchError as error:
            _log.info("No passage was quoted: %s", error)
        cited = tuple(
            citation(self.document, " ".join(self.document.text[slice(*span)].split()), span, Span(end, end))
            for span, ((_, end), _) in quoted.items()
        )
        return cited, tuple(found for _, found in quoted.values())

    def quote(
        self,
        branch: Branch,
        said: tuple[int, ...],
        task: str,
        cancel: threading.Event,
        params: SamplingParams | None = None,
    ) -> Quoted | None:
        """One passage, chosen by the model; None when the document is too short for one, or when it was cancelled.

        Args:
            branch: what is known; it stays as it is.
            said: every id so far, without an end token.
            task: asks for the passage.
            cancel: ends it.
            params: sampling; greedy when None. Its ``max_tokens`` and ``stop`` do not count.

        Raises:
            WorkbenchError: the window or the memory has no room for it.
        """
        known = passages(self.document.text)
        if not len(known.starts):
            return None
        tokenizer, frame = self.tokenizer, self.tokenizer.frame
        mark = tokenizer.encode(MARK)
        quote = Quote(
            known, vocabulary(tokenizer), tokenizer, max_chars=self.written_chars, one_sentence=self.one_sentence
        )
        guard = QuoteGuard(quote, {*tokenizer.end_token_ids, *(mark if len(mark) == 1 else ())})
        turn = (*frame.between_turns, *tokenizer.encode(task), *frame.after_user, *mark)
        how = params or SamplingParams()
        sampling = SamplingParams(self.written_chars + SLACK_CHARS + 1, how.temperature, how.top_p, how.top_k, how.seed)
        fork = branch.fork()
        try:
            feed = (*said, *turn)[fork.num_tokens :]
            steps = tuple(
                self.engine.generate(
                    fork, feed, sampling, tokenizer.end_token_ids, lambda _: guard.closed, cancel, constraint=guard
                )
            )
        finally:
            fork.close()
        span = quote.span
        if span is None or not guard.closed:
            return None
        return Quoted(known.completed(span, MAX_CHARS) if self.one_sentence else span, steps)
