"""What a reader made becomes a Document: no text is an error, broken characters are said.

Not covered: several files as one (collection).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import replace

from workbench.documents.document import Document, DocumentWarning, Source
from workbench.documents.invisible import reordering
from workbench.documents.invisible import unseen as find_unseen
from workbench.documents.layout import merged
from workbench.documents.parsed import KeepOrDrop, Parsed
from workbench.documents.selection import kept
from workbench.documents.warnings import inspect
from workbench.errors import DocumentError
from workbench.types import Span

_LONE = re.compile("[\ud800-\udfff]")


def document_of(name: str, parsed: Parsed, source: Source, hidden: KeepOrDrop = "keep") -> Document:
    """A Document of its own, inspected for what a reader does not see.

    Args:
        name: for people.
        parsed: what a reader made.
        source: where it came from.
        hidden: ``"drop"`` takes out characters that are not seen.

    Raises:
        DocumentError: there is no text in it; the message says why.
    """
    if not parsed.text.strip():
        raise DocumentError(f"{name} holds no text: {_why_empty(parsed)}.")
    # Half of a surrogate pair is no character, and nothing after us could encode it; some PDFs yield them.
    text, num_lone = _LONE.subn("�", parsed.text)
    warnings = parsed.warnings
    if num_lone:
        message = f"{num_lone:,} characters are broken in the file and became �."
        warnings = (*warnings, DocumentWarning("encoding", message))
    pages = tuple(replace(page, label=_LONE.sub("�", page.label)) for page in parsed.pages)
    outline = tuple(replace(section, title=_LONE.sub("�", section.title)) for section in parsed.outline)
    document = Document(name, text, pages, outline, warnings, source, members=parsed.members, layout=parsed.layout)
    found = inspect(document, hidden)
    document = replace(document, warnings=(*warnings, *found))
    unseen = merged(span for warning in found if warning.kind in ("invisible", "bidi") for span in warning.spans)
    return _without(document, unseen) if hidden == "drop" and unseen else document


def _without(document: Document, unseen: tuple[Span, ...]) -> Document:
    """The document as a reader sees it; a page that shows nothing is empty."""
    edges = [0, *(char for span in unseen for char in span), len(document.text)]
    spans = [Span(start, end) for start, end in zip(edges[::2], edges[1::2], strict=True) if start < end]
    outline = tuple(
        replace(section, title=_seen(section.title), start_char=start)
        for section in document.outline
        # A heading that begins with such a character begins behind it.
        if (start := _behind(unseen, section.start_char)) < section.end_char
    )
    part = kept(replace(document, outline=outline), spans, document.pages)
    if not part.text.strip():
        raise DocumentError(f"{document.name} holds no text but characters that nobody sees; hidden='keep' reads them.")
    reason = "All that stood here were characters that nobody sees."
    pages = tuple(
        replace(page, label=_seen(page.label), status="empty", reason=reason)
        if page.status == "read" and not part.text[page.start_char : page.end_char].strip()
        else replace(page, label=_seen(page.label))
        for page in part.pages
    )
    return replace(part, pages=pages)


def _behind(unseen: tuple[Span, ...], char: int) -> int:
    at = bisect_right(unseen, char, key=lambda span: span.start_char) - 1
    return max(char, unseen[at].end_char) if at >= 0 else char


def _seen(text: str) -> str:
    """A title or label without what is not seen."""
    gone = {char for start, end in (*find_unseen(text), *reordering(text)) for char in range(start, end)}
    return "".join(char for at, char in enumerate(text) if at not in gone)


def _why_empty(parsed: Parsed) -> str:
    unread = {status: sum(page.status == status for page in parsed.pages) for status in ("scanned", "unreadable")}
    total = len(parsed.pages)
    why_not = next((page.reason for page in parsed.pages if page.status == "unreadable"), "")
    why = [
        f"{unread['scanned']} of its {total} pages are pictures; pip install 'qwen-workbench[ocr]' has them recognised",
        f"{unread['unreadable']} of its {total} pages cannot be read ({why_not}); open it in a viewer and save it anew",
    ]
    said = [reason for reason, num in zip(why, unread.values(), strict=True) if num]
    return "; ".join(said) or "there is nothing but white space in it"
