"""The order in which a PDF's lines are read, words that line ends part, and lines that come again."""

import re

import pymupdf

from tests.documents.conftest import check_whole
from workbench.documents.load import load

WORDS = re.findall(
    r"\S+",
    "every long contract is read in order of its clauses and columns are no exception to this rule because whoever "
    "drafts one wants the left side read before the right side begins while lists and margins follow along too",
)


def column(start, num_lines):
    """Lines of about one width whose words are numbered, so that their order shows."""
    return [
        " ".join(WORDS[(start + n * 5 + k) % len(WORDS)] for k in range(5)) + f" {start + n}" for n in range(num_lines)
    ]


def numbers(text):
    return [int(word) for word in text.split() if word.isdigit()]


def two_columns(page, *, by_line):
    left, right = column(100, 20), column(200, 20)
    places = [((72, 160 + 14 * n), line) for n, line in enumerate(left)]
    others = [((320, 160 + 14 * n), line) for n, line in enumerate(right)]
    order = [pair for both in zip(places, others, strict=True) for pair in both] if by_line else [*places, *others]
    for place, line in order:
        page.insert_text(place, line, fontsize=9)
    page.insert_text((200, 100), "A title over both of the columns of the page", fontsize=14)
    page.insert_text((72, 40), "Running head")
    page.insert_text((500, 40), "Journal")
    page.insert_text((300, 800), "7")


def make(*draws):
    pdf = pymupdf.open()
    for draw in draws:
        draw(pdf.new_page())
    return pdf.tobytes()


def test_columns_are_read_one_after_the_other_however_they_are_drawn():
    expected = [*range(100, 120), *range(200, 220), 7]
    for by_line in (False, True):
        document = load(make(lambda page, by_line=by_line: two_columns(page, by_line=by_line)), name="a.pdf")
        assert numbers(document.text) == expected
        assert document.text.split("\n")[:3] == [
            "Running head",
            "Journal",
            "A title over both of the columns of the page",
        ]


def test_numbers_in_the_margin_stay_with_their_paragraphs():
    def draw(page):
        for n in range(12):
            page.insert_text((72, 100 + 40 * n), f"({n})")
            page.insert_text((110, 100 + 40 * n), f"Paragraph that goes with number {n} in the margin")
            page.insert_text((110, 114 + 40 * n), "and has a second line of its own to be read.")

    lines = load(make(draw)).text.split("\n")
    for n in range(12):
        assert lines[lines.index(f"({n})") + 1].startswith(f"Paragraph that goes with number {n} ")


def test_short_cells_that_are_drawn_row_by_row_are_read_row_by_row():
    def draw(page):
        for n in range(12):
            page.insert_text((72, 100 + 20 * n), f"{n} {'pears' if n % 3 else 'a few large apples'}")
            page.insert_text((320, 100 + 20 * n), f"{100 + n} {'crates' if n % 2 else 'c'}")

    assert numbers(load(make(draw)).text) == [number for n in range(12) for number in (n, 100 + n)]


def test_a_word_parted_at_a_line_end_is_one_word_and_a_compound_keeps_its_hyphen():
    def draw(page):
        text = (
            "The high-risk rules make a differ-\nence to every high-\nrisk system, and to AI-\nBased ones; "
            "12-\nmonth terms.\n"
            "A soft hy\u00adphen and one at the soft\u00ad\nness of an end.\nNo differ-\nEnce."
        )
        for n, line in enumerate(text.split("\n")):
            page.insert_text((72, 100 + 14 * n), line)
        page.insert_text((72, 400), "A difference and softness stand elsewhere, too.")

    document = load(make(draw), name="a.pdf")
    words = document.text.split()
    assert "difference" in document.text.split("\n")[0]
    assert words.count("high-risk") == 2
    assert "12-month" in words
    assert words.count("softness") == 2
    assert "differ-\nEnce" in document.text
    check_whole(document)
    assert len(document.layout.boxes) == len(document.text)


def heads(page, number, *, total=8, first=1):
    page.insert_text((72, 40), "Annual report" if number % 2 else "The company")
    page.insert_text((300, 800), f"{number + first} of {total}")
    page.insert_text((72, 90), f"{number % 3}. An article begins at the top of a page, on {WORDS[number]}.")
    page.insert_text((72, 300), "Text in the middle of a page comes again as well.")


def test_heads_and_feet_stay_in_and_are_said_or_go_and_are_said():
    data = make(*(lambda page, n=n: heads(page, n) for n in range(8)))
    kept = load(data, name="a.pdf")
    (said,) = kept.warnings
    assert said.kind == "headers"
    assert said.pages == tuple(range(1, 9))
    assert "16 lines" in said.message
    assert "headers='drop'" in said.message
    assert {kept.text[start:end].strip() for start, end in said.spans} == {
        "Annual report", "The company", *(f"{n} of 8" for n in range(1, 9))
    }  # fmt: skip
    dropped = load(data, name="a.pdf", headers="drop")
    for number in range(8):
        assert dropped.page_text(number + 1).startswith(f"{number % 3}. An article begins")
        assert dropped.page_text(number + 1).endswith("comes again as well.\n")
    assert "were left out" in dropped.warnings[0].message
    check_whole(dropped)
    assert len(dropped.layout.boxes) == len(dropped.text)


def test_bare_numbers_that_do_not_count_with_the_pages_are_text():
    def draw(page, n):
        page.insert_text((72, 60), f"{(n * 7) % 5}.")
        page.insert_text((72, 300), "More.")

    document = load(make(*(lambda page, n=n: draw(page, n) for n in range(10))), headers="drop")
    assert numbers(document.text.replace(".", "")) == [(n * 7) % 5 for n in range(10)]


def test_roman_page_numbers_are_feet():
    roman = ["i", "ii", "iii", "iv", "v"]

    def draw(page, n):
        page.insert_text((72, 300), "More.")
        page.insert_text((300, 800), roman[n])

    document = load(make(*(lambda page, n=n: draw(page, n) for n in range(5))), headers="drop")
    assert document.text == "More.\n" * 5


def test_a_page_of_nothing_but_heads_is_empty_without_them():
    def draw(page, n):
        page.insert_text((72, 40), "Annual report of the company")
        if n != 2:
            page.insert_text((72, 300), "More.")

    document = load(make(*(lambda page, n=n: draw(page, n) for n in range(5))), headers="drop")
    assert [page.status for page in document.pages] == ["read", "read", "empty", "read", "read"]
    assert "running heads" in document.pages[2].reason


def test_turned_pages_have_boxes_where_the_words_are_shown():
    for rotation in (0, 90, 180, 270):
        pdf = pymupdf.open()
        page = pdf.new_page()
        page.insert_text((100, 200), "Somewhere on the page")
        page.set_rotation(rotation)
        page.set_cropbox((50, 60, 400, 700))
        document = load(pdf.tobytes(), name="a.pdf")
        shown = pymupdf.open(stream=pdf.tobytes())[0]
        (expected,) = shown.search_for("Somewhere")
        expected = expected * shown.rotation_matrix
        boxes = document.layout.boxes[:9]
        middle = (boxes[:, :2].min(axis=0) + boxes[:, 2:].max(axis=0)) / 2
        assert abs(middle[0] - (expected.x0 + expected.x1) / 2) < 3
        assert abs(middle[1] - (expected.y0 + expected.y1) / 2) < 3
