"""Widgets of the workbench: each is one class, one ES module and one stylesheet, side by side.

They know numbers and strings, and nothing of documents, models or the workbench.

Not covered: when a widget is shown, and with what (workbench.views).
"""

from workbench_widgets._base import Section, Widget
from workbench_widgets.fit_bar import FitBar, fit_bar_html
from workbench_widgets.reading_progress import ReadingProgress, ReadState, reading_progress_html

__all__ = [
    "FitBar",
    "ReadState",
    "ReadingProgress",
    "Section",
    "Widget",
    "fit_bar_html",
    "reading_progress_html",
]
