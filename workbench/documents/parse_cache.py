"""Parsed documents on disk, so that a file is parsed once: a checksum, then the document as archive writes it.

An entry's key is a hash of the file's bytes and name, of what the user decided, and of everything that reads: our own
code and the libraries below it. What a password opened is never kept. The folder is its owner's alone; what is used
longest ago goes when room is short. A folder that cannot be written to is worked without.

Not covered: what was read by a model (engine.store).

Source: xxh3 (Collet) against damage, not against forgery: whoever can write to the folder owns what is in it.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import logging
import os
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import xxhash

from workbench import config
from workbench.display import note
from workbench.documents.archive import from_bytes
from workbench.documents.document import Document
from workbench.documents.parsed import ReadOptions
from workbench.errors import CacheCorrupt

_log = logging.getLogger(__name__)

LIBRARIES = (
    "charset-normalizer", "ebooklib", "inscriptis", "lxml", "markdown-it-py", "nbformat", "numpy", "openpyxl",
    "pathspec", "polars", "pymupdf", "python-pptx", "rapidocr", "striprtf",
)  # fmt: skip
"""Distributions that the readers stand on: another version of one may read another text."""

_SUFFIX = ".document"
_CHECKSUM_CHARS = 32
_ABANDONED_S = 3_600.0
"""Age of a half-written file that nobody writes any more."""


@dataclass(frozen=True, slots=True)
class Parsings:
    """What is kept.

    Attributes:
        num: of documents.
        num_bytes: they take together.
    """

    num: int
    num_bytes: int


class ParseCache:
    """A folder of parsed documents.

    Args:
        folder: where they are; made when first written to.
        max_bytes: they may take together.
    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder, self.max_bytes = folder, max_bytes

    @classmethod
    def of_user(cls) -> ParseCache | None:
        """The user's own; None when nothing is to be kept on disk.

        Raises:
            ConfigError: an environment variable is not a number.
        """
        folder = config.documents_folder()
        return None if folder is None else cls(folder, config.documents_bytes())

    def find(self, key: str) -> Document | None:
        """The document of a key, marked as used now; None when there is none, or it is damaged and now gone."""
        path = self._path(key)
        try:
            document = from_bytes(_checked(path.read_bytes()))
            os.utime(path)
        except CacheCorrupt as error:
            _log.warning("a parsed document was damaged and is parsed again: %s", error)
            _remove(path)
        except OSError:  # none, or not ours to look at
            return None
        else:
            return document
        return None

    def keep(self, key: str, content: bytes | bytearray) -> None:
        """Keep a document under a key; silently not, where that cannot be done."""
        if len(content) > self.max_bytes:
            return
        beside = self.folder / f".{key}.{secrets.token_hex(4)}"
        try:
            is_first = not self.folder.exists()
            for folder in (self.folder.parent, self.folder):
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.prune(self.max_bytes - len(content))
            with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(_checksum(content))
                file.write(content)
            os.replace(beside, self._path(key))
            if is_first:
                self._tell()
        except OSError as error:
            _log.info("the parsed document was not kept: %s", error)
        finally:
            _remove(beside)

    def _tell(self) -> None:
        """Say once where documents are kept from now on, to who has not said it himself."""
        _log.info("parsed documents are kept in %s", self.folder)
        if not config.names_store():
            note(
                f"Documents are kept as they were parsed in {self.folder}, to be there at once the next time. "
                "WORKBENCH_STORE=off keeps none; workbench cache shows and clears them."
            )

    def held(self) -> Parsings:
        """How many there are, and what they take."""
        sizes = [size for _, size, _ in self._entries()]
        return Parsings(len(sizes), sum(sizes))

    def prune(self, max_bytes: int) -> Parsings:
        """Remove those used longest ago until the others take at most ``max_bytes``; returns what was removed."""
        entries = sorted(self._entries(), key=lambda entry: entry[2])
        total, removed = sum(size for _, size, _ in entries), []
        for path, size, _ in entries:
            if total <= max_bytes:
                break
            _remove(path)
            total -= size
            removed.append(size)
        self._tidy()
        return Parsings(len(removed), sum(removed))

    def damaged(self) -> list[str]:
        """What is wrong with those that are damaged, a sentence each."""
        found = []
        for path, _, _ in self._entries():
            try:
                from_bytes(_checked(path.read_bytes()))
            except CacheCorrupt as error:
                found.append(f"{path.name.removesuffix(_SUFFIX)[:8]}: {error}")
            except OSError as error:
                found.append(f"{path.name.removesuffix(_SUFFIX)[:8]}: {error.strerror}")
        return found

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}{_SUFFIX}"

    def _entries(self) -> Iterable[tuple[Path, int, float]]:
        """Path, bytes and time of last use of each."""
        with contextlib.suppress(OSError):  # the folder is not there yet, or not ours to look into
            for path in self.folder.iterdir():
                with contextlib.suppress(OSError):  # it went away meanwhile
                    if path.suffix == _SUFFIX:
                        found = path.stat()
                        yield path, found.st_size, found.st_mtime

    def _tidy(self) -> None:
        """Remove what a process that was killed left half written."""
        for path in self.folder.glob(".*"):
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > _ABANDONED_S:
                    path.unlink()


def key_of(sha256: str, name: str, format_name: str, options: ReadOptions) -> str | None:
    """The key of a file's parsing; None when it is not to be kept, for it was opened with a password.

    The name is part of it, since readers put it into what they warn of.
    """
    if options.password is not None:
        return None
    decided = (options.hidden, options.headers, options.ocr)
    whole = repr((sha256, name, format_name, decided, readers_version()))
    return hashlib.sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@functools.cache
def readers_version() -> str:
    """A hash of all that decides what is read: the code of this package, and the versions of its libraries."""
    # The code itself, not a number somebody must remember to raise: a stale parsing looks just like a true one.
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.rglob("*.py")):
        digest.update(f"\0{path.name}\0".encode() + path.read_bytes())
    for library in LIBRARIES:
        digest.update(f"\0{library}\0{_version(library)}".encode())
    return digest.hexdigest()


def _version(library: str) -> str:
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return "absent"


def _checksum(content: bytes | bytearray | memoryview) -> bytes:
    return xxhash.xxh3_128_hexdigest(content).encode()


def _checked(stored: bytes) -> memoryview:
    """What stands behind the checksum.

    Raises:
        CacheCorrupt: it is not what was written.
    """
    content = memoryview(stored)[_CHECKSUM_CHARS:]
    if stored[:_CHECKSUM_CHARS] != _checksum(content):
        raise CacheCorrupt("it does not match its checksum")
    return content


def _remove(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()
