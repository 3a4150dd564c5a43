"""The analyst's dashboard as a script: ``panel serve workbench/dashboards/analyst.py --args opinion.pdf``.

Every session runs this file; the model and the readings are the process's (``--num-procs 1``). ``WORKBENCH_MODEL``
names the model.

Not covered: options of the server (Panel's own), the same by one command (``workbench serve``).
"""

import sys

import panel as pn

from workbench.dashboards.app import TITLE, page, shared_shelf

if pn.state.curdoc is not None:
    page(shared_shelf(sys.argv[1:])).servable(title=TITLE)
