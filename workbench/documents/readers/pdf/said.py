"""What is said about a PDF file: which pages were not read, what is hidden, what comes again on each page.

Not covered: finding it (the other rooms).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from workbench.documents.document import DocumentWarning, Page
from workbench.documents.parsed import ReadOptions
from workbench.documents.readers.pdf import ocr
from workbench.documents.readers.pdf.findings import Findings, Hidden
from workbench.documents.readers.pdf.hidden import TINY_POINTS
from workbench.types import Span

_SHOWN_PAGES = 20
_EXCERPT_CHARS = 80
_MAX_SPANS = 1_000
"""Places a warning lists; its pages are all of them in any case."""


def numbers(pages: Iterable[int]) -> str:
    """Page numbers in order, runs of them joined, not too many."""
    runs: list[list[int]] = []
    for number in sorted(set(pages)):
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    shown = [str(first) if first == last else f"{first}–{last}" for first, last in runs[:_SHOWN_PAGES]]
    return ", ".join(shown) + (" ..." if len(runs) > _SHOWN_PAGES else "")


def about_pages(pages: Sequence[Page], findings: Findings, options: ReadOptions) -> list[DocumentWarning]:
    """Pages without text that a person would find some on, and text that was recognised."""
    if not ocr.is_installed():
        advice = f"{ocr.INSTALL} has them recognised here"
    elif not options.ocr:
        advice = "load(..., ocr=True) has them recognised"
    else:
        advice = "No text was found in them"
    scanned = {page.number for page in pages if page.status == "scanned"}
    wordless = set(findings.wordless)
    said = [
        (
            "scanned",
            (scanned | set(findings.pictures)) - wordless,
            f"are pictures without text; they were not read. {advice}",
        ),
        (
            "unreadable",
            wordless,
            f"have fonts that do not say which letters they draw; they were not read. {advice}",
        ),
        (
            "unreadable",
            {page.number for page in pages if page.status == "unreadable"} - wordless,
            "are damaged; they were not read. Open the file in a viewer and save it anew",
        ),
        (
            "ocr",
            set(findings.recognised),
            "are pictures; their text was recognised and may have mistakes. Compare it with the picture",
        ),
    ]
    return [
        DocumentWarning(kind, f"{len(found)} of {len(pages)} pages {what}: {numbers(found)}.", tuple(sorted(found)))
        for kind, found, what in said
        if found
    ]


def about_hidden(found: Sequence[Hidden], options: ReadOptions, place: Callable[[Span], Span]) -> list[DocumentWarning]:
    """Text that a person would not see: how much, why, where, and how it begins."""
    if not found:
        return []
    pages = tuple(sorted({one.page for one in found}))
    reasons = dict.fromkeys(one.reason for one in found)
    num_chars = sum(len(one.text) for one in found)
    excerpt = " ".join(" ".join(one.text for one in found[:8]).split())[:_EXCERPT_CHARS]
    dropped = options.hidden == "drop"
    message = (
        f"{num_chars:,} characters on {len(pages)} pages cannot be seen by a reader "
        f"({', '.join(_why(reason) for reason in reasons)}): “{excerpt}”. "
        + ("They were left out" if dropped else "They stay in; load(..., hidden='drop') takes them out")
        + f": pages {numbers(pages)}."
    )
    spans = tuple(place(one.span) for one in found[:_MAX_SPANS] if one.span is not None)
    return [DocumentWarning("hidden", message, pages, spans)]


def _why(reason: str) -> str:
    return f"smaller than {TINY_POINTS} points" if reason == "tiny" else reason


def about_running(spans: Sequence[Span], pages: Sequence[int], options: ReadOptions) -> list[DocumentWarning]:
    """Running heads and feet: how many, and what became of them."""
    if not pages:
        return []
    found = tuple(sorted(set(pages)))
    dropped = options.headers == "drop"
    message = f"{len(pages):,} lines at the top or bottom of {len(found)} pages come again from page to page. " + (
        "They were left out." if dropped else "They stay in; load(..., headers='drop') takes them out."
    )
    return [DocumentWarning("headers", message, found, tuple(spans[:_MAX_SPANS]))]


def about_findings(findings: Findings) -> list[DocumentWarning]:
    """Earlier OCR, form fields, damaged annotations."""
    warnings = []
    if findings.layers:
        pages = tuple(findings.layers)
        message = (
            f"{len(pages)} pages are pictures with the text that an earlier OCR found in them; that text was read. "
            f"Compare figures with the picture: pages {numbers(pages)}."
        )
        warnings.append(DocumentWarning("ocr", message, pages))
    if findings.unlettered:
        pages = tuple(findings.unlettered)
        message = (
            f"{sum(findings.unlettered.values()):,} characters have no letter in their fonts and stand as signs that "
            f"mean nothing: pages {numbers(pages)}."
        )
        warnings.append(DocumentWarning("encoding", message, pages))
    if findings.fields:
        pages = tuple(findings.fields)
        filled = sum(done for done, _ in findings.fields.values())
        total = sum(all_of for _, all_of in findings.fields.values())
        message = f"{filled} of {total} form fields are filled in; their values stand after the text of each page."
        warnings.append(DocumentWarning("fields", message, pages))
    if findings.unread:
        pages = tuple(findings.unread)
        message = f"Form fields and annotations on pages {numbers(pages)} are damaged; they were not read."
        warnings.append(DocumentWarning("damaged", message, pages))
    return warnings
