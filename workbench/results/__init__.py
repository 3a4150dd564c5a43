"""What people hold in their hands: answers, citations, counts, the fit. Frozen; each shows itself in a notebook.

How they look is decided in workbench.views, which registers a renderer for each.

Not covered: documents (workbench.documents), the columns of the frames (workbench.tables).
"""

from workbench.results.answer import Answer, Delta, Summary, Usage
from workbench.results.citation import Citation, CitationOrigin, CitationStatus
from workbench.results.comparison import Comparison
from workbench.results.evidence import EvidenceMap
from workbench.results.fit import Fit
from workbench.results.table import Table, WholeTable

__all__ = [
    "Answer", "Citation", "CitationOrigin", "CitationStatus", "Comparison", "Delta", "EvidenceMap", "Fit", "Summary",
    "Table", "Usage", "WholeTable",
]  # fmt: skip
