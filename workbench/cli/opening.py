"""From what is typed for DOC to a reading: a path is loaded and read, the name of a stored reading is opened.

Not covered: what is done with the reading (commands).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from workbench import config
from workbench.cli.terminal import facts, plain, reported, size
from workbench.errors import ConfigError, DocumentError

if TYPE_CHECKING:
    from workbench.documents.document import Document
    from workbench.engine.store import Entry
    from workbench.results import Fit
    from workbench.session import Reading, Workbench
    from workbench.types import ProgressCallback, ReadProgress


@contextmanager
def opened(source: str, model: str | None, *, card: bool = False) -> Iterator[Reading]:
    """A reading of a document, all closed at the end; with ``card``, first what is known of it."""
    with reported():
        found = _found(source)  # a wrong path is known before a model is looked for
        from workbench.documents.document import Document
        from workbench.session import Workbench

        with Workbench(model) as bench:
            if card and isinstance(found, Document):
                facts(_card(found, bench.fit(found)))
            reading = _read(source, found, bench)
            if card and not isinstance(found, Document):
                facts(_card(reading.document, bench.fit(reading.document)))
            yield reading


@contextmanager
def another(source: str, bench: Workbench) -> Iterator[Reading]:
    """A further reading of the same workbench, closed at the end."""
    with reported(), _read(source, _found(source), bench) as reading:
        yield reading


def _read(source: str, found: Document | Entry, bench: Workbench) -> Reading:
    from workbench.documents.document import Document

    if isinstance(found, Document):
        return _watched(found.name, bench.name, lambda show: bench.read(found, progress=show))
    return _watched(source, bench.name, lambda show: bench.open(source, progress=show))


def document(source: str) -> Document:
    """The document at a path, or that of a stored reading.

    Raises:
        DocumentError: it cannot be loaded, or there is neither.
        CacheCorrupt: the reading is damaged.
    """
    from workbench.documents.document import Document
    from workbench.session.stored import content

    found = _found(source)
    return found if isinstance(found, Document) else content(found)[0]


def _found(source: str) -> Document | Entry:
    """The document at a path; where there is no such file, the stored reading of that name.

    Raises:
        DocumentError: it cannot be loaded, or there is neither.
    """
    from workbench.documents.load import load

    folder = config.store_folder(None)
    try:
        return load(source)
    except DocumentError as error:
        there = os.path.exists(os.path.expanduser(source))  # raises nothing, whatever was typed
        if folder is None or not folder.is_dir() or not source.strip() or there:
            raise
        from workbench.engine.store import Store
        from workbench.session.stored import find

        try:
            return find(Store(folder), source)[0]
        except ConfigError as unknown:
            raise DocumentError(f"{error}\nNor is it a stored reading: {unknown}") from error


def _watched(name: str, model: str, read: Callable[[ProgressCallback], Reading]) -> Reading:
    """Read with a bar on standard error, gone when it is done; what people should hear stays, a line each."""
    from workbench.views import Notes

    notes = Notes()
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
    screen = Console(stderr=True)
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task(f"Loading {plain(model)} (fetched at its first use)", total=None)

        def show(step: ReadProgress) -> None:
            if new := notes.hear(step):
                screen.out(plain(new), highlight=False)
            said = f"{name} waits, {step.place:,} ahead" if step.place else f"Reading {name}, tokens"
            bar.update(task, description=plain(said), completed=step.done_tokens, total=step.total_tokens)

        return read(show)


def _card(document: Document, fit: Fit) -> dict[str, str]:
    """A document and how it fits, by name."""
    source, text, outline = document.source, len(document.text), len(document.outline)
    verdict = "fits" if fit.fits else "does not fit"
    seconds = "unknown" if fit.seconds is None else f"about {fit.seconds:,.1f} s"
    return {
        "document": f"{document.name} ({source.media_type}, {source.num_bytes:,} bytes)",
        "text": f"pages: {len(document.pages):,}; characters: {text:,}; entries in the outline: {outline:,}",
        **{f"warning {index}": warning.message for index, warning in enumerate(document.warnings, 1)},
        "model": f"{fit.model}, window {fit.window:,} tokens",
        "tokens": f"{fit.tokens:,}, of which {fit.document_tokens:,} are the document",
        "fit": f"{verdict}: with {fit.reserve:,} for question and answer {fit.share:.1%} of the window",
        "cost": f"{size(fit.kv_bytes)} of memory; time to read: {seconds}",
        **({} if fit.in_memory else {"memory": f"{size(fit.needed_bytes)} needed, {size(fit.free_bytes or 0)} free"}),
    }
