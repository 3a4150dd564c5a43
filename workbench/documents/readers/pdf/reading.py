"""A PDF file becomes text, page by page.

Not covered: what stands on one page (pages), how the file is opened (opening).
"""

from __future__ import annotations

import pymupdf

from workbench.documents.document import DocumentWarning, Page
from workbench.documents.parsed import Job, Parsed
from workbench.documents.readers.pdf.draft import Draft
from workbench.documents.readers.pdf.headings import bookmarks
from workbench.documents.readers.pdf.opening import DAMAGE, open_pdf
from workbench.documents.readers.pdf.pages import read_page
from workbench.documents.readers.text import nest, with_pages


def read_pdf(job: Job) -> Parsed:
    """A PDF file; bookmarks make the outline.

    Raises:
        DocumentError: it is locked, damaged beyond opening, or has no page.
    """
    with open_pdf(job) as pdf:
        return _read(pdf, job)


def _read(pdf: pymupdf.Document, job: Job) -> Parsed:
    draft = Draft()
    total = len(pdf)
    for index in range(total):
        read_page(pdf, index, draft)
        job.report(index + 1, total)
    text, layout = draft.whole()
    said = _warnings(draft.pages)
    if pdf.is_repaired:
        message = f"The file is damaged; {total} pages were found in it. Compare that with what a viewer shows."
        said = (DocumentWarning("damaged", message), *said)
    pages = tuple(draft.pages)
    try:
        outline = nest(bookmarks(pdf, pages, text), len(text))
    except DAMAGE:
        outline = ()
        said = (*said, DocumentWarning("damaged", "The bookmarks are damaged; the document has no outline."))
    return Parsed(text, pages, with_pages(outline, pages), said, layout)


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
