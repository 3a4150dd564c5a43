"""Tokens of a folder's files as a tree, largest first.

Not covered: which files are read (the code reader), how the tree looks (workbench.views).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import polars as pl

from workbench import tables
from workbench.analysis.counted import Counted
from workbench.documents.document import Document
from workbench.types import Span


@dataclass(frozen=True, slots=True)
class Node:
    """A file, or a folder with all below it.

    Attributes:
        path: a folder's ends with ``/``; that of the root is empty.
        tokens: of all in it.
        num_files: 1 for a file.
        below: what stands in a folder, largest first.
    """

    path: str
    tokens: int
    num_files: int
    below: tuple[Node, ...] = ()


def tree(counted: Counted) -> Node | None:
    """The files of a document; None if it has fewer than two."""
    files = [(path, counted.between(*span)) for path, span in _files(counted.document)]
    return _folder("", files) if len(files) > 1 else None


def _files(document: Document) -> Iterator[tuple[str, Span]]:
    """Paths and characters of the files that a document was put together from, its list of files aside."""
    yield from ((member.name, Span(member.start_char, member.end_char)) for member in document.members)


def _folder(path: str, files: Iterable[tuple[str, int]]) -> Node:
    inside: dict[str, list[tuple[str, int]]] = {}
    below: list[Node] = []
    for name, tokens in files:
        folder, slash, _ = name[len(path) :].partition("/")
        if slash:
            inside.setdefault(f"{path}{folder}/", []).append((name, tokens))
        else:
            below.append(Node(name, tokens, 1))
    below += [_folder(folder, within) for folder, within in inside.items()]
    below.sort(key=lambda node: (-node.tokens, node.path))
    return Node(path, sum(node.tokens for node in below), sum(node.num_files for node in below), tuple(below))


def file_table(counted: Counted, window: int) -> pl.DataFrame:
    """The tree as rows, see ``tables.FIT_FILES``; none for what has no files."""
    root = tree(counted)
    rows = [
        (node.path, depth, node.num_files, node.tokens, node.tokens / window)
        for node, depth in (_walked(root, 0) if root else ())
    ]
    return pl.DataFrame(rows, schema=tables.FIT_FILES, orient="row")


def _walked(folder: Node, depth: int) -> Iterator[tuple[Node, int]]:
    for node in folder.below:
        yield node, depth
        yield from _walked(node, depth + 1)
