"""Several files as one Document: a folder, a zip or a list, each file behind its own marker.

What cannot be read is a page of status ``unreadable`` where it would have stood, what is left out on purpose a page of
status ``excluded`` at the end; both with their reason. Zips in a collection are opened, and their files stand in it.

Not covered: which files a folder has (readers.code) or a zip (readers.zipped); reading one (parsing).
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from workbench.documents.assemble import document_of
from workbench.documents.document import Document, Member, Page, PageStatus, Source
from workbench.documents.draft import Draft
from workbench.documents.formats import SOURCE, ZIP, Format, recognise
from workbench.documents.layout import Layout
from workbench.documents.parsed import PageCallback, Parsed, ReadOptions
from workbench.documents.parsing import File, parse
from workbench.documents.unpacking import Allowance
from workbench.errors import DocumentError

MAX_DEPTH = 3
"""Zips within each other that are opened."""

_SHOWN = 20
_TREE_TYPES = ("inode/directory", ZIP.media_type)


@dataclass(frozen=True, slots=True)
class Item:
    """A file of a collection that is still to be read.

    Attributes:
        name: its path in the collection.
        path: where it is, for people.
        read: gives its bytes; may raise OSError or DocumentError.
        in_tree: whether it was found in a folder or zip and not named by the user: text is kept as it was written,
            and what is no document is left out.
    """

    name: str
    path: str
    read: Callable[[], bytes] = field(repr=False)
    in_tree: bool = True


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file or folder that is not read on purpose: its path in the collection, and why, in a word or two."""

    name: str
    why: str


