"""Zip archives, opened without trust: what would escape its folder or swell beyond measure is refused.

Nothing is ever written to disk. Office files and books are zips too, and come through here before their reader sees
them.

Not covered: what the files in an archive are (formats, collection).
"""

from __future__ import annotations

import io
import re
import stat
import zipfile
import zlib
from dataclasses import dataclass

from workbench.errors import DocumentError

MAX_RATIO = 200
"""Bytes out of a byte in, from which on an archive of any size is taken for a bomb; Office's XML reaches 50."""

RATIO_FROM_BYTES = 20_000_000
"""Unpacked bytes below which the ratio does not matter: so much is harmless."""

MAX_UNPACKED_BYTES = 2_000_000_000
"""Bytes that an archive, with all archives in it, may unpack to."""

MAX_ENTRIES = 50_000
"""Files that an archive, with all archives in it, may hold."""

DAMAGE = (
    zipfile.BadZipFile, zlib.error, OSError, ValueError, RuntimeError, NotImplementedError, EOFError, LookupError,
)  # fmt: skip
"""What Python's zipfile raises on archives that are broken."""

_HEAD_BYTES = 65_536
_DECLARES = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_OUTSIDE = re.compile(r"(?:^|[/\\])\.\.(?:[/\\]|$)|^[/\\]|^[A-Za-z]:")


@dataclass(slots=True)
class Allowance:
    """What may still be unpacked: one for an archive and all those in it.

    Attributes:
        num_bytes: left.
        num_entries: left.
    """

    num_bytes: int = MAX_UNPACKED_BYTES
    num_entries: int = MAX_ENTRIES

    def take(self, entries: list[zipfile.ZipInfo], name: str) -> None:
        """Count an archive.

        Raises:
            DocumentError: it is more than what is left.
        """
        self.num_bytes -= sum(entry.file_size for entry in entries)
        self.num_entries -= len(entries)
        if self.num_bytes < 0 or self.num_entries < 0:
            raise DocumentError(
                f"{name} was refused: with what is in it, it would unpack to more than {MAX_UNPACKED_BYTES / 1e9:g} GB "
                f"or {MAX_ENTRIES:,} files. Unpack it yourself and load what you need."
            )


def open_zip(data: bytes, name: str, allowance: Allowance | None = None) -> zipfile.ZipFile:
    """An archive whose list of files has been checked.

    Raises:
        DocumentError: it is damaged, has names outside its own folder, or would unpack to too much.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except DAMAGE as error:
        raise DocumentError(f"{name} is a damaged zip archive: {error}. Make it anew.") from error
    entries = archive.infolist()
    outside = next((entry.filename for entry in entries if _OUTSIDE.search(entry.filename)), None)
    if outside is not None:
        raise DocumentError(
            f"{name} was refused: its entry {outside[:80]!r} points outside the archive, as only attacks do. "
            "Do not unpack it."
        )
    num_bytes = sum(entry.file_size for entry in entries)
    if num_bytes > RATIO_FROM_BYTES and num_bytes > MAX_RATIO * len(data):
        raise DocumentError(
            f"{name} was refused: its {len(data):,} bytes would unpack to {num_bytes:,}, {num_bytes // len(data):,} "
            f"times as much ({MAX_RATIO} are allowed). If you trust it, unpack it yourself and load the folder."
        )
    (allowance or Allowance()).take(entries, name)
    return archive


def open_office(data: bytes, name: str) -> zipfile.ZipFile:
    """An Office file or book as a checked archive whose XML declares nothing of its own.

    Raises:
        DocumentError: as ``open_zip``; or XML in it declares entities, which such files never need.
    """
    archive = open_zip(data, name)
    for entry in archive.infolist():
        if not entry.filename.lower().endswith((".xml", ".rels")):
            continue
        try:
            with archive.open(entry) as part:
                head = part.read(_HEAD_BYTES)
        except DAMAGE:
            continue  # the reader says so, if it needs the part
        # In UTF-16 every other byte is zero.
        if _DECLARES.search(head.replace(b"\0", b"")):
            raise DocumentError(
                f"{name} was refused: its part {entry.filename!r} declares a document type or entities, as only "
                "attacks do. Save it anew in its own program."
            )
    return archive


def is_link(entry: zipfile.ZipInfo) -> bool:
    """Whether an entry is a symbolic link."""
    return stat.S_ISLNK(entry.external_attr >> 16)
