"""Running an answer again from its manifest: with the same model and document, in a process of its own years later.

Not covered: turns of a conversation, which hang on all turns before them; frames of evidence, which carry no manifest;
comparing (analysis.replay).
"""

from __future__ import annotations

import inspect
import json
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from workbench.analysis.columns import from_plain
from workbench.analysis.manifest import FORMAT, TURN, documents, part
from workbench.analysis.matrix import STOPPED
from workbench.analysis.replay import Replay, compared, compared_cells
from workbench.analysis.schema import schema_of
from workbench.documents.document import Document
from workbench.errors import AnswerParseError, ConfigError
from workbench.results import Answer, Table
from workbench.session.bench import Workbench
from workbench.session.filling import Filling, Given
from workbench.session.stored import content, find
from workbench.types import MatrixCallback, ProgressCallback

if TYPE_CHECKING:
    from workbench.session.reading import Reading

_Run = Callable[["Reading", dict[str, Any], dict[str, Any]], Answer | Table]

_ONE, _ALL = "wb.replay(answer, wb.load(...))", "wb.replay(table, [all its documents, in their order])"


def replay(
    source: Mapping[str, object] | Answer | Table | str | os.PathLike[str],
    document: Document | Sequence[Given] | None = None,
    *,
    bench: Workbench | None = None,
    progress: bool | ProgressCallback | MatrixCallback | None = True,
) -> Replay:
    """Run an answer or a table again: is it identical, where does it first differ, and what has changed since?

    Of a matrix, every cell that had an answer is asked again; nothing that was kept is taken.

    Args:
        source: an answer or a table, its manifest, or a JSON file of either (``workbench ask --json``).
        document: that it was asked of, or the list of all those of a matrix, in their order; None takes the kept
            readings from the store.
        bench: where to run it; None opens one as it was then, and closes it.
        progress: of reading, as for ``Workbench.read``; of a matrix, as for ``Workbench.matrix``.

    Raises:
        ConfigError: not a manifest, of something that cannot be run again, or the document is not in the store.
        ContextTooLong: the document of an answer does not fit the window here.
        KeyboardInterrupt: a matrix was stopped before its end.
    """
    then = _manifest(source)
    if part(then, "request").get("kind") == "matrix":
        return _matrix(then, document, bench, cast("bool | MatrixCallback | None", progress))
    run, arguments, sampling = _request(then)
    if not isinstance(document, Document | None):
        raise ConfigError(f"This was asked of one document: {_ONE}.")
    token_ids = _token_ids(then)
    if then.get("finish_reason") == "cancelled":
        if not token_ids:
            raise ConfigError("This answer was cancelled before its first token: there is nothing to compare.")
        sampling["max_tokens"] = len(token_ids)
    with ExitStack() as stack:
        bench = bench or stack.enter_context(_workbench(then))
        found = document or _kept(bench, part(then, "document"), _ONE)
        reading = stack.enter_context(
            bench.read(found, progress=cast("bool | ProgressCallback | None", progress), reserve=0)
        )
        answer = run(reading, arguments, sampling)
        return compared(then, token_ids, answer, reading._context.tokenizer)


def _manifest(source: Mapping[str, object] | Answer | Table | str | os.PathLike[str]) -> Mapping[str, object]:
    """The manifest in what was given.

    Raises:
        ConfigError: there is none, or it is of another format.
    """
    found: object = source
    if isinstance(source, str | os.PathLike):
        try:
            found = json.loads(Path(source).expanduser().read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"{os.fspath(source)} is no manifest ({error}). Give the JSON of one answer.") from error
    if not isinstance(found, Mapping):
        found = getattr(found, "manifest", None)
    elif isinstance(inner := found.get("manifest"), Mapping):
        found = inner
    if not isinstance(found, Mapping) or "request" not in found:
        raise ConfigError("This holds no manifest. Give an answer, answer.manifest, or a JSON file of either.")
    if found.get("format") != FORMAT:
        raise ConfigError(
            f"This manifest is of format {found.get('format')}, and this version replays format {FORMAT}. "
            "Use the version of the workbench that it names."
        )
    return found


def _request(then: Mapping[str, object]) -> tuple[_Run, dict[str, Any], dict[str, Any]]:
    """What runs it, the arguments, and those of sampling.

    Raises:
        ConfigError: of a kind that cannot be run again, or with arguments that are not known.
    """
    request, sampling = then["request"], then.get("sampling")
    kind = request.get("kind") if isinstance(request, Mapping) else None
    if kind == TURN:
        raise ConfigError("This is a turn of a summary; replay the whole: wb.replay(summary).")
    if kind == "chat":
        raise ConfigError(
            "This is a turn of a conversation, which hangs on all turns before it: only single questions are replayed. "
            "Ask it again with reading.ask(...) for an answer that can be."
        )
    if not isinstance(request, Mapping) or kind not in _RUNS or not isinstance(sampling, Mapping):
        raise ConfigError(f"{kind!r} cannot be replayed; what can: {', '.join((*_RUNS, 'matrix'))}.")
    arguments = request.get("arguments")
    if not isinstance(arguments, Mapping):
        raise ConfigError("This manifest does not say what was asked; it was edited or is damaged.")
    return _RUNS[str(kind)], dict(arguments), dict(sampling)


