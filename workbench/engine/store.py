"""The readings on disk: which there are, who may write, what goes when room is short.

A reading's key is a hash of everything that its bits hang on (engine fingerprint, token ids, where they are cut) and
of the document it belongs to. Two processes that read the same document meet at a lock: the second waits, then
reopens. What is damaged is named, and read again.

Not covered: one reading's files (engine.stored), the memory they are mapped into (engine.memory).
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock, Timeout

from workbench.engine.record import Record
from workbench.engine.stored import StoredReading
from workbench.errors import CacheCorrupt, ConfigError, nearest

KEY_CHARS = 32


@dataclass(frozen=True, slots=True)
class Entry:
    """A reading in the store.

    Attributes:
        key: its folder's name.
        num_bytes: that it takes on the disk.
        used_s: when it was last read or opened, seconds since 1970.
        stored: its files; None when they are damaged.
        problem: what is wrong with it, or nothing.
    """

    key: str
    num_bytes: int
    used_s: float
    stored: StoredReading | None
    problem: str = ""

    @property
    def record(self) -> Record | None:
        """What is written down about it."""
        return self.stored.record if self.stored else None

    @property
    def name(self) -> str:
        """The document's name, for people."""
        return self.record.label.get("name", "") if self.record else ""

    @property
    def hash(self) -> str:
        """The document's hash."""
        return self.record.label.get("hash", "") if self.record else ""


class Store:
    """A folder of readings.

    Args:
        folder: where they are; made when first written to, for its owner alone.
        max_bytes: that they may take together; None takes half of what is free on the disk and theirs.
    """

    def __init__(self, folder: Path, max_bytes: int | None = None) -> None:
        self.folder = folder
        self._max_bytes = max_bytes

    @property
    def max_bytes(self) -> int:
        """Bytes that all readings may take together."""
        return self._limit(self.entries())

    def _limit(self, entries: Sequence[Entry]) -> int:
        if self._max_bytes is not None:
            return self._max_bytes
        present = next(path for path in (self.folder, *self.folder.parents) if path.exists())
        return (shutil.disk_usage(present).free + sum(entry.num_bytes for entry in entries)) // 2

    def lock(self, key: str) -> FileLock:
        """The lock of who writes a reading, across processes."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return FileLock(self.folder / f"{key}.lock", mode=0o600)

    def entries(self) -> list[Entry]:
        """All readings, those used last first."""
        try:
            folders = [path for path in self.folder.iterdir() if path.is_dir() and len(path.name) == KEY_CHARS]
        except OSError:  # not there yet, or not ours to look into
            return []
        found = map(_entry, folders)
        return sorted((entry for entry in found if entry), key=lambda entry: -entry.used_s)

    def find(self, name: str) -> list[Entry]:
        """The readings that a document's name (with or without its ending), its hash or a key means.

        A hash or a key may be shortened to 6 characters. Those used last come first.

        Raises:
            ConfigError: there is none.
        """
        entries = self.entries()
        exact = [e for e in entries if e.name == name != ""]
        # Only an ending at the very end is one: "novel.txt · Chapter 1" is not called "novel".
        stems = [e for e in entries if re.sub(r"\.\w+$", "", e.name) == name != ""]
        hashes = [e for e in entries if len(name) >= 6 and (e.key.startswith(name) or e.hash.startswith(name))]
        if found := exact or stems or hashes:
            return found
        names = sorted({entry.name for entry in entries if entry.name})
        known = f"It has: {', '.join(names)}.{nearest(name, names)}" if names else "It is empty."
        if lost := sum(entry.stored is None for entry in entries):
            known += f" And {lost} damaged, whose names are lost: `workbench cache ls` shows them."
        raise ConfigError(f"{name!r} is not in the store ({self.folder}). {known}")

    def open(self, key: str) -> StoredReading | None:
        """A reading by key, marked as used now; None when there is none.

        Raises:
            CacheCorrupt: it is damaged.
        """
        folder = self.folder / key
        if not folder.is_dir():
            return None
        stored = StoredReading.open(folder)
        os.utime(folder)
        return stored

    def create(self, key: str, record: Record, token_ids: Sequence[int], document: bytes) -> StoredReading:
        """Begin a reading, its key's lock being held; others make room for it, those used last staying longest.

        Raises:
            OSError: the disk is full or the folder cannot be written to; nothing is left behind.
        """
        entries = self.entries()
        self._prune(entries, self._limit(entries) - record.num_bytes, keep=key)
        return StoredReading.create(self.folder / key, record, token_ids, document)

    def donors(self, fingerprint: str, chain: Sequence[str]) -> list[tuple[StoredReading, int]]:
        """Readings that begin like a new one.

        Args:
            fingerprint: of the engine.
            chain: hashes of the new one's chunks, see ``prompt.chains``.

        Returns:
            Each with the number of chunks in common, the most first.
        """
        found = []
        for entry in self.entries():
            if entry.stored is not None and entry.stored.record.fingerprint == fingerprint:
                theirs = [chunk.chain for chunk in entry.stored.record.chunks]
                # Equal chains are equal up to there: the deepest one tells.
                common = sum(ours == other for ours, other in zip(chain, theirs, strict=False))
                if common:
                    found.append((entry.stored, common))
        return sorted(found, key=lambda pair: -pair[1])

    def pin(self, key: str, *, pinned: bool) -> None:
        """Keep a reading from being removed to make room, or no longer.

        Raises:
            CacheCorrupt: it is damaged.
        """
        with self.lock(key):
            stored = self.open(key)
            if stored is not None:
                stored.write(replace(stored.record, pinned=pinned))

    def remove(self, key: str) -> bool:
        """Remove a reading; False when somebody is writing it. Those who have it open keep what they have."""
        try:
            with self.lock(key).acquire(timeout=0):
                shutil.rmtree(self.folder / key, ignore_errors=True)
        except Timeout:
            return False
        return True

    def prune(self, max_bytes: int) -> list[Entry]:
        """Remove damaged readings, then those used longest ago, until the others take at most ``max_bytes``.

        Pinned ones stay, and those that somebody is writing. Returns what was removed.
        """
        return self._prune(self.entries(), max_bytes)

    def _prune(self, entries: Sequence[Entry], max_bytes: int, *, keep: str = "") -> list[Entry]:
        total, removed = sum(entry.num_bytes for entry in entries), []
        for entry in sorted(entries, key=lambda entry: (entry.stored is not None, entry.used_s)):
            excess = total > max_bytes or entry.stored is None
            pinned = entry.record is not None and entry.record.pinned
            if excess and not pinned and entry.key != keep and self.remove(entry.key):
                total -= entry.num_bytes
                removed.append(entry)
        return removed


def _entry(folder: Path) -> Entry | None:
    """A folder of the store; None when it went away meanwhile."""
    try:
        files = [path.stat() for path in folder.iterdir()]
        used_s, num_bytes = folder.stat().st_mtime, sum(file.st_blocks * 512 for file in files)
    except OSError:
        return None
    try:
        return Entry(folder.name, num_bytes, used_s, StoredReading.open(folder))
    except CacheCorrupt as error:
        return Entry(folder.name, num_bytes, used_s, None, str(error))