@dataclass(frozen=True, slots=True)
class Contents:
    """What a folder, zip or list holds: files in order, and what is left out."""

    items: Sequence[Item]
    left_out: Sequence[LeftOut] = ()


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What became of a file: its document, or why there is none."""

    name: str
    source: Source
    document: Document | None
    status: PageStatus = "read"
    reason: str = ""


def collect(
    name: str,
    path: str,
    media_type: str,
    contents: Contents,
    options: ReadOptions,
    report: PageCallback,
    cancel: threading.Event | None = None,
) -> Document:
    """Read all files of a collection and put them one behind the other.

    Raises:
        DocumentError: none of them can be read, or it was stopped; the message says which.
    """
    left_out = list(contents.left_out)
    outcomes: list[_Outcome] = []
    digest, num_bytes = hashlib.sha256(), 0
    allowance = Allowance()
    for done, item in enumerate(contents.items):
        if cancel is not None and cancel.is_set():
            raise DocumentError(
                f"Loading {name} was stopped after {done:,} of {len(contents.items):,} files. Load it again to start "
                "over."
            )
        report(done, len(contents.items))
        for found, data, kind in _opened(item, options, left_out, allowance):
            outcome = _read(found, data, kind, options, lambda *_, done=done: report(done, len(contents.items)), cancel)
            if isinstance(outcome, LeftOut):
                left_out.append(outcome)
                continue
            outcomes.append(outcome)
            if isinstance(data, bytes):
                digest.update(f"{found.name}\0{len(data)}\0".encode() + data)
                num_bytes += len(data)
    report(len(contents.items), len(contents.items))
    in_tree = media_type in _TREE_TYPES
    if not any(outcome.document for outcome in outcomes):
        raise DocumentError(_nothing(path, outcomes, left_out, in_tree))
    parsed, members = _assemble(name if in_tree else "", outcomes, left_out)
    source = Source(path, digest.hexdigest(), num_bytes, media_type)
    return document_of(name, replace(parsed, members=members), source)


def _opened(
    item: Item, options: ReadOptions, left_out: list[LeftOut], allowance: Allowance, depth: int = 1
) -> Iterator[tuple[Item, bytes | str, Format]]:
    """A file with its bytes, or with the reason why there are none, and its format; for a zip, the files in it."""
    from workbench.documents.readers.zipped import zip_contents

    try:
        data = item.read()
        kind = recognise(data, PurePosixPath(item.name).suffix.lower())  # once: for zips that means to open them
        if kind is not ZIP:
            yield item, data, kind
            return
        if depth > MAX_DEPTH:
            too_deep = f"zips within zips are opened to a depth of {MAX_DEPTH}; unpack it yourself and load the folder"
            yield item, too_deep, ZIP
            return
        contents = zip_contents(data, item.name, options.password, allowance, item.path)
    except OSError as error:
        yield item, f"{error.strerror or error}", SOURCE
        return
    except DocumentError as error:
        yield item, str(error), ZIP
        return
    left_out += [replace(out, name=f"{item.name}/{out.name}") for out in contents.left_out]
    for inner in contents.items:
        yield from _opened(replace(inner, name=f"{item.name}/{inner.name}"), options, left_out, allowance, depth + 1)


def _read(
    item: Item,
    data: bytes | str,
    kind: Format,
    options: ReadOptions,
    report: PageCallback,
    cancel: threading.Event | None,
) -> _Outcome | LeftOut:
    if isinstance(data, str):
        return _Outcome(item.name, Source(item.path, "", 0, ""), None, "unreadable", data)
    source = Source(item.path, hashlib.sha256(data).hexdigest(), len(data), kind.media_type)
    if not data.strip():
        blank = "nothing but white space" if data else "0 bytes"
        parsed = Parsed("", (Page(1, item.name, 0, 0, "empty", blank),), ())
        empty = Document(item.name, "", parsed.pages, (), (), source, layout=Layout())
        return _Outcome(item.name, source, empty, "empty")
    as_written = item.in_tree and kind.written
    file = File(data, item.name, item.path, kind=SOURCE if as_written else kind)
    try:
        return _Outcome(item.name, source, parse(file, options, report, cancel))
    except DocumentError as error:
        if cancel is not None and cancel.is_set():
            raise
        if item.in_tree and (kind.advice or kind.written):
            return LeftOut(item.name, "binary")
        return _Outcome(item.name, source, None, "unreadable", str(error))


def _assemble(root: str, outcomes: list[_Outcome], left_out: list[LeftOut]) -> tuple[Parsed, tuple[Member, ...]]:
    """One text of all; a folder or zip has the list of its files first."""
    draft = Draft()
    if root:
        draft.page("(files)")
        draft.make(f"{root}/\n" + "".join(f"  {outcome.name}\n" for outcome in outcomes if outcome.document) + "\n")
    members = []
    for outcome in outcomes:
        first_page = draft.num_pages + 1
        if outcome.document is None:
            draft.page(outcome.name, "unreadable", outcome.reason)
            message = outcome.reason if outcome.name in outcome.reason else f"{outcome.name}: {outcome.reason}"
            draft.warn("unreadable", f"Not read: {message}", (first_page,))
            span = (draft.num_chars, draft.num_chars)
        else:
            span = draft.embed(outcome.document, outcome.name, f"===== {outcome.name} =====\n")
        members.append(Member(outcome.name, outcome.source, *span, first_page))
    for out in left_out:
        draft.page(out.name, "excluded", out.why)
    for why, message in _groups(left_out):
        numbers = range(draft.num_pages - len(left_out) + 1, draft.num_pages + 1)
        pages = tuple(number for number, out in zip(numbers, left_out, strict=True) if out.why == why)
        draft.warn("skipped", message, pages)
    return draft.parsed(), tuple(members)


def _groups(left_out: list[LeftOut]) -> list[tuple[str, str]]:
    """Why, and a sentence with the names, of all that was left out for this reason."""
    found = []
    for why in sorted({out.why for out in left_out}):
        names = [out.name for out in left_out if out.why == why]
        more = " ... (all are in document.coverage)" if len(names) > _SHOWN else ""
        found.append((why, f"{len(names)} left out ({why}): {', '.join(names[:_SHOWN])}{more}."))
    return found


def _nothing(path: str, outcomes: list[_Outcome], left_out: list[LeftOut], in_tree: bool) -> str:
    reasons = [f"{one.name}: {one.reason}" if one.name not in one.reason else one.reason for one in outcomes]
    said = " ".join([*reasons[:3], *(message for _, message in _groups(left_out))])
    if in_tree:
        return (
            f"{path} holds no text file that may be read. {said}{' ' if said else ''}Give a folder or zip with source "
            "code, notes or documents."
        )
    if not outcomes:
        return "The list of files is empty. Give at least one path."
    return f"None of the {len(outcomes)} files can be read. {said}"


def named(paths: Sequence[str | os.PathLike[str] | bytes]) -> list[str]:
    """A short name for each of several files: its own, with as much of its folder as tells it from the others."""
    names = [_made_name(index, path) for index, path in enumerate(paths, 1)]
    longest = [Path(os.fspath(path)).parts if not isinstance(path, bytes) else () for path in paths]
    for num_parts in range(2, max(map(len, longest), default=0) + 1):
        twice = {name for name, count in Counter(names).items() if count > 1}
        names = [
            encodable(PurePosixPath(*parts[-num_parts:]).as_posix())
            if name in twice and len(parts) >= num_parts
            else name
            for name, parts in zip(names, longest, strict=True)
        ]
    seen: Counter[str] = Counter()
    for index, name in enumerate(names):
        seen[name] += 1
        names[index] = name if seen[name] == 1 else f"{name} ({seen[name]})"
    return names


def encodable(path: str) -> str:
    """A path whose bytes that are no UTF-8 are U+FFFD, or nothing could encode it."""
    return os.fsencode(path).decode("utf-8", "replace")


def _made_name(index: int, path: str | os.PathLike[str] | bytes) -> str:
    if isinstance(path, bytes):
        return f"document {index}"
    given = Path(os.fspath(path))
    return encodable(given.name or given.expanduser().resolve().name)


def joined(name: str, documents: Sequence[Document], names: Sequence[str]) -> Document:
    """Documents as one, each behind a marker with its name; pages are numbered through.

    Args:
        name: of the whole.
        documents: in order.
        names: theirs in the whole.

    Raises:
        DocumentError: none of them holds text.
    """
    outcomes = [_Outcome(each, one.source, one) for each, one in zip(names, documents, strict=True)]
    parsed, members = _assemble("", outcomes, [])
    digest = hashlib.sha256("\0".join(each.source.sha256 for each in documents).encode()).hexdigest()
    num_bytes = sum(each.source.num_bytes for each in documents)
    return document_of(name, replace(parsed, members=members), Source(name, digest, num_bytes, "inode/directory"))
