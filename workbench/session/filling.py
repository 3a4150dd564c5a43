"""Filling a matrix: document by document, the questions of one asked together, cells kept as they come.

Not covered: what a cell is (analysis.matrix), kinds of answers (analysis.columns).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from workbench.analysis import matrix
from workbench.analysis.ask import AnswerStream
from workbench.analysis.columns import Column
from workbench.analysis.manifest import Request, identity, plain, ran
from workbench.documents.document import Document
from workbench.documents.load import load
from workbench.errors import ConfigError, ModelLoadError, WorkbenchError
from workbench.results import Answer, Table
from workbench.session.reading import Reading
from workbench.types import MatrixCallback, MatrixProgress

if TYPE_CHECKING:
    from workbench.session.bench import Workbench

Given = str | os.PathLike[str] | Document | Reading

_TOGETHER = 8
"""Questions of a document that are answered in one request."""

_MAX_TOKENS = 200
"""Of an answer: a cell is no essay."""


class Filling:
    """One matrix.

    Args:
        bench: reads and answers.
        asked: columns by name.
        kept: the file of answers; None keeps none.
        cancel: ends it from another thread.
    """

    def __init__(
        self, bench: Workbench, asked: Mapping[str, Column], kept: Path | None, cancel: threading.Event
    ) -> None:
        self._bench, self._asked, self._cancel = bench, asked, cancel
        self._kept = matrix.Kept(kept)
        self._cells: dict[tuple[int, str], matrix.Cell] = {}
        self._failed = set[tuple[int, str]]()
        self._names: list[str] = []
        self._sources: list[dict[str, object]] = []
        self._num_kept = 0
        self._tell: MatrixCallback = lambda _: None

    def run(self, documents: Sequence[Given], progress: bool | MatrixCallback | None) -> Table:
        """Ask, and give what there is when it was stopped."""
        if not isinstance(documents, list | tuple) or not documents:
            raise ConfigError("documents is not a list of at least one; give bench.matrix([...], questions).")
        if any(isinstance(each, Reading) and each.bench is not self._bench for each in documents):
            raise ConfigError("A reading is of another workbench; give its document: reading.document.")
        self._names = [_name(each) for each in documents]
        self._sources = [{"name": name} for name in self._names]
        stopped = False
        with ExitStack() as shown:
            if progress is True:
                from workbench.views import MatrixBar

                bar = MatrixBar()
                shown.callback(bar.close)
                self._tell = bar
            elif callable(progress):
                self._tell = progress
            engine = self._bench._load(show=progress is True).engine
            try:
                for row, given in enumerate(documents):
                    if self._cancel.is_set():
                        break
                    self._row(row, given, engine.fingerprint)
            except KeyboardInterrupt:
                stopped = True
        stopped = stopped or self._cancel.is_set()
        questions = {name: asdict(column) for name, column in self._asked.items()}
        answered = {key: made for key, made in self._cells.items() if key not in self._failed}
        about = plain({
            **ran(self._bench.name, self._bench._opened(), engine, Request("matrix", {"questions": questions})),
            **matrix.answered(self._sources, self._asked, answered), "num_kept": self._num_kept,
        })  # fmt: skip
        return matrix.table(self._names, self._asked, self._cells, about, self._warnings(stopped))

    def _row(self, row: int, given: Given, fingerprint: str) -> None:
        """The cells of a document; one that cannot be read has the reason in each."""
        try:
            document = _document(given)
            self._names[row] = document.name
            form = matrix.Form(document, self._asked)
            tasks = {name: form.task(name) for name in self._asked}
            self._sources[row] = {**identity(document), "tasks": tasks}
            keys = {
                name: matrix.cell_key(document, column, tasks[name], fingerprint)
                for name, column in self._asked.items()
            }
            left = []
            for name, key in keys.items():
                if (known := self._kept.get(key)) is not None:
                    self._num_kept += key in self._kept.before
                    self._put(row, name, form.judged(name, known))
                else:
                    left.append(name)
            if left:
                with ExitStack() as opened:
                    reading = given if isinstance(given, Reading) else opened.enter_context(
                        self._bench.read(document, progress=None)
                    )  # fmt: skip
                    for at in range(0, len(left), _TOGETHER):
                        self._ask(row, reading, form, left[at : at + _TOGETHER], keys)
        except ModelLoadError:
            raise
        except WorkbenchError as error:
            self._bench._check_open()  # a workbench that is closed fails as a whole
            for name in self._asked:
                if (row, name) not in self._cells:
                    self._failed.add((row, name))
                    self._put(row, name, matrix.Cell(note=f"{type(error).__name__}: {error}"))

    def _ask(
        self, row: int, reading: Reading, form: matrix.Form, names: Sequence[str], keys: Mapping[str, str]
    ) -> None:
        """Some columns of a document in one request; each answer is a cell as soon as it ends."""
        if self._cancel.is_set():
            return
        streams = reading.stream_many(
            [form.task(name) for name in names], max_tokens=_MAX_TOKENS, quotes=False,
            replies=[self._asked[name].replies for name in names],
        )  # fmt: skip
        watch = _Watch(self._cancel, streams)
        try:
            for name, stream in zip(names, streams, strict=True):
                answer = _whole(stream)
                made = matrix.cell(form, name, answer)
                self._kept.add(keys[name], made)
                self._put(row, name, form.judged(name, made))
        except KeyboardInterrupt:
            if not self._cancel.is_set():
                raise
        finally:
            watch.end()
            for stream in streams:
                stream.cancel()  # all of them first: closing one waits for those in front of it
            for stream in streams:
                stream.close()

    def _put(self, row: int, name: str, made: matrix.Cell) -> None:
        self._cells[row, name] = made
        self._tell(MatrixProgress(len(self._cells), len(self._names) * len(self._asked), self._names[row]))

    def _warnings(self, stopped: bool) -> tuple[str, ...]:
        said = []
        if stopped:
            total = len(self._names) * len(self._asked)
            said.append(f"Stopped after {len(self._cells):,} of {total:,} cells; call it again to go on.")
        if self._kept.num_damaged:
            said.append(f"{self._kept.num_damaged:,} damaged lines of kept answers were passed over and asked again.")
        return tuple(said)


class _Watch:
    """Passes a cancel on to answers being written; each has an event of its own, or one that ends would end all."""

    def __init__(self, cancel: threading.Event, streams: Sequence[AnswerStream]) -> None:
        self._over, self._cancel, self._streams = threading.Event(), cancel, streams
        threading.Thread(target=self._wait, name="workbench-matrix", daemon=True).start()

    def _wait(self) -> None:
        while not self._over.is_set():
            if self._cancel.wait(0.1):
                for stream in self._streams:
                    stream.cancel()
                return

    def end(self) -> None:
        self._over.set()


def _name(given: Given) -> str:
    if isinstance(given, Reading):
        return given.document.name
    return given.name if isinstance(given, Document) else Path(given).name


def _document(given: Given) -> Document:
    if isinstance(given, Reading):
        return given.document
    return given if isinstance(given, Document) else load(given)


def _whole(stream: AnswerStream) -> Answer:
    """An answer that came to its end.

    Raises:
        KeyboardInterrupt: it was cancelled.
    """
    answer = stream.result()
    if answer.finish_reason == "cancelled":
        raise KeyboardInterrupt
    return answer
