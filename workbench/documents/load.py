"""Files, folders and bytes become Documents: the right reader by suffix or content, and an error that says why not.

Nothing is ever fetched. What cannot be read is an error or a warning, never silence.

Not covered: what each format means (readers), how several become one (collection).
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from workbench.display import loading_view
from workbench.documents.collection import Contents, Item, LeftOut, collect, named
from workbench.documents.document import Document
from workbench.documents.formats import ZIP
from workbench.documents.parsed import KeepOrDrop, PageCallback, ReadOptions, unheard
from workbench.documents.parsing import File, parse
from workbench.documents.readers.code import folder_contents
from workbench.documents.readers.zipped import zip_contents
from workbench.documents.unpacking import Allowance
from workbench.errors import DocumentError

MADE_NAME = "document"
"""Name of bytes that came without one."""

FOLDER = "inode/directory"
"""Media type of a folder."""

_SHOWN_CHARS = 200
_SHOWN_PATHS = 20


Loadable = str | os.PathLike[str] | bytes


def load(
    source: Loadable | Sequence[Loadable],
    *,
    name: str | None = None,
    password: str | None = None,
    hidden: KeepOrDrop = "keep",
    headers: KeepOrDrop = "keep",
    ocr: bool = True,
    progress: bool | PageCallback | None = True,
    cancel: threading.Event | None = None,
) -> Document:
    """Load a document whole, or several as one: a file, a folder, a zip, or a list of any of these.

    Read are text in any encoding, Markdown, HTML, EPUB, PDF, Word, PowerPoint, Excel, OpenDocument, RTF, e-mail,
    Jupyter notebooks, CSV, Parquet, and source code.

    Args:
        source: a path, or the bytes of a file; or a list of them, read in its order.
        name: what people shall call it; its suffix also names the format of bytes.
        password: of an encrypted file.
        hidden: ``"drop"`` takes out text that a person would not see; it is warned of in either case.
        headers: ``"drop"`` takes out lines that come again at the top or bottom of pages.
        ocr: whether pages that are pictures are recognised, where an engine is installed.
        progress: True shows what takes longer than a second; a callable is told how many pages, or files of several,
            are read and of how
            many, again every half second; None or False is silent.
        cancel: stops it when it is set, from any thread.

    Raises:
        DocumentError: it is missing, empty, binary, locked, damaged or over a limit, or it was stopped; the message
            says which.
        ConfigError: an unknown choice.
    """
    options = ReadOptions(password, hidden, headers, ocr)
    if progress is not True:
        return _loaded(source, name, options, progress or unheard, cancel)
    with loading_view(_title(source, name)) as report:
        return _loaded(source, name, options, report, cancel)


def _title(source: Loadable | Sequence[Loadable], name: str | None) -> str:
    """What people shall call what is loaded."""
    if name or isinstance(source, bytes | bytearray | memoryview):
        return name or MADE_NAME
    if isinstance(source, str | os.PathLike):
        return Path(os.fspath(source)).name
    return f"{len(source)} documents"


def _loaded(
    source: Loadable | Sequence[Loadable],
    name: str | None,
    options: ReadOptions,
    report: PageCallback,
    cancel: threading.Event | None,
) -> Document:
    if isinstance(source, list | tuple):
        contents = _listed(source)
        title = _title(source, name)
        paths = [item.path for item in contents.items[:_SHOWN_PATHS]]
        shown = ", ".join(paths) + (" ..." if len(contents.items) > _SHOWN_PATHS else "")
        return collect(title, shown, "multipart/mixed", contents, options, report, cancel)
    if isinstance(source, bytes | bytearray | memoryview):
        return _from_bytes(File(bytes(source), name or MADE_NAME, name or "(bytes)"), options, report, cancel)
    path = _existing(os.fspath(source))  # type: ignore[arg-type]
    if path.is_dir():
        return collect(name or path.resolve().name, str(path), FOLDER, folder_contents(path), options, report, cancel)
    return _from_bytes(File(_bytes_of(path), name or path.name, str(path), path.suffix), options, report, cancel)


def _from_bytes(file: File, options: ReadOptions, report: PageCallback, cancel: threading.Event | None) -> Document:
    """A document of its own, or all that is in a zip."""
    file = replace(file, kind=file.format)
    if file.kind is not ZIP:
        return parse(file, options, report, cancel)
    contents = zip_contents(file.data, file.name, options.password, Allowance(), file.path)
    return collect(file.name, file.path, ZIP.media_type, contents, options, report, cancel)


def _listed(sources: Sequence[Loadable]) -> Contents:
    """The files of a list in its order, folders opened; what does not exist is an error at once."""
    items: list[Item] = []
    left_out: list[LeftOut] = []
    for source, name in zip(sources, named(sources), strict=True):
        if isinstance(source, bytes):
            items.append(Item(name, f"({name})", partial(bytes, source), in_tree=False))
            continue
        path = _existing(os.fspath(source))
        if not path.is_dir():
            items.append(Item(name, str(path), partial(_bytes_of, path), in_tree=False))
            continue
        inside = folder_contents(path)
        items += [replace(item, name=f"{name}/{item.name}") for item in inside.items]
        left_out += [replace(out, name=f"{name}/{out.name}") for out in inside.left_out]
    return Contents(items, left_out)


def _existing(given: str) -> Path:
    """The path of a file or folder that is there.

    Raises:
        DocumentError: it is not.
    """
    if not given.strip():
        raise DocumentError("The path is empty. Give a file, or a folder of source code ('.' for this one).")
    try:
        path = Path(given).expanduser()
        path.stat()
    except FileNotFoundError as error:
        raise DocumentError(f"There is no file {_short(given)}. {_advice(given)}") from error
    except (OSError, ValueError, RuntimeError) as error:
        raise _unreadable(given, error) from error
    return path


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(str(path), error) from error


def _unreadable(given: str, error: Exception) -> DocumentError:
    reason = getattr(error, "strerror", None) or error
    return DocumentError(f"{_short(given)} cannot be read: {reason}. Give the path of a file or a folder.")


def _short(given: str) -> str:
    return given if len(given) <= _SHOWN_CHARS else given[:_SHOWN_CHARS] + " ..."


def _advice(given: str) -> str:
    """What to try instead of a path that is not there."""
    from rapidfuzz import fuzz, process

    if re.match(r"[a-z][a-z0-9+.-]+://", given):
        return "Nothing is ever fetched: save the page or file, and load that."
    path = Path(given).expanduser()
    try:
        here = [entry.name for entry in path.parent.iterdir()]
    except OSError:
        return f"The folder {path.parent} cannot be read either; check the path."
    close = process.extractOne(path.name, here, scorer=fuzz.ratio, processor=str.casefold, score_cutoff=60)
    return f"Did you mean {close[0]!r}?" if close else f"Check the path; relative ones start at {Path.cwd()}."
