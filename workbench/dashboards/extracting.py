"""A part of a dashboard that fills in a table from the document.

Not covered: how a table looks (workbench.views), its values (workbench.analysis.cells).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import panel as pn

from workbench.analysis.extract import ExtractProgress, Rows
from workbench.dashboards.job import Job, Tell
from workbench.dashboards.style import STYLE
from workbench.display import Displayed
from workbench.errors import AnswerParseError

if TYPE_CHECKING:
    from workbench.session import Reading

_ROWS = {"a row each": "many", "one row": "one"}


@dataclass(frozen=True, slots=True)
class Extract:
    """A table of what the document says, under columns that are typed.

    Attributes:
        schema: stands in the box: ``"person, born date, amount number"``.
        rows: ``many`` for a row of each thing that is found, ``one`` for a single row.
        title: stands above the cell.
    """

    schema: str = ""
    rows: Rows = "many"
    title: str = "Extract"

    def panel(self, reading: Reading) -> pn.viewable.Viewable:
        """A box for the columns (Enter starts), a choice of rows, and the table with its sources and their pages."""
        box = pn.widgets.TextInput(
            label="Columns", value=self.schema, placeholder="person, born date, amount number",
            sizing_mode="stretch_width", stylesheets=[STYLE], margin=(5, 0),
        )  # fmt: skip
        rows = pn.widgets.Select(label="Rows", options=_ROWS, value=self.rows, width=130)
        rows.stylesheets, rows.margin = [STYLE], (5, 0, 5, 10)

        def work(tell: Tell, cancel: threading.Event) -> Displayed:
            def show(step: ExtractProgress) -> None:
                tell(f"{step.rows:,} rows · {step.tokens:,} tokens")

            tell("Waiting for the model …")
            try:
                return reading.extract(box.value_input or box.value, rows=rows.value, progress=show, cancel=cancel)
            except AnswerParseError as error:
                if isinstance(error.partial, Displayed):
                    return error.partial  # its warnings say that it was cut off
                raise

        job = Job("Fill in", work, can_stop=True, document=reading.document)
        box.param.watch(lambda _: job.run(), "enter_pressed")
        return job.panel(box, rows)
