"""Readings on disk, as people know them: which there are, and the document of one.

Not covered: their files (engine.store), reading them (session.bench).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl

from workbench import tables
from workbench.documents.archive import from_bytes, to_bytes
from workbench.documents.document import Document
from workbench.errors import CacheCorrupt, ConfigError
from workbench.types import Engine, Keep

if TYPE_CHECKING:
    from workbench.engine.store import Entry, Store


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


def stored_document(store: Store, name: str, engine: Engine) -> tuple[Document, tuple[int, ...]]:
    """The document that a name means among the readings of this engine, and the ids that were read.

    Args:
        store: where to look.
        name: of the document, its hash, or the reading's key; either may be shortened.
        engine: whose readings they must be.

    Raises:
        ConfigError: there is none, or it was read by another engine, whose bits would be others.
        CacheCorrupt: it is damaged.
    """
    found = store.find(name)
    same = [entry for entry in found if entry.record is not None and entry.record.fingerprint == engine.fingerprint]
    entry = (same or found)[0]
    if entry.stored is None or entry.record is None:
        raise CacheCorrupt(
            f"The reading {entry.key[:8]} is damaged: {entry.problem}. `workbench cache rm {entry.key[:8]}` removes "
            "it; then read the file again."
        )
    if not same:
        theirs, parts = entry.record.engine, engine.fingerprint_parts
        differing = [
            f"{part} {theirs.get(part)} there, {parts[part]} here" for part in parts if theirs.get(part) != parts[part]
        ]
        raise ConfigError(
            f"{entry.name} was read by {entry.record.label.get('model')} in another way ({'; '.join(differing)}), so "
            "its answers would not be the same. Open it with a Workbench of that kind, or read the file again."
        )
    try:
        return from_bytes(entry.stored.document()), entry.stored.token_ids()
    except CacheCorrupt as error:
        raise CacheCorrupt(
            f"The reading of {entry.name} is damaged: {error}. `workbench cache rm {entry.key[:8]}` removes it."
        ) from error
