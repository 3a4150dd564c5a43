"""A table of what a document says, under a schema: the task's ids, the answer as it grows, the Table.

Not covered: which documents (session), the grammar (analysis.grammar), following it (analysis.filling), values
(analysis.cells).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from workbench.analysis import prompts
from workbench.analysis.belonging import Labels
from workbench.analysis.caution import caution
from workbench.analysis.cells import Row, rows_of
from workbench.analysis.context import Context, task_ids
from workbench.analysis.filling import Filling
from workbench.analysis.grammar import grammar
from workbench.analysis.manifest import Request, manifest
from workbench.analysis.schema import Column, Schema
from workbench.config import SamplingParams
from workbench.errors import AnswerParseError, ConfigError
from workbench.results import Table
from workbench.types import Branch, FinishReason, Span, Step

Rows = Literal["many", "one"]
Written = dict[str, tuple[object, Span]]
"""A row: each value by its column, with the characters of the answer that it takes."""

_TYPES = {
    "text": "text", "integer": "whole number", "number": "number", "date": "date", "list": "list of texts",
    "yes_no": "true or false",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ExtractProgress:
    """How far an extraction has come.

    Attributes:
        rows: that are complete.
        tokens: that were written.
    """

    rows: int
    tokens: int


ExtractCallback = Callable[[ExtractProgress], None]


def described(schema: Schema, labels: Labels) -> str:
    """The columns for the model, a line each; with the label that the document has for it."""
    return "\n".join(f"- {column.name}: {_described(column)}{_behind(labels, column)}" for column in schema.columns)


def _behind(labels: Labels, column: Column) -> str:
    named = labels.copied_from(column)
    return f". {prompts.behind(named[0].label)}" if named else ""


def _described(column: Column) -> str:
    kind = " or ".join(column.choices) if column.kind == "choice" else _TYPES[column.kind]
    return f"{kind}, {' '.join(column.description.split())}" if column.description else kind


class Extraction:
    """A table as it is written. Belongs to one thread; ``cancel`` may come from any.

    Args:
        context: the reading's.
        branch: starts at the document's end and grows by the task and the answer.
        schema: of the rows.
        rows: ``many`` or ``one``.
        max_rows: of many, at most; None for no limit.
        system: a further instruction.
        max_tokens: of the answer; None for as many as the window has.
        cancel: ends it; None makes one of its own.

    Raises:
        ConfigError: a limit below 1, or the word for ``rows`` is not valid.
    """

    def __init__(
        self,
        context: Context,
        branch: Branch,
        schema: Schema,
        *,
        rows: Rows = "many",
        max_rows: int | None = None,
        system: str | None = None,
        max_tokens: int | None = None,
        cancel: threading.Event | None = None,
    ) -> None:
        check_limits(rows, max_rows, max_tokens)
        self._context, self._schema, self._branch, self._many = context, schema, branch, rows == "many"
        labels = Labels(context.document.text, schema, many=self._many)
        task = prompts.extract(described(schema, labels), schema.name, many=self._many, system=system)
        self._task = task_ids(context.tokenizer, task, thinking=False)
        self._prompt = (*context.prefix_ids[: context.num_document_tokens], *self._task)
        room = context.engine.window - len(self._prompt)
        # Without room for an answer the engine says what is too long, and what can be done.
        self._params = SamplingParams(max(min(max_tokens or room, room), 1))
        behind = {} if self._many else {column.name: labels.behind(column) for column in schema.columns}
        rules = grammar(schema, context.document.text, many=self._many, max_rows=max_rows, behind=behind)
        self._filling = Filling(context.tokenizer, rules)
        asked = {"rows": rows, "max_rows": max_rows, "system": system, "max_tokens": max_tokens}
        self._request = Request("extract", {"schema": schema.plain(), **asked})
        self._cancel, self._ids, self._probabilities = cancel or threading.Event(), list[int](), list[float]()

    def cancel(self) -> None:
        """End it at the next token, from any thread."""
        self._cancel.set()

    close = cancel

    def result(self, progress: ExtractCallback | None = None) -> Table:
        """Write all of it.

        An interrupt (Ctrl-C) or ``cancel`` ends it; the rows that were complete are returned, and the table says so.

        Raises:
            AnswerParseError: the list did not come to its end within the tokens; ``partial`` is the table so far.
            ContextTooLong: the task does not fit behind the document.
        """
        context = self._context
        number = context.asked("", self._request)
        try:
            table = self._written(progress)
        except BaseException as error:
            context.ended(number, None, error)
            raise
        if context.audit is not None:
            rows = table.frame.write_json()
            context.audit.answered(number, rows, (), table.manifest, str(table.manifest["finish_reason"]))
        return table

    def _written(self, progress: ExtractCallback | None) -> Table:
        context, reason = self._context, None
        feed = self._prompt[self._branch.num_tokens :]
        steps = context.engine.generate(
            self._branch, feed, self._params, context.tokenizer.end_token_ids, lambda _: self._filling.closed,
            self._cancel, constraint=self._filling,
        )  # fmt: skip
        while reason is None:
            try:
                reason = self._take(steps, progress)
            except KeyboardInterrupt:
                self._cancel.set()
        return self._table(reason)

    def _take(self, steps: Iterator[Step], progress: ExtractCallback | None) -> FinishReason | None:
        for step in steps:
            if step.finish_reason is not None:
                return step.finish_reason
            if step.token_id is not None:
                self._ids.append(step.token_id)
            self._probabilities.append(step.probability)
            if progress is not None:
                progress(ExtractProgress(self._filling.num_rows, len(self._probabilities)))
        return "cancelled"

    def _table(self, reason: FinishReason) -> Table:
        written = _unrepeated(list(scanned(self._filling.text, self._schema)))
        rows: list[Row] = [{name: value for name, (value, _) in row.items()} for row in written]
        closed = reason == "stop"
        warnings = []
        if self._filling.circled:
            warnings.append(f"The model came round to the same rows after {len(rows):,}; the list may not be complete.")
        if reason == "cancelled":
            warnings.append(f"Stopped after {len(rows):,} whole rows.")
        elif not closed:
            warnings.append(f"Cut off after {len(self._probabilities):,} tokens and {len(rows):,} whole rows.")
        table = self._made(rows, [self._likely(row) for row in written], tuple(warnings), reason)
        if reason != "cancelled" and not closed:
            raise AnswerParseError(
                f"The table did not come to its end within {len(self._probabilities):,} tokens; {len(rows):,} rows are "
                "whole (error.partial). Raise max_tokens, ask for fewer columns, or read a part: document.select(...).",
                partial=table,
            )
        return table

    def _likely(self, row: Written) -> dict[str, float]:
        """How probable each value of a row was: its least likely token, the closing mark left out."""
        likely = {}
        for name, (_, span) in row.items():
            tokens = self._filling.tokens_of(span.start_char, max(span.end_char - 1, span.start_char + 1))
            likely[name] = min((self._probabilities[n] for n in tokens if n < len(self._probabilities)), default=0.0)
        return likely

    def _made(
        self, rows: list[Row], likely: list[dict[str, float]], warnings: tuple[str, ...], reason: FinishReason
    ) -> Table:
        context, document = self._context, self._context.document
        frame, cells = rows_of(document, self._schema, rows, likely)
        return Table(
            frame, cells, document.name,
            manifest(
                context, self._request, params=self._params, prompt_token_ids=self._prompt, token_ids=tuple(self._ids),
                cells=cells.write_json(), finish_reason=reason,
            ),
            (*warnings, *caution(document, ())),
        )  # fmt: skip


def check_limits(rows: str, max_rows: int | None, max_tokens: int | None) -> None:
    """Whether limits can be kept.

    Raises:
        ConfigError: one of them is not valid.
    """
    if rows not in ("many", "one"):
        raise ConfigError(f"rows={rows!r}: 'many' makes a row of each thing that is found, 'one' makes one row.")
    for name, limit in (("max_rows", max_rows), ("max_tokens", max_tokens)):
        if limit is not None and limit < 1:
            raise ConfigError(f"{name}={limit}: at least 1, or None for no limit.")


def scanned(text: str, schema: Schema) -> Iterator[Written]:
    """The whole rows of an answer, each value with the characters it takes."""
    decoder, at = json.JSONDecoder(parse_int=str, parse_float=str), 0
    while True:
        row: Written = {}
        for column in schema.columns:
            key = json.dumps(column.name, ensure_ascii=False) + ": "
            found = text.find(key, at)
            if found < 0:
                return
            try:
                value, at = decoder.raw_decode(text, found + len(key))
            except ValueError:
                return
            row[column.name] = (value, Span(found + len(key), at))
        if not text.startswith("}", at):
            return
        yield row


def _unrepeated(rows: list[Written]) -> list[Written]:
    """Rows without those that say what an earlier one says, word for word."""
    first = dict[str, Written]()
    for row in rows:
        first.setdefault(json.dumps([value for value, _ in row.values()]), row)
    return list(first.values())
