"""Dashboards over a reading: the only place that imports Panel.

``dashboard`` composes cells over a reading that is there, ``serve`` hands documents to colleagues in a browser.
Everything a page needs is served by the process itself; nothing is fetched from elsewhere.

Not covered: how results look outside a dashboard (workbench.views), the command line (workbench.cli).
"""

from workbench.dashboards.app import dashboard, serve
from workbench.dashboards.cells import Ask, Cell, Compare, Evidence, Extract, Matrix, Summary

__all__ = ["Ask", "Cell", "Compare", "Evidence", "Extract", "Matrix", "Summary", "dashboard", "serve"]
