"""Where characters stand: cutting and joining texts moves every box, name and mark with its characters."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workbench.documents.layout import Layout, Region, covers, joined, merged
from workbench.types import Span


@st.composite
def spans_within(draw: st.DrawFn, num_chars: int) -> tuple[Span, ...]:
    bounds = sorted(draw(st.lists(st.integers(0, num_chars), max_size=8, unique=True)))
    return tuple(Span(start, end) for start, end in zip(bounds[::2], bounds[1::2], strict=False))


@st.composite
def layouts(draw: st.DrawFn) -> tuple[Layout, int]:
    num_chars = draw(st.integers(1, 40))
    first = draw(st.integers(0, 1_000))
    boxes = np.arange(first, first + num_chars, dtype=np.float32)[:, None].repeat(4, 1)
    names = draw(st.lists(st.integers(0, num_chars - 1), max_size=3))
    regions = tuple(Region("cell", f"cell {at}", at, num_chars) for at in sorted(names))
    return Layout(boxes if draw(st.booleans()) else Layout().boxes, draw(spans_within(num_chars)), regions), num_chars


def facts(layout: Layout, num_chars: int) -> list[tuple[float | None, bool, frozenset[str]]]:
    """What is known of each character."""
    named = [
        frozenset(region.name for region in layout.regions if region.start_char <= char < region.end_char)
        for char in range(num_chars)
    ]
    boxes = [None] * num_chars if not len(layout.boxes) else [None if np.isnan(b[0]) else b[0] for b in layout.boxes]
    return [(boxes[char], covers(layout.made, char), named[char]) for char in range(num_chars)]


@given(st.data())
def test_a_part_knows_of_each_character_what_the_whole_knew(data: st.DataObject):
    layout, num_chars = data.draw(layouts())
    kept = data.draw(spans_within(num_chars)) or (Span(0, num_chars),)
    whole = facts(layout, num_chars)
    expected = [whole[char] for start, end in kept for char in range(start, end)]
    assert facts(layout.part(kept), len(expected)) == expected


@given(st.lists(layouts(), max_size=4))
def test_joined_texts_keep_what_was_known_of_each_character(parts: list[tuple[Layout, int]]):
    expected = [fact for layout, num_chars in parts for fact in facts(layout, num_chars)]
    assert facts(joined(parts), len(expected)) == expected


@given(st.data())
def test_the_reader_s_own_characters_are_found_from_any_range(data: st.DataObject):
    layout, num_chars = data.draw(layouts())
    start = data.draw(st.integers(0, num_chars))
    end = data.draw(st.integers(start, num_chars))
    assert layout.is_made(start, end) == any(covers(layout.made, char) for char in range(start, end))


def test_spans_that_touch_become_one():
    assert merged([Span(4, 6), Span(0, 2), Span(2, 4), Span(9, 9), Span(8, 10)]) == (Span(0, 6), Span(8, 10))
