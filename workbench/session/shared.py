"""What the readings of one document have in common.

Not covered: the readings (session.reading).
"""

from __future__ import annotations

import numpy as np

from workbench.types import Prefix


class Shared:
    """A prefix and how many readings of one document hold it.

    Args:
        prefix: document, and what begins every question.
        num_document_tokens: where other tasks start.
    """

    def __init__(self, prefix: Prefix, num_document_tokens: int) -> None:
        self.prefix = prefix
        self.num_document_tokens = num_document_tokens
        self.num_readings = 0
        self.neutral: np.ndarray | None = None  # shares of attention under a neutral question, see analysis.evidence
