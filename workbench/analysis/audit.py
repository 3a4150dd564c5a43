"""A log of what was asked and answered, in one SQLite file a project: opt-in, append-only, a chain of rows.

A question is written down before it runs, so that a log that cannot be written stops it; its answer, or why there is
none, is a second row. Several processes may write to one file. Each row holds a digest of itself and of the row before
it, and ``verify`` finds rows that were edited or are missing. That is against accidents and casual edits: whoever
writes the whole chain anew leaves no trace. Keep the last row's digest elsewhere where that matters.

Not covered: comparisons and frames of evidence; what was read and never asked.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from workbench.display import note
from workbench.errors import ConfigError, EngineError
from workbench.results import Citation

_log = logging.getLogger(__name__)

APPLICATION_ID = 0x51574241
"""Marks the file as ours."""

WAIT_S = 30.0
"""Seconds that a row waits for other processes."""

COLUMNS = ("number", "time", "event", "asked", "document", "document_hash", "question", "content", "previous")
"""Of a row, beside its digest."""

_SCHEMA = (
    (
        "CREATE TABLE log (number INTEGER PRIMARY KEY AUTOINCREMENT, time TEXT NOT NULL, event TEXT NOT NULL, "
        "asked INTEGER, document TEXT NOT NULL, document_hash TEXT NOT NULL, question TEXT NOT NULL, "
        "content TEXT NOT NULL, previous TEXT NOT NULL, digest TEXT NOT NULL)"
    ),
    "CREATE TRIGGER no_update BEFORE UPDATE ON log BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END",
    "CREATE TRIGGER no_delete BEFORE DELETE ON log BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END",
    f"PRAGMA application_id = {APPLICATION_ID}",
)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the log.

    Attributes:
        number: from 1, without gaps.
        time: UTC, ISO 8601.
        event: ``asked``, ``answered``, ``cancelled`` or ``failed``.
        asked: of an answer, the number of its question; None for a question.
        document: name of what it was asked of.
        document_hash: its hash.
        question: as asked; empty for summaries and tables.
        content: JSON: of a question what was asked for, of an answer its text, citations and manifest, of a failure
            the error.
        previous: digest of the row before; empty for the first.
        digest: sha256 (hex) of all the others.
    """

    number: int
    time: str
    event: str
    asked: int | None
    document: str
    document_hash: str
    question: str
    content: str
    previous: str
    digest: str


