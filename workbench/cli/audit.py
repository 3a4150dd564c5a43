"""``workbench audit``: what was asked and answered, and whether the log of it is whole.

Not covered: the log itself (analysis.audit).
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from workbench import config
from workbench.cli.terminal import in_line, reported, say
from workbench.errors import ConfigError, WorkbenchError

if TYPE_CHECKING:
    from workbench.analysis.audit import AuditLog, Row

app = typer.Typer(
    help="The log of what was asked and answered (Workbench(audit=...), WORKBENCH_AUDIT).",
    no_args_is_help=True, rich_markup_mode=None,
)  # fmt: skip

File = Annotated[Path | None, typer.Argument(metavar="FILE", help="The log; without it, that of WORKBENCH_AUDIT.")]


def _opened(path: Path | None) -> AuditLog:
    """The log that is there.

    Raises:
        ConfigError: there is none.
    """
    from workbench.analysis.audit import AuditLog

    found = path or config.audit_file(None)
    if found is None:
        raise ConfigError("Name the file: workbench audit show project.sqlite, or set WORKBENCH_AUDIT.")
    if not found.is_file():
        raise ConfigError(f"{found} is not there; Workbench(audit={str(found)!r}) begins one.")
    return AuditLog(found)


@app.command("show")
def show(
    path: File = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a row, with all of it.")] = False,
) -> None:
    """List what was asked, and what came of it, in order."""
    with reported():
        for row in _opened(path).rows():
            if as_json:
                typer.echo(json.dumps(asdict(row)))
            else:
                said = " · ".join(filter(None, (row.document, row.question, _said(row))))
                say(f"{row.number:>5}  {row.time[:19]}  {row.event:<9}  {in_line(said)}")


def _said(row: Row) -> str:
    """What a row has beside its question: the answer, or the error."""
    content = json.loads(row.content)
    return str(content.get("text") or content.get("error") or "")


@app.command("verify")
def verify(path: File = None) -> None:
    """Find rows that were edited or are missing; exit code 1 when there are any.

    It is against accidents and casual edits: whoever writes the whole chain anew leaves no trace.
    """
    with reported():
        log = _opened(path)
        if found := log.verify():
            raise WorkbenchError("\n".join([f"{log.path} is not whole.", *found]))
        num = sum(1 for _ in log.rows())
        say(f"{num:,} rows, whole")
