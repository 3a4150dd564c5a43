"""Workbench and Reading: where documents, engine and analysis meet. What notebooks hold.

Not covered: how anything looks (workbench.views), storing readings on disk.
"""

from workbench.session.bench import Workbench
from workbench.session.reading import Reading

__all__ = ["Reading", "Workbench"]