def _token_ids(then: Mapping[str, object]) -> list[int]:
    ids = then.get("token_ids")
    if not isinstance(ids, list) or not all(type(token) is int and 0 <= token < 2**31 for token in ids):
        raise ConfigError("This manifest does not hold the answer's tokens; it was edited or is damaged.")
    return ids


def _called(method: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    """Call a method with what a manifest says.

    Raises:
        ConfigError: the method does not take it.
    """
    try:
        inspect.signature(method).bind(**arguments)
    except TypeError as error:
        raise ConfigError(
            f"This manifest asks for what {method.__name__} does not take here ({error}). Use the version of the "
            "workbench that it names."
        ) from error
    return method(**arguments)


def _ask(reading: Reading, arguments: dict[str, Any], sampling: dict[str, Any]) -> Answer:
    answer: Answer = _called(reading.ask, arguments | sampling)
    return answer


def _ask_many(reading: Reading, arguments: dict[str, Any], sampling: dict[str, Any]) -> Answer:
    """All of them once more: beside others an answer's bits may be others than alone."""
    index, questions = arguments.pop("index", None), arguments.get("questions")
    if type(index) is not int or not isinstance(questions, list) or not 0 <= index < len(questions):
        raise ConfigError("This manifest does not say which of the questions it is of; it was edited or is damaged.")
    answers: list[Answer] = _called(reading.ask_many, arguments | sampling)
    return answers[index]


def _summarize(reading: Reading, arguments: dict[str, Any], sampling: dict[str, Any]) -> Answer:
    answer: Answer = _called(reading.summarize, arguments | sampling)
    return answer


def _extract(reading: Reading, arguments: dict[str, Any], sampling: dict[str, Any]) -> Table:
    schema = schema_of(arguments.pop("schema", None))
    try:
        made = _called(reading.extract, arguments | {"schema": schema, "max_tokens": sampling.get("max_tokens")})
    except AnswerParseError as error:  # it was cut off then, and is now
        made = error.partial
    table: Table = made
    return table


_RUNS: dict[str, _Run] = {"ask": _ask, "ask_many": _ask_many, "summarize": _summarize, "extract": _extract}


def _matrix(
    then: Mapping[str, object],
    given: Document | Sequence[Given] | None,
    bench: Workbench | None,
    progress: bool | MatrixCallback | None,
) -> Replay:
    """Ask the documents of a matrix again that had an answer."""
    if "cells" not in then:
        raise ConfigError("This manifest is of a version whose matrices cannot be replayed; ask again.")
    named, cells = documents(then), then["cells"]
    asked = from_plain(part(part(part(then, "request"), "arguments"), "questions"), "this manifest")
    if not isinstance(cells, list) or not all(_is_cell(each, named, asked) for each in cells):
        raise ConfigError("This manifest does not hold the cells of its matrix; it was edited or is damaged.")
    if not cells:
        raise ConfigError("No cell of this matrix had an answer: there is nothing to compare.")
    if given is not None and not (isinstance(given, list | tuple) and len(given) == len(named)):
        raise ConfigError(f"This matrix is of {len(named):,} documents: {_ALL}.")
    rows = {row: again for again, row in enumerate(sorted({each["row"] for each in cells}))}
    with ExitStack() as stack:
        bench = bench or stack.enter_context(_workbench(then))
        found = [_kept(bench, named[row], _ALL) if given is None else _of(given[row]) for row in rows]
        table = Filling(bench, asked, None, threading.Event()).run(found, progress)
    if STOPPED in table.cells["note"]:
        raise KeyboardInterrupt
    moved = [{**each, "row": rows[each["row"]]} for each in cells]
    return compared_cells({**then, "documents": [named[row] for row in rows]}, moved, table)


def _of(given: Given) -> Given:
    """What to ask: of a reading its document, for it may be of another workbench."""
    return given if isinstance(given, str | os.PathLike | Document) else given.document


def _is_cell(said: object, named: Sequence[Mapping[str, object]], asked: Mapping[str, object]) -> bool:
    """Whether a manifest's cell says all that one needs."""
    if not isinstance(said, Mapping) or not {"row", "column", "value", "status", "digest"} <= set(said):
        return False
    row = said["row"]
    return type(row) is int and 0 <= row < len(named) and bool(named[row].get("hash")) and str(said["column"]) in asked


def _workbench(then: Mapping[str, object]) -> Workbench:
    """A workbench as it was then."""
    opened = then.get("workbench")
    if not isinstance(opened, Mapping):
        raise ConfigError("This manifest does not say how its workbench was opened; give bench=.")
    made: Workbench = _called(Workbench, dict(opened))
    return made


def _kept(bench: Workbench, named: Mapping[str, object], instead: str) -> Document:
    """The document of the kept reading, whoever read it; where there is none, ``instead`` is what to give.

    Raises:
        ConfigError: the store does not have it.
        CacheCorrupt: it is damaged.
    """
    name, digest = str(named.get("name", "")), str(named.get("hash", ""))
    missing = f"The document of this answer ({name}, {digest[:12]}) is needed: {instead}."
    store = bench._store()
    if store is None:
        raise ConfigError(f"{missing} This workbench keeps nothing on disk.")
    try:
        entries = [entry for entry in find(store, digest) if entry.hash == digest]
    except ConfigError as error:
        raise ConfigError(f"{missing} It is not in the store ({store.folder}).") from error
    if not entries:
        raise ConfigError(f"{missing} It is not in the store ({store.folder}).")
    return content(entries[0])[0]
