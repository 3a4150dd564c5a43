"""What every question to one reading shares, and the ids around what is asked.

Not covered: what the prompts say (analysis.prompts), the answer (analysis.ask).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from workbench.analysis import prompts
from workbench.analysis.absent import Absent, Wording
from workbench.analysis.audit import AuditLog
from workbench.analysis.manifest import TURN, Request
from workbench.analysis.text import THINK_START
from workbench.documents.document import Document
from workbench.errors import ConfigError
from workbench.results import Answer
from workbench.types import Engine, Tokenizer


@dataclass(frozen=True, slots=True)
class Context:
    """What every question to one reading shares.

    Attributes:
        document: what was read.
        prefix_ids: the ids in front of every question, the words that begin each one included.
        num_document_tokens: those in front of every other task.
        engine: runs the ids.
        tokenizer: of the same model.
        model: its name.
        seed: of the workbench.
        opened: how the workbench was opened: model, precisions, device and window, as plain values.
        audit: logs what is asked and answered; None logs nothing.
    """

    document: Document
    prefix_ids: tuple[int, ...]
    num_document_tokens: int
    engine: Engine
    tokenizer: Tokenizer
    model: str
    seed: int
    opened: Mapping[str, object] = field(default_factory=dict)
    audit: AuditLog | None = None

    def asked(self, question: str, request: Request) -> int:
        """Write a question into the log, if there is one; its number, or 0.

        Raises:
            EngineError: the log cannot be written.
        """
        if self.audit is None or request.kind == TURN:  # the whole summary is logged
            return 0
        document, said = self.document, {"kind": request.kind, "arguments": dict(request.arguments)}
        return self.audit.asked(document.name, document.hash, question, said)

    def ended(self, number: int, answer: Answer | None, error: BaseException | None = None) -> None:
        """Write what came of a question into the log, if there is one."""
        if self.audit is None or not number:
            return
        if answer is None:
            self.audit.failed(number, error)
        else:
            self.audit.answered(number, answer.text, answer.citations, answer.manifest, answer.finish_reason)


def prefix_ids(tokenizer: Tokenizer, text: str) -> tuple[int, ...]:
    """The frozen prefix: system text, frame and document, the same for every task."""
    frame = tokenizer.frame
    opening = [*frame.before_system, *tokenizer.encode(prompts.SYSTEM), *frame.before_user]
    return (*opening, *tokenizer.encode(prompts.OPEN), *tokenizer.encode(text), *tokenizer.encode(prompts.CLOSE))


def opening_ids(tokenizer: Tokenizer) -> tuple[int, ...]:
    """What begins every question, read with the document."""
    return tuple(tokenizer.encode(prompts.ASK))


def task_ids(tokenizer: Tokenizer, task: str, *, thinking: bool) -> tuple[int, ...]:
    """What follows the prefix: the task, and the template's turn to the model."""
    frame = tokenizer.frame
    return (*tokenizer.encode(task), *(frame.after_user_thinking if thinking else frame.after_user))


def absent_choice(tokenizer: Tokenizer, threshold: float | None, *, thinking: bool) -> Absent | None:
    """Weighs before the answer whether the document says it at all; None where a thought stands in front of it.

    Raises:
        ConfigError: ``threshold`` is no probability.
    """
    if threshold is not None and not 0 <= threshold <= 1:
        raise ConfigError(f"absent_threshold={threshold!r} is no probability; give 0 to 1, or None for no threshold.")
    return None if thinking else Absent(_wording(tokenizer), threshold)


def _wording(tokenizer: Tokenizer) -> Wording:
    def ids(text: str) -> tuple[int, ...]:
        return tuple(tokenizer.encode(text))

    frame = tokenizer.frame
    return Wording(
        denial=ids(prompts.DENIAL),
        aside=(*frame.between_turns, *ids(prompts.ANSWERABLE), *frame.after_user),
        replies=(ids("Yes"), ids("No")),
        sentence=ids(prompts.ABSENT),
        end_token_ids=tokenizer.end_token_ids,
    )


def opens_thought(tokenizer: Tokenizer, *, thinking: bool) -> bool:
    """Whether the template's turn to the model ends inside a thought."""
    frame = tokenizer.frame
    closing = frame.after_user_thinking if thinking else frame.after_user
    return tokenizer.decode(closing).rstrip().endswith(THINK_START)


def without_end(tokenizer: Tokenizer, said: tuple[int, ...], num_answered: int) -> tuple[int, ...]:
    """Ids to go on from: an answer's end token stays out, for the next frame brings its own.

    Args:
        tokenizer: knows the tokens that end an answer.
        said: prompt and answer.
        num_answered: how many of them are the answer's.
    """
    return said[:-1] if num_answered and said[-1] in tokenizer.end_token_ids else said
