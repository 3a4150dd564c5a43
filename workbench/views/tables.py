"""How a table looks: its rows, and each value with the passage it rests on.

As HTML a value unfolds to its source, by mouse and by keyboard; as text and Markdown it has a number, and the sources
follow. The status is said in words.

Not covered: files (workbench.exports), frames (polars shows itself).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from workbench.display import MimeBundle
from workbench.results import Table, WholeTable
from workbench.views.bundles import card, folded, html, items, markdown, plain

SHOWN_ROWS = 200
"""Rows in a notebook; the frame, and every file, has all."""

TEXT_ROWS = 20
"""Rows as text and as Markdown."""

_WIDTH = 36
_QUOTE_CHARS = 160
_STATUS = {
    "supported": "supported", "quote_only": "quoted, not proved", "unassessed": "not assessed",
    "no_source": "no source",
}  # fmt: skip
_MARK = {"supported": "✓", "quote_only": "“", "unassessed": "?", "no_source": "!"}
_STYLE = """<style>
.wb-card .wb-cells { overflow-x: auto; }
.wb-card .wb-cells th, .wb-card .wb-cells td, .wb-card .wb-cells td:last-child, .wb-card .wb-cells th:last-child {
  border-bottom: 1px solid var(--jp-border-color2, GrayText); padding: 3px 14px 3px 0; text-align: left;
  vertical-align: top; }
