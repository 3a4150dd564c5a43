"""A Document as bytes and back, so that a newer parser does not orphan what was read.

Not covered: where the bytes are kept (engine.store).
"""

from __future__ import annotations

import json
from dataclasses import asdict

from workbench.documents.document import Document, DocumentWarning, Page, Section, Source
from workbench.errors import CacheCorrupt

_VERSION = 1


def to_bytes(document: Document) -> bytes:
    """All of a document, as JSON."""
    return json.dumps({"version": _VERSION, **asdict(document)}).encode()


def from_bytes(content: bytes) -> Document:
    """The document again.

    Raises:
        CacheCorrupt: it is none, or of another version.
    """
    try:
        fields = json.loads(content)
        if fields.pop("version") != _VERSION:
            raise CacheCorrupt("the stored document was written by another version; read its file again")
        return Document(
            name=fields["name"],
            text=fields["text"],
            pages=tuple(Page(**page) for page in fields["pages"]),
            outline=tuple(Section(**section) for section in fields["outline"]),
            warnings=tuple(
                DocumentWarning(**{**warning, "pages": tuple(warning["pages"])}) for warning in fields["warnings"]
            ),
            source=Source(**fields["source"]),
            parent=fields["parent"],
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CacheCorrupt(
            f"the stored document cannot be read ({type(error).__name__}); read its file again"
        ) from error
