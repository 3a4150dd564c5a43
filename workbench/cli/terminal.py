"""What the commands say on a terminal: as it stands, without markup and without control characters.

Not covered: the commands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

from workbench.errors import WorkbenchError

# ESC would let a document drive the terminal, and direction marks lie about the order of its letters.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def plain(text: str) -> str:
    """Text without what a terminal would obey."""
    return _UNSAFE.sub("\ufffd", text.replace("\r\n", "\n"))


def in_line(text: str) -> str:
    """A name on one line, so that it cannot forge another."""
    return " ".join(plain(text).split())


def say(text: str = "", *, end: str = "\n", style: str | None = None) -> None:
    """Write text to standard output as it stands: no markup, no wrapping."""
    Console().out(plain(text), end=end, style=style, highlight=False)


@contextmanager
def reported() -> Iterator[None]:
    """An error of ours goes to standard error, its choices on lines of their own; exit code 1. After Ctrl-C 130."""
    try:
        yield
    except WorkbenchError as error:
        lines = "\n  ".join(line.strip() for line in plain(str(error)).splitlines())  # those of a name too
        Console(stderr=True).out(f"{type(error).__name__}: {lines}", highlight=False)
        raise typer.Exit(1) from error
    except KeyboardInterrupt as error:
        Console(stderr=True).out("Interrupted.", highlight=False)
        raise typer.Exit(130) from error


def facts(named: dict[str, str]) -> None:
    """Write facts by name, a line each."""
    for name, fact in named.items():
        say(f"{name:<14}  {in_line(fact)}")


def size(num_bytes: int) -> str:
    """Bytes for people."""
    return f"{num_bytes / 1e9:.1f} GB" if num_bytes >= 1e9 else f"{num_bytes / 1e6:.1f} MB"
