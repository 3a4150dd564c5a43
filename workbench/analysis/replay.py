"""Whether an answer that was run again says the same, and where it first does not.

Not covered: running it again (session.replay), how it is shown (views.replays).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import polars as pl

from workbench.analysis.manifest import changes
from workbench.analysis.matrix import TOLD
from workbench.display import Displayed
from workbench.results import Answer, Table
from workbench.types import Tokenizer

_BEFORE_TOKENS = 24
_SHOWN_TOKENS = 16


@dataclass(frozen=True, slots=True)
class Difference:
    """The first place at which two answers differ.

    Attributes:
        token: of the answer, from 1.
        before: the end of what both say in front of it.
        then: how the first answer goes on; empty where it ends.
        now: how the second goes on.
    """

    token: int
    before: str
    then: str
    now: str


@dataclass(frozen=True, slots=True)
class CellDifference:
    """The first cell of a matrix that differs.

    Attributes:
        document: name of its document.
        column: its column.
        then: its value and status in the first matrix, and what else differs.
        now: those in the second; empty where it has no answer.
        why: it has none.
    """

    document: str
    column: str
    then: str
    now: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Replay(Displayed):
    """What came of running an answer again.

    Attributes:
        identical: every token is the same, and every citation or cell. Of what was cancelled, what there was of it.
        question: as asked; empty for a summary and a table.
        document_name: what it was asked of.
        num_tokens: of the first answer; 0 for a matrix.
        difference: the first one between the answers; None where all tokens, or all cells of a matrix, are the same.
        changed: what has changed since, a sentence each, and may be the reason of a difference.
        answer: the new one; of a table, a ``Table``.
        num_cells: of the first matrix, those that had an answer; 0 for anything else.
    """

    identical: bool
    question: str
    document_name: str
    num_tokens: int
    difference: Difference | CellDifference | None
    changed: tuple[str, ...]
    answer: Answer | Table = field(repr=False)
    num_cells: int = 0


def compared(
    then: Mapping[str, object], token_ids: Sequence[int], answer: Answer | Table, tokenizer: Tokenizer
) -> Replay:
    """Hold an answer, or a table, against the manifest of the first.

    Args:
        then: of the first answer.
        token_ids: of the first answer.
        answer: the second.
        tokenizer: of the second's model.
    """
    now = tuple(cast("list[int]", answer.manifest["token_ids"]))
    difference = _difference(tuple(token_ids), now, tokenizer)
    # What was cancelled has citations for the part that was there, and so has its replay, which ends at the same token.
    same_citations = then.get("citations_hash") == answer.manifest.get("citations_hash")
    return Replay(
        identical=difference is None and same_citations,
        question=answer.question if isinstance(answer, Answer) else "",
        document_name=answer.document_name,
        num_tokens=len(token_ids),
        difference=difference,
        changed=changes(then, answer.manifest),
        answer=answer,
    )


def compared_cells(then: Mapping[str, object], cells: Sequence[Mapping[str, object]], table: Table) -> Replay:
    """Hold a matrix against the manifest of the first.

    Args:
        then: of the first matrix, with the documents that were asked again.
        cells: of the first matrix, by their row in the second.
        table: the second.
    """
    now = {(each["row"], each["column"]): each for each in cast("list[dict[str, object]]", table.manifest["cells"])}
    first = next(
        (each for each in cells if now.get((each["row"], each["column"]), {}).get("digest") != each["digest"]), None
    )
    changed = list(changes(then, table.manifest))
    difference = None
    if first is not None:
        row, column = cast("int", first["row"]), str(first["column"])
        name, is_now = str(table.frame["document"][row]), now.get((row, column))
        if is_now is None:
            difference = CellDifference(name, column, _shown(first, ""), "", _why(table, row, column))
        else:
            other = next((each for each in TOLD if first.get(each) != is_now.get(each)), "")
            said = _shown(is_now, other) + ("" if other else ", from another passage")
            difference = CellDifference(name, column, _shown(first, other), said)
        if num_kept := then.get("num_kept"):
            changed.append(f"{num_kept} of its cells were kept by an earlier run, and may have been asked with others.")
    return Replay(
        identical=difference is None,
        question="",
        document_name=table.document_name,
        num_tokens=0,
        difference=difference,
        changed=tuple(changed),
        answer=table,
        num_cells=len(cells),
    )


def _shown(cell: Mapping[str, object], other: str) -> str:
    """Value and status, and what else differs from another cell."""
    value = "no value" if cell["value"] is None else cell["value"]
    differs = "" if other in ("", "value", "status") else f", {other}: {cell.get(other)}"
    return f"{value} ({cell['status']}){differs}"


def _why(table: Table, row: int, column: str) -> str:
    """Why a cell has no answer."""
    found = table.cells.filter((pl.col("row") == row) & (pl.col("column") == column))
    return str(found["note"].item())


def _difference(then: tuple[int, ...], now: tuple[int, ...], tokenizer: Tokenizer) -> Difference | None:
    if then == now:
        return None
    shared = min(len(then), len(now))
    first = next((index for index in range(shared) if then[index] != now[index]), shared)
    return Difference(
        first + 1,
        tokenizer.decode(now[max(first - _BEFORE_TOKENS, 0) : first]),
        _said(then[first : first + _SHOWN_TOKENS], tokenizer),
        _said(now[first : first + _SHOWN_TOKENS], tokenizer),
    )


def _said(token_ids: tuple[int, ...], tokenizer: Tokenizer) -> str:
    """Text of ids; of control tokens alone, and of ids that this model does not have, their numbers."""
    numbers = f"(token {', '.join(map(str, token_ids))})" if token_ids else ""
    return tokenizer.decode(token_ids) or numbers
