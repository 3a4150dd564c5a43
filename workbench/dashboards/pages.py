"""The pages that an answer cites, drawn when somebody asks to see one, its passages marked.

Not covered: the drawing (documents.imaging), the answer itself (markup).
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterable, Sequence
from html import escape

import panel as pn

from workbench.dashboards import markup
from workbench.dashboards.style import pane, toggle
from workbench.documents.document import Document
from workbench.documents.imaging import PageImage
from workbench.errors import WorkbenchError
from workbench.results import Citation


def cited_pages(
    document: Document, citations: Iterable[Citation], *, numbered: bool = False
) -> list[pn.viewable.Viewable]:
    """A button for each page that is cited, and below them the pages that are asked for; nothing without any.

    Args:
        document: is drawn.
        citations: the passages.
        numbered: whether a button names those that stand on its page by their numbers, from 1.
    """
    by_page: dict[int, list[tuple[int, Citation]]] = {}
    for number, citation in enumerate(citations, 1):
        if citation.page is not None:
            by_page.setdefault(citation.page, []).append((number, citation))
    parts = []
    for page, found in sorted(by_page.items()):
        marks = "".join(f" [{number}]" for number, _ in found) if numbered else ""
        parts.append(_page(document, page, marks, [citation for _, citation in found]))
    return [pn.FlexBox(*(see for see, _ in parts)), *(sheet for _, sheet in parts)] if parts else []


def _page(
    document: Document, number: int, marks: str, citations: Sequence[Citation]
) -> tuple[pn.widgets.Toggle, pn.pane.HTML]:
    """A button that stays pressed, and the picture that is there while it is."""
    see, sheet = toggle(f"See page {citations[0].label or number}{marks}"), pane("")
    sheet.visible = False

    async def turn(_: object) -> None:
        if not sheet.object:
            # Drawing may take a second, and other sessions must not wait for it.
            sheet.object = await asyncio.to_thread(_drawn, document, number, citations)
        sheet.visible = see.value

    see.param.watch(turn, "value")
    return see, sheet


def _drawn(document: Document, number: int, citations: Sequence[Citation]) -> str:
    try:
        return picture(document.page_image(number, citations))
    except WorkbenchError as error:
        return markup.note(str(error))


def picture(image: PageImage) -> str:
    """A page as HTML, with words for those who do not see it."""
    said = f"Page {image.label or image.page} of {image.document_name}, drawn from the {image.drawn_from}"
    source = base64.b64encode(image.png).decode()
    caption = f"{said}: {image.note}" if image.note else said
    return (
        f'<figure class="wb-sheet"><img src="data:image/png;base64,{source}" alt="{escape(said)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )
