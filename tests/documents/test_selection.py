"""Selections: by title, by range, by page; numbers, labels and lineage are kept."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import SAMPLES
from tests.documents.conftest import check_whole
from workbench.documents.document import Member
from workbench.documents.load import load
from workbench.documents.selection import normalised
from workbench.errors import ConfigError

VOLUMES = b"Volume I\n\nChapter 1\n\na\n\nChapter 2\n\nb\n\nVolume II\n\nChapter 1\n\nc\n\nChapter 2\n\nd\n"


@pytest.mark.parametrize(
    "expression",
    [
        "Chapter 1..Chapter 4",
        "chapter i .. CHAPTER IV",
        " Chapter 1 ..Chapter 4 ",
        "Chapter 1.. chapter iv.",
        "Chapter 1…Chapter 4",
    ],
)
def test_a_range_of_chapters_holds_both_ends(persuasion, expression):
    part = persuasion.select(expression)
    assert part.text == persuasion.text[persuasion.outline[0].start_char : persuasion.outline[4].start_char]
    assert [section.title for section in part.outline] == [f"Chapter {n}" for n in range(1, 5)]
    check_whole(part)


def test_a_selection_keeps_page_numbers_labels_and_the_hash_of_the_whole(persuasion):
    part = persuasion.select("Chapter 3")
    chosen = [page for page in persuasion.pages if page.label.startswith("Chapter 3 ")]
    assert [(page.number, page.label) for page in part.pages] == [(page.number, page.label) for page in chosen]
    assert [part.page_text(page.number) for page in chosen] == [persuasion.page_text(page.number) for page in chosen]
    assert part.parent == persuasion.hash
    assert part.source == persuasion.source
    assert part.hash != persuasion.hash
    assert part.select(pages=[part.pages[0].number]).parent == part.hash


def test_chapter_1_is_not_chapter_10(persuasion):
    assert [section.title for section in persuasion.select("chapter I").outline] == ["Chapter 1"]


def test_the_beginning_of_a_title_is_enough(sample):
    sherlock = sample("sherlock_two_adventures.txt")
    assert sherlock.select("Adventure II").text.startswith("ADVENTURE II. THE RED-HEADED LEAGUE")
    assert [s.title for s in sherlock.select("adventure 1").outline] == [
        "ADVENTURE I. A SCANDAL IN BOHEMIA",
        "I.",
        "II.",
        "III.",
    ]
    assert sherlock.select("II").text.startswith("II.\n")


def test_the_whole_title_goes_before_a_beginning():
    document = load(b"# Chapter 1 notes\n\na\n\n# Chapter 1\n\nb\n", name="a.md")
    assert document.select("chapter 1").text == "# Chapter 1\n\nb\n"


def test_sections_are_joined_in_the_order_of_the_document(persuasion):
    part = persuasion.select(sections=["Chapter 9", "Chapter 2", "Chapter 3"])
    assert [section.title for section in part.outline] == ["Chapter 2", "Chapter 3", "Chapter 9"]
    assert part.text == persuasion.select("Chapter 2..Chapter 3").text + persuasion.select("Chapter 9").text
    check_whole(part)


def test_pages_are_selected_by_number(opinion):
    part = opinion.select(pages=range(3, 6))
    assert part.text == "".join(opinion.page_text(number) for number in (3, 4, 5))
    assert [page.number for page in part.pages] == [3, 4, 5]
    assert part.name == "abouammo-v-united-states.txt · pages 3–5"
    assert opinion.select(pages=(9, 1, 2, 9)).name.endswith("pages 1–2, 9")
    assert opinion.select(pages=[4]).name.endswith("page 4")
    assert [section.title for section in opinion.select(pages=[3, 4]).outline] == ["II"]


def test_a_section_cut_by_a_selection_goes_on_behind_the_gap(persuasion):
    first, last = (section.page for section in (persuasion.outline[0], persuasion.outline[1]))
    part = persuasion.select(pages=[first, last - 1])
    assert part.outline[0].title == "Chapter 1"
    assert part.outline[0].end_char == len(part.text)


def test_empty_pages_are_selected_when_asked_for_and_only_then():
    document = load(b"one.\n\f\ftwo.\n\f \fthree.\n\f \f")
    assert [page.status for page in document.pages] == ["read", "empty", "read", "empty", "read", "empty"]
    assert [page.number for page in document.select(pages=[1, 2]).pages] == [1, 2]
    assert [page.number for page in document.select(pages=[1, 3]).pages] == [1, 3]
    assert [page.number for page in document.select(pages=[5, 6]).pages] == [5, 6]
    for pages in ([1, 2], [1, 3], [2, 3, 4], range(1, 7)):
        check_whole(document.select(pages=pages))


def test_the_last_section_keeps_the_empty_pages_at_the_end():
    document = load(b"Chapter 1\n\none\n\fChapter 2\n\ntwo\n\f\f")
    assert [page.number for page in document.select("Chapter 2").pages] == [2, 3]
    assert [page.number for page in document.select("Chapter 1").pages] == [1]


def test_the_end_of_a_range_is_the_next_of_its_name():
    document = load(VOLUMES)
    part = document.select("Volume II..Chapter 1")
    assert part.text.startswith("Volume II")
    assert document.select("Chapter 2..Volume II").text.startswith("Chapter 2\n\nb")


def test_a_title_with_dots_in_it_is_a_title():
    document = load(b"# Wait... what\n\na\n\n# Then\n\nb\n", name="a.md")
    assert document.select("wait... what").text.startswith("# Wait... what")


@pytest.mark.parametrize(
    ("title", "same"),
    [
        ("CHAPTER XIV.", "chapter 14"),
        ("Annex  IX", "annex 9"),
        ("Ⅳ", "4"),
        ("civil", "civil"),
        ("Part I: War", "part 1: war"),
    ],
)
def test_titles_are_compared_without_case_and_with_figures_for_roman_numerals(title, same):
    assert normalised(title) == same


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"expression": "Chapter 25"}, r"has no section 'Chapter 25'\. Nearest: 'Chapter 2"),
        ({"expression": "Chaptr 7"}, r"Nearest: .*'Chapter 7'"),
        ({"expression": ""}, r"has no section ''"),
        ({"expression": "Chapter 4..Chapter 1"}, "runs backwards: 'Chapter 1' stands before 'Chapter 4'"),
        ({"expression": "Chapter 1..Nowhere"}, r"has no section 'Nowhere'\. Nearest:"),
        ({"sections": []}, "give a list of titles"),
        ({"sections": "Chapter 1"}, "give a list of titles"),
        ({"pages": []}, "names no pages"),
        ({"pages": 3}, "names no pages"),
        ({"pages": range(1, 9_999)}, r"has no page \d+\. Nearest: \d+, \d+, \d+"),
        ({"pages": [0]}, r"has no page 0\. Nearest: 1, 2, 3; its 156 pages are pages 1–156"),
        ({}, "select takes one of"),
        ({"expression": "Chapter 1", "pages": [1]}, "select takes one of"),
    ],
)
def test_what_is_not_there_is_answered_with_what_is(persuasion, asked, message):
    with pytest.raises(ConfigError, match=message):
        persuasion.select(**asked)


def test_a_document_without_an_outline_says_to_select_by_pages(sample):
    with pytest.raises(ConfigError, match=r"no chapters or sections; select by pages=range\(1, 3\)"):
        sample("abouammo-v-united-states.syllabus.txt").select("Chapter 1")


def test_a_page_that_a_selection_left_out_is_not_in_it(opinion):
    part = opinion.select(pages=[1, 5, 9])
    with pytest.raises(ConfigError, match=r"has no page 4\. Nearest: 1, 5, 9; its 3 pages are pages 1, 5, 9"):
        part.page_text(4)
    with pytest.raises(ConfigError, match="has no page 10"):
        opinion.page_text(10)


def test_a_part_without_text_is_refused():
    with pytest.raises(ConfigError, match="page 2 of document holds no text"):
        load(b"one\f\ftwo").select(pages=[2])


def test_warnings_of_other_pages_stay_behind(opinion):
    from workbench.documents.document import DocumentWarning

    said = (DocumentWarning("scanned", "page 2", (2,)), DocumentWarning("encoding", "all"))
    document = replace(opinion, warnings=said)
    assert document.select(pages=[1]).warnings == said[1:]
    assert document.select(pages=[2]).warnings == said


def test_the_page_of_a_character_is_the_page_it_stands_on(opinion):
    for page in opinion.pages:
        assert opinion.page_at(page.start_char) == page
        assert opinion.page_at(page.end_char - 1) == page
    assert opinion.page_at(len(opinion.text)) == opinion.pages[-1]
    assert opinion.page_at(-1) == opinion.pages[0]


def test_the_table_of_the_outline_has_every_title(persuasion):
    assert persuasion.outline_table()["title"].to_list()[-1] == "Chapter 24"


@settings(max_examples=50, deadline=None)
@given(st.sets(st.integers(1, 9), min_size=1))
def test_any_set_of_pages_is_a_document_again(numbers):
    opinion = load(SAMPLES / "abouammo-v-united-states.txt")
    part = opinion.select(pages=sorted(numbers))
    check_whole(part)
    assert [page.number for page in part.pages] == sorted(numbers)
    assert part.text == "".join(opinion.page_text(number) for number in sorted(numbers))


def test_what_is_left_out_is_not_in_the_rest(persuasion):
    part = persuasion.select(without=["Chapter 2..Chapter 23"])
    assert [section.title for section in part.outline] == ["Chapter 1", "Chapter 24"]
    assert part.name == "persuasion.txt · without Chapter 2..Chapter 23"
    whole, middle = len(persuasion.text), len(persuasion.select("Chapter 2..Chapter 23").text)
    assert len(part.text) == whole - middle
    assert part.parent == persuasion.hash


def test_something_is_left_out_of_a_part(persuasion):
    part = persuasion.select("Chapter 1..Chapter 4", without=["Chapter 2", "Chapter 3"])
    assert part.text == persuasion.select(sections=["Chapter 1", "Chapter 4"]).text
    assert persuasion.select(pages=[2, 3, 7], without=["Chapter 1"]).pages[0].number == 7


def test_folders_and_documents_of_a_collection_are_named_like_sections(sample):
    code = sample("itsdangerous-2.2.0")
    tests = code.select("tests/")
    assert {section.title.partition("/")[0] for section in tests.outline} == {"tests"}
    rest = code.select(without=["tests/", "docs/"])
    assert len(rest.text) == len(code.text) - len(tests.text) - len(code.select("docs/").text)
    document = load(b"one\ftwo\fthree", name="a.txt")
    source, text = document.source, document.text
    members = (Member("a.pdf", source, 0, 3, 1), Member("b.pdf", source, 3, len(text), 2))
    both = replace(document, members=members)
    assert both.select("b.pdf").text == text[3:]
    assert both.select(without=["b.pdf"]).members == members[:1]


@pytest.mark.parametrize("without", [[], "Chapter 1", ["Chapter 99"], ["Chapter 1..Chapter 24"]])
def test_nothing_and_everything_cannot_be_left_out(persuasion, without):
    with pytest.raises(ConfigError, match=r"without=|Nearest|holds no text"):
        persuasion.select("Chapter 1..Chapter 24", without=without)
