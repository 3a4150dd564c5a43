"""Where a passage stands: page, boxes, lines, cells; selections keep the places of their characters."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.analysis.citations import cite
from workbench.documents.document import Document, Member, Page, Section, Source
from workbench.documents.layout import Layout, Region
from workbench.documents.places import Box, Place, line_boxes
from workbench.errors import ConfigError
from workbench.results import Citation
from workbench.types import Span

SOURCE = Source("made.pdf", "00", 0, "application/pdf")
CHAR, LINE = 6.0, 12.0


def typed(*pages: str) -> Document:
    """A document as a typewriter would set it: each character 6 points wide, each line 12 high."""
    text, found, boxes = "", [], []
    for number, page in enumerate(pages, 1):
        found.append(Page(number, str(number), len(text), len(text) + len(page)))
        text += page
        row = column = 0
        for char in page:
            x, y = 72 + CHAR * column, 72 + LINE * row
            boxes.append((math.nan,) * 4 if char == "\n" else (x, y, x + CHAR, y + LINE))
            row, column = (row + 1, 0) if char == "\n" else (row, column + 1)
    return Document("made.pdf", text, tuple(found), (), (), SOURCE, layout=Layout(np.array(boxes, np.float32)))


def with_regions(text: str, *regions: Region, labels: tuple[str, ...] = ("1",)) -> Document:
    page = Page(1, labels[0], 0, len(text))
    return Document("made", text, (page,), (), (), replace(SOURCE, media_type="x"), layout=Layout(regions=regions))


def where(document: Document, passage: str) -> str:
    start = document.text.index(passage)
    return document.locate(start, start + len(passage))[0].where


def test_a_passage_has_a_box_for_each_line_it_touches():
    document = typed("one two\nthree four\nfive\n")
    (place,) = document.locate(4, 13)
    assert place.boxes == (Box(96, 72, 114, 84), Box(72, 84, 102, 96))


def test_a_passage_over_a_page_break_has_a_place_on_each_page():
    document = typed("end of one\n", "top of two\n")
    places = document.locate(7, 14)
    assert [(place.page, document.text[place.start_char : place.end_char]) for place in places] == [
        (1, "one\n"),
        (2, "top"),
    ]
    assert all(place.boxes for place in places)


def test_columns_are_boxes_of_their_own_even_without_a_line_break():
    boxes = [(72.0 + 6 * i, 700.0, 78.0 + 6 * i, 712.0) for i in range(4)]
    boxes += [(320.0 + 6 * i, 72.0, 326.0 + 6 * i, 84.0) for i in range(4)]
    document = replace(typed("abcdefgh"), layout=Layout(np.array(boxes, np.float32)))
    assert line_boxes(document, Span(2, 6)) == (Box(84, 700, 96, 712), Box(320, 72, 332, 84))


def test_vertical_writing_has_a_box_for_each_column():
    boxes = [(500.0, 72.0 + 12 * i, 512.0, 84.0 + 12 * i) for i in range(3)]
    boxes += [(480.0, 72.0 + 12 * i, 492.0, 84.0 + 12 * i) for i in range(3)]
    document = replace(typed("縦書きの日本"), layout=Layout(np.array(boxes, np.float32)))
    assert line_boxes(document, Span(0, 6)) == (Box(500, 72, 512, 108), Box(480, 72, 492, 108))


def test_lines_of_one_character_are_no_vertical_writing():
    assert typed("1\n2\n").locate(0, 3)[0].boxes == (Box(72, 72, 78, 84), Box(72, 84, 78, 96))


def test_cells_far_apart_on_a_line_have_boxes_of_their_own():
    document = typed("one          two\n")
    assert document.locate(0, 16)[0].boxes == (Box(72, 72, 90, 84), Box(150, 72, 168, 84))


def test_pages_taken_out_of_the_middle_of_a_file_keep_its_line_numbers():
    text = "one\ntwo\nthree\nfour\n"
    pages = Page(1, "1", 0, 4), Page(2, "2", 4, 8), Page(3, "3", 8, 14), Page(4, "4", 14, len(text))
    whole = with_regions(text, Region("file", "a.txt", 0, len(text), 1))
    part = replace(whole, pages=pages).select(pages=[1, 3, 4])
    assert [where(part, word) for word in ("one", "three", "four")] == [f"a.txt, line {n}" for n in (1, 3, 4)]
    assert [place.lines for place in part.locate(0, len(part.text))] == [(1, 1), (3, 3), (4, 4)]


def test_a_place_names_the_line_of_a_file():
    text = "===== src/app.py =====\nimport os\n\ndef main():\n    pass\n"
    start = text.index("import")
    document = with_regions(text, Region("file", "src/app.py", start, len(text), 1), labels=("src/app.py",))
    assert where(document, "def main():") == "src/app.py, line 3"
    assert where(document, "def main():\n    pass\n") == "src/app.py, lines 3–4"
    assert document.locate(0, start)[0].lines is None
    assert document.locate(0, start + 6)[0].lines == (1, 1)


@pytest.mark.parametrize(
    ("passage", "expected"),
    [
        ("alpha", "Sheet1!A1"),
        ("alpha | beta", "Sheet1!A1 to Sheet1!B1"),
        ("beta\nbelow", "Sheet1!B1"),
        ("below", "Sheet1"),
    ],
)
def test_a_place_names_cells_and_the_sheet_only_where_no_cell_does(passage: str, expected: str):
    sheet = Region("sheet", "Sheet1", 0, 18)
    document = with_regions(
        "alpha | beta\nbelow", sheet, Region("cell", "Sheet1!A1", 0, 5), Region("cell", "Sheet1!B1", 8, 12)
    )
    assert where(document, passage) == expected


def test_lines_of_several_cells_are_not_given():
    cells = Region("cell", "cell 1", 0, 4, 1), Region("cell", "cell 2", 4, 8, 1)
    document = with_regions("a=1\nb=2\n", *cells)
    (place,) = document.locate(0, 8)
    assert (place.where, place.lines, place.regions) == ("cell 1 to cell 2", None, ("cell 1", "cell 2"))
    assert document.locate(4, 7)[0].where == "cell 2, line 1"


def test_lines_that_the_reader_made_do_not_count():
    text = "[2] code:\nx = 1\nprint(x)\n"
    document = with_regions(text, Region("cell", "cell 2", 0, len(text), 1))
    document = replace(document, layout=replace(document.layout, made=(Span(0, 10),)))
    assert where(document, "print(x)") == "cell 2, line 2"
    assert where(document, "[2] code:\nx = 1") == "cell 2, line 1"
    assert where(document, "[2]") == "cell 2"
    part = replace(document, pages=(Page(1, "1", 0, 16), Page(2, "2", 16, len(text)))).select(pages=[2])
    assert where(part, "print(x)") == "cell 2, line 2"


def test_a_place_in_a_collection_names_the_member():
    document = typed("first\n", "second\n")
    members = (Member("a.pdf", SOURCE, 0, 6, 1), Member("b.pdf", SOURCE, 6, 13, 2))
    pages = document.pages[0], replace(document.pages[1], label="b.pdf · 1")
    document = replace(document, members=members, pages=pages)
    assert document.locate(8, 10)[0].member == "b.pdf"
    assert document.locate(8, 10)[0].where == "b.pdf, page 1"


def test_a_place_says_its_sections_and_which_characters_the_reader_made():
    outline = (Section("Part", 1, 0, 20, 1), Section("Chapter", 2, 4, 12, 1), Section("Next", 2, 12, 20, 1))
    document = typed("x" * 20)
    document = replace(document, outline=outline, layout=replace(document.layout, made=(Span(2, 6), Span(9, 30))))
    (place,) = document.locate(5, 10)
    assert place.sections == ("Part", "Chapter")
    assert place.made == (Span(5, 6), Span(9, 10))


def test_citations_spans_and_sections_can_be_located():
    document = replace(typed("Anne was right.\n"), outline=(Section("A", 1, 0, 16, 1),))
    for passage in (Span(0, 4), document.outline[0], Citation("Anne", 1, "1", 0, 4, passage="Anne")):
        assert document.locate(passage)[0].page == 1


@pytest.mark.parametrize("span", [(-1, 3), (3, 3), (4, 2), (0, 99)])
def test_a_span_outside_the_text_is_refused_with_the_range(span: tuple[int, int]):
    with pytest.raises(ConfigError, match=r"its range is 0 to 5"):
        typed("five\n").locate(*span)


def test_a_citation_of_another_document_is_refused():
    with pytest.raises(ConfigError, match=r"reading\.document"):
        typed("Anne was right.\n").locate(Citation("Mary", 1, "1", 0, 4, passage="Mary"))
    with pytest.raises(ConfigError, match="no place"):
        typed("Anne was right.\n").locate(Citation("Mary"))


def test_a_citation_says_the_line_and_of_a_document_with_pages_the_page():
    text = "def main():\n    raise SystemExit(64)\n"
    code = with_regions(text, Region("file", "app.py", 0, len(text), 1))
    answer = 'It says "raise SystemExit(64)".'
    assert [citation.place for citation in cite(code, answer)] == ["app.py, line 2"]
    assert [citation.place for citation in cite(typed(text), answer)] == ["page 1"]


def facts(document: Document) -> list[tuple[object, ...]]:
    """What is said of each character that is not white space."""
    said = []
    for char, letter in enumerate(document.text):
        if not letter.isspace():
            (place,) = document.locate(char)
            assert isinstance(place, Place)
            said.append((letter, place.page, place.label, place.boxes, place.lines, place.regions, bool(place.made)))
    return said


@st.composite
def documents(draw: st.DrawFn) -> Document:
    pages = draw(st.lists(st.text("ab \n", min_size=1, max_size=12), min_size=1, max_size=4))
    document = typed(*(f"x{page}\n" for page in pages))
    num_chars = len(document.text)
    bounds = sorted(draw(st.lists(st.integers(0, num_chars), min_size=2, max_size=6, unique=True)))
    regions = tuple(
        Region("cell", f"cell {start}", start, end, draw(st.integers(0, 3)))
        for start, end in zip(bounds[::2], bounds[1::2], strict=False)
    )
    made = (Span(*sorted(bounds[:2])),) if draw(st.booleans()) else ()
    return replace(document, layout=replace(document.layout, regions=regions, made=made))


@given(documents(), st.data())
def test_a_selection_says_of_its_characters_what_the_whole_says(document: Document, data: st.DataObject):
    numbers = data.draw(st.sets(st.sampled_from([page.number for page in document.pages]), min_size=1))
    part = document.select(pages=sorted(numbers))
    assert facts(part) == [fact for fact in facts(document) if fact[1] in numbers]


def test_a_novel_is_cited_by_its_pages_and_knows_its_lines(persuasion: Document):
    span = persuasion.find("Sir Walter Elliot, of Kellynch Hall, in Somersetshire")
    assert span is not None
    (place,) = persuasion.locate(span)
    assert place.where == "page Chapter 1 · 1"
    assert place.lines is not None
    assert place.lines[0] == persuasion.text.count("\n", 0, span.start_char) + 1


def test_a_source_file_by_itself_is_cited_by_its_lines(sample: Callable[[str], Document]):
    assert where(sample("itsdangerous-2.2.0/src/itsdangerous/exc.py"), "class BadSignature") == "exc.py, line 22"


def test_every_character_of_a_real_text_has_one_place(persuasion: Document):
    whole = persuasion.locate(0, len(persuasion.text))
    assert "".join(persuasion.text[place.start_char : place.end_char] for place in whole) == persuasion.text
    assert [place.page for place in whole] == [page.number for page in persuasion.pages if page.status == "read"]


def test_a_cited_page_is_where_the_sample_says(sample: Callable[[str], Document]):
    act = sample("eu-ai-act.pdf")
    span = act.find("The fact that an AI system is classified as a high-risk AI system under this Regulation")
    assert span is not None
    assert act.locate(span)[0].where == "page 18"
