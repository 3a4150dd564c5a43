"""What the model said, what it rests on, and what it took.

Not covered: how it comes about (analysis.ask, analysis.summarize).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from workbench.display import Displayed
from workbench.results.citation import Citation
from workbench.types import FinishReason, Span


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer cost.

    Attributes:
        prompt_tokens: tokens in front of the answer, the document included.
        reused_tokens: those that were in the cache.
        completion_tokens: tokens of the answer.
        ttft_s: seconds from the question to the first token.
        tokens_per_s: decoding speed after the first token; 0 for a single token.
        peak_bytes: the process's peak resident set (CPU) or allocated memory (CUDA).
        verify_s: seconds spent on checksums of what was stored.
        quote_tokens: tokens of the passages that were quoted for it, behind the answer.
        quote_s: seconds that quoting took.
        look_s: seconds that the passages behind the answer, read alone, took.
    """

    prompt_tokens: int
    reused_tokens: int
    completion_tokens: int
    ttft_s: float = 0.0
    tokens_per_s: float = 0.0
    peak_bytes: int = 0
    verify_s: float = 0.0
    quote_tokens: int = 0
    quote_s: float = 0.0
    look_s: float = 0.0

    @property
    def computed_tokens(self) -> int:
        """Prompt tokens that had to be run through the model."""
        return self.prompt_tokens - self.reused_tokens


@dataclass(frozen=True, slots=True)
class Answer(Displayed):
    """What the model said, what it rests on, and what it took.

    Attributes:
        question: as asked; empty for a summary.
        text: the answer; cut off when ``finish_reason`` is not ``"stop"``.
        citations: the quotes in ``text``, and the passages that were quoted for its sentences.
        thinking: what the model thought before it answered, when asked to.
        prompt_token_ids: every id in front of the answer: replay them through plain transformers.
        token_ids: the ids the model decoded, its end token included.
        manifest: model fingerprint, document hash, sampling, versions.
        document_name: what it was asked of.
        warnings: what to know about it and the pages it rests on, a sentence each.
        unsupported: sentences of ``text`` that no passage supports, by code's judgement.
        absent_probability: that the document does not say it, estimated from the model's own logits before the first
            token and, in doubt, before the passages alone, in [0, 1]; None where that was not asked for (summaries,
            thinking).
        withdrawn: what the model said and the passages behind it, read alone, did not bear out: ``text`` is then that
            the document does not say it, and a warning tells of it. ``token_ids`` stay those of what was said.
    """

    question: str
    text: str
    citations: tuple[Citation, ...]
    usage: Usage
    finish_reason: FinishReason
    prompt_token_ids: tuple[int, ...] = field(repr=False)
    token_ids: tuple[int, ...] = field(repr=False)
    manifest: Mapping[str, object] = field(repr=False, default_factory=dict)
    thinking: str = field(repr=False, default="")
    document_name: str = ""
    warnings: tuple[str, ...] = ()
    unsupported: tuple[Span, ...] = ()
    absent_probability: float | None = None
    withdrawn: str = ""

    @property
    def pages(self) -> tuple[int, ...]:
        """Pages that the citations stand on, in order, each once."""
        return tuple(sorted({c.page for c in self.citations if c.page is not None}))


@dataclass(frozen=True, slots=True)
class Summary(Answer):
    """A summary, and which pages it rests on.

    It is written in turns: ``prompt_token_ids`` are those in front of the first one, ``token_ids`` those of all, and
    each of ``turns`` can be replayed.

    Attributes:
        style: as asked for.
        words: as asked for.
        num_words: that it has; characters, where a script does not part its words.
        sentences: its claims in order, as spans of ``text``; headings are none.
        coverage: polars frame by page, see ``tables.SUMMARY_COVERAGE``.
        turns: what the model wrote, turn by turn, with what was left out of the summary.
    """

    style: str = "brief"
    words: int = 0
    num_words: int = 0
    sentences: tuple[Span, ...] = ()
    coverage: pl.DataFrame = field(repr=False, compare=False, default_factory=pl.DataFrame)
    turns: tuple[Answer, ...] = field(repr=False, default=())

    @property
    def uncovered(self) -> tuple[int, ...]:
        """Pages with text that no sentence rests on, by number."""
        bare = self.coverage.filter((pl.col("sentences").list.len() == 0) & (pl.col("chars") > 0))
        return tuple(bare["page"])


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a streamed answer: the text it adds (perhaps none) and the ids it stands for."""

    text: str
    token_ids: tuple[int, ...]
