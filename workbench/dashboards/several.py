"""Parts of a dashboard over more than one document: a comparison with another, and a matrix over many.

Not covered: cells over one reading (cells), how a comparison and a table look (workbench.views).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import panel as pn

from workbench.analysis.columns import Questions
from workbench.dashboards.job import Job, Tell
from workbench.dashboards.style import STYLE
from workbench.display import Displayed
from workbench.documents.document import Document
from workbench.types import MatrixProgress

if TYPE_CHECKING:
    from workbench.session import Reading


@dataclass(frozen=True, slots=True)
class Compare:
    """The document compared with another, and a question to both.

    Attributes:
        other: the other document; its reading is closed after each comparison.
        title: stands above the cell.
    """

    other: Document
    title: str = "Compare"

    def panel(self, reading: Reading) -> pn.viewable.Viewable:
        """A box for a question, which may stay empty, a button, and the comparison."""
        box = pn.widgets.TextInput(
            label="Question (may stay empty)", sizing_mode="stretch_width", stylesheets=[STYLE], margin=(5, 0)
        )

        def work(tell: Tell, _cancel: threading.Event) -> Displayed:
            tell(f"Comparing with {self.other.name} …")
            return reading.bench.compare(reading, self.other, box.value.strip() or None, progress=None)

        return Job("Compare", work).panel(box)


@dataclass(frozen=True, slots=True)
class Matrix:
    """Many documents asked the same questions, one row each.

    Attributes:
        documents: paths or documents.
        questions: by column name, or a list.
        title: stands above the cell.
    """

    documents: Sequence[str | os.PathLike[str] | Document]
    questions: Questions
    title: str = "Matrix"

    def panel(self, reading: Reading) -> pn.viewable.Viewable:
        """A button that starts it, one that stops it, and the table; started again, it goes on."""

        def work(tell: Tell, cancel: threading.Event) -> Displayed:
            def show(step: MatrixProgress) -> None:
                tell(f"{step.done_cells:,} of {step.total_cells:,} cells · {step.document}")

            return reading.bench.matrix(self.documents, self.questions, progress=show, cancel=cancel)

        return Job("Fill the table", work, can_stop=True).panel()
