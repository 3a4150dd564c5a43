"""A Document as bytes and back, so that a newer parser does not orphan what was read.

Not covered: where the bytes are kept (engine.store).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, get_args

from workbench.documents.document import Document, DocumentWarning, Page, PageStatus, Section, Source
from workbench.errors import CacheCorrupt

_VERSION = 1
_PLAIN = {"str": str, "int": int, "PageStatus": str}


def to_bytes(document: Document) -> bytes:
    """All of a document, as JSON."""
    return json.dumps({"version": _VERSION, **asdict(document)}).encode()


def from_bytes(content: bytes) -> Document:
    """The document again.

    Raises:
        CacheCorrupt: it is none, or of another version.
    """
    try:
        stored = json.loads(content)
        if stored.pop("version") != _VERSION:
            raise CacheCorrupt("the stored document was written by another version; read its file again")
        document = Document(**{
            **_plain(Document, {name: stored.pop(name) for name in ("name", "text", "parent")}),
            "pages": tuple(Page(**_plain(Page, page)) for page in stored.pop("pages")),
            "outline": tuple(Section(**_plain(Section, section)) for section in stored.pop("outline")),
            "warnings": tuple(_warning(warning) for warning in stored.pop("warnings")),
            "source": Source(**_plain(Source, stored.pop("source"))),
            **stored,  # nothing, or it is not ours
        })  # fmt: skip
        _check_places(document)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CacheCorrupt(
            f"the stored document cannot be read ({type(error).__name__}); read its file again"
        ) from error
    return document


def _plain(kind: type, values: Mapping[str, object]) -> dict[str, Any]:
    """Values for fields of ``kind`` that are strings and numbers, each of its field's type."""
    types = {field.name: str(field.type) for field in fields(kind)}
    for name, value in values.items():
        if type(value) is not _PLAIN[types[name]] or (
            types[name] == "PageStatus" and value not in get_args(PageStatus)
        ):
            raise TypeError(f"{kind.__name__}.{name} is {type(value).__name__}")
    return dict(values)


def _warning(values: dict[str, Any]) -> DocumentWarning:
    pages = values.pop("pages")
    if not all(type(page) is int for page in pages):
        raise TypeError("DocumentWarning.pages are no numbers")
    return DocumentWarning(**_plain(DocumentWarning, values), pages=tuple(pages))


def _check_places(document: Document) -> None:
    """Pages cover the text without gaps, and sections stand inside: all that is asked of a Document relies on it."""
    ends = [0, *(page.end_char for page in document.pages)]
    starts = [*(page.start_char for page in document.pages), len(document.text)]
    spans = [(page.start_char, page.end_char) for page in document.pages] + [tuple(s.span) for s in document.outline]
    inside = all(0 <= start <= end <= len(document.text) for start, end in spans)
    if ends != starts or not document.pages or not inside:
        raise ValueError("pages or sections do not match the text")