class AuditLog:
    """The log in a file, which is made when it is not there, for its owner alone.

    Args:
        path: of the file.

    Raises:
        ConfigError: the path cannot be written, or is a file of another kind.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).expanduser().absolute()
        try:
            # Made before SQLite sees it: what is private must not be readable for a moment.
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
            with self._open() as connection:
                connection.execute("BEGIN IMMEDIATE")
                self._prepare(connection)
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(f"The audit log {self.path} cannot be written ({error}). Give another audit=.") from error

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Make the table in a new file.

        Raises:
            ConfigError: it is a file of another kind.
        """
        (num_tables,), (kind,) = (
            connection.execute(query).fetchone()
            for query in ("SELECT count(*) FROM sqlite_master", "PRAGMA application_id")
        )
        if kind == APPLICATION_ID:
            connection.rollback()
        elif num_tables:
            raise ConfigError(f"{self.path} is a database of another kind. Name a new file with audit=.")
        else:
            for statement in _SCHEMA:
                connection.execute(statement)
            connection.commit()

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.path, timeout=WAIT_S, isolation_level=None)) as connection:
            yield connection

    def asked(self, document: str, document_hash: str, question: str, request: Mapping[str, object]) -> int:
        """Write down a question before it runs; its number.

        Raises:
            EngineError: the log cannot be written, so nothing is to be asked.
        """
        try:
            return self._append("asked", None, (document, document_hash, question), dict(request))
        except (OSError, sqlite3.Error) as error:
            raise EngineError(
                f"The audit log {self.path} cannot be written ({error}), so nothing was asked. Make room for it, or "
                "open the workbench without audit=."
            ) from error

    def answered(
        self, number: int, text: str, citations: Sequence[Citation], manifest: Mapping[str, object], finish_reason: str
    ) -> None:
        """Write down the answer to a question. Where that fails, the user is told and keeps the answer."""
        event = "cancelled" if finish_reason == "cancelled" else "answered"
        cited = [asdict(citation) for citation in citations]
        self._end(number, event, {"text": text, "citations": cited, "manifest": dict(manifest)})

    def failed(self, number: int, error: BaseException | None) -> None:
        """Write down that a question has no answer, and why."""
        said = "it was given up" if error is None else f"{type(error).__name__}: {error}"
        self._end(number, "failed", {"error": said})

    def _end(self, number: int, event: str, content: Mapping[str, object]) -> None:
        try:
            with self._open() as connection:
                found = connection.execute(
                    "SELECT document, document_hash, question FROM log WHERE number = ?", (number,)
                ).fetchone()
            self._append(event, number, found or ("", "", ""), content)
        except (OSError, sqlite3.Error):
            _log.warning("the audit log %s lacks the answer to row %d", self.path, number, exc_info=True)
            note(f"The audit log {self.path} could not be written: it lacks the answer to its row {number}.")

    def _append(self, event: str, asked: int | None, what: tuple[str, str, str], content: Mapping[str, object]) -> int:
        said = [text.encode("utf-8", "replace").decode() for text in what]  # SQLite takes no lone surrogates
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")  # nobody comes between the last row and this one
            last = connection.execute("SELECT number, digest FROM log ORDER BY number DESC LIMIT 1").fetchone()
            ever = _ever(connection)
            number, previous = max(last[0] if last else 0, ever) + 1, last[1] if last else ""
            time = datetime.now(UTC).isoformat(timespec="milliseconds")
            row = (number, time, event, asked, *said, json.dumps(content, sort_keys=True), previous)
            marks = ", ".join("?" * (len(COLUMNS) + 1))
            connection.execute(f"INSERT INTO log VALUES ({marks})", (*row, digest(row)))  # noqa: S608 - marks only
            connection.execute("COMMIT")
        return number

    def rows(self) -> Iterator[Row]:
        """Every row, in order.

        Raises:
            ConfigError: it cannot be read.
        """
        try:
            with self._open() as connection:
                names = ", ".join((*COLUMNS, "digest"))
                for row in connection.execute(f"SELECT {names} FROM log ORDER BY number"):  # noqa: S608 - our names
                    yield Row(*row)
        except sqlite3.Error as error:
            raise ConfigError(f"{self.path} cannot be read ({error}).") from error

    def verify(self) -> tuple[str, ...]:
        """What is wrong with the chain, a sentence each; nothing when all is whole."""
        found, number, previous = list[str](), 0, ""
        for row in self.rows():
            if row.number != number + 1:
                found.append(_missing(number + 1, row.number - 1))
            elif row.previous != previous:
                found.append(f"Row {row.number:,} does not follow the row before it.")
            if digest(tuple(getattr(row, name) for name in COLUMNS)) != row.digest:
                found.append(f"Row {row.number:,} was edited.")
            number, previous = row.number, row.digest
        with self._open() as connection:
            ever = _ever(connection)
        if ever > number:
            found.append(_missing(number + 1, ever))
        return tuple(found)


def digest(row: Sequence[object]) -> str:
    """sha256 (hex) of a row's values, in the order of ``COLUMNS``."""
    return hashlib.sha256(json.dumps(row).encode()).hexdigest()


def _ever(connection: sqlite3.Connection) -> int:
    """The highest number that was ever given."""
    found = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'log'").fetchone()
    return int(found[0]) if found else 0


def _missing(first: int, last: int) -> str:
    return f"Row {first:,} is missing." if first == last else f"Rows {first:,} to {last:,} are missing."
