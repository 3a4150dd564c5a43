"""Whether a document fits a model's window.

Not covered: how it is reckoned (analysis.fitting, session.sizing).
"""

from dataclasses import dataclass, field

import polars as pl

from workbench.display import Displayed


@dataclass(frozen=True, slots=True)
class Fit(Displayed):
    """Whether a document fits a model's window, and what it will take.

    Attributes:
        document_name: what is to be read.
        model: the model's name.
        tokens: tokens of the whole prefix (system text, frame, document) in the model's own vocabulary.
        document_tokens: the document's share of them.
        window: tokens the model holds here.
        reserve: tokens kept for question and answer.
        kv_bytes: bytes of the cache for ``tokens``.
        seconds: estimate for reading, or None when the speed here is not known.
        fits: the verdict.
        choices: what can be done when it does not fit, a sentence each.
        sections: polars frame, see ``tables.FIT_SECTIONS``.
        pages: polars frame, see ``tables.FIT_PAGES``.
        files: polars frame of a folder's files as a tree, see ``tables.FIT_FILES``; empty for what is no folder.
        weights_bytes: bytes of weights that are not loaded yet.
        work_bytes: bytes beside weights and cache while reading and asking.
        free_bytes: memory that is free; None when it was not looked at.
    """

    document_name: str
    model: str
    tokens: int
    document_tokens: int
    window: int
    reserve: int
    kv_bytes: int
    seconds: float | None
    fits: bool
    choices: tuple[str, ...]
    sections: pl.DataFrame = field(repr=False)
    pages: pl.DataFrame = field(repr=False, default_factory=pl.DataFrame)
    files: pl.DataFrame = field(repr=False, default_factory=pl.DataFrame)
    weights_bytes: int = 0
    work_bytes: int = 0
    free_bytes: int | None = None

    @property
    def needed_bytes(self) -> int:
        """Bytes of weights, cache and work."""
        return self.weights_bytes + self.kv_bytes + self.work_bytes

    @property
    def in_window(self) -> bool:
        """Whether the window holds it."""
        return self.tokens + self.reserve <= self.window

    @property
    def in_memory(self) -> bool:
        """Whether memory holds it."""
        return self.free_bytes is None or self.needed_bytes <= self.free_bytes

    @property
    def share(self) -> float:
        """Share of the window that prefix and reserve take; above 1 it does not fit."""
        return (self.tokens + self.reserve) / self.window
