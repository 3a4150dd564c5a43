"""What can be done about a document that does not fit, each as something to type that works.

Every offer was computed: what it says is what ``fit`` says of it when it is typed.

Not covered: the verdict (analysis.fitting).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeVar

from workbench.analysis.counted import Counted, Window
from workbench.analysis.files import Node, tree
from workbench.documents.document import Section
from workbench.errors import ConfigError

if TYPE_CHECKING:
    from workbench.engine.budget import Cost

MIN_RESERVE = 512
"""Tokens below which a reserve is not worth offering: the task itself takes more than a hundred."""

MAX_LEFT_OUT = 5
"""Parts that are offered to be left out, at most: a longer list is no offer."""

_ANNEX = re.compile(
    r"(?:annex(?:e|es)?|appendi(?:x|ces)|schedules?|exhibits?|attachments?|anhang|anhänge|anlagen?|anexos?|allegat[oi]"
    r"|приложени[ея]|bibliography|references|glossary|index)\b|附录|附錄|附件",
    re.IGNORECASE,
)

_DOCUMENTS = ("one document", "the longest documents")

Item = TypeVar("Item")


def window_choices(
    counted: Counted, sections: list[Section], window: Window, tokens: int, reserve: int
) -> tuple[str, ...]:
    """What can be done, each with something to type that works."""
    needed, left = tokens + reserve, window.tokens - tokens
    room = left - reserve + counted.num_tokens
    choices = [_largest_part(counted, sections, room), *_leave_out(counted, sections, room)]
    if needed <= window.native_tokens:
        wider = min(-(-needed // 1_024) * 1_024, window.native_tokens)
        choices.append(f"Open its window wider: wb.Workbench({window.typed!r}, window={wider}).")
    elif larger := window.larger():
        typed, size = larger
        choices.append(f"Read it with a model whose window holds it: wb.Workbench({typed}) ({size:,} tokens).")
    if left >= MIN_RESERVE:
        choices.append(f"Keep less for question and answer: bench.read(document, reserve={left}).")
    return tuple(filter(None, choices))


def memory_choices(
    counted: Counted, sections: list[Section], window: Window, tokens: int, cost: Cost
) -> tuple[str, ...]:
    """What can be done when memory does not hold it."""
    fewer = -(-cost.missing_bytes // cost.token_bytes)
    choices = [_largest_part(counted, sections, counted.num_tokens - fewer)] if fewer < counted.num_tokens else []
    if cost.missing_bytes <= tokens * (cost.token_bytes - cost.int8_token_bytes):
        choices.append(f"Hold the cache smaller: wb.Workbench({window.typed!r}, kv='int8').")
    choices.append(f"Close other readings or programs: {gb(cost.missing_bytes)} more are needed.")
    if fewer >= counted.num_tokens:
        choices.append("Take a smaller model: `workbench models` lists them.")
    return tuple(filter(None, choices))


def gb(num_bytes: int) -> str:
    """A size for people."""
    return f"{num_bytes / 1e9:,.2f} GB"


def _largest_part(counted: Counted, sections: list[Section], room: int) -> str:
    """The longest run that fits, as something to type.

    Of sections, unless the pages from the start hold far more; a single section where not even the first page fits.
    """
    document, deepest = counted.document, max(section.level for section in sections)
    known = {(section.title, section.level) for section in document.outline}
    named = [s for s in sections if s.level == deepest and (s.title, s.level) in known]
    titles = [s.title for s in named if counted.between(named[0].start_char, s.end_char) <= room]
    ends = [page.end_char for page in document.pages if counted.between(0, page.end_char) <= room]
    for run in _shortened(titles):
        title = run[0] if len(run) == 1 else f"{run[0]}..{run[-1]}"
        tokens = _tokens_of(counted, room, expression=title)
        if tokens and 2 * tokens >= counted.between(0, ends[-1] if ends else 0):
            return _offer(repr(title), tokens)
    for numbers in _shortened([page.number for page in document.pages[: len(ends)]]):
        if tokens := _tokens_of(counted, room, pages=numbers):
            whole = numbers == list(range(numbers[0], numbers[-1] + 1))
            return _offer(f"pages={f'range({numbers[0]}, {numbers[-1] + 1})' if whole else numbers}", tokens)
    for section in sorted(named, key=lambda s: counted.between(*s.span), reverse=True):
        if counted.between(*section.span) <= room and (tokens := _tokens_of(counted, room, expression=section.title)):
            return _offer(repr(section.title), tokens)
    return ""


def _offer(typed: str, tokens: int) -> str:
    return f"Read a part: document.select({typed}) is {tokens:,} tokens."


def _shortened(run: list[Item]) -> Iterator[list[Item]]:
    """A run, and the same with one and two less at its end: a cut moves the count by a token or so, not by more."""
    return (run[: len(run) - less] for less in range(3) if len(run) > less)


def _tokens_of(
    counted: Counted,
    room: int,
    *,
    expression: str | None = None,
    pages: list[int] | None = None,
    without: list[str] | None = None,
) -> int:
    """Tokens of what ``select`` gives for this; 0 when it gives nothing, or more than there is room for."""
    try:
        tokens = counted.count(counted.document.select(expression, pages=pages, without=without))
    except ConfigError:  # two sections of one title, or a title with two dots
        return 0
    return tokens if tokens <= room else 0


def _leave_out(counted: Counted, sections: list[Section], room: int) -> Iterator[str]:
    """What to leave out so that the rest fits: the annexes, if there are any, and the longest parts."""
    known = {(section.title, section.level) for section in counted.document.outline}
    named = [section for section in sections if (section.title, section.level) in known]
    annexes = [section.title for section in named if _ANNEX.match(section.title)]
    if annexes and len(annexes) < len(named):
        # A range where they follow each other: the titles between would be left out as well.
        at = [section.title for section in named].index(annexes[0])
        run = [section.title for section in named[at : at + len(annexes)]] == annexes
        names = [f"{annexes[0]}..{annexes[-1]}"] if run and len(annexes) > 1 else annexes
        if tokens := _tokens_of(counted, room, without=names):
            yield _without("the annexes", names, tokens)
    what, parts = _parts(counted, named)
    names = _fewest(parts, counted.num_tokens - room)
    if names and len(names) < len(parts) and (tokens := _tokens_of(counted, room, without=names)):
        yield _without(what[len(names) > 1], names, tokens)


def _without(what: str, names: list[str], tokens: int) -> str:
    return f"Leave out {what}: document.select(without={names!r}) is {tokens:,} tokens."


def _parts(counted: Counted, named: list[Section]) -> tuple[tuple[str, str], list[tuple[int, str]]]:
    """What a document is divided into, in words for one and for many; tokens and name of each."""
    files = tree(counted)
    if files is not None:
        parts = _divided(files)
        in_folders = any(node.below for node in parts)
        what = ("one folder or file", "the largest folders and files") if in_folders else _DOCUMENTS
        return what, [(node.tokens, node.path) for node in parts]
    deepest = max((section.level for section in named), default=0)
    return ("one section", "the longest sections"), [
        (counted.between(*s.span), s.title) for s in named if s.level == deepest
    ]


def _divided(node: Node) -> list[Node]:
    """What stands in a folder; in the one folder that it holds, if it holds nothing else."""
    while len(node.below) == 1 and node.below[0].below:
        node = node.below[0]
    return list(node.below)


def _fewest(parts: list[tuple[int, str]], tokens: int) -> list[str]:
    """The smallest part that is large enough, else the largest ones together; nothing if those are too many."""
    # A cut moves the count by a token or so.
    enough = sorted((size, name) for size, name in parts if size >= tokens + 2)
    if enough:
        return [enough[0][1]]
    names: list[str] = []
    for size, name in sorted(parts, reverse=True)[:MAX_LEFT_OUT]:
        names.append(name)
        tokens -= size
        if tokens + 2 <= 0:
            return names
    return []
