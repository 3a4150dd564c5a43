"""Kinds of file that are not read: an error that names the kind and says what to do.

Not covered: what the kinds are (formats).
"""

from __future__ import annotations

from pathlib import PurePath

from workbench.documents.formats import recognise
from workbench.documents.parsed import Job, Parsed
from workbench.errors import DocumentError


def refuse(job: Job) -> Parsed:
    """Nothing.

    Raises:
        DocumentError: always; it names the format and what to do instead.
    """
    suffix = PurePath(job.name).suffix.lower()
    kind, claimed = recognise(job.data, suffix), recognise(b"", suffix)
    article = "an" if kind.name[0] in "aeiouAEIOUX" else "a"
    other = "" if claimed.written or claimed.advice else f"no {claimed.name} but "
    raise DocumentError(
        f"{job.name} is {other}{article} {kind.name} ({len(job.data):,} bytes), which is not read. {kind.advice}"
    )
