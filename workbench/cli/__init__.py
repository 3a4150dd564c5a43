"""The command line: ``workbench read | ask | summarize | serve | models | cache | doctor``.

Not covered: how results look in a notebook (workbench.views), pages in a browser (workbench.dashboards).
"""

from workbench.cli.commands import app

__all__ = ["app"]
