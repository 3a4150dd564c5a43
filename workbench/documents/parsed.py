"""What a reader is given and what it gives back.

Not covered: the readers, one a kind of file (readers); which reads what (formats).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, get_args

from workbench.documents.document import DocumentWarning, Member, Page, Section
from workbench.documents.layout import Layout
from workbench.errors import ConfigError, nearest

KeepOrDrop = Literal["keep", "drop"]
PageCallback = Callable[[int, int], None]
"""Told how many pages, files or rows are read, and of how many; 0 for a number that is not known."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What the user decides about reading.

    Attributes:
        password: of an encrypted file.
        hidden: whether text that a person would not see stays in; it is warned of in either case.
        headers: whether lines that come again at the top or bottom of pages stay in.
        ocr: whether pages that are pictures are recognised, where an engine is installed.

    Raises:
        ConfigError: an unknown choice.
    """

    password: str | None = field(default=None, repr=False)
    hidden: KeepOrDrop = "keep"
    headers: KeepOrDrop = "keep"
    ocr: bool = True

    def __post_init__(self) -> None:
        for option in ("hidden", "headers"):
            value = getattr(self, option)
            if value not in get_args(KeepOrDrop):
                valid = nearest(str(value), list(get_args(KeepOrDrop)))
                raise ConfigError(f"{option}={value!r} is not known; valid: keep, drop.{valid}")


def unheard(_done: int, _total: int) -> None:
    """Nobody listens."""


@dataclass(frozen=True, slots=True)
class Job:
    """A file that is to be read.

    Attributes:
        data: its bytes.
        name: for messages.
        options: what the user decided.
        report: told of each page; may raise to stop.
    """

    data: bytes = field(repr=False)
    name: str
    options: ReadOptions = field(default_factory=ReadOptions)
    report: PageCallback = unheard


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a reader makes of a file: the text, its pages and outline, what to warn of, where characters stand.

    Several documents in one file are its members.
    """

    text: str
    pages: tuple[Page, ...]
    outline: tuple[Section, ...]
    warnings: tuple[DocumentWarning, ...] = ()
    layout: Layout = field(default_factory=Layout)
    members: tuple[Member, ...] = ()


Reader = Callable[[Job], Parsed]
