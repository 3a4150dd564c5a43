"""How a comparison looks: both texts side by side, the words that changed marked.

Kind and place are said in words, so that neither colour nor a screen is needed to tell them apart.

Not covered: the answer beside it (bundles).
"""

from __future__ import annotations

from collections.abc import Iterable

from workbench.display import MimeBundle
from workbench.documents.versions import word_changes
from workbench.results import Comparison
from workbench.types import Span
from workbench.views.bundles import answer_html, answer_markdown, answer_text, card, html, markdown, plain

SHOWN_ROWS = 200
"""Differences in a notebook; the frame has all."""

TEXT_ROWS = 40
"""Differences as text and as Markdown."""

_QUOTE_CHARS = 1_200
_KINDS = ("contradicts", "changed", "removed", "added", "moved")
_STYLE = """<style>
.wb-card.wb-card table.wb-sides { width: 100%; table-layout: fixed; }
.wb-card .wb-sides th, .wb-card .wb-sides td, .wb-card .wb-sides th:last-child, .wb-card .wb-sides td:last-child {
  border-bottom: 1px solid var(--jp-border-color2, GrayText); padding: 4px 12px 4px 0; text-align: left;
  vertical-align: top; white-space: pre-wrap; overflow-wrap: anywhere; }
.wb-card .wb-sides th:first-child { width: 7em; }
.wb-card .wb-sides del, .wb-card .wb-sides ins { background: color-mix(in srgb, currentColor 12%, transparent);
  border-radius: 2px; }
.wb-card .wb-sides del { text-decoration: line-through; }
.wb-card .wb-sides ins { text-decoration: underline; }
</style>"""

Row = dict[str, object]


def comparison_bundle(comparison: Comparison) -> MimeBundle:
    """The differences in three forms, the answer first."""
    rows = list(comparison.differences.iter_rows(named=True))
    return {
        "text/plain": _text(comparison, rows),
        "text/markdown": _markdown(comparison, rows),
        "text/html": _html(comparison, rows),
    }


def _counts(comparison: Comparison) -> str:
    counted = dict.fromkeys(_KINDS, 0) | dict(comparison.differences["kind"].value_counts().iter_rows())
    said = [f"{num:,} {'contradicting' if kind == 'contradicts' else kind}" for kind, num in counted.items() if num]
    kept = f"{comparison.share_kept:.0%} of the characters in both" if comparison.are_versions else "two texts"
    return " · ".join([kept, *(said or ["no differences" if comparison.are_versions else "no contradictions found"])])


def _quote(row: Row, side: str) -> str:
    quote = str(row[f"{side}_quote"])
    return quote if len(quote) <= _QUOTE_CHARS else quote[:_QUOTE_CHARS] + " …"


def _sides(row: Row) -> list[str]:
    return [side for side in ("first", "second") if row[f"{side}_quote"] is not None]


def _text(comparison: Comparison, rows: list[Row]) -> str:
    names = {"first": comparison.first, "second": comparison.second}
    lines = [f"{plain(comparison.first)} and {plain(comparison.second)}: {_counts(comparison)}"]
    lines = [answer_text(comparison.answer), "", *lines] if comparison.answer else lines
    lines += [f"! {plain(warning)}" for warning in comparison.warnings]
    for row in rows[:TEXT_ROWS]:
        lines.append(str(row["kind"]))
        for side in _sides(row):
            quote = " ".join(plain(_quote(row, side)).split())
            lines.append(
                f"  {'-' if side == 'first' else '+'} “{quote}” ({plain(names[side])}, page {row[f'{side}_page']})"
            )
    more = len(rows) - TEXT_ROWS
    return "\n".join([*lines, *([f"and {more:,} more in comparison.differences"] if more > 0 else [])])


def _markdown(comparison: Comparison, rows: list[Row]) -> str:
    names = {"first": comparison.first, "second": comparison.second}
    head = f"**{markdown(comparison.first)}** and **{markdown(comparison.second)}**: {_counts(comparison)}\n"
    lines = [answer_markdown(comparison.answer), head] if comparison.answer else [head]
    lines += [f"- **{markdown(warning)}**" for warning in comparison.warnings]
    for row in rows[:TEXT_ROWS]:
        said = [
            f"“{markdown(' '.join(_quote(row, side).split()))}” ({markdown(names[side])}, page {row[f'{side}_page']})"
            for side in _sides(row)
        ]
        lines.append(f"- *{row['kind']}*: {' → '.join(said)}")
    more = len(rows) - TEXT_ROWS
    return "\n".join([*lines, *([f"\nand {more:,} more in comparison\\.differences"] if more > 0 else [])])


def _html(comparison: Comparison, rows: list[Row]) -> str:
    answer = answer_html(comparison.answer) if comparison.answer else ""
    warnings = "".join(f'<p class="wb-warn">⚠ {html(warning)}</p>' for warning in comparison.warnings)
    more = len(rows) - SHOWN_ROWS
    left = f'<p class="wb-quiet">and {more:,} more in comparison.differences</p>' if more > 0 else ""
    head = f"<tr><th>kind</th><th>{html(comparison.first)}</th><th>{html(comparison.second)}</th></tr>"
    body = "".join(map(_row, rows[:SHOWN_ROWS]))
    table = f'{_STYLE}<table class="wb-sides"><thead>{head}</thead><tbody>{body}</tbody></table>' if rows else ""
    return answer + card(f'<p class="wb-quiet">{_counts(comparison)}</p>', warnings, table, left)


def _row(row: Row) -> str:
    marks: tuple[Iterable[Span], Iterable[Span]] = ((), ())
    if row["kind"] in ("changed", "contradicts"):
        marks = word_changes(_quote(row, "first"), _quote(row, "second"))
    cells = "".join(
        _cell(row, side, tag, spans)
        for side, tag, spans in zip(("first", "second"), ("del", "ins"), marks, strict=True)
    )
    warned = ' class="wb-warn"' if row["kind"] == "contradicts" else ""
    return f"<tr><th{warned}>{row['kind']}</th>{cells}</tr>"


def _cell(row: Row, side: str, tag: str, marked: Iterable[Span]) -> str:
    if row[f"{side}_quote"] is None:
        return "<td></td>"
    quote, at, pieces = _quote(row, side), 0, []
    for start, end in marked:
        pieces += [html(quote[at:start]), f"<{tag}>{html(quote[start:end])}</{tag}>"]
        at = end
    said = "".join([*pieces, html(quote[at:])])
    return f'<td>{said} <span class="wb-quiet">page {row[f"{side}_page"]}</span></td>'
