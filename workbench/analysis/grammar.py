"""What a model may write under a schema: a grammar in which every copied value stands in the document.

The answer is JSON. What a value is copied from is the document itself, in which white space in runs counts once and
marks that JSON would escape become others: the grammar lets through only pieces of it that begin and end with a word.
A number may lose the marks between its thousands, which JSON has not. Where fields of a form name a column, its value
is copied from one of them. Whether there is a value at all is the model's choice: ``null`` is always open to it.

Source: llguidance (github.com/guidance-ai/llguidance), its Lark dialect with ``%regex {"substring_words": ...}``.

Not covered: following it while a model writes (analysis.filling), what the values mean (analysis.cells).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

import llguidance

from workbench.analysis.figures import THOUSANDS, numbers
from workbench.analysis.schema import Column, Schema

MAX_VALUE_CHARS = 200
MAX_QUOTE_CHARS = 300
MAX_ITEMS = 50
"""Items of a list in one cell."""

_SPARE = str.maketrans({'"': "'", "\\": "/", "“": "'", "”": "'", "„": "'", "‟": "'"})
_GROUPED = re.compile(rf"(?<![\w.,])\d{{1,3}}(?:{THOUSANDS}\d{{3}})+(?:[.,]\d+)?(?!\d)")
_MAX_GROUPED = 1_000
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_WHOLE = r"[^ ](.{0,%d}[^ ])?"  # not white space at its ends


def spared(text: str) -> str:
    """A document's text as values are copied from it: in one line, without the marks that JSON escapes."""
    return " ".join(_UNSEEN.sub(" ", text).translate(_SPARE).split())


def ungrouped(text: str) -> list[str]:
    """The numbers of a text whose thousands are set apart (``1,590.00``), as JSON writes them."""
    found = (number.value for match in _GROUPED.finditer(text) for number in numbers(match.group()))
    whole = dict.fromkeys(value for value in found if value >= 1000)
    written = (each for value in whole for each in (f"{value:f}", f"{value.normalize():f}"))
    return list(dict.fromkeys(written))[:_MAX_GROUPED]


def grammar(
    schema: Schema,
    text: str,
    *,
    many: bool,
    max_rows: int | None = None,
    behind: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """The grammar of an answer, in llguidance's own form.

    Args:
        schema: of the rows.
        text: of the document.
        many: a list of rows, perhaps none; else one row.
        max_rows: of the list.
        behind: by a column's name the texts that its value is copied from, where that is not the whole document.
    """
    more = "" if max_rows == 1 else '(", " row)' + ("*" if max_rows is None else f"{{0,{max_rows - 1}}}")
    start = f'"[" (row {more})? "]"' if many else "row"
    pairs = [f"{_said(json.dumps(each.name, ensure_ascii=False) + ': ')} v{n}" for n, each in enumerate(schema.columns)]
    own = {n: texts for n, each in enumerate(schema.columns) if (texts := (behind or {}).get(each.name))}
    separated = ' ", " '.join(pairs)
    return str(llguidance.LLMatcher.grammar_from_lark("\n".join([
        f"start: {start}",
        f'row: "{{" {separated} "}}"',
        *(f"v{n}: {_value(column, n if n in own else '')}" for n, column in enumerate(schema.columns)),
        'quoted: "\\"" QUOTED "\\""',
        f"QUOTED: DOCUMENT & /{_WHOLE % (MAX_QUOTE_CHARS - 2)}/",
        *_source([text], ""),
        *(line for n, texts in own.items() for line in _source(texts, n)),
    ])))  # fmt: skip


def _source(texts: Sequence[str], key: int | str) -> list[str]:
    """The rules of what is copied from some texts; ``key`` tells them from those of others."""
    parts = [f"PART{key}_{n}" for n in range(len(texts))]
    large = list(dict.fromkeys(each for text in texts for each in ungrouped(text)))
    return [
        *(f"{part}: %regex {json.dumps({'substring_words': spared(text)})}"
          for part, text in zip(parts, texts, strict=True)),
        f"DOCUMENT{key}: {' | '.join(parts)}",
        f"COPIED{key}: DOCUMENT{key} & /{_WHOLE % (MAX_VALUE_CHARS - 2)}/",
        f"FIGURES{key}: DOCUMENT{key} & /0|[1-9][0-9]{{0,17}}(\\.[0-9]+)?/",
        f"GROUPED{key}: {' | '.join(map(_said, large)) or f'FIGURES{key}'}",
        f'copied{key}: "\\"" COPIED{key} "\\""',
    ]  # fmt: skip


def _said(text: str) -> str:
    """A text as a literal of the grammar."""
    return json.dumps(text, ensure_ascii=False)


def _value(column: Column, key: int | str) -> str:
    if column.kind == "list":
        return f'"[]" | "[" copied{key} (", " copied{key}){{0,{MAX_ITEMS - 1}}} "]"'
    if column.kind in ("integer", "number"):
        return f'"null" | copied{key} | FIGURES{key} | GROUPED{key}'
    if column.copied:
        return f'"null" | copied{key}'
    words = (
        ["true", "false"] if column.kind == "yes_no" else [json.dumps(c, ensure_ascii=False) for c in column.choices]
    )
    choices = " | ".join(map(_said, words))
    return f'"null" | "{{\\"quote\\": " quoted ", \\"value\\": " ({choices}) "}}"'
