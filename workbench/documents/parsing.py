"""The bytes of one file become a Document: from the cache, in a process of its own, or here.

Not covered: where the bytes come from (load), several files as one (collection), the process (isolation).
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import PurePath
from typing import Any

from workbench import config
from workbench.documents.archive import from_bytes, pieces, to_bytes
from workbench.documents.assemble import document_of
from workbench.documents.document import Document, Source
from workbench.documents.formats import Format, recognise
from workbench.documents.parsed import Job, PageCallback, ReadOptions, unheard
from workbench.errors import CacheCorrupt, DocumentError

PARSE_TASK = "workbench.documents.parsing:parse_task"
"""The task of a process of its own that makes a Document, as archive writes it, of a file."""


@dataclass(frozen=True, slots=True)
class File:
    """A file that is to become a Document.

    Attributes:
        data: its bytes.
        name: what people shall call it.
        path: where it came from, for people.
        suffix: that names its format, if its content does not; that of its name by default.
        kind: its format, where that is known already.
    """

    data: bytes = field(repr=False)
    name: str
    path: str
    suffix: str = ""
    kind: Format | None = None

    @property
    def format(self) -> Format:
        """What kind of file it is."""
        return self.kind or recognise(self.data, (self.suffix or PurePath(self.name).suffix).lower())


def parse(
    file: File, options: ReadOptions, report: PageCallback = unheard, cancel: threading.Event | None = None
) -> Document:
    """Read it whole; what may crash, hang or swell is read in a process of its own, and kept for the next time.

    Args:
        file: to be read.
        options: what the user decided.
        report: told how far it is; not called for what was read before.
        cancel: stops it when it is set.

    Raises:
        DocumentError: it is empty, binary, locked or damaged, goes over a limit, crashes its reader, or was stopped;
            the message says which.
    """
    if not file.data:
        raise DocumentError(f"{file.name} is empty (0 bytes).")
    file = replace(file, kind=file.format)  # recognised once: for zips that means to open them
    if not file.format.isolated:
        return read_here(file, options, _stoppable(file.name, report, cancel))
    from workbench.documents.parse_cache import ParseCache, key_of

    cache = ParseCache.of_user()
    key = key_of(hashlib.sha256(file.data).hexdigest(), file.name, file.format.name, options) if cache else None
    if cache and key and (found := cache.find(key)):
        return replace(found, source=replace(found.source, path=file.path))
    if config.isolation():
        document, content = _read_apart(file, options, report, cancel)
    else:
        document, content = read_here(file, options, _stoppable(file.name, report, cancel)), None
    if cache and key:
        cache.keep(key, to_bytes(document) if content is None else content)
    return document


def read_here(file: File, options: ReadOptions, report: PageCallback = unheard) -> Document:
    """Read it whole in this process.

    Raises:
        DocumentError: as ``parse``, limits aside.
    """
    kind = file.format
    parsed = kind.load_reader()(Job(file.data, file.name, options, report))
    source = Source(file.path, hashlib.sha256(file.data).hexdigest(), len(file.data), kind.media_type)
    return document_of(file.name, parsed, source, options.hidden)


def _read_apart(
    file: File, options: ReadOptions, report: PageCallback, cancel: threading.Event | None
) -> tuple[Document, bytearray]:
    """Read it in a process of its own; the document, and the same as bytes."""
    from workbench.documents.isolation import Worker

    parameters = {"name": file.name, "path": file.path, "suffix": file.suffix, "options": asdict(options)}
    with Worker() as worker:
        content = worker.run(PARSE_TASK, file.data, parameters, name=file.name, report=report, cancel=cancel)
    try:
        return from_bytes(content), content
    except CacheCorrupt as error:
        raise DocumentError(
            f"{file.name} cannot be read: its reader answered with something else than a document. The file is "
            "damaged, or made to do that; open it in a viewer and save it anew."
        ) from error


def parse_task(data: bytes, parameters: Mapping[str, Any], report: PageCallback) -> Iterable[bytes | memoryview]:
    """What the process of its own does: the document as archive writes it."""
    file = File(data, parameters["name"], parameters["path"], parameters["suffix"])
    return pieces(read_here(file, ReadOptions(**parameters["options"]), report))


def _stoppable(name: str, report: PageCallback, cancel: threading.Event | None) -> PageCallback:
    """A listener that stops the reader when it is told of the next page."""
    if cancel is None:
        return report

    def heard(done: int, total: int) -> None:
        if cancel.is_set():
            of = f" of {total:,}" if total else ""
            raise DocumentError(f"Loading {name} was stopped after {done:,}{of}. Load it again to start over.")
        report(done, total)

    return heard
