"""Read a whole document once with a local Qwen model, ask it for days, and prove every answer.

    import workbench as wb

    book = wb.load("persuasion.txt")
    with wb.Workbench() as bench, bench.read(book) as reading:
        print(reading.ask("Why did Anne refuse Captain Wentworth?"))

Names are imported when they are first used: importing this package loads neither torch nor any interface.
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

from workbench import display

if TYPE_CHECKING:
    from workbench.analysis.ask import AnswerStream
    from workbench.analysis.chat import Chat
    from workbench.analysis.columns import Column
    from workbench.analysis.replay import Replay
    from workbench.analysis.summarize import SummaryStream
    from workbench.dashboards import cells, dashboard
    from workbench.documents.document import Document
    from workbench.documents.imaging import PageImage
    from workbench.documents.load import load
    from workbench.documents.places import Place
    from workbench.errors import (
        AnswerParseError,
        CacheCorrupt,
        CacheFull,
        ConfigError,
        ContextTooLong,
        DocumentError,
        EngineError,
        ModelLoadError,
        WorkbenchError,
    )
    from workbench.results import Answer, Citation, Comparison, Delta, EvidenceMap, Fit, Summary, Table, Usage
    from workbench.session import Reading, Workbench
    from workbench.session.replay import replay
    from workbench.types import MatrixProgress

__version__ = "0.1.0"

_HOMES = {
    "Answer": "results",
    "AnswerParseError": "errors",
    "AnswerStream": "analysis.ask",
    "CacheCorrupt": "errors",
    "CacheFull": "errors",
    "Chat": "analysis.chat",
    "Citation": "results",
    "Column": "analysis.columns",
    "Comparison": "results",
    "ConfigError": "errors",
    "ContextTooLong": "errors",
    "Delta": "results",
    "Document": "documents.document",
    "DocumentError": "errors",
    "EngineError": "errors",
    "EvidenceMap": "results",
    "Fit": "results",
    "MatrixProgress": "types",
    "ModelLoadError": "errors",
    "PageImage": "documents.imaging",
    "Place": "documents.places",
    "Reading": "session",
    "Replay": "analysis.replay",
    "Summary": "results",
    "SummaryStream": "analysis.summarize",
    "Table": "results",
    "Usage": "results",
    "Workbench": "session",
    "WorkbenchError": "errors",
    "dashboard": "dashboards",
    "load": "documents.load",
    "replay": "session.replay",
}

__all__ = [
    "Answer",
    "AnswerParseError",
    "AnswerStream",
    "CacheCorrupt",
    "CacheFull",
    "Chat",
    "Citation",
    "Column",
    "Comparison",
    "ConfigError",
    "ContextTooLong",
    "Delta",
    "Document",
    "DocumentError",
    "EngineError",
    "EvidenceMap",
    "Fit",
    "MatrixProgress",
    "ModelLoadError",
    "PageImage",
    "Place",
    "Reading",
    "Replay",
    "Summary",
    "SummaryStream",
    "Table",
    "Usage",
    "Workbench",
    "WorkbenchError",
    "__version__",
    "cells",
    "dashboard",
    "load",
    "load_ipython_extension",
    "replay",
]

logging.getLogger(__name__).addHandler(logging.NullHandler())
display.use_renderers("workbench.views")


def __getattr__(name: str) -> Any:
    if name == "cells":
        return importlib.import_module("workbench.dashboards.cells")
    if name in _HOMES:
        return getattr(importlib.import_module(f"workbench.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'workbench' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__


def load_ipython_extension(shell: Any) -> None:
    """``%load_ext workbench``: make ``%qwen`` known."""
    from workbench.magics import load_ipython_extension as load_magics

    load_magics(shell)
