"""What a reader made becomes a Document: no text is an error, broken characters are said.

Not covered: several files as one (collection).
"""

from __future__ import annotations

import re
from dataclasses import replace

from workbench.documents.document import Document, DocumentWarning, Source
from workbench.documents.parsed import Parsed
from workbench.errors import DocumentError

_LONE = re.compile("[\ud800-\udfff]")


def document_of(name: str, parsed: Parsed, source: Source) -> Document:
    """A Document of its own.

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
    return Document(name, text, pages, outline, warnings, source, members=parsed.members, layout=parsed.layout)


def _why_empty(parsed: Parsed) -> str:
    unread = {status: sum(page.status == status for page in parsed.pages) for status in ("scanned", "unreadable")}
    total = len(parsed.pages)
    why = [
        f"{unread['scanned']} of its {total} pages are pictures; pip install 'qwen-workbench[ocr]' has them recognised",
        f"{unread['unreadable']} of its {total} pages are damaged; open it in a viewer and save it anew",
    ]
    said = [reason for reason, num in zip(why, unread.values(), strict=True) if num]
    return "; ".join(said) or "there is nothing but white space in it"
