"""A zip of documents or source code: which files it holds, and each one's bytes.

Not covered: reading them (collection), what is refused (unpacking).
"""

from __future__ import annotations

import zipfile
from pathlib import PurePosixPath

from workbench.documents.collection import Contents, Item, LeftOut, collect
from workbench.documents.formats import ZIP
from workbench.documents.parsed import Job, Parsed
from workbench.documents.readers.code import why_not
from workbench.documents.unpacking import DAMAGE, Allowance, is_link, open_zip
from workbench.errors import DocumentError

_ENCRYPTED = 0x1


def read_zip(job: Job) -> Parsed:
    """A zip within another document, as one text.

    Raises:
        DocumentError: it is refused or damaged, or nothing in it can be read.
    """
    contents = zip_contents(job.data, job.name, job.options.password, Allowance(), job.name)
    found = collect(job.name, job.name, ZIP.media_type, contents, job.options, job.report)
    return Parsed(found.text, found.pages, found.outline, found.warnings, found.layout, found.members)


def zip_contents(data: bytes, name: str, password: str | None, allowance: Allowance, path: str) -> Contents:
    """The files in a zip, in order of path.

    Raises:
        DocumentError: it is damaged, or refused as unsafe.
    """
    archive = open_zip(data, name, allowance)
    items: list[Item] = []
    left_out: list[LeftOut] = []
    # Files of a folder before its subfolders, as on disk.
    for entry in sorted(archive.infolist(), key=_order):
        if entry.is_dir():
            continue
        why = "links" if is_link(entry) else why_not(entry.filename)
        if why:
            left_out.append(LeftOut(entry.filename, why))
        else:
            items.append(Item(entry.filename, f"{path}/{entry.filename}", _Entry(archive, entry, password)))
    return Contents(items, left_out)


def _order(entry: zipfile.ZipInfo) -> tuple[tuple[bool, str], ...]:
    *folders, file = PurePosixPath(entry.filename).parts or ("",)
    return (*((True, folder) for folder in folders), (False, file))


class _Entry:
    """Gives the bytes of a file in an archive when they are asked for."""

    def __init__(self, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, password: str | None) -> None:
        self._archive, self._entry, self._password = archive, entry, password

    def __call__(self) -> bytes:
        name = self._entry.filename
        if self._entry.flag_bits & _ENCRYPTED and self._password is None:
            raise DocumentError(f"{name} is locked with a password. Give load(..., password=...).")
        try:
            return self._archive.read(self._entry, self._password.encode() if self._password else None)
        except DAMAGE as error:
            wrong = "password" in str(error).lower()
            why = "the password is not the right one" if wrong else f"it is damaged in its archive ({error})"
            raise DocumentError(f"{name} cannot be unpacked: {why}.") from error
