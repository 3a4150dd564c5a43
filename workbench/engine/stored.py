"""One reading on disk: a folder with its manifest, block file, recurrent states, token ids and document.

    manifest.json                what is committed (engine.record); replaced whole, by renaming
    blocks                       the KV blocks, exactly as they lie in memory: the cache file is the cache
    state-000000512.safetensors  recurrent states after 512 tokens (hybrid models only)
    tokens                       token ids, int32, little endian
    document                     what the session keeps beside it, opaque here

A chunk counts once the manifest names it. Killing the process loses at most the chunk it was at: the mapping's pages
belong to the kernel. Power loss can lose pages that were never written back; their checksums tell. The block file
takes its whole size before its first write, so that a full disk is an error and not a signal, and is never made
shorter; removing a reading unlinks it and leaves those who have it mapped alone.

Not covered: which readings there are, and who may write (engine.store); what the blocks mean (engine.memory).
"""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_states
from safetensors.torch import save as save_states

from workbench.engine.record import Chunk, Record, checksum
from workbench.errors import CacheCorrupt

_POPULATE_READ = 22  # Linux 5.14's MADV_POPULATE_READ: one call in the place of a page fault for every 4 KiB


def reached(point: str) -> None:
    """Named places between the steps of a commit, for tests to stop at."""


class StoredReading:
    """A reading's folder. What cannot be read back is a ``CacheCorrupt``, what cannot be written an ``OSError``.

    Args:
        folder: of this reading.
        record: as last written.
    """

    def __init__(self, folder: Path, record: Record) -> None:
        self.folder = folder
        self.record = record

    @classmethod
    def create(cls, folder: Path, record: Record, token_ids: Sequence[int], document: bytes) -> StoredReading:
        """Make the folder, with room on the disk for all blocks.

        Raises:
            OSError: the disk is full or the folder cannot be written to; nothing is left behind.
        """
        shutil.rmtree(folder, ignore_errors=True)  # what is there was never finished, or is damaged
        ids = np.asarray(token_ids, "<i4").tobytes()
        record = replace(record, tokens_checksum=checksum(ids), document_checksum=checksum(document))
        stored = cls(folder, record)
        try:
            folder.mkdir(mode=0o700)
            _write(folder / "tokens", ids)
            _write(folder / "document", document)
            stored._allocate(record.num_bytes)
            stored.write(record)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return stored

    @classmethod
    def open(cls, folder: Path) -> StoredReading:
        """Read the manifest of a folder, and see that its block file has its size.

        Raises:
            CacheCorrupt: what is there is no reading of ours, or not whole.
        """
        try:
            record = Record.from_json((folder / "manifest.json").read_bytes())
            size = (folder / "blocks").stat().st_size
        except OSError as error:
            raise CacheCorrupt(f"its file {Path(error.filename or folder).name} cannot be read") from error
        if size != record.num_bytes:
            raise CacheCorrupt(f"its block file has {size:,} bytes, not {record.num_bytes:,}")
        return cls(folder, record)

    def discard(self) -> None:
        """Remove it; those who have it mapped keep what they have."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _allocate(self, num_bytes: int) -> None:
        handle = os.open(self.folder / "blocks", os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600)
        try:
            if num_bytes and hasattr(os, "posix_fallocate"):
                os.posix_fallocate(handle, 0, num_bytes)
            elif shutil.disk_usage(self.folder).free < num_bytes:  # macOS has no fallocate
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.folder))
            else:
                os.truncate(handle, num_bytes)
        finally:
            os.close(handle)

    def map(self, *, writable: bool) -> np.ndarray:
        """The block file as bytes in memory: shared with the file, or, not ``writable``, private to this process.

        Raises:
            CacheCorrupt: it is gone.
        """
        if not self.record.num_bytes:
            return np.empty(0, np.uint8)
        access = mmap.ACCESS_WRITE if writable else mmap.ACCESS_COPY
        try:
            with (self.folder / "blocks").open("r+b" if writable else "rb") as file:
                mapped = mmap.mmap(file.fileno(), self.record.num_bytes, access=access)
        except (OSError, ValueError) as error:
            raise CacheCorrupt("its block file cannot be mapped") from error
        if not writable:
            with contextlib.suppress(OSError, ValueError, AttributeError):
                mapped.madvise(_POPULATE_READ)
        return np.frombuffer(mapped, np.uint8)

    def write(self, record: Record) -> None:
        """Replace the manifest: the moment at which everything new in it counts."""
        _write(self.folder / "manifest.json", record.to_json(), "manifest")
        self.record = record

    def commit(
        self, chunks: Sequence[Chunk], states: Mapping[int, Mapping[str, torch.Tensor]], kept: frozenset[int]
    ) -> None:
        """Count chunks whose blocks are written.

        Args:
            chunks: the new ones, at least one.
            states: recurrent states by number of tokens, those after the last chunk among them; empty for a model
                without.
            kept: numbers of tokens whose states stay; others go once they are not the last.
        """
        reached("chunk checked")
        found = {tokens: state for tokens, state in self.record.states.items() if tokens in kept}
        for tokens, tensors in states.items():
            content = save_states({name: tensor.contiguous() for name, tensor in tensors.items()})
            found[tokens] = checksum(content)
            _write(self._state(tokens), content, "states")
        outdated = self.record.states.keys() - found.keys()
        self.write(replace(self.record, chunks=(*self.record.chunks, *chunks), states=found))
        for tokens in outdated:
            self._state(tokens).unlink(missing_ok=True)
        reached("outdated states removed")

    def states(self, num_tokens: int) -> dict[str, torch.Tensor]:
        """The recurrent states after ``num_tokens``.

        Raises:
            CacheCorrupt: they are not there, or damaged.
        """
        if num_tokens not in self.record.states:
            raise CacheCorrupt(f"it has no states after {num_tokens:,} tokens")
        try:
            return load_states(self._content(self._state(num_tokens).name, self.record.states[num_tokens]))
        except SafetensorError as error:
            raise CacheCorrupt(f"its states after {num_tokens:,} tokens cannot be read") from error

    def token_ids(self) -> tuple[int, ...]:
        """What was to be read.

        Raises:
            CacheCorrupt: they are missing or damaged.
        """
        return tuple(np.frombuffer(self._content("tokens", self.record.tokens_checksum), "<i4").tolist())

    def document(self) -> bytes:
        """What the session keeps beside it.

        Raises:
            CacheCorrupt: it is missing or damaged.
        """
        return self._content("document", self.record.document_checksum)

    def _content(self, name: str, stated: str) -> bytes:
        try:
            content = (self.folder / name).read_bytes()
        except OSError as error:
            raise CacheCorrupt(f"its file {name} cannot be read") from error
        if checksum(content) != stated:
            raise CacheCorrupt(f"its file {name} does not match its checksum")
        return content

    def _state(self, num_tokens: int) -> Path:
        return self.folder / f"state-{num_tokens:09}.safetensors"


def _write(path: Path, content: bytes, name: str = "") -> None:
    """Write a file of ours whole, readable by its owner alone: beside its place first, then renamed."""
    beside = path.with_name(path.name + ".new")
    try:
        with os.fdopen(os.open(beside, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
            file.write(content)
        reached(f"{name} written")
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    reached(f"{name} renamed")
