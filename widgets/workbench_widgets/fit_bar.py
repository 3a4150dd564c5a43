"""A bar that shows how much of a model's window a document takes, section by section.

Not covered: counting tokens.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

import traitlets

from workbench_widgets._base import BAR, BLUE, GREY, HERE, LIGHT_BLUE, RED, Section, Widget


class FitBar(Widget):
    """Sections of a document against the window; arrow keys move from one to the next.

    Attributes:
        document_name: what is to be read.
        model: the model's name.
        tokens: tokens of the whole prefix.
        reserve: tokens kept for question and answer.
        window: tokens the model holds.
        sections: title and tokens each, in order.
    """

    _esm = HERE / "fit_bar.js"
    _css = HERE / "fit_bar.css"

    document_name = traitlets.Unicode().tag(sync=True)
    model = traitlets.Unicode().tag(sync=True)
    tokens = traitlets.Int().tag(sync=True)
    reserve = traitlets.Int().tag(sync=True)
    window = traitlets.Int(1, min=1).tag(sync=True)
    sections = traitlets.List(traitlets.Dict()).tag(sync=True)

    def _described(self) -> str:
        return f"{self.document_name!r}, {self.tokens:,} of {self.window:,} tokens"

    def static_html(self) -> str:
        """The bar, and the sections in a table that folds."""
        rows = [Section(title=str(row["title"]), tokens=int(row["tokens"])) for row in self.sections]
        return fit_bar_html(self.document_name, self.model, self.tokens, self.reserve, self.window, rows)


def fit_bar_html(
    document_name: str, model: str, tokens: int, reserve: int, window: int, sections: Iterable[Section]
) -> str:
    """The static twin of ``FitBar``, without making a widget."""
    rows = list(sections)
    whole = max(window, tokens + reserve)
    fits = tokens + reserve <= window
    verdict = "fits" if fits else f"does not fit: {tokens + reserve - window:,} tokens too many"
    caption = (
        f"<strong>{escape(document_name)}</strong> {verdict}. {tokens:,} tokens and {reserve:,} for "
        f"question and answer, of the {window:,} that {escape(model)} holds."
    )
    parts = "".join(_part(row, whole, (BLUE, LIGHT_BLUE)[number % 2]) for number, row in enumerate(rows))
    rest = max(tokens - sum(row["tokens"] for row in rows), 0)
    parts += _part(Section(title="Frame", tokens=rest), whole, GREY)
    parts += _part(Section(title="Kept for question and answer", tokens=reserve), whole, GREY)
    label = f"{tokens + reserve:,} of {window:,} tokens"
    return (
        f'<div class="wbw-fit-static" data-fits="{str(fits).lower()}"><div>{caption}</div>'
        f'<div role="img" aria-label="{label}" style="{BAR}; height: 18px">{parts}</div>'
        f"{_limit(window / whole) if not fits else ''}{_table(rows)}</div>"
    )


def _part(row: Section, whole: int, colour: str) -> str:
    title = escape(f"{row['title']}: {row['tokens']:,} tokens")
    width = f"width: {row['tokens'] / whole:.3%}"
    return f'<span style="background: {colour}; float: left; height: 18px; {width}" title="{title}"></span>'


def _limit(share: float) -> str:
    """A line as long as the window, below a bar that is longer."""
    line = f"background: {RED}; height: 3px; width: {share:.3%}"
    return f'<div style="max-width: 760px"><div title="the window" style="{line}"></div></div>'


def _table(rows: list[Section]) -> str:
    if len(rows) < 2:
        return ""
    lines = "".join(f"<tr><td>{escape(row['title'])}</td><td>{row['tokens']:,}</td></tr>" for row in rows)
    head = "<thead><tr><th>Section</th><th>Tokens</th></tr></thead>"
    table = f"<table>{head}<tbody>{lines}</tbody></table>"
    return f"<details><summary>{len(rows)} sections</summary>{table}</details>"
