"""Where compiled kernels are kept between processes: in a folder that is ours alone, or nowhere.

numba's index is a pickle and its data are machine code: whoever can write to the folder can run code as us. So nothing
is loaded from a folder that belongs to another user, that others may enter, or that is a link. numba does not notice
changes in files other than a kernel's own: the folder is named for the hash of all kernel sources.

May not know: what the kernels compute.

Not covered: systems without POSIX permissions (nothing is kept there); removing the folders of older sources.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numba
from filelock import FileLock

from workbench import config

LOCK_SECONDS = 60.0
"""How long to wait for another process that compiles; one kernel takes 6 to 10 s."""


def compile_kernel(function: Callable[..., None], signature: Any, *, parallel: bool = True) -> Any:
    """A kernel for one signature: loaded from our folder, or compiled and put there.

    Args:
        function: at module level and without a closure, or numba would never find it again.
        signature: numba's types, or their text.
        parallel: whether its ``prange`` loops run in several threads.

    Returns:
        numba's dispatcher; ``stats.cache_hits`` tells whether it was loaded.
    """
    folder = private_folder()
    if folder is not None:
        try:
            # Two processes that save at once could leave an index that names the other one's code.
            with FileLock(folder / "lock", timeout=LOCK_SECONDS, mode=0o600):
                return _load_or_compile(function, signature, folder, parallel)
        except (OSError, NotImplementedError):
            pass  # no lock to be had: another process is stuck (Timeout), or the file system has none
    return _compile(function, signature, None, parallel)


def _load_or_compile(function: Callable[..., None], signature: Any, folder: Path, parallel: bool) -> Any:
    try:
        return _compile(function, signature, folder, parallel)
    except Exception:  # noqa: BLE001 - a torn file may raise anything; what is wrong with the kernel raises below
        # The next process starts anew. The folder itself stays: numba would make it again, but open to others.
        for kept in filter(Path.is_dir, folder.iterdir()):
            shutil.rmtree(kept, ignore_errors=True)
        return _compile(function, signature, None, parallel)


def private_folder() -> Path | None:
    """The folder for kernels of these sources, made if need be; None if it cannot be ours alone."""
    if not hasattr(os, "getuid"):
        return None
    folder = config.home() / "kernels" / _sources_hash()
    try:
        config.home().mkdir(parents=True, exist_ok=True)
        for each in (folder.parent, folder):
            each.mkdir(mode=0o700, exist_ok=True)
            status = each.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid() or status.st_mode & 0o077:
                return None
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return None
    return folder


def _sources_hash() -> str:
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:16]


def _compile(function: Callable[..., None], signature: Any, folder: Path | None, parallel: bool) -> Any:
    with _numba_keeps_in(folder):
        kernel = numba.njit(parallel=parallel, nogil=True, cache=folder is not None)(function)
    kernel.compile(signature)
    kernel.disable_compile()  # other layouts are converted to this signature, other dtypes refused
    return kernel


@contextmanager
def _numba_keeps_in(folder: Path | None) -> Iterator[None]:
    """Where functions decorated meanwhile are kept; numba's settings, which are the user's, come back."""
    before = numba.config.CACHE_DIR, numba.config.CACHE_LOCATOR_CLASSES
    # Only this locator: the others would fall back to folders that we did not look at.
    numba.config.CACHE_DIR, numba.config.CACHE_LOCATOR_CLASSES = str(folder or ""), "UserProvidedCacheLocator"
    try:
        yield
    finally:
        numba.config.CACHE_DIR, numba.config.CACHE_LOCATOR_CLASSES = before
