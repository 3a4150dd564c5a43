"""PDF, page by page, through PyMuPDF.

Not covered: columns, tables, forms, hidden text, OCR.
"""

from __future__ import annotations

import pymupdf

from workbench.documents.document import DocumentWarning, Page, PageStatus
from workbench.documents.readers.text import Parsed, nest, with_pages
from workbench.errors import DocumentError

# Damage is reported per page below; MuPDF's own lines on stderr would only repeat it.
pymupdf.TOOLS.mupdf_display_errors(False)
pymupdf.TOOLS.mupdf_display_warnings(False)


def read_pdf(data: bytes, name: str) -> Parsed:
    """A PDF file; bookmarks make the outline.

    Raises:
        DocumentError: it is locked, damaged beyond opening, or has no page.
    """
    try:
        pdf = pymupdf.open(stream=data, filetype="pdf")
    except (pymupdf.FileDataError, RuntimeError, ValueError) as error:
        raise DocumentError(
            f"{name} cannot be opened as PDF: {error}. Open it in a viewer and save it anew."
        ) from error
    with pdf:
        if pdf.needs_pass:
            raise DocumentError(f"{name} is locked with a password. Save an unlocked copy and load that.")
        if not len(pdf):
            raise DocumentError(f"{name} is a PDF without pages.")
        return _read_pages(pdf)


def _read_pages(pdf: pymupdf.Document) -> Parsed:
    pieces: list[str] = []
    pages: list[Page] = []
    start = 0
    for index in range(len(pdf)):
        text, status = _page_text(pdf, index)
        pieces.append(text)
        label = pdf[index].get_label() if status != "unreadable" else ""
        pages.append(Page(index + 1, label or str(index + 1), start, start + len(text), status))
        start += len(text)
    text = "".join(pieces)
    outline = nest(_bookmarks(pdf, pages, text), len(text))
    return Parsed(text, tuple(pages), with_pages(outline, tuple(pages)), _warnings(pages))


def _page_text(pdf: pymupdf.Document, index: int) -> tuple[str, PageStatus]:
    try:
        page = pdf[index]
        text = page.get_text("text")
    except (RuntimeError, ValueError):
        return "", "unreadable"
    if text.strip():
        return text if text.endswith("\n") else text + "\n", "read"
    return "", "scanned" if page.get_images() else "empty"


def _bookmarks(pdf: pymupdf.Document, pages: list[Page], text: str) -> list[tuple[int, int, str]]:
    """(start, level, title): where the title stands on its page, else the page's beginning."""
    flat = []
    for level, title, number in pdf.get_toc(simple=True):
        if not 1 <= number <= len(pages):
            continue
        page, clean = pages[number - 1], " ".join(title.split())
        at = text.find(title, page.start_char, page.end_char)
        flat.append((at if at >= 0 else page.start_char, level, clean))
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
