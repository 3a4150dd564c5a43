"""Readings on disk, as people know them: which there are, and the document of one.

Not covered: their files (engine.store), reading them (session.bench).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl

from workbench import tables
from workbench.analysis.context import opening_ids, prefix_ids
from workbench.documents.archive import from_bytes, to_bytes
from workbench.documents.document import Document
from workbench.errors import CacheCorrupt, ConfigError, WorkbenchError
from workbench.types import Engine, Keep, LoadedModel

if TYPE_CHECKING:
    from workbench.engine.store import Entry, Store

PART = " · "
"""Stands in the name of a selection, between the document and the part."""


def keep(document: Document, model: str) -> Keep:
    """What the store keeps beside the tokens of a document."""
    date = datetime.now(UTC).isoformat(timespec="seconds")
    label = {"name": document.name, "hash": document.hash, "model": model, "date": date}
    return Keep(label, to_bytes(document))


def readings_frame(entries: list[Entry]) -> pl.DataFrame:
    """Readings as a frame, see ``tables.READINGS``."""
    return pl.DataFrame([_row(entry) for entry in entries], schema=tables.READINGS, orient="row")


def _row(entry: Entry) -> tuple[object, ...]:
    record, used = entry.record, datetime.fromtimestamp(entry.used_s, UTC)
    if record is None:
        return ("", "", 0, 0, entry.num_bytes, None, "", used, False, entry.key, entry.problem)
    label = record.label
    date = datetime.fromisoformat(label["date"]) if "date" in label else None
    return (
        label.get("name", ""), label.get("hash", ""), record.num_tokens, record.committed_tokens, entry.num_bytes, date,
        label.get("model", ""), used, record.pinned, entry.key, "",
    )  # fmt: skip


def find(store: Store, name: str) -> list[Entry]:
    """The readings that a name means; a whole document comes before its parts, then those used last.

    Args:
        store: where to look.
        name: of the document, its hash, or the reading's key; either may be shortened.

    Raises:
        ConfigError: there is none.
    """
    return sorted(store.find(name), key=lambda entry: (entry.name != name, entry.name.count(PART)))


def stored_document(store: Store, name: str, loaded: LoadedModel) -> Document:
    """The document that a name means among the readings of this engine.

    Args:
        store: where to look.
        name: as for ``find``.
        loaded: whose readings they must be.

    Raises:
        ConfigError: there is none, or it was read by another engine, whose bits would be others, or with other
            instructions.
        CacheCorrupt: it is damaged.
    """
    found = find(store, name)
    same = [entry for entry in found if entry.record and entry.record.fingerprint == loaded.engine.fingerprint]
    if not same:
        raise _of_another(found[0], loaded.engine)
    for entry in same:
        document, ids = content(entry)
        if ids == (*prefix_ids(loaded.tokenizer, document.text), *opening_ids(loaded.tokenizer)):
            return document
    raise ConfigError(
        f"{same[0].name} was read with other instructions, by another version of the workbench. "
        "Read it again: bench.read(wb.load(...))."
    )


def _of_another(entry: Entry, engine: Engine) -> WorkbenchError:
    """Why a reading that is there cannot be opened here."""
    if entry.record is None:
        return _damaged(entry, entry.problem)
    theirs, ours = entry.record.engine, engine.fingerprint_parts
    differing = "; ".join(
        f"{part} {theirs.get(part)} there, {ours[part]} here" for part in ours if theirs.get(part) != ours[part]
    )
    return ConfigError(
        f"{entry.name} was read by {entry.record.label.get('model')} in another way ({differing}), so its answers "
        "would not be the same. Open it with a Workbench of that kind, or read the file again."
    )


def content(entry: Entry) -> tuple[Document, tuple[int, ...]]:
    """The document of a reading, and the ids that were read.

    Raises:
        CacheCorrupt: they are damaged.
    """
    if entry.stored is None:
        raise _damaged(entry, entry.problem)
    try:
        document, ids = from_bytes(entry.stored.document()), entry.stored.token_ids()
    except CacheCorrupt as error:
        raise _damaged(entry, str(error)) from error
    if document.hash != entry.hash:
        raise _damaged(entry, "its document is another")
    return document, ids


def _damaged(entry: Entry, problem: str) -> CacheCorrupt:
    said = entry.name or entry.key[:8]
    return CacheCorrupt(
        f"The reading of {said} is damaged: {problem}. `workbench cache rm {entry.key[:8]}` removes it; "
        "then read the file again."
    )
