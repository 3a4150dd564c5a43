"""A model's vocabulary as a trie over bytes: which tokens go on like a document does, at many places at once.

Tokens are spelled as passages are (white space, quotation marks, hyphens, NFKC). A token that holds a part of a
character keeps its bytes.

Not covered: encoding (the tokenizer's).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workbench.analysis.passages import spell
from workbench.types import Tokenizer

MAX_BYTES = 64
"""Longer tokens (rows of dashes) are left out: the document can be said without them."""


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """Tokens by their bytes.

    Attributes:
        spelled: bytes of each token, made equal; empty for those that a quote cannot have.
        edges: ``node * 256 + byte`` of every edge of the trie, ascending; int64 (num_nodes - 1,).
        nodes: where each edge leads; int64 (num_nodes - 1,). The root is node 0.
        offsets: where the tokens of each node begin in ``ids``; int64 (num_nodes + 1,).
        ids: tokens by the node at which they end; int64.
        by_bytes: tokens by their bytes, for a search at one place.
        max_bytes: of the longest.
    """

    spelled: Sequence[bytes]
    edges: NDArray[np.int64]
    nodes: NDArray[np.int64]
    offsets: NDArray[np.int64]
    ids: NDArray[np.int64]
    by_bytes: Mapping[bytes, tuple[int, ...]]
    max_bytes: int

    def going_on_at(self, flat: bytes, position: int) -> list[int]:
        """Tokens that are the next bytes of ``flat`` at one position."""
        ahead, by_bytes = flat[position : position + self.max_bytes], self.by_bytes
        return [token for end in range(1, len(ahead) + 1) for token in by_bytes.get(ahead[:end], ())]

    def going_on(self, flat: NDArray[np.uint8], positions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Tokens that are the next bytes of ``flat`` at one of the positions at least, each once."""
        nodes = np.zeros(len(positions), np.int64)
        reached: list[NDArray[np.int64]] = []
        while len(positions):
            inside = positions < len(flat)
            positions, nodes = positions[inside], nodes[inside]
            wanted = nodes * 256 + flat[positions]
            at = np.minimum(self.edges.searchsorted(wanted), len(self.edges) - 1)
            found = self.edges[at] == wanted
            nodes, positions = self.nodes[at[found]], positions[found] + 1
            reached.append(np.unique(nodes))
        return self._tokens(np.concatenate(reached)) if reached else np.empty(0, np.int64)

    def _tokens(self, nodes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Tokens that end at some nodes."""
        starts, counts = self.offsets[nodes], self.offsets[nodes + 1] - self.offsets[nodes]
        before = np.concatenate([[0], counts.cumsum()[:-1]]) if len(counts) else counts
        return np.asarray(self.ids[np.repeat(starts - before, counts) + np.arange(counts.sum())])


_made: dict[tuple[str, bytes], Vocabulary] = {}


def vocabulary(tokenizer: Tokenizer, without: bytes = b"") -> Vocabulary:
    """The vocabulary of a tokenizer; kept for the next call.

    Args:
        tokenizer: of the model.
        without: bytes that no token of a quote may have, such as the quotation mark that closes it.
    """
    key = tokenizer.fingerprint, without
    if key not in _made:
        while len(_made) >= 4:
            del _made[next(iter(_made))]
        _made[key] = build([_spelled(raw, without) for raw in tokenizer.token_bytes])
    return _made[key]


def _spelled(raw: bytes, without: bytes) -> bytes:
    """A token's bytes, made equal; empty where a quote cannot have it."""
    if any(byte in raw for byte in without):
        return b""
    try:
        return spell(raw.decode("utf-8"))
    except UnicodeDecodeError:  # a part of a character
        return raw


def build(spelled: Sequence[bytes]) -> Vocabulary:
    """A vocabulary of these tokens, by id."""
    tokens = np.array([index for index, each in enumerate(spelled) if 0 < len(each) <= MAX_BYTES], np.int64)
    lengths = np.array([len(spelled[index]) for index in tokens.tolist()], np.int64)
    padded = np.zeros((len(tokens), MAX_BYTES), np.uint8)
    for row, index in enumerate(tokens.tolist()):
        padded[row, : lengths[row]] = np.frombuffer(spelled[index], np.uint8)
    at, num_nodes = np.zeros(len(tokens), np.int64), 1
    edges: list[NDArray[np.int64]] = []
    for depth in range(int(lengths.max(initial=0))):
        going = lengths > depth
        new, which = np.unique(at[going] * 256 + padded[going, depth], return_inverse=True)
        at[going] = num_nodes + which
        edges.append(new)
        num_nodes += len(new)
    # Nodes are numbered level by level, and edges of a level lead to nodes in order: all edges ascend.
    order = np.argsort(at, kind="stable")
    offsets = np.concatenate([[0], np.bincount(at, minlength=num_nodes).cumsum()])
    joined = np.concatenate(edges) if edges else np.array([-1], np.int64)
    by_bytes: dict[bytes, tuple[int, ...]] = {}
    for index in tokens.tolist():
        by_bytes[spelled[index]] = (*by_bytes.get(spelled[index], ()), index)
    return Vocabulary(
        spelled, joined, np.arange(1, len(joined) + 1, dtype=np.int64), offsets, tokens[order], by_bytes,
        int(lengths.max(initial=0)),
    )  # fmt: skip
