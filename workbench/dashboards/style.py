"""What every part of a dashboard is made of: the stylesheet, a pane of HTML, a button.

Not covered: the HTML itself (markup), what the parts do (cells, pages, app).
"""

from pathlib import Path

import panel as pn

STYLE = Path(__file__).with_name("dashboard.css").read_text(encoding="utf-8")
"""The stylesheet of every part; each shadow root needs its own."""


def pane(html: str) -> pn.pane.HTML:
    """HTML of ours (escaped in markup) that fills the width."""
    return pn.pane.HTML(html, sizing_mode="stretch_width", stylesheets=[STYLE], margin=(6, 0))


def button(label: str, *, primary: bool = False) -> pn.widgets.Button:
    """A button in the style of the page."""
    kind = "primary" if primary else "default"
    return pn.widgets.Button(label=label, color=kind, stylesheets=[STYLE], margin=(5, 0, 5, 10))


def controls(*widgets: pn.viewable.Viewable, buttons: tuple[pn.widgets.Button, ...]) -> pn.Row:
    """Widgets in a row, and their buttons at its end."""
    for part in buttons:
        part.align = "end"
    return pn.Row(*widgets, *buttons, sizing_mode="stretch_width", margin=(4, 0))


def toggle(label: str) -> pn.widgets.Toggle:
    """A button that stays pressed.

    A plain one would do, but Bokeh (3.9) does not know a button again that was put on the page after it was drawn, when
    a click is the first thing that the browser says of it.
    """
    return pn.widgets.Toggle(label=label, color="default", stylesheets=[STYLE], margin=(5, 0, 5, 10))
