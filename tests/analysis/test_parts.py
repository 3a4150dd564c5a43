"""The parts of a summary: from the beginning to the end, each with its share of the words."""

from itertools import pairwise
from pathlib import Path

import pytest

import workbench as wb
from workbench.analysis.parts import LEAST_PART_WORDS, MAX_PARTS, STYLES, check, plan


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("words", [10, 40, 150, 400, 2_000])
def test_parts_cover_the_document_and_their_words_add_up(book: wb.Document, words: int, style: str):
    parts = plan(book, words, check(words, style))
    assert sum(part.words for part in parts) == words
    own = [part for part in parts if not part.leads]
    assert 1 <= len(own) <= MAX_PARTS
    assert own[0].start_char == 0
    assert own[-1].end_char == len(book.text)
    assert all(one.end_char == other.start_char for one, other in pairwise(own))
    assert all(part.words >= min(LEAST_PART_WORDS, words // 2) for part in own)


def test_each_section_has_a_part_where_there_are_words_for_it(samples: Path):
    opinion = wb.load(samples / "abouammo-v-united-states.txt")
    titles = [part.title for part in plan(opinion, 300, "by section")]
    assert titles[-2:] == ["I", "II"]
    assert "Chapter 1" not in titles


def test_a_document_without_an_outline_is_gone_through_by_its_pages():
    document = wb.load("\f".join(f"Page {n} says something. " * 40 for n in range(9)).encode(), name="a.txt")
    parts = plan(document, 150, "brief")
    assert [document.page_at(part.start_char).number for part in parts] == [1, 4, 7]
    assert parts[1].begins.startswith("Page 3 says")


def test_an_executive_summary_leads_with_the_whole(book: wb.Document):
    lead, *rest = plan(book, 150, "executive")
    assert lead.leads
    assert lead.words == 45
    assert not any(part.leads for part in rest)


def test_an_unknown_style_lists_those_that_are_known():
    assert check(10, "by-section") == check(10, "by_section") == "by section"
    with pytest.raises(wb.ConfigError, match="brief, executive, chronological, by section"):
        check(100, "poem")
    with pytest.raises(wb.ConfigError, match="at least 10"):
        check(9, "brief")
