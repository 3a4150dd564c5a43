"""Plain text: page marks, chapters, made pages."""

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.documents.conftest import check_whole
from workbench.documents.load import load
from workbench.documents.readers.text import PAGE_CHARS, headings, paginate, take_marks


def test_text_without_marks_equals_its_file(samples, persuasion, sample):
    assert persuasion.text == (samples / "persuasion.txt").read_text(encoding="utf-8")
    for name in ("sherlock_two_adventures.txt", "abouammo-v-united-states.syllabus.txt", "patient-notes/note-00.txt"):
        assert sample(name).text == (samples / name).read_text(encoding="utf-8")


def test_persuasion_has_24_chapters_and_its_pages_carry_their_names(persuasion):
    assert [section.title for section in persuasion.outline] == [f"Chapter {n}" for n in range(1, 25)]
    assert persuasion.pages[0].label == "Opening · 1"
    assert [page.label for page in persuasion.pages[1:3]] == ["Chapter 1 · 1", "Chapter 1 · 2"]
    sizes = [page.end_char - page.start_char for page in persuasion.pages]
    assert max(sizes) <= PAGE_CHARS * 3 // 2
    assert 2_500 < sorted(sizes)[len(sizes) // 2] < 3_500
    paragraphs = sum(persuasion.page_text(page.number).endswith("\n\n") for page in persuasion.pages)
    assert paragraphs >= len(sizes) - 1


def test_sherlock_has_two_adventures_with_their_parts(sample):
    outline = [(s.level, s.title) for s in sample("sherlock_two_adventures.txt").outline]
    assert outline == [
        (1, "ADVENTURE I. A SCANDAL IN BOHEMIA"),
        (2, "I."),
        (2, "II."),
        (2, "III."),
        (1, "ADVENTURE II. THE RED-HEADED LEAGUE"),
    ]


def test_the_opinion_has_nine_marked_pages_and_no_marks_left(opinion):
    assert [page.label for page in opinion.pages] == list("123456789")
    assert "[page" not in opinion.text
    assert "denied giving the Saudi official" in opinion.text
    assert opinion.page_text(1).startswith("SUPREME COURT OF THE UNITED STATES")
    assert opinion.page_text(2).startswith("Saudi official confidential information.")
    assert opinion.page_at(opinion.text.index("Denture Act")).label == "7"
    assert [s.title for s in opinion.outline][1:] == ["I", "II"]


def test_only_the_marks_and_white_space_are_taken_out_of_the_opinion(samples, opinion):
    raw = (samples / "abouammo-v-united-states.txt").read_text(encoding="utf-8")
    for number in range(1, 10):
        raw = raw.replace(f"[page {number}]", "")
    assert raw.split() == opinion.text.split()


@pytest.mark.parametrize(
    ("text", "clean", "pages"),
    [
        ("One.\n\ftwo\n\f", "One.\ntwo\n", [("1", 0, 5), ("2", 5, 9)]),
        ("\fOne.\ftwo", "One.two", [("1", 0, 4), ("2", 4, 7)]),
        ("One.\f\ftwo", "One.two", [("1", 0, 4), ("2", 4, 4), ("3", 4, 7)]),
        ("one\ftwo", "one\ntwo", [("1", 0, 4), ("2", 4, 7)]),
        ("head\n[page 7]\none", "head\none", [("7", 0, 8)]),
        ("a word [page 2]  goes on", "a word goes on", [("2", 0, 14)]),
        ("[page 1]obstruc[page 2]tion", "obstruction", [("1", 0, 7), ("2", 7, 11)]),
        ("[page 1]one[page 2]\ntwo", "one\ntwo", [("1", 0, 3), ("2", 3, 7)]),
        ("[page 1]One.\n\f[page 2]\ntwo", "One.\ntwo", [("1", 0, 5), ("2", 5, 8)]),
        ("[page x] no mark", "[page x] no mark", []),
    ],
)
def test_page_marks_leave_the_text_and_become_pages(text, clean, pages):
    found, marked = take_marks(text)
    assert found == clean
    assert [(page.label, page.start_char, page.end_char) for page in marked] == pages


def test_an_empty_page_is_counted_and_says_so():
    document = load(b"one\f \ftwo")
    assert [page.status for page in document.pages] == ["read", "empty", "read"]
    assert document.page_at(document.text.index("two")).number == 3
    assert document.page_at(len(document.text)).number == 3


def test_line_ends_of_every_system_become_newlines():
    assert load(b"Chapter 1\r\n\r\none\rtwo\n").text == "Chapter 1\n\none\ntwo\n"


def test_a_text_without_headings_has_numbered_pages_and_no_outline(sample):
    document = sample("abouammo-v-united-states.syllabus.txt")
    assert document.outline == ()
    assert [page.label for page in document.pages] == ["1", "2"]


@pytest.mark.parametrize("filler", ["x", "word ", "line\n"])
def test_a_text_without_paragraphs_is_cut_at_lines_or_words_or_anywhere(filler):
    document = load((filler * (1_000_000 // len(filler))).encode())
    check_whole(document)
    assert max(page.end_char - page.start_char for page in document.pages) <= PAGE_CHARS * 3 // 2
    if filler != "x":
        assert all(document.page_text(page.number).endswith(filler[-1]) for page in document.pages)


@pytest.mark.parametrize(
    "line",
    [
        "Chapter 1",
        "CHAPTER XIV.",
        "Chapter 2: The Return",
        "Part One",
        "Article 5",
        "Annex III — High risk",
        "Prologue",
    ],
)
def test_a_line_that_stands_alone_and_reads_like_a_heading_is_one(line):
    found = headings(f"Some text before.\n\n{line}\n\nSome text after.\n")
    assert [(s.title, s.start_char) for s in found] == [(line, 19)]


@pytest.mark.parametrize(
    "line",
    [
        "Section 1519 does not require that an investigation is obstructed",
        "Section 4, paragraph 2, says otherwise",
        "Article 5(1) applies",
        "Part I played badly.",
        "chapter 1",
        "I am half agony, half hope",
        "Introductions were made",
    ],
)
def test_a_sentence_that_begins_like_a_heading_is_none(line):
    assert headings(f"Some text before.\n\n{line}\n\nSome text after.\n") == ()


def test_comments_in_a_script_are_no_headings():
    assert load(b"import os\n\n# read the file\nx = 1\n# and write it\ny = 2\n", name="a.py").outline == ()


def test_a_heading_that_begins_a_page_needs_no_blank_line_before_it():
    assert [s.title for s in load(b"One.\n\fChapter 2\ntwo\n").outline] == ["Chapter 2"]


def test_hashed_lines_in_plain_text_keep_their_ranks():
    text = "# Book\n\nx\n\n## First\n\nx\n\n## Second\n\nx\n"
    assert [(s.level, s.title) for s in headings(text)] == [(1, "Book"), (2, "First"), (2, "Second")]


pieces = st.sampled_from(
    [
        "Chapter 1\n",
        "CHAPTER II\n",
        "# Head\n",
        "\n",
        "\n\n",
        "\r\n",
        " ",
        "word ",
        "w" * 2_000,
        "line\n" * 500,
        "é" * 900 + "\n\n",
    ]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(pieces, min_size=1, max_size=60))
@example(["\n\n", "Chapter 1\n", "\n"])
def test_made_pages_have_no_gaps_and_every_character_stands_on_one(parts):
    text = "".join(parts).replace("\r\n", "\n")
    outline = headings(text)
    pages = paginate(text, outline)
    assert "".join(text[page.start_char : page.end_char] for page in pages) == text
    assert [page.number for page in pages] == list(range(1, len(pages) + 1))
    assert all(page.end_char - page.start_char <= PAGE_CHARS * 3 // 2 for page in pages)
    assert all(page.start_char < page.end_char for page in pages) or not text


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["[page 3]", "[page 12]\n", "\f", "\n", " ", "ab", "[page", "]"]), max_size=30))
def test_marked_pages_have_no_gaps_and_keep_every_letter(parts):
    text = "".join(parts)
    clean, pages = take_marks(text)
    assert "".join(clean[page.start_char : page.end_char] for page in pages) == (clean if pages else "")
    letters = text.replace("[page 3]", "").replace("[page 12]", "")
    assert "".join(clean.split()) == "".join(letters.split())


@pytest.mark.parametrize(
    "text",
    [
        "# a" + " " * 100_000 + "b\n",
        "Chapter 1" + " " * 100_000 + "b\n",
        "Chapter 1\n\n" * 20_000,
        "[page 1]" * 20_000,
        "#" * 100_000,
    ],
    ids=["hash", "chapter", "chapters", "marks", "hashes"],
)
def test_hostile_text_takes_no_quadratic_time(text):
    begin = time.process_time()
    load(text.encode() + b"end")
    assert time.process_time() - begin < 5
