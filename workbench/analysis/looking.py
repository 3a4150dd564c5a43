"""A look at the passages behind an answer: the question is put once more, to them and their neighbours, read alone.

In a long document there is always something like what was asked for, and a small model takes it for the answer; before
the passage alone it can tell that this is not what was asked.

Not covered: what follows from it (analysis.absent, analysis.ask).
"""

from __future__ import annotations

import contextlib
import logging
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from contextlib import closing
from textwrap import shorten

from workbench.analysis.absent import Absent
from workbench.analysis.context import Context, absent_choice, opening_ids, prefix_ids
from workbench.config import SamplingParams
from workbench.documents.sentences import sentences
from workbench.errors import WorkbenchError
from workbench.results import Citation
from workbench.types import Prefix, ReadProgress, Span

_SHOWN_CHARS = 160
_SIDE_CHARS = 400
"""On each side of a passage, at most: of a table, or of code, everything may be one sentence."""

_log = logging.getLogger(__name__)


def look(
    context: Context, citations: Sequence[Citation], task: tuple[int, ...], cancel: threading.Event
) -> Absent | None:
    """Weigh whether the passages of an answer say what is asked for; None where there is no room or no time for it.

    Args:
        context: the reading's.
        citations: of the answer.
        task: ids of the question, as it was put to the document.
        cancel: ends it.
    """
    engine, tokenizer = context.engine, context.tokenizer
    spans = [
        Span(each.start_char, each.end_char)
        for each in citations
        if each.start_char is not None and each.end_char is not None
    ]
    weighed = absent_choice(tokenizer, None, thinking=False)
    if weighed is None or not spans:
        return None
    text = "\n\n".join(context.document.text[slice(*span)] for span in widened(context.document.text, spans))
    request: Iterator[ReadProgress | Prefix] = iter(())
    try:
        request = engine.read((*prefix_ids(tokenizer, text), *opening_ids(tokenizer)), cancel)
        for event in request:
            if not isinstance(event, ReadProgress):
                with closing(event), closing(engine.fork(event)) as branch:
                    one = SamplingParams(max_tokens=1)
                    for _ in engine.generate(
                        branch, task, one, tokenizer.end_token_ids, None, cancel, weigh=weighed.weigh
                    ):
                        pass
    except KeyboardInterrupt:
        cancel.set()  # the answer itself is whole
        with contextlib.suppress(WorkbenchError):
            for event in request:  # it may have come to its end before it heard of it
                if not isinstance(event, ReadProgress):
                    event.close()
    except (WorkbenchError, RuntimeError) as error:  # torch says RuntimeError where a GPU has no room
        _log.info("The passages were not looked at: %s", error)
    return weighed if weighed.probability is not None else None


def widened(text: str, spans: Sequence[Span]) -> list[Span]:
    """Spans with the sentence in front of and behind each, in order; those that meet are one."""
    every, found = sentences(text), list[Span]()
    for start, end in sorted(spans):
        first = max(bisect_right(every, start, key=lambda span: span.start_char) - 2, 0)
        last = min(bisect_left(every, end, key=lambda span: span.end_char) + 1, len(every) - 1)
        left, right = max(every[first].start_char, start - _SIDE_CHARS), min(every[last].end_char, end + _SIDE_CHARS)
        wide = Span(min(left, start), max(right, end))
        if found and wide.start_char <= found[-1].end_char:
            wide = Span(found[-1].start_char, max(wide.end_char, found.pop().end_char))
        found.append(wide)
    return found


def withdrawal(said: str, citations: Sequence[Citation]) -> str:
    """Tells people what was withdrawn, and what it rested on."""
    places = list(dict.fromkeys(each.source for each in citations if each.source))
    passage, do = ("passage", "does") if len(places) == 1 else ("passages", "do")
    shown = shorten(said, _SHOWN_CHARS, placeholder=" …")
    return f"Withdrawn: “{shown}” The {passage} it rested on ({', '.join(places)}), read alone, {do} not say so."
