"""The seams: what one room may ask of another. Protocols, and the values that pass between rooms.

Not covered: results that people hold (workbench.results), the options (workbench.config), showing (workbench.display).
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol

from workbench.config import SamplingParams

FinishReason = Literal["stop", "length", "cancelled"]


class Span(NamedTuple):
    """Half-open character range of ``Document.text``."""

    start_char: int
    end_char: int


@dataclass(frozen=True, slots=True)
class ReadProgress:
    """One step of a prefill.

    Attributes:
        done_tokens: tokens now in the cache, reused ones included.
        total_tokens: tokens to be read in all.
        reused_tokens: tokens that were in the cache before this read.
        elapsed_s: seconds since this read began to compute.
        place: requests ahead in the queue; 0 once it runs.
        note: a sentence for people: why it waits, what was damaged, where it is kept; mostly empty.
        warns: whether the note tells of something lost or not kept.
        verify_s: seconds that were spent on checksums of what was stored.
    """

    done_tokens: int
    total_tokens: int
    reused_tokens: int
    elapsed_s: float
    place: int = 0
    note: str = ""
    warns: bool = False
    verify_s: float = 0.0

    @property
    def tokens_per_s(self) -> float:
        """Speed of this read; 0 before anything was computed."""
        return (self.done_tokens - self.reused_tokens) / self.elapsed_s if self.elapsed_s > 0 else 0.0

    @property
    def left_s(self) -> float | None:
        """Seconds to the end at this speed, or None while it is unknown."""
        return (self.total_tokens - self.done_tokens) / self.tokens_per_s if self.tokens_per_s else None


ProgressCallback = Callable[[ReadProgress], None]


@dataclass(frozen=True, slots=True)
class Step:
    """One decoded token, or the end of decoding.

    Attributes:
        token_id: the token, or None in the last step.
        finish_reason: None until the last step.
        ttft_s: seconds from the request's start to its first token.
        decode_s: seconds since the first token.
        computed_tokens: prompt tokens that were run through the model for this answer.
        shares: of the attention that chose this token, by block of the tokens watched, in [0, 1]; empty when nobody
            watches, and for a first token, which is chosen while the question is read.
    """

    token_id: int | None
    finish_reason: FinishReason | None = None
    ttft_s: float = 0.0
    decode_s: float = 0.0
    computed_tokens: int = 0
    shares: tuple[float, ...] = ()


class ChatFrame(NamedTuple):
    """A chat template as token ids: what stands between the contents, which are encoded as plain text.

    A first prompt is ``before_system + system + before_user + user + after_user``; the next turn goes on with
    ``between_turns + user + after_user``, fed after the answer's tokens (without its end token).
    """

    before_system: tuple[int, ...]
    before_user: tuple[int, ...]
    after_user: tuple[int, ...]
    after_user_thinking: tuple[int, ...]
    between_turns: tuple[int, ...]


class TextStream(Protocol):
    """Turns token ids into text as they come, holding back halves of characters."""

    def step(self, token_id: int) -> str:
        """The text that this token completes, perhaps none."""
        ...

    def flush(self) -> str:
        """What was held back, with U+FFFD for bytes that never became a character."""
        ...


class Tokenizer(Protocol):
    """Text to ids and back. Document text never becomes a control token."""

    @property
    def fingerprint(self) -> str:
        """Changes whenever an encoding could."""
        ...

    @property
    def end_token_ids(self) -> frozenset[int]:
        """The tokens that end an answer."""
        ...

    @property
    def frame(self) -> ChatFrame:
        """The model's own chat template."""
        ...

    def encode(self, text: str) -> list[int]:
        """Ids of plain text; ``<|im_end|>`` and its like are encoded letter by letter."""
        ...

    def encode_with_spans(self, text: str) -> tuple[list[int], list[Span]]:
        """Ids, and for each the characters it stands for (a character of several tokens is in all of them)."""
        ...

    def decode(self, token_ids: Sequence[int]) -> str:
        """Text of ids, control tokens left out."""
        ...

    def stream(self) -> TextStream:
        """A decoder for tokens that come one by one."""
        ...


