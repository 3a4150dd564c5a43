"""The seams: what one room may ask of another. Protocols, and the values that pass between rooms.

Not covered: results that people hold (workbench.results), the options (workbench.config), showing (workbench.display).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from workbench.config import SamplingParams

if TYPE_CHECKING:  # importing the workbench does not wait for numpy
    import numpy as np
    from numpy.typing import NDArray

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
class MatrixProgress:
    """A cell of a matrix is there.

    Attributes:
        done_cells: cells that are there, those of an earlier call included.
        total_cells: cells in all.
        document: name of the document that is at work.
    """

    done_cells: int
    total_cells: int
    document: str


MatrixCallback = Callable[[MatrixProgress], None]


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
        probability: of the token, in [0, 1], as the model alone sees it: before any constraint, at temperature 1.
        weighed: of a first token, the probabilities of the alternatives that were asked for (``Weigh``).
    """

    token_id: int | None
    finish_reason: FinishReason | None = None
    ttft_s: float = 0.0
    decode_s: float = 0.0
    computed_tokens: int = 0
    shares: tuple[float, ...] = ()
    probability: float = 0.0
    weighed: tuple[float, ...] = ()


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

    @property
    def token_bytes(self) -> Sequence[bytes]:
        """UTF-8 bytes that each id stands for, perhaps a part of a character; empty for control tokens."""
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

    def fork(self) -> Branch:
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


class Constraint(Protocol):
    """Which tokens may come next in one answer. Called on the engine's thread, and belongs to one answer.

    Not covered: an answer cut off by ``max_tokens``, a stop string or ``cancel`` ends wherever it is.
    """

    def allowed(self) -> Sequence[int] | NDArray[np.bool_] | None:
        """What may come next: ids, or a mask over ids from 0 (what lies behind it is forbidden), or None for all.

        An answer ends by an end token only where that is among them.
        """
        ...

    def advance(self, token_id: int) -> None:
        """A token was chosen, an end token included; each one was among the allowed."""
        ...

    def draft(self) -> Sequence[int]:
        """Tokens that probably come next, or none; each is then chosen as any other would be, in one pass for all."""
        ...


@dataclass(frozen=True, slots=True)
class Weigh:
    """Asks how probable some beginnings of an answer are, by the model's own logits at temperature 1.

    Attributes:
        alternatives: beginnings, as ids.
        told: hears of their probabilities, on the engine's thread, before the first token is chosen.
        aside: what is tried behind the question instead of an answer, and taken back; empty for nothing.
        replies: beginnings of what follows ``aside``; their probabilities come behind those of ``alternatives``.
    """

    alternatives: tuple[tuple[int, ...], ...]
    told: Callable[[tuple[float, ...]], None] | None = None
    aside: tuple[int, ...] = ()
    replies: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Question:
    """One answer to be decoded.

    Attributes:
        branch: grows by it.
        token_ids: to be fed, at least one.
        params: sampling.
        end_token_ids: the tokens that end an answer.
        should_stop: ends it for another reason.
        cancel: ends it alone.
        constraint: what the answer may say; None for anything.
        weigh: asks for the probabilities of some beginnings.
    """

    branch: Branch
    token_ids: Sequence[int]
    params: SamplingParams
    end_token_ids: frozenset[int]
    should_stop: StopCheck | None
    cancel: threading.Event
    constraint: Constraint | None = None
    weigh: Weigh | None = None


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
        *,
        constraint: Constraint | None = None,
        weigh: Weigh | None = None,
    ) -> Iterator[Step]:
        """Feed ``token_ids``, then decode; the last Step has the finish reason.

        With ``watched_tokens`` each Step says how attention was shared among the blocks of the first so many tokens;
        with ``constraint`` only what it allows is said; with ``weigh`` the first Step has probabilities.
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
