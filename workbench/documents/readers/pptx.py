"""PowerPoint files: a slide is a page, with its tables, charts' numbers, notes and comments.

Not covered: pictures, diagrams (SmartArt), sound and film (counted, and said).
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Iterator

import pptx
from lxml.etree import LxmlError
from pptx.exc import PythonPptxError
from pptx.shapes.base import BaseShape
from pptx.shapes.graphfrm import GraphicFrame
from pptx.shapes.group import GroupShape
from pptx.slide import Slide

from workbench.documents.draft import Draft
from workbench.documents.parsed import Job, Parsed
from workbench.documents.readers.package import Package, attribute, below
from workbench.documents.unpacking import DAMAGE
from workbench.errors import DocumentError

_BROKEN = (*DAMAGE, PythonPptxError, LxmlError, AttributeError, TypeError)
_MAX_GROUPS = 20
"""Groups within groups that are opened."""


def read_pptx(job: Job) -> Parsed:
    """A PowerPoint file.

    Raises:
        DocumentError: it is damaged or unsafe.
    """
    package = Package(job.data, job.name)
    draft = Draft()
    unread: Counter[str] = Counter()
    try:
        slides = list(pptx.Presentation(io.BytesIO(job.data)).slides)
    except _BROKEN as error:
        raise DocumentError(
            f"{job.name} cannot be read as a PowerPoint file: {error}. Open it in PowerPoint or LibreOffice and "
            "save it anew."
        ) from error
    for number, slide in enumerate(slides, 1):
        try:
            _slide(draft, slide, number, job, unread)
            _comments(draft, slide, package)
        except _BROKEN as error:
            draft.warn("unreadable", f"Slide {number} is damaged and was not read to its end: {error}.", (number,))
        job.report(number, len(slides))
    if unread:
        shown = ", ".join(f"{count} {what}" for what, count in sorted(unread.items()))
        draft.warn("skipped", f"Not read: {shown}. To read words in them, print the file to a PDF and run OCR on it.")
    return draft.parsed()


def _slide(draft: Draft, slide: Slide, number: int, job: Job, unread: Counter[str]) -> None:
    hidden = slide.element.get("show") in ("0", "false")
    if hidden and job.options.hidden == "drop":
        draft.page(str(number), "excluded", "a hidden slide")
        draft.warn("hidden", f"Slide {number} is hidden; it was left out, as asked.", (number,))
        return
    pictures = sum(unread.values())
    shapes = list(_flat(slide.shapes, unread))
    texts = any(_has_words(shape) for shape in shapes)
    notes = slide.notes_slide.notes_text_frame if slide.has_notes_slide else None
    noted = notes is not None and notes.text.strip()
    scanned = sum(unread.values()) > pictures and not texts and not noted
    draft.page(str(number), "scanned" if scanned else "read", "a picture without text" if scanned else "")
    if hidden:
        draft.warn("hidden", f"Slide {number} is hidden; it was kept.", (number,))
    if scanned:
        return
    title = slide.shapes.title
    with draft.region("slide", f"slide {number}"):
        if title is not None and title.has_text_frame and title.text_frame.text.strip():
            draft.head(1, title.text_frame.text)
        for shape in sorted(shapes, key=lambda one: title is None or one.shape_id != title.shape_id):
            _shape(draft, shape)
        if notes is not None and noted:
            with draft.region("note", f"notes of slide {number}"):
                draft.make("[Notes] ")
                draft.add(notes.text.strip().replace("\v", "\n"))
                draft.make("\n\n")


def _flat(shapes: Iterable[BaseShape], unread: Counter[str], depth: int = 0) -> Iterator[BaseShape]:
    """Shapes in their order, those of groups one by one."""
    for shape in shapes:
        if isinstance(shape, GroupShape) and depth < _MAX_GROUPS:
            yield from _flat(shape.shapes, unread, depth + 1)
        elif isinstance(shape, GroupShape):
            unread["groups nested too deeply"] += 1
        elif next(below(shape.element, "blip"), None) is not None and not _has_words(shape):
            unread["pictures"] += 1
        elif isinstance(shape, GraphicFrame) and not shape.has_table and not shape.has_chart:
            unread["diagrams or embedded objects"] += 1
        else:
            yield shape


def _has_words(shape: BaseShape) -> bool:
    if isinstance(shape, GraphicFrame):
        return shape.has_table or shape.has_chart
    return any((text.text or "").strip() for text in below(shape.element, "t"))


def _shape(draft: Draft, shape: BaseShape) -> None:
    if isinstance(shape, GraphicFrame):
        if shape.has_table:
            with draft.region("table", shape.name):
                draft.table([[cell.text for cell in row.cells] for row in shape.table.rows])
        elif shape.has_chart:
            _chart(draft, shape)
        draft.make("\n")
        return
    # Fields (slide numbers, dates) are text, too; python-pptx's own text leaves them out.
    for paragraph in below(shape.element, "p"):
        words = "".join("\n" if str(one.tag).endswith("}br") else one.text or "" for one in below(paragraph, "t", "br"))
        if words.strip():
            draft.add(words + "\n")
    if _has_words(shape):
        draft.make("\n")


def _chart(draft: Draft, shape: GraphicFrame) -> None:
    """The numbers that a chart draws, as a table."""
    chart = shape.chart
    with draft.region("table", shape.name):
        if chart.has_title and chart.chart_title.has_text_frame:
            draft.add(chart.chart_title.text_frame.text + "\n")
        for plot in chart.plots:
            series = list(plot.series)
            labels = [str(label) for label in plot.categories]
            rows = [["", *(one.name or "" for one in series)]]
            for index in range(max([len(labels), *(len(one.values) for one in series)])):
                values = [one.values[index] if index < len(one.values) else None for one in series]
                label = labels[index] if index < len(labels) else ""
                rows.append([label, *("" if value is None else f"{value:.15g}" for value in values)])
            draft.table(rows)


def _comments(draft: Draft, slide: Slide, package: Package) -> None:
    path = str(slide.part.partname).lstrip("/")
    for target in package.related(path, "comments"):
        root = package.xml(target)
        for comment in below(root, "cm") if root is not None else ():
            words = " ".join("".join(map(str, one.itertext())) for one in below(comment, "text", "t"))
            if words.strip():
                with draft.region("annotation", f"comment {attribute(comment, 'idx') or ''}".strip()):
                    draft.make("[Comment: ")
                    draft.cell(words)
                    draft.make("]\n")
