"""How everything looks in a notebook and in a terminal: results (bundles), and the model at work (live).

Importing this fills the renderer registry in workbench.types. The only importer of workbench_widgets.

Not covered: dashboards (workbench.dashboards).
"""

from collections.abc import Callable
from typing import Any

from workbench.analysis.replay import Replay
from workbench.display import MimeBundle, register_renderer
from workbench.documents.document import Document
from workbench.documents.imaging import PageImage
from workbench.documents.places import Place
from workbench.results import Answer, Citation, Comparison, EvidenceMap, Fit, Summary, Table
from workbench.views.bundles import (
    answer_as,
    answer_bundle,
    answer_html,
    answer_markdown,
    answer_text,
    citation_bundle,
    cited,
    document_bundle,
    html,
    markdown,
    page_bundle,
    place_bundle,
    plain,
    superscript,
    unsupported_line,
)
from workbench.views.comparisons import comparison_bundle
from workbench.views.coverage import (
    coverage_html,
    coverage_text,
    evidence_bundle,
    evidence_html,
    evidence_text,
    summary_bundle,
)
from workbench.views.fetching import fetch_view
from workbench.views.fits import fit_bundle
from workbench.views.footnotes import footnoted
from workbench.views.live import (
    Outcome,
    ReadingView,
    StreamingView,
    in_kernel,
    reading_view,
    streaming_view,
)
from workbench.views.loading import LoadingView, MatrixBar, loading_bar, show_note
from workbench.views.notes import Notes
from workbench.views.replays import replay_bundle
from workbench.views.tables import table_bundle

__all__ = [
    "LoadingView",
    "MatrixBar",
    "Notes",
    "Outcome",
    "ReadingView",
    "StreamingView",
    "answer_as",
    "answer_bundle",
    "answer_html",
    "answer_markdown",
    "answer_text",
    "citation_bundle",
    "cited",
    "coverage_html",
    "coverage_text",
    "document_bundle",
    "evidence_bundle",
    "evidence_html",
    "evidence_text",
    "fetch_view",
    "fit_bundle",
    "footnoted",
    "html",
    "in_kernel",
    "loading_bar",
    "markdown",
    "page_bundle",
    "place_bundle",
    "plain",
    "reading_view",
    "replay_bundle",
    "show_note",
    "streaming_view",
    "summary_bundle",
    "superscript",
    "table_bundle",
    "unsupported_line",
]


def _register(kind: type, draw: Callable[[Any], MimeBundle]) -> None:
    def render(result: Any) -> MimeBundle:
        return draw(result)

    register_renderer(kind, render)


_register(Document, document_bundle)
_register(Answer, answer_bundle)
_register(Citation, citation_bundle)
_register(Comparison, comparison_bundle)
_register(EvidenceMap, evidence_bundle)
_register(Summary, summary_bundle)
_register(Fit, fit_bundle)
_register(Table, table_bundle)
_register(Place, place_bundle)
_register(PageImage, page_bundle)
_register(Replay, replay_bundle)
