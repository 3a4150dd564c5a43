"""How two documents differ.

Not covered: how that is found (session.comparing).
"""

from dataclasses import dataclass, field

import polars as pl

from workbench.display import Displayed
from workbench.results.answer import Answer


@dataclass(frozen=True, slots=True, eq=False)
class Comparison(Displayed):
    """How two documents differ, and where they contradict each other.

    Attributes:
        first: name of the first document.
        second: name of the second.
        differences: both quotes of each, see ``tables.DIFFERENCES``. Of two versions of a text every difference, found
            by comparing the texts; of others only what contradicts.
        share_kept: of the characters of both, those that stand in both, moved and changed sentences included; [0, 1].
        are_versions: whether they are versions of one text.
        answer: what the model said to the question, citing both; None without one.
        warnings: what to know about it, a sentence each.
    """

    first: str
    second: str
    differences: pl.DataFrame = field(repr=False)
    share_kept: float
    are_versions: bool
    answer: Answer | None = None
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.differences.height

    @property
    def contradictions(self) -> pl.DataFrame:
        """The differences that contradict each other."""
        return self.differences.filter(pl.col("kind") == "contradicts")