</style>"""

Cell = Mapping[str, object]
_Cells = dict[tuple[int, str], list[Cell]]


def table_bundle(table: Table) -> MimeBundle:
    """The rows with their sources in three forms."""
    cells: _Cells = defaultdict(list)
    for cell in table.cells.iter_rows(named=True):
        cells[cell["row"], cell["column"]].append(cell)
    shown = len(table) if isinstance(table, WholeTable) else SHOWN_ROWS
    return {
        "text/plain": _text(table, cells),
        "text/markdown": _markdown(table, cells),
        "text/html": _html(table, cells, shown),
    }


def _counts(table: Table) -> str:
    """Rows, and values by status."""
    rows, valued = len(table), table.cells.filter(table.cells["value"].is_not_null())
    counted = dict(valued["status"].value_counts().iter_rows())
    said = [f"{counted[status]:,} {word}" for status, word in _STATUS.items() if counted.get(status)]
    return " · ".join([f"{rows:,} row{'' if rows == 1 else 's'}", *said])


def _shown(value: object) -> str:
    """A value in a line."""
    if value is None:
        return "—"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)  # the document has no ".0"
    said = "; ".join(map(str, value)) if isinstance(value, list) else str(value)
    return " ".join(said.split())


def _place(cell: Cell) -> str:
    """Where it stands and how sure that is, in words."""
    status = _STATUS.get(str(cell["status"]), str(cell["status"]))
    if cell["page"] is None:
        return status
    return f"{cell['where'] or 'page ' + str(cell['label'] or cell['page'])}, {status}"


def _quote(cell: Cell) -> str:
    quote = " ".join(str(cell["quote"] or "").split())
    return quote if len(quote) <= _QUOTE_CHARS else quote[: _QUOTE_CHARS - 1] + "…"


def _numbered(table: Table, cells: _Cells) -> tuple[list[list[str]], list[Cell]]:
    """The values with the numbers of their sources, and the sources; both not escaped yet."""
    rows, notes = [], list[Cell]()
    for at, row in enumerate(table.frame.head(TEXT_ROWS).iter_rows()):
        line = []
        for column, value in zip(table.frame.columns, row, strict=True):
            found = [cell for cell in cells[at, column] if cell["page"] is not None or cell["note"]]
            numbers = "".join(f" [{len(notes) + n}]" for n in range(1, len(found) + 1))
            notes += found
            said = _shown(value)
            line.append((said if len(said) <= _WIDTH else said[: _WIDTH - 1] + "…") + numbers)
        rows.append(line)
    return rows, notes


def _noted(cell: Cell) -> str:
    quote = f"“{_quote(cell)}” " if cell["page"] is not None else ""
    note = f": {cell['note']}" if cell["note"] else ""
    return f"{cell['column']}: {quote}({_place(cell)}){note}"


def _more(table: Table, shown: int) -> str:
    return f"and {len(table) - shown:,} more in table.frame" if len(table) > shown else ""


def _text(table: Table, cells: _Cells) -> str:
    rows, notes = _numbered(table, cells)
    lines = [[plain(value) for value in line] for line in [list(table.frame.columns), *rows]]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    drawn = ["  ".join(value.ljust(width) for value, width in zip(line, widths, strict=True)) for line in lines]
    warned = [f"! {plain(warning)}" for warning in table.warnings]
    sources = [f"  [{n}] {plain(_noted(cell))}" for n, cell in enumerate(notes, 1)]
    title = f"{plain(table.document_name)}: {_counts(table)}"
    parts = [title, *warned, *(line.rstrip() for line in drawn), _more(table, TEXT_ROWS), *sources]
    return "\n".join(part for part in parts if part)


def _markdown(table: Table, cells: _Cells) -> str:
    rows, notes = _numbered(table, cells)
    columns = [" ".join(name.split()) for name in table.frame.columns]
    drawn = [f"| {' | '.join(map(markdown, line))} |" for line in [columns, *rows]]
    drawn.insert(1, "|" + " --- |" * len(columns))
    head = [f"**{markdown(table.document_name)}** {_counts(table)}", "", *(f"- {markdown(w)}" for w in table.warnings)]
    more = _more(table, TEXT_ROWS)
    sources = [f"- \\[{n}\\] {markdown(_noted(cell))}" for n, cell in enumerate(notes, 1)]
    return "\n".join([*head, "", *drawn, "", *([f"*{more}*", ""] if more else []), *sources])


def _html(table: Table, cells: _Cells, shown: int) -> str:
    heads = "".join(f'<th scope="col">{html(name)}</th>' for name in table.frame.columns)
    body = []
    for at, row in enumerate(table.frame.head(shown).iter_rows()):
        drawn = zip(table.frame.columns, row, strict=True)
        body.append(f"<tr>{''.join(f'<td>{_value(value, cells[at, name])}</td>' for name, value in drawn)}</tr>")
    warned = [f"⚠ {html(warning)}" for warning in table.warnings]
    warnings = f'<ul class="wb-warn">{items(warned)}</ul>' if warned else ""
    more = f'<p class="wb-quiet">{_more(table, shown)}</p>' if len(table) > shown else ""
    grid = f'<div class="wb-cells"><table><thead><tr>{heads}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'
    title = f'<p><strong>{html(table.document_name)}</strong> <span class="wb-quiet">{_counts(table)}</span></p>'
    return _STYLE + card(title, warnings, grid, more)


def _value(value: object, found: list[Cell]) -> str:
    """A value that unfolds to its sources."""
    told = [cell for cell in found if cell["page"] is not None or cell["note"]]
    if not told:
        return f'<span class="wb-quiet">{html(_shown(value))}</span>' if value is None else html(_shown(value))
    status = str(told[0]["status"])
    mark = f'<span class="wb-quiet">{_MARK.get(status, "?")} {_STATUS.get(status, html(status))}</span>'
    return folded(f"{html(_shown(value))} {mark}", "".join(map(_source, told)))


def _source(cell: Cell) -> str:
    quote = f"<blockquote>{html(str(cell['quote']))}</blockquote>" if cell["page"] is not None else ""
    note = f" {html(str(cell['note']))}" if cell["note"] else ""
    document = f"{html(str(cell['document']))}, " if cell["document"] else ""
    return f'{quote}<p class="wb-quiet">{document}{html(_place(cell))}{note}</p>'
