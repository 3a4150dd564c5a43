"""On which pages an answer rests, by the attention behind it.

Not covered: how it is measured (analysis.evidence, engine.evidence).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from workbench.display import Displayed
from workbench.results.citation import Citation

Leading = tuple[int, str, float, Citation | None]
"""A page that leads for a sentence: its number, its label, its lift, its passage most like the sentence."""


@dataclass(frozen=True, slots=True)
class EvidenceMap(Displayed):
    """On which pages the sentences of an answer rest, by the attention behind them; shows itself as a heat map.

    Attributes:
        document_name: what was read.
        frame: polars frame, see ``tables.EVIDENCE``.
        labels: of the pages, by number.
        passages: by sentence and page, the passage most like the sentence.
        top: pages of a sentence that lead.
    """

    document_name: str
    frame: pl.DataFrame = field(repr=False, compare=False)
    labels: Mapping[int, str] = field(repr=False)
    passages: Mapping[tuple[int, int], Citation] = field(repr=False)
    top: int = 3

    @property
    def pages(self) -> tuple[int, ...]:
        """Numbers of all pages, in order."""
        return tuple(sorted(set(self.frame["page"])))

    def leading(self) -> list[tuple[int, str, list[Leading]]]:
        """Each sentence with its number, its text, and the pages with the highest lift."""
        found = []
        for (number,), rows in self.frame.group_by("sentence", maintain_order=True):
            first = rows.head(self.top).to_dicts()
            top = [
                (r["page"], self.labels[r["page"]], r["lift"], self.passages.get((number, r["page"]))) for r in first
            ]
            found.append((int(str(number)), str(rows["text"][0]), top))
        return found
