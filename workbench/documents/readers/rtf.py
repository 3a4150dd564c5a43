"""RTF through striprtf; notes, comments and text boxes, which it passes over, are put where they stand.

Not covered: headings (RTF has none of its own), pictures and headers (counted, and said).
"""

from __future__ import annotations

import re

from striprtf.striprtf import rtf_to_text

from workbench.documents.draft import Draft
from workbench.documents.parsed import Job, Parsed
from workbench.documents.readers.text import headings
from workbench.errors import DocumentError

_ASIDE = re.compile(r"\{(?:\\\*)?\s*\\(?:footnote|annotation|shptxt)(?![a-z]) ?")
_BRACE = re.compile(r"\\[\\{}]|[{}]")
_COUNTED = (
    ("pict", "pictures"),
    ("header[lrf]?", "headers"),
    ("footer[lrf]?", "footers"),
    ("object", "embedded files"),
)
# Private characters around what stands aside; they are taken out again.
_OPEN, _CLOSE = "\ue0f0", "\ue0f1"
_OPENED = f"\\u{ord(_OPEN) - 65_536}?"
_CLOSED = f"\\u{ord(_CLOSE) - 65_536}?"


def read_rtf(job: Job) -> Parsed:
    """An RTF file.

    Raises:
        DocumentError: it is damaged.
    """
    source = job.data.decode("latin-1")  # RTF is ASCII; other bytes mean what its code page says
    try:
        text = rtf_to_text(  # type: ignore[no-untyped-call]
            _with_asides(source), encoding="cp1252", errors="replace"
        )
    except (ValueError, LookupError, TypeError, AttributeError, UnicodeError, RecursionError) as error:
        raise DocumentError(f"{job.name} cannot be read as RTF: {error}. Save it anew, as DOCX or text.") from error
    draft = Draft()
    _write(draft, text)
    parsed = draft.parsed()
    for section in headings(parsed.text):
        draft.head_at(section.start_char, section.level, section.title)
    for words, what in _COUNTED:
        num = len(re.findall(rf"\{{(?:\\\*)?\s*\\{words}(?![a-z])", source))
        if num:
            draft.warn("skipped", f"{num} {what} were not read. Save the file as DOCX to have them read or counted.")
    job.report(1, 1)
    return draft.parsed()


def _with_asides(source: str) -> str:
    """The source with notes, comments and boxes as groups of plain text between private characters."""
    pieces: list[str] = []
    start = 0
    while (found := _ASIDE.search(source, start)) is not None:
        end = _group_end(source, found.start())
        pieces += [source[start : found.start()], "{", _OPENED, source[found.end() : end - 1], _CLOSED, "}"]
        start = end
    return "".join([*pieces, source[start:]])


def _group_end(source: str, start: int) -> int:
    """One past the brace that closes a group."""
    depth = 0
    for brace in _BRACE.finditer(source, start):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if depth == 0:
            return brace.end()
    return len(source)


def _write(draft: Draft, text: str) -> None:
    for piece in re.split(f"([{_OPEN}{_CLOSE}])", text):
        if piece == _OPEN:
            draft.make(" [")
        elif piece == _CLOSE:
            draft.make("]")
        else:
            draft.add(piece)
