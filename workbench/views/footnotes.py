"""The numbers of an answer's citations, in its text: each behind the words that it proves.

Not covered: the list that they lead to (views.bundles, dashboards.markup).
"""

from __future__ import annotations

from collections.abc import Callable

from workbench.results import Answer

_CLOSING = "\"'”’»"


def footnoted(
    answer: Answer, said: Callable[[str], str], mark: Callable[[str], str], start: int = 0, end: int | None = None
) -> str:
    """A part of an answer's text with its numbers.

    Args:
        answer: has text and citations.
        said: how a piece of the text is written.
        mark: how a number, ``[2]``, is written.
        start: of the part, in characters; numbers that stand there belong to the part in front of it.
        end: one past its last character; None for all the rest.
    """
    pieces, at, end = [], start, len(answer.text) if end is None else end
    for place, number in sorted(_numbers(answer)):
        if start < place <= end:
            pieces += [said(answer.text[at:place]), mark(f"[{number}]")]
            at = place
    return "".join(filter(None, (*pieces, said(answer.text[at:end]))))


def _numbers(answer: Answer) -> list[tuple[int, int]]:
    """Each citation's place in the text and its number; a closing quotation mark stands in front of it."""
    found = []
    for number, citation in enumerate(answer.citations, 1):
        if citation.answer_span is not None:
            place = citation.answer_span.end_char
            while place < len(answer.text) and answer.text[place] in _CLOSING:
                place += 1
            found.append((place, number))
    return found
