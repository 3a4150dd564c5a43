"""A prompt that is to be read: where it is cut into chunks, where its states are kept. Plain Python.

Chunks are cut at multiples of one grid, counted from the first token, and where the prompt and its marked parts end: a
function of position alone. So what is computed for a document is the same, bit for bit, however often reading was
interrupted; and two prompts that begin alike are cut alike.

Not covered: reading it (engine.reader).
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from workbench.types import Keep

SNAPSHOT_TOKENS = 16_384
"""About one snapshot of the recurrent states is kept for so many tokens."""


def chunk_ends(start: int, end: int, grid: int, marks: Sequence[int] = ()) -> list[int]:
    """Where chunks from token ``start`` to ``end`` stop: at multiples of ``grid``, at ``marks``, and at ``end``."""
    if end <= start:
        return []
    inside = {mark for mark in marks if start < mark < end}
    return sorted({*range((start // grid + 1) * grid, end, grid), *inside, end})


def snapshot_ends(ends: Sequence[int], marks: Sequence[int] = ()) -> frozenset[int]:
    """After which chunks the recurrent states are kept, for other prompts that begin alike.

    At marks and at the end, about one for every ``SNAPSHOT_TOKENS``, and at distances that double back from the end:
    an edit near the end of a document is the most likely one.
    """
    kept, due, total = {*marks, *ends[-1:]}, SNAPSHOT_TOKENS, ends[-1] if ends else 0
    distance = SNAPSHOT_TOKENS // 32
    while distance < min(total, SNAPSHOT_TOKENS):
        kept.add(max((end for end in ends if end <= total - distance), default=total))
        distance *= 2
    for end in ends:
        if end >= due:
            kept.add(end)
            due = end + SNAPSHOT_TOKENS
    return frozenset(kept)


def chains(token_ids: Sequence[int], ends: Sequence[int], base: str) -> list[str]:
    """A hash for each chunk: of its ids and of the chunk before; ``base`` stands in front of the first.

    Two prompts with an equal chain begin with the same tokens, cut at the same places.
    """
    found, chain, start = [], base, 0
    for end in ends:
        content = chain.encode() + b" ".join(b"%d" % token for token in token_ids[start:end])
        chain = hashlib.blake2b(content, digest_size=16).hexdigest()
        found.append(chain)
        start = end
    return found


@dataclass(frozen=True, slots=True)
class Prompt:
    """What is to be read.

    Attributes:
        ids: token ids.
        ends: where its chunks end.
        marks: ends that forks may start from, beside the last.
        chain: a hash for each chunk.
        snapshots: ends after which the store keeps recurrent states.
        keep: what the store keeps beside it; None keeps nothing on disk.
        cancel: stops it between layers.
    """

    ids: tuple[int, ...]
    ends: tuple[int, ...]
    marks: tuple[int, ...]
    chain: tuple[str, ...]
    snapshots: frozenset[int]
    keep: Keep | None
    cancel: threading.Event

    @property
    def key(self) -> str:
        """Hash of all that its bits hang on, of its marks, and of the document it belongs to."""
        belongs_to = self.keep.label.get("hash", "") if self.keep else ""
        return hashlib.blake2b(f"{self.chain[-1]} {self.marks} {belongs_to}".encode(), digest_size=16).hexdigest()


def make_prompt(
    ids: Sequence[int], marks: Sequence[int], grid: int, fingerprint: str, keep: Keep | None, cancel: threading.Event
) -> Prompt:
    """Cut a prompt into chunks."""
    ends = chunk_ends(0, len(ids), grid, marks)
    inside = tuple(sorted({mark for mark in marks if 0 < mark < len(ids)}))
    chain = tuple(chains(ids, ends, fingerprint))
    return Prompt(tuple(ids), tuple(ends), inside, chain, snapshot_ends(ends, inside), keep, cancel)
