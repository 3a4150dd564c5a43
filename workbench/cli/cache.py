"""``workbench cache``: what is kept on disk, and what to do about it.

Not covered: the readings themselves (workbench.engine.store), parsed documents (workbench.documents.parse_cache).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from workbench import config
from workbench.cli.terminal import facts, in_line, reported, say, size
from workbench.errors import CacheCorrupt, ConfigError

if TYPE_CHECKING:
    from workbench.documents.parse_cache import ParseCache
    from workbench.engine.store import Entry, Store

app = typer.Typer(help="What was read and is kept on disk.", no_args_is_help=True, rich_markup_mode=None)

Name = Annotated[str, typer.Argument(metavar="NAME", help="A document's name, its hash, or a reading's key.")]


_OFF = "WORKBENCH_STORE=off keeps nothing on disk; unset it, or name a folder."


def _store() -> Store:
    from workbench.engine.store import Store

    folder = config.store_folder(None)
    if folder is None:
        raise ConfigError(_OFF)
    return Store(folder, config.store_bytes())


def _parsed() -> ParseCache:
    from workbench.documents.parse_cache import ParseCache

    parsed = ParseCache.of_user()
    if parsed is None:
        raise ConfigError(_OFF)
    return parsed


@app.command("ls")
def ls() -> None:
    """List the readings, those used last first."""
    with reported():
        from workbench.session.stored import readings_frame

        store = _store()
        entries = store.entries()
        table = Table("name", "tokens", "size", "model", "used", "key", "", box=None, pad_edge=False)
        for row in readings_frame(entries).iter_rows(named=True):
            part = "" if row["read_tokens"] == row["tokens"] else f"{row['read_tokens']:,} of "
            state = row["problem"] or ("pinned" if row["pinned"] else "")
            tokens, used = f"{part}{row['tokens']:,}", f"{row['used']:%Y-%m-%d %H:%M}"
            cells = (row["name"], tokens, size(row["bytes"]), row["model"], used, row["key"][:8], state)
            table.add_row(*(in_line(cell) for cell in cells))
        if entries:
            Console(markup=False).print(table)
        say(
            f"{len(entries)} readings, {size(sum(e.num_bytes for e in entries))} of {size(store.max_bytes)}",
            style="dim",
        )
        say(str(store.folder), style="dim")
        held = _parsed().held()
        if held.num:
            say(f"{held.num} parsed documents, {size(held.num_bytes)}, so that their files open at once", style="dim")


@app.command("show")
def show(name: Name) -> None:
    """Say all that is written down about a reading."""
    with reported():
        store = _store()
        for entry in store.find(name):
            facts({"reading": entry.key, "folder": str(store.folder / entry.key), "size": size(entry.num_bytes)})
            if entry.record is None:
                facts({"damaged": entry.problem})
                continue
            record = entry.record
            facts({
                **dict(record.label), "tokens": f"{record.committed_tokens:,} of {record.num_tokens:,} read",
                "states": ", ".join(f"{tokens:,}" for tokens in record.states) or "none (no recurrent layers)",
                "pinned": "yes" if record.pinned else "no", **dict(record.engine),
            })  # fmt: skip


@app.command("rm")
def rm(names: Annotated[list[str], typer.Argument(metavar="NAME...", help="As for show.")]) -> None:
    """Remove readings; those who have one open keep what they have."""
    with reported():
        store = _store()
        for entry in [entry for name in names for entry in store.find(name)]:
            if not store.remove(entry.key):
                raise ConfigError(f"{_name(entry)} is being read right now; stop that first.")
            _removed(entry)


@app.command("prune")
def prune(
    to_gb: Annotated[float | None, typer.Option("--to", min=0, help="Gigabytes that may stay.")] = None,
) -> None:
    """Remove what is damaged, then what was used longest ago, until the rest fits; pinned readings stay.

    Parsed documents go all: they are made anew from their files.
    """
    with reported():
        store = _store()
        removed = store.prune(store.max_bytes if to_gb is None else int(to_gb * 1e9))
        for entry in removed:
            _removed(entry)
        gone = _parsed().prune(0)
        if gone.num:
            say(f"Removed {gone.num} parsed documents ({size(gone.num_bytes)}).")
        if not removed and not gone.num:
            say("Nothing had to go.")


def _name(entry: Entry) -> str:
    return in_line(entry.name) or entry.key


def _removed(entry: Entry) -> None:
    say(f"Removed {_name(entry)} ({size(entry.num_bytes)}).")


@app.command("pin")
def pin(name: Name, off: Annotated[bool, typer.Option("--off", help="No longer.")] = False) -> None:
    """Keep a reading from being removed to make room."""
    with reported():
        store = _store()
        for entry in store.find(name):
            store.pin(entry.key, pinned=not off)
            say(f"{_name(entry)} is {'no longer pinned' if off else 'pinned'}.")


@app.command("verify")
def verify(
    name: Annotated[str | None, typer.Argument(metavar="NAME", help="As for show; without it, all.")] = None,
) -> None:
    """Hold every byte of readings against its checksum; exit code 1 when one is damaged."""
    with reported():
        from workbench.engine.archive import verify as verify_reading

        store = _store()
        damaged = 0
        for entry in store.find(name) if name else store.entries():
            problem = entry.problem
            try:
                if entry.stored is not None:
                    verify_reading(entry.stored)
            except CacheCorrupt as error:
                problem = str(error)
            damaged += bool(problem)
            said = f"damaged, {problem}" if problem else "whole"
            say(f"{_name(entry)}: {said}", style="red" if problem else None)
        if not name:
            parsed = _parsed()
            found = parsed.damaged()
            damaged += len(found)
            for problem in found:
                say(f"Parsed document {problem}", style="red")
            if num := parsed.held().num:
                say(f"{num} parsed documents: {num - len(found)} whole")
        if damaged:
            raise CacheCorrupt(f"{damaged} damaged; `workbench cache prune` removes what cannot be opened.")
