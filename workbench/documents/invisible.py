"""Characters that a reader does not see and a model does: zero-width and tag characters, and those that reorder text.

Many of them are needed: joiners in Indic and Arabic scripts and in emoji, break marks in Thai and Khmer, selectors
behind emoji and ideographs, isolates around names. These are let be; what is found is what no script asks for.

Source: Unicode Standard Annex 9 (bidirectional controls), Technical Standards 39 and 51 (security, emoji sequences);
Boucher and Anderson 2021, "Trojan Source".

Not covered: letters of two alphabets that look the same (lookalikes); text of no colour or size (the readers).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from workbench.documents.layout import merged
from workbench.types import Span

_ZERO_WIDTH = "\u180e\u200b-\u200d\u2060-\u206f\ufeff\ufff9-\ufffb\u115f\u1160\u3164\uffa0\u034f"
_SELECTORS = "\ufe00-\ufe0f\U000e0100-\U000e01ef"
_TAGS = "\U000e0000-\U000e007f"
_BIDI = "\u202a-\u202e\u2066-\u2069"
_UNSEEN = re.compile(f"[{_ZERO_WIDTH}{_SELECTORS}{_TAGS}]+".replace("\u2060-\u206f", "\u2060-\u2065\u206a-\u206f"))
_ORDERING = re.compile(f"[{_BIDI}]")
_LINE = re.compile("[^\n]+")
# England, Scotland and Wales: the only flags that are spelled in tags.
_FLAG = re.compile("\U000e0067\U000e0062(?:\U000e0065\U000e006e\U000e0067|\U000e0073\U000e0063\U000e0074|"
                   "\U000e0077\U000e006c\U000e0073)\U000e007f")  # fmt: skip
_JOINED = ((0x0600, 0x08FF), (0x0900, 0x0DFF), (0x0F00, 0x109F), (0x1780, 0x18AF), (0x1A20, 0x1BFF), (0xA800, 0xAAFF),
           (0xFB50, 0xFDFF), (0xFE70, 0xFEFC), (0x10A00, 0x11FFF), (0x1E900, 0x1E95F))  # fmt: skip
_UNSPACED = ((0x0E00, 0x109F), (0x1780, 0x17FF), (0x1950, 0x19DF), (0x1A20, 0x1AAF), (0x2E80, 0xA4CF), (0xAC00, 0xD7AF))
_JAMO = ((0x1100, 0x11FF), (0x3130, 0x318F), (0xA960, 0xA97F), (0xD7B0, 0xD7FF), (0xFFA0, 0xFFDC))
_IDEOGRAPHS = ((0x3005, 0x3007), (0x3400, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x3FFFF))
_EMOJI = ((0x2190, 0x2BFF), (0x3030, 0x303D), (0x1F000, 0x1FAFF), (0xFE0F, 0xFE0F), (0x2640, 0x2642))
_CLOSED_BY = {
    "\u202a": "\u202c",
    "\u202b": "\u202c",
    "\u202d": "\u202c",
    "\u202e": "\u202c",
    "\u2066": "\u2069",
    "\u2067": "\u2069",
    "\u2068": "\u2069",
}
_RIGHT_TO_LEFT = "\u202b\u2067"
_OVERRIDES = "\u202d\u202e"


def unseen(text: str) -> tuple[Span, ...]:
    """Zero-width and tag characters, and selectors that select nothing, in order."""
    found = (
        Span(at, at + 1)
        for run in _UNSEEN.finditer(text)
        for at in range(run.start(), run.end())
        if not _is_needed(text, at, run)
    )
    return merged(found)


def _is_needed(text: str, at: int, run: re.Match[str]) -> bool:
    """Whether a script or an emoji asks for the unseen character at a place."""
    char, before, after = text[at], text[at - 1 : at], text[at + 1 : at + 2]
    if char in "\u200c\u200d":
        # One alone: a run of joiners spells bits. A selector may stand in front, which belongs to the emoji.
        alone = not any(other in "\u200b\u200c\u200d\u2060" for other in before + after)
        return alone and (_within(before, _JOINED) or (_within(before, _EMOJI) and _within(after, _EMOJI)))
    if char == "\u200b":
        return _within(before, _UNSPACED) and not _UNSEEN.match(after)
    if char in "\u115f\u1160\u3164\uffa0":
        return _within(before, _JAMO) or _within(after, _JAMO)
    if "\U000e0000" <= char <= "\U000e007f":
        flag = _FLAG.match(text, run.start())
        return before != "" and flag is not None and at < flag.end() and text[run.start() - 1] == "\U0001f3f4"
    if char in "\u034f\u2061\u2062\u2063\u2064":  # a mark of sums and of Hebrew: one by one they are typeset
        return run.end() - run.start() == 1 and before.strip() != ""
    if char == "\u180e":
        return _within(before, ((0x1800, 0x18AF),))
    return _selects(char, before)


def _selects(char: str, before: str) -> bool:
    """Whether it is a selector behind a character that has variants."""
    if char >= "\U000e0100":
        return _within(before, _IDEOGRAPHS)
    if not "\ufe00" <= char <= "\ufe0f" or before == "" or _UNSEEN.match(before):
        return False
    # Digits, # and * are keycaps; other ASCII has no variants but a few in mathematics.
    return before in "0123456789#*<>=" or not before.isascii()


def _within(char: str, ranges: tuple[tuple[int, int], ...]) -> bool:
    return char != "" and any(first <= ord(char) <= last for first, last in ranges)


def reordering(text: str) -> tuple[Span, ...]:
    """Controls that show text in another order than it is read: overrides, unbalanced ones, and needless ones."""
    if not _ORDERING.search(text):
        return ()
    lines = (line for line in _LINE.finditer(text) if _ORDERING.search(line.group()))
    return merged(Span(line.start() + at, line.start() + at + 1) for line in lines for at in _misused(line.group()))


def _misused(line: str) -> Iterator[int]:
    """Places of the controls in a line that are not a pair around something that needs them."""
    opened: list[tuple[int, int]] = []
    last_rtl = -1
    for at, char in enumerate(line):
        if char in _CLOSED_BY:
            opened.append((at, last_rtl))
        elif char in "\u202c\u2069":
            start, rtl_before = opened.pop() if opened else (-1, -1)
            begun = line[start] if start >= 0 else ""
            # Turned from right to left, with nothing in it that is written so: it only hides the order.
            needless = begun in _OVERRIDES or (begun in _RIGHT_TO_LEFT and last_rtl == rtl_before)
            if _CLOSED_BY.get(begun) != char or needless:
                yield from (place for place in (start, at) if place >= 0)
        elif not char.isascii() and unicodedata.bidirectional(char) in ("R", "AL"):
            last_rtl = at
    yield from (at for at, _ in opened)


def spelled(text: str) -> str:
    """What tag characters spell in ASCII; empty without them."""
    return "".join(chr(ord(char) - 0xE0000) for char in text if "\U000e0020" <= char <= "\U000e007e")


def made_visible(text: str) -> str:
    """Text in which every character that is not seen stands as ``<U+200B>``, white space as one space."""
    shown = (char if _is_seen(char) else f"<U+{ord(char):04X}>" for char in " ".join(text.split()))
    return "".join(shown)


def _is_seen(char: str) -> bool:
    return unicodedata.category(char) not in ("Cf", "Cc", "Cs", "Co", "Cn") and not _UNSEEN.match(char)
