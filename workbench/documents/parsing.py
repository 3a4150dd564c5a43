"""The bytes of one file become a Document.

Not covered: where the bytes come from (load), several files as one (collection).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import PurePath

from workbench.documents.assemble import document_of
from workbench.documents.document import Document, Source
from workbench.documents.formats import recognise
from workbench.documents.parsed import Job, PageCallback, ReadOptions, unheard
from workbench.errors import DocumentError


@dataclass(frozen=True, slots=True)
class File:
    """A file that is to become a Document.

    Attributes:
        data: its bytes.
        name: what people shall call it.
        path: where it came from, for people.
        suffix: that names its format, if its content does not; that of its name by default.
    """

    data: bytes = field(repr=False)
    name: str
    path: str
    suffix: str = ""


def parse(file: File, options: ReadOptions, report: PageCallback = unheard) -> Document:
    """Read it whole.

    Raises:
        DocumentError: it is empty, binary, locked or damaged; the message says which.
    """
    if not file.data:
        raise DocumentError(f"{file.name} is empty (0 bytes).")
    kind = recognise(file.data, (file.suffix or PurePath(file.name).suffix).lower())
    parsed = kind.load_reader()(Job(file.data, file.name, options, report))
    source = Source(file.path, hashlib.sha256(file.data).hexdigest(), len(file.data), kind.media_type)
    return document_of(file.name, parsed, source, options.hidden)
