"""``workbench extract``: a table of what a document says, on the screen or as a file.

Not covered: schemas and their types (workbench.analysis.schema), files (workbench.exports).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from workbench.cli.opening import opened
from workbench.cli.terminal import reported, say
from workbench.errors import ConfigError, nearest

if TYPE_CHECKING:
    from workbench.results import Table

_WRITERS: dict[str, Callable[[Table, Path], Path]] = {
    ".xlsx": lambda table, path: table.to_excel(path),
    ".parquet": lambda table, path: table.to_parquet(path),
    ".html": lambda table, path: table.to_html(path),
}


def extract(
    source: Annotated[
        str, typer.Argument(metavar="DOC", help="A file, a folder of source code, or the name of a stored reading.")
    ],
    schema: Annotated[
        str, typer.Option("--schema", "-s", metavar="COLUMNS", help='As "person, born date, state open|closed".')
    ],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="An .xlsx, .parquet or .html with the sources.")
    ] = None,
    rows: Annotated[Literal["many", "one"], typer.Option(help="A row of each thing found, or one row.")] = "many",
    max_rows: Annotated[int | None, typer.Option(min=1, help="At most so many rows.")] = None,
    system: Annotated[str | None, typer.Option(help="A further instruction.")] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="A name from `workbench models`.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a row instead of text.")] = False,
) -> None:
    """Read a document and make a table of what it says, each value with its source."""
    with reported():
        write = None if out is None else _writer(out)
        from workbench.analysis.schema import parse_schema

        parse_schema(schema)  # a mistyped schema is known before the document is read
    with opened(source, model) as reading:
        table = reading.extract(schema, rows=rows, max_rows=max_rows, system=system)
    if as_json:
        for row in table.frame.iter_rows(named=True):
            typer.echo(json.dumps(row, default=str))
    else:
        say(str(table._repr_mimebundle_()["text/plain"]))
    if write is not None and out is not None:
        with reported():
            write(table, out)
        if not as_json:
            say(f"{out}")


def _writer(path: Path) -> Callable[[Table, Path], Path]:
    """What writes a file of this ending.

    Raises:
        ConfigError: none does.
    """
    ending = path.suffix.lower()
    if ending not in _WRITERS:
        valid = ", ".join(_WRITERS)
        raise ConfigError(f"--out {path}: a table is written as {valid}.{nearest(ending, list(_WRITERS))}")
    return _WRITERS[ending]
