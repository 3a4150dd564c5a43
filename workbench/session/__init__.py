"""Workbench and Reading: where documents, engine and analysis meet. What notebooks hold.

Not covered: how anything looks (workbench.views), the files of readings on disk (workbench.engine).
"""

from workbench.session.bench import Workbench
from workbench.session.reading import Reading

__all__ = ["Reading", "Workbench"]
