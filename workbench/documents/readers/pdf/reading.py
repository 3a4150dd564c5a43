"""A PDF file becomes text: page by page, then what only the whole can tell.

Not covered: what stands on one page (pages), how the file is opened (opening).
"""

from __future__ import annotations

from dataclasses import replace

import pymupdf

from workbench.documents.document import DocumentWarning, Page, Section
from workbench.documents.parsed import Job, Parsed
from workbench.documents.readers.pdf import said
from workbench.documents.readers.pdf.draft import Cut, Draft
from workbench.documents.readers.pdf.findings import Findings
from workbench.documents.readers.pdf.headings import Entry, Shown, bookmarks, with_headings
from workbench.documents.readers.pdf.hyphens import fallen
from workbench.documents.readers.pdf.notes import without_calls
from workbench.documents.readers.pdf.opening import DAMAGE, open_pdf
from workbench.documents.readers.pdf.pages import read_page
from workbench.documents.readers.pdf.running import running
from workbench.documents.readers.pdf.tags import may_have_tags, tagged_headings, tagged_on
from workbench.documents.readers.text import nest, with_pages
from workbench.types import Span

_SHRINK_PAGES = 64
"""After so many pages MuPDF's store of fonts and pictures is emptied; it would grow to a quarter of a gigabyte."""


def read_pdf(job: Job) -> Parsed:
    """A PDF file; bookmarks, and headings below them, make the outline.

    Raises:
        DocumentError: it is locked, damaged beyond opening, or has no page.
    """
    with open_pdf(job) as pdf:
        draft, findings = Draft(), Findings()
        total, has_tags = len(pdf), may_have_tags(pdf)
        for index in range(total):
            read_page(pdf, index, draft, findings, job.options)
            if has_tags:
                findings.tagged += tagged_on(pdf, index)
            if index % _SHRINK_PAGES == 0:
                pymupdf.TOOLS.store_shrink(100)
            job.report(index + 1, total)
        return _finish(pdf, draft, findings, job)


def _finish(pdf: pymupdf.Document, draft: Draft, findings: Findings, job: Job) -> Parsed:
    """What the whole tells: running heads, parted words, headings, what to warn of."""
    text, layout = draft.whole()
    heads = running(findings.edges)
    cut = _cut(text, findings, [head.span for head in heads] if job.options.headers == "drop" else [])
    text, layout, pages = cut.text(text), cut.layout(layout), _settled(cut.pages(draft.pages))
    lines = _moved(cut, findings.lines)
    outline, damaged = _outline(pdf, pages, lines, tagged_headings(findings.tagged, lines, text), text)
    warnings = [
        *_about_file(pdf, len(pages)),
        *damaged,
        *said.about_pages(pages, findings, job.options),
        *said.about_hidden(findings.hidden, job.options, lambda span: Span(*cut.places(span))),
        *said.about_running(cut.spans([head.span for head in heads]), [head.page + 1 for head in heads], job.options),
        *said.about_findings(findings),
    ]
    return Parsed(text, pages, outline, tuple(warnings), layout)


def _cut(text: str, findings: Findings, heads: list[Span]) -> Cut:
    """Takes out running heads, and what parts words at the ends of lines."""
    gone = sorted([*heads, *fallen(text, findings.parted)])
    apart = [
        span for before, span in zip([Span(0, 0), *gone], gone, strict=False) if span.start_char >= before.end_char
    ]
    return Cut(tuple(apart))


def _settled(pages: tuple[Page, ...]) -> tuple[Page, ...]:
    """A page on which nothing but running heads stood is empty without them."""
    return tuple(
        replace(page, status="empty", reason="nothing but running heads is on the page")
        if page.status == "read" and page.start_char == page.end_char
        else page
        for page in pages
    )


def _moved(cut: Cut, lines: list[Shown]) -> list[Shown]:
    """The lines where they stand now, those that are gone left out."""
    if not cut.gone:
        return lines
    starts = cut.places([line.start_char for line in lines])
    ends = cut.places([line.end_char for line in lines])
    return [
        replace(line, start_char=start, end_char=end)
        for line, start, end in zip(lines, starts, ends, strict=True)
        if start < end
    ]


def _outline(
    pdf: pymupdf.Document, pages: tuple[Page, ...], lines: list[Shown], tagged: list[Entry], text: str
) -> tuple[tuple[Section, ...], list[DocumentWarning]]:
    damaged = []
    try:
        marks = bookmarks(pdf, pages, text)
    except DAMAGE:
        marks = []
        damaged = [DocumentWarning("damaged", "The bookmarks are damaged; the outline is made from headings.")]
    found = with_headings(marks, lines, text, tagged)
    flat = [(start, level, without_calls(title)) for start, level, title in found if start < len(text)]
    return with_pages(nest(flat, len(text)), pages), damaged


def _about_file(pdf: pymupdf.Document, total: int) -> list[DocumentWarning]:
    """Repairs, layers that are turned off, files within the file."""
    warnings = []
    if pdf.is_repaired:
        message = f"The file is damaged; {total} pages were found in it. Compare that with what a viewer shows."
        warnings.append(DocumentWarning("damaged", message))
    try:
        layers = [str(layer["name"]) for layer in pdf.get_ocgs().values() if not layer["on"]]
        files = [str(name) for name in pdf.embfile_names()]
    except DAMAGE:
        layers, files = [], []
    if layers:
        message = f"{len(layers)} layers are turned off; what is on them was not read: {', '.join(layers)[:200]}."
        warnings.append(DocumentWarning("hidden", message))
    if files:
        message = (
            f"{len(files)} files are embedded in it; they were not read: {', '.join(files)[:200]}. Load them alone."
        )
        warnings.append(DocumentWarning("skipped", message))
    return warnings
