"""Whether a document fits, exactly, before anything runs.

Not covered: counting (analysis.counted), what can be done (analysis.choices), bytes and seconds (the model
estimates them).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from workbench.analysis.choices import gb, memory_choices, window_choices
from workbench.analysis.counted import Counted, Window, page_table, prefix_tokens, section_table, sections_of
from workbench.analysis.files import file_table
from workbench.errors import CacheFull, ConfigError, ContextTooLong
from workbench.results import Fit

if TYPE_CHECKING:
    from workbench.engine.budget import Cost


def fit(counted: Counted, window: Window, reserve: int, cost: Cost) -> Fit:
    """The verdict, with the choices if it is no.

    Raises:
        ConfigError: a reserve below 0.
    """
    if reserve < 0:
        raise ConfigError(f"reserve={reserve} is below 0; it is the tokens kept for question and answer.")
    document, tokens = counted.document, prefix_tokens(counted, window)
    sections = sections_of(document)
    choices: tuple[str, ...] = ()
    if tokens + reserve > window.tokens:
        choices = window_choices(counted, sections, window, tokens, reserve)
    elif cost.missing_bytes > 0:
        choices = memory_choices(counted, sections, window, tokens, cost)
    return Fit(
        document_name=document.name,
        model=window.model,
        tokens=tokens,
        document_tokens=counted.num_tokens,
        window=window.tokens,
        reserve=reserve,
        kv_bytes=cost.kv_bytes,
        seconds=cost.seconds,
        fits=tokens + reserve <= window.tokens and cost.missing_bytes <= 0,
        choices=choices,
        sections=section_table(counted, sections, window.tokens),
        pages=page_table(counted, window.tokens),
        files=file_table(counted, window.tokens),
        weights_bytes=cost.weights_bytes,
        work_bytes=cost.work_bytes,
        free_bytes=cost.free_bytes,
    )


def too_long(verdict: Fit) -> ContextTooLong:
    """The error of a document that does not fit."""
    choices = "".join(f"\n  - {choice}" for choice in verdict.choices)
    return ContextTooLong(
        f"{verdict.document_name} takes {verdict.tokens:,} tokens and {verdict.reserve:,} are kept for question and "
        f"answer, but the window of {verdict.model} holds {verdict.window:,}. Nothing was read. You can:{choices}",
        num_tokens=verdict.tokens + verdict.reserve,
        window=verdict.window,
        choices=verdict.choices,
    )


def too_large(verdict: Fit) -> CacheFull:
    """The error of a document that memory does not hold."""
    choices = "".join(f"\n  - {choice}" for choice in verdict.choices)
    return CacheFull(
        f"{verdict.document_name} takes {gb(verdict.needed_bytes)} ({gb(verdict.weights_bytes)} of weights to load, "
        f"{gb(verdict.kv_bytes)} of cache for {verdict.tokens:,} tokens, {gb(verdict.work_bytes)} to work with) and "
        f"{gb(verdict.free_bytes or 0)} of memory are free. Nothing was read. You can:{choices}"
    )
