"""The file opened: unlocked with its password, or an error that says why not.

Not covered: what stands on its pages (pages).
"""

from __future__ import annotations

import pymupdf

from workbench.documents.parsed import Job
from workbench.errors import DocumentError

# Damage is reported per page; MuPDF's own lines on stderr would only repeat it.
pymupdf.TOOLS.mupdf_display_errors(False)
pymupdf.TOOLS.mupdf_display_warnings(False)
# Boxes as high as the type, so that lines do not overlap, and as the file has them. Both are said here, because
# packages beside PyMuPDF change them when they are imported.
pymupdf.TOOLS.set_small_glyph_heights(True)
pymupdf.TOOLS.unset_quad_corrections(True)

DAMAGE = (RuntimeError, ValueError, LookupError, TypeError, AttributeError, pymupdf.mupdf.FzErrorBase)
"""What PyMuPDF raises where a file is not as it should be."""


def open_pdf(job: Job) -> pymupdf.Document:
    """The file, unlocked, with at least one page.

    Raises:
        DocumentError: it is locked, damaged beyond opening, or has no page.
    """
    name = job.name
    try:
        pdf = pymupdf.open(stream=job.data, filetype="pdf")
    except DAMAGE as error:
        raise DocumentError(
            f"{name} cannot be opened as PDF: {error}. Open it in a viewer and save it anew."
        ) from error
    if not pdf.is_pdf:
        raise DocumentError(f"{name} is no PDF, whatever its name says. Open it in a viewer and save it as PDF.")
    if pdf.needs_pass:
        _unlock(pdf, job)
    if not _num_pages(pdf):
        why = "is damaged: no page of it can be found" if pdf.is_repaired else "is a PDF without pages"
        raise DocumentError(f"{name} {why}. Open it in a viewer and save it anew.")
    return pdf


def _num_pages(pdf: pymupdf.Document) -> int:
    try:
        return len(pdf)
    except DAMAGE:
        return 0


def _unlock(pdf: pymupdf.Document, job: Job) -> None:
    password = job.options.password
    if password is None:
        raise DocumentError(f"{job.name} is locked with a password. Give it: load(..., password='...').")
    if not pdf.authenticate(password):
        raise DocumentError(
            f"{job.name} does not open with this password. Give the right one: load(..., password='...')."
        )
