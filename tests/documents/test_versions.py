"""Two versions of a text: what was added, removed, changed, moved."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

import workbench as wb
from workbench.documents.versions import versions, word_changes

ONE = (
    "The lease begins on 1 May 2024. The rent is 900 euros a month. The tenant keeps a dog.\n\n"
    "Repairs are paid by the landlord within thirty days of a letter. Heating is not part of the rent.\n\n"
    "The garden may be used by all tenants of the house. It is closed at night."
)


def found(first: str, second: str) -> list[tuple[str, str | None, str | None]]:
    def said(text: str, span: tuple[int, int] | None) -> str | None:
        return None if span is None else text[span[0] : span[1]]

    every = versions(first, second).differences
    return [(each.kind, said(first, each.first), said(second, each.second)) for each in every]


def test_the_same_text_with_other_line_ends_and_quotation_marks_has_no_differences():
    other = ONE.replace("rent is", "rent\nis").replace("  ", " ")
    assert versions(ONE, other).differences == ()
    assert versions('He said "no" to it.', "He said “no” to it.").share_kept == 1.0


def test_a_changed_figure_is_a_changed_sentence_with_both_places():
    assert found(ONE, ONE.replace("900", "950")) == [
        ("changed", "The rent is 900 euros a month.", "The rent is 950 euros a month.")
    ]


def test_what_was_removed_and_added_stands_whole():
    other = ONE.replace(" The tenant keeps a dog.", "").replace(
        "at night.", "at night. Music ends at ten in the evening."
    )
    assert found(ONE, other) == [
        ("removed", "The tenant keeps a dog.", None),
        ("added", None, "Music ends at ten in the evening."),
    ]


def test_a_moved_paragraph_is_one_move_and_nothing_else():
    paragraphs = ONE.split("\n\n")
    moved = "\n\n".join([paragraphs[2], paragraphs[0], paragraphs[1]])
    (only,) = found(ONE, moved)
    assert only == ("moved", paragraphs[2], paragraphs[2])


def test_another_text_is_no_version(samples):
    opinion = wb.load(samples / "abouammo-v-united-states.txt").text
    assert versions(ONE, opinion[:3_000]).share_kept < 0.2
    assert versions(opinion, opinion.replace("venue", "place")).share_kept > 0.9


@pytest.mark.parametrize("pair", [("", ""), ("", "One."), ("One.", "")])
def test_an_empty_text_is_compared(pair: tuple[str, str]):
    assert [kind for kind, *_ in found(*pair)] == (["added"] if pair[1] else ["removed"] if pair[0] else [])


@given(st.lists(st.integers(0, 7), max_size=12), st.lists(st.integers(0, 7), max_size=12))
def test_every_sentence_that_is_not_in_both_is_in_a_difference(first: list[int], second: list[int]):
    texts = [" ".join(f"Sentence number {n} stands here and is long." for n in each) for each in (first, second)]
    differences = versions(*texts).differences
    for side in (0, 1):
        spans = sorted(span for each in differences if (span := (each.first, each.second)[side]))
        assert all(one[1] <= other[0] for one, other in pairwise(spans)), "no place stands twice"
    lost = {n for n in range(8) if (n in first) != (n in second)}
    said = " ".join(
        texts[side][s[0] : s[1]] for each in differences for side in (0, 1) if (s := (each.first, each.second)[side])
    )
    assert all(f"number {n} " in said for n in lost)


def test_the_words_that_changed_are_marked():
    first, second = "The rent is 900 euros a month.", "The rent is 950.5 euros a month, paid late."
    ours, theirs = word_changes(first, second)
    assert [first[a:b] for a, b in ours] == ["900"]
    assert [second[a:b] for a, b in theirs] == ["950.5", ", paid late"]
