"""Words that mix letters of two alphabets which look the same: a "раyment" that no search for payment finds.

A word is one when all its letters of one alphabet have twins in the other: "pаypal" with a Cyrillic а. A word of two
alphabets whose letters tell them apart ("USBшный", "kΩ", "μm") is not.

Source: Unicode Technical Standard 39, section 4 (confusables), the letters of Cyrillic and Greek that common typefaces
draw as they draw the Latin ones.

Not covered: whole words in the other alphabet; letters of other scripts; full-width and mathematical letters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from workbench.types import Span

_TWINS = {
    "Cyrillic": ("АВСЕНІЈКМОРЅТХУаеосԁһіјӏрѕхуԛԝ", "ABCEHIJKMOPSTXYaeocdhijlpsxyqw"),
    "Greek": ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧο", "ABEZHIKMNOPTYXo"),
}
_TO_LATIN = {
    ord(other): latin for others, latins in _TWINS.values() for other, latin in zip(others, latins, strict=True)
}
_TO_CYRILLIC = {ord(latin): other for other, latin in zip(*_TWINS["Cyrillic"], strict=True)}
_LATIN = "A-Za-z\u00c0-\u024f"
_OTHERS = "\u0370-\u03ff\u0400-\u052f"
_MIXED = re.compile(rf"(?<![^\W\d_])(?=[^\W\d_]*[{_LATIN}])(?=[^\W\d_]*[{_OTHERS}])[^\W\d_]{{3,}}")


def lookalikes(text: str) -> tuple[Span, ...]:
    """The words with letters of two alphabets, of which those of one could all be the other's, in order."""
    return tuple(Span(*match.span()) for match in _MIXED.finditer(text) if _made_plain(match.group()) is not None)


def made_plain(text: str, spans: Iterable[Span]) -> str:
    """The text with such words in one alphabet; no character moves."""
    return "".join(_pieces(text, spans))


def _pieces(text: str, spans: Iterable[Span]) -> Iterator[str]:
    at = 0
    for start, end in spans:
        yield text[at:start]
        yield _made_plain(text[start:end]) or text[start:end]
        at = end
    yield text[at:]


def _made_plain(word: str) -> str | None:
    """A word in the one alphabet that it pretends to be in; None when its letters tell the two apart."""
    latin = word.translate(_TO_LATIN)
    if not re.search(f"[{_OTHERS}]", latin):
        return latin
    cyrillic = word.translate(_TO_CYRILLIC)
    return None if re.search(f"[{_LATIN}]", cyrillic) else cyrillic