class TokenCounter(Protocol):
    """The part of a tokenizer that ``fit`` needs, there even when the weights are not."""

    def encode_with_spans(self, text: str) -> tuple[list[int], list[Span]]:
        """Ids and their characters."""
        ...


@dataclass(frozen=True, slots=True)
class Keep:
    """What the store keeps beside the tokens of a reading.

    Attributes:
        label: for people and for looking it up: ``name`` and ``hash`` of the document, ``model``, ``date``.
        document: the document, in a form of the session's own.
    """

    label: Mapping[str, str]
    document: bytes


class Prefix(Protocol):
    """A prefilled run of tokens, held by the engine and shared by all that is asked of it."""

    @property
    def token_ids(self) -> tuple[int, ...]:
        """What was read."""
        ...

    @property
    def num_bytes(self) -> int:
        """Bytes of KV blocks and recurrent states."""
        ...

    def close(self) -> None:
        """Give the blocks back; they are freed when the last fork is gone. Safe to call twice."""
        ...


class Branch(Protocol):
    """A fork of a prefix that grows by its own tokens."""

    @property
    def num_tokens(self) -> int:
        """Tokens in the cache: the prefix's and its own."""
        ...

    def fork(self) -> "Branch":
        """A second one that goes its own way."""
        ...

    def cancel(self) -> None:
        """End what runs on it at its next token; returns at once."""
        ...

    def close(self) -> None:
        """Give its blocks back. Safe to call twice."""
        ...


StopCheck = Callable[[int], bool]
"""Told each decoded id; True ends the answer with ``finish_reason == "stop"``."""


@dataclass(frozen=True, slots=True)
class Question:
    """One of several that are answered together.

    Attributes:
        branch: grows by it.
        token_ids: to be fed, at least one.
        params: sampling.
        end_token_ids: the tokens that end an answer.
        should_stop: ends it for another reason.
        cancel: ends it alone.
    """

    branch: Branch
    token_ids: Sequence[int]
    params: SamplingParams
    end_token_ids: frozenset[int]
    should_stop: StopCheck | None
    cancel: threading.Event


class Engine(Protocol):
    """Token ids in, token ids out. One thread does the work, first come first served."""

    @property
    def window(self) -> int:
        """Tokens that a prompt and its answer may take together."""
        ...

    @property
    def fingerprint(self) -> str:
        """Weights, precision, grid and kernels: two equal ones give the same bits."""
        ...

    @property
    def fingerprint_parts(self) -> Mapping[str, str]:
        """What the fingerprint is made of, by name."""
        ...

    def read(
        self,
        token_ids: Sequence[int],
        cancel: threading.Event | None = None,
        *,
        marks: Sequence[int] = (),
        keep: Keep | None = None,
    ) -> Iterator[ReadProgress | Prefix]:
        """Prefill, or go on with an interrupted prefill of the same ids, or reopen it; the Prefix comes last.

        Branches may start at the end and at ``marks``. Without ``keep`` nothing is kept on disk.
        """
        ...

    def fork(self, prefix: Prefix, mark: int | None = None) -> Branch:
        """A branch that starts where the prefix ends, or at one of its marks."""
        ...

    def generate(
        self,
        branch: Branch,
        token_ids: Sequence[int],
        params: SamplingParams,
        end_token_ids: frozenset[int],
        should_stop: StopCheck | None = None,
        cancel: threading.Event | None = None,
        watched_tokens: int = 0,
    ) -> Iterator[Step]:
        """Feed ``token_ids``, then decode; the last Step has the finish reason.

        With ``watched_tokens`` each Step says how attention was shared among the blocks of the first so many tokens.
        """
        ...

    def generate_many(self, questions: Sequence[Question]) -> Iterator[tuple[int, Step]]:
        """Feed and decode several branches of one prefix together; each step with the question's index."""
        ...

    def close(self) -> None:
        """Free the weights and every block."""
        ...


class LoadedModel(NamedTuple):
    """What runs a model: its engine and its tokenizer."""

    engine: Engine
    tokenizer: Tokenizer
