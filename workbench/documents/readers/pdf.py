"""PDF, page by page, through PyMuPDF.

Not covered: columns, tables, forms, hidden text, OCR.
"""

from __future__ import annotations

import re

import pymupdf

from workbench.documents.document import DocumentWarning, Page, PageStatus
from workbench.documents.parsed import Job, PageCallback, Parsed
from workbench.documents.readers.text import nest, with_pages
from workbench.errors import DocumentError

# Damage is reported per page below; MuPDF's own lines on stderr would only repeat it.
pymupdf.TOOLS.mupdf_display_errors(False)
pymupdf.TOOLS.mupdf_display_warnings(False)


_DAMAGE = (RuntimeError, ValueError, LookupError, TypeError, AttributeError, pymupdf.mupdf.FzErrorBase)
_MAX_LINES = 50
"""Drawn lines a page without text may have and still be empty: a frame, a rule. More of them are drawn letters."""


def read_pdf(job: Job) -> Parsed:
    """A PDF file; bookmarks make the outline.

    Raises:
        DocumentError: it is locked, damaged beyond opening, or has no page.
    """
    name = job.name
    try:
        pdf = pymupdf.open(stream=job.data, filetype="pdf")
    except _DAMAGE as error:
        raise DocumentError(
            f"{name} cannot be opened as PDF: {error}. Open it in a viewer and save it anew."
        ) from error
    with pdf:
        if not pdf.is_pdf:
            raise DocumentError(f"{name} is no PDF, whatever its name says. Open it in a viewer and save it as PDF.")
        if pdf.needs_pass:
            raise DocumentError(f"{name} is locked with a password. Save an unlocked copy and load that.")
        if not len(pdf):
            why = "is damaged: no page of it can be found" if pdf.is_repaired else "is a PDF without pages"
            raise DocumentError(f"{name} {why}. Open it in a viewer and save it anew.")
        return _read_pages(pdf, job.report)


def _read_pages(pdf: pymupdf.Document, report: PageCallback) -> Parsed:
    pieces: list[str] = []
    pages: list[Page] = []
    start = 0
    for index in range(len(pdf)):
        text, status, label = _page(pdf, index)
        pieces.append(text)
        pages.append(Page(index + 1, label or str(index + 1), start, start + len(text), status))
        start += len(text)
        report(index + 1, len(pdf))
    text = "".join(pieces)
    said = _warnings(pages)
    if pdf.is_repaired:
        message = f"The file is damaged; {len(pages)} pages were found in it. Compare that with what a viewer shows."
        said = (DocumentWarning("damaged", message), *said)
    try:
        outline = nest(_bookmarks(pdf, pages, text), len(text))
    except _DAMAGE:
        outline = ()
        said = (*said, DocumentWarning("damaged", "The bookmarks are damaged; the document has no outline."))
    return Parsed(text, tuple(pages), with_pages(outline, tuple(pages)), said)


def _page(pdf: pymupdf.Document, index: int) -> tuple[str, PageStatus, str]:
    """Text, status and printed label of a page."""
    try:
        page = pdf[index]
        text = page.get_text("text")
        status: PageStatus = "read" if text.strip() else _without_text(page)
    except _DAMAGE:
        return "", "unreadable", ""
    try:
        label = " ".join(page.get_label().split())
    except _DAMAGE:
        label = ""
    if status != "read":
        return "", status, label
    return text if text.endswith("\n") else text + "\n", status, label


def _without_text(page: pymupdf.Page) -> PageStatus:
    """``scanned`` when something is to be seen: a picture, or letters drawn as lines."""
    drawn = [kind for kind, _ in page.get_bboxlog()]
    pictures = any(kind.startswith("fill-im") for kind in drawn)
    return "scanned" if pictures or sum(kind.endswith("-path") for kind in drawn) > _MAX_LINES else "empty"


def _bookmarks(pdf: pymupdf.Document, pages: list[Page], text: str) -> list[tuple[int, int, str]]:
    """(start, level, title): where the title stands on its page, else the page's beginning."""
    flat = []
    for level, title, number in pdf.get_toc(simple=True):
        words = title.split()
        if not 1 <= number <= len(pages) or not words:
            continue
        page = pages[number - 1]
        spaced = r"\s+".join(map(re.escape, words))
        # At the beginning of a line it is the heading, elsewhere perhaps a reference to it.
        at = next(
            (
                match.start(1)
                for pattern in (rf"^[^\S\n]*({spaced})(?!\w)", rf"({spaced})")
                if (match := re.compile(pattern, re.MULTILINE).search(text, page.start_char, page.end_char))
            ),
            page.start_char,
        )
        flat.append((at, level, " ".join(words)))
    return sorted(flat, key=lambda entry: entry[0])


def _warnings(pages: list[Page]) -> tuple[DocumentWarning, ...]:
    said = {
        "scanned": "are pictures without text; they were not read. Run OCR on the file and load the result",
        "unreadable": "are damaged; they were not read. Open the file in a viewer and save it anew",
    }
    warnings = []
    for status, what in said.items():
        numbers = tuple(page.number for page in pages if page.status == status)
        if numbers:
            shown = ", ".join(map(str, numbers[:20])) + (" ..." if len(numbers) > 20 else "")
            warnings.append(DocumentWarning(status, f"{len(numbers)} of {len(pages)} pages {what}: {shown}.", numbers))
    return tuple(warnings)
