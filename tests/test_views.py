"""How results look, and what is shown while the model works: in a kernel, in a terminal, in a pipe."""

import io
import re
import sys
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest
from markdown_it import MarkdownIt

from tests.test_widgets import Tags
from workbench import tables, views
from workbench.documents.document import Document, DocumentWarning, Page, Section, Source
from workbench.engine.fetch import FetchProgress
from workbench.results import Answer, Citation, EvidenceMap, Fit, Summary, Usage
from workbench.types import ReadProgress, Span
from workbench.views import Notes, fetching, live

HOSTILE = (
    "![x](http://192.0.2.1/x.png) <img src=http://192.0.2.1/y.png> [a](javascript:1) <script>1</script>\n"
    "# head\n| a |\n|---|\n```js\nhttp://192.0.2.1 www.example.com \\( x \\) $y$ &lt; \x1b[2J\u202e"
)
CITED = Citation("her own words", 3, "iii", 10, 23, "unassessed", "before ", "her own words", " after")
ABSENT = Citation("never said it")


@pytest.fixture
def document() -> Document:
    text = "One\ntwo\n"
    return Document(
        "a.txt", text, (Page(1, "1", 0, 8), Page(2, "2", 8, 8, "empty")), (Section("One", 1, 0, 8, 1),),
        (DocumentWarning("empty", "Page 2 has no text.", (2,)),), Source("a.txt", "0" * 64, 8, "text/plain"),
    )  # fmt: skip


@pytest.fixture
def answer() -> Answer:
    usage = Usage(5_000, 4_900, 12, ttft_s=1.234, tokens_per_s=56.78, peak_bytes=987_654_321)
    return Answer("Why?", "Because of her own words.", (CITED, ABSENT), usage, "stop", (1,), (2,))


@pytest.fixture
def fit() -> Fit:
    sections = pl.DataFrame([("One", 1, 70, 0.7), ("Two", 2, 25, 0.25)], schema=tables.FIT_SECTIONS, orient="row")
    return Fit("a.txt", "tiny", 100, 95, 100, 20, 4_000_000, 41.7, False, ("Read a part.",), sections)


@pytest.fixture
def hostile(document: Document, answer: Answer, fit: Fit) -> list[Any]:
    cited = replace(CITED, quote=HOSTILE, label=HOSTILE, before=HOSTILE, passage=HOSTILE, after=HOSTILE)
    sections = fit.sections.with_columns(pl.lit(HOSTILE).alias("section"))
    warnings = (DocumentWarning("skipped", HOSTILE),)
    coverage = pl.DataFrame([(1, HOSTILE, 9, [1]), (2, HOSTILE, 9, [])], schema=tables.SUMMARY_COVERAGE, orient="row")
    evidence = pl.DataFrame([(1, HOSTILE, 1, 0.1, 2.0)], schema=tables.EVIDENCE, orient="row")
    return [
        Summary("", HOSTILE, (cited,), answer.usage, "stop", (), (), sentences=((0, 99),), coverage=coverage),
        EvidenceMap(HOSTILE, evidence, {1: HOSTILE}, {(1, 1): cited}),
        replace(document, name=HOSTILE, outline=(Section(HOSTILE, 1, 0, 8, 1),), warnings=warnings),
        replace(answer, text=HOSTILE, citations=(cited, Citation(HOSTILE)), warnings=(HOSTILE,)),
        cited,
        replace(fit, document_name=HOSTILE, model=HOSTILE, choices=(HOSTILE,), sections=sections),
    ]


def files(*rows: tuple[str, int, int, int]) -> pl.DataFrame:
    """A tree of files against a window of 100 tokens."""
    return pl.DataFrame([(*row, row[3] / 100) for row in rows], schema=tables.FIT_FILES, orient="row")


def bundle(result: Any) -> dict[str, str]:
    made: dict[str, str] = result._repr_mimebundle_()
    return made


def test_a_document_is_a_card(document: Document) -> None:
    shown = bundle(document)
    counts = "2 pages, all read, 1 empty · 1 chapter · 8 characters"
    assert shown["text/plain"] == f"a.txt: {counts}\n  ! Page 2 has no text."
    assert shown["text/markdown"] == f"**a\\.txt** {counts}\n\n- Page 2 has no text\\."
    assert counts in shown["text/html"]
    assert "One" in shown["text/html"]


def test_a_card_that_lost_pages_warns_in_its_line(document: Document) -> None:
    lost = replace(document, pages=(document.pages[0], replace(document.pages[1], status="scanned")))
    counts = "2 pages, 1 read (50 %), 1 scanned without text · 1 chapter"
    assert bundle(lost)["text/plain"].startswith(f"a.txt: ! {counts}")
    assert f'<p class="wb-warn">⚠ {counts}' in bundle(lost)["text/html"]
    assert bundle(document)["text/html"].count("wb-warn") == bundle(lost)["text/html"].count("wb-warn") - 1


def test_warnings_of_an_answer_stand_in_every_form(answer: Answer) -> None:
    shown = bundle(replace(answer, warnings=("The answer rests on page 3.",)))
    assert shown["text/plain"].split("\n")[-2] == "  ! The answer rests on page 3."
    assert "**The answer rests on page 3\\.**" in shown["text/markdown"]
    assert '<p class="wb-warn">⚠ The answer rests on page 3.</p>' in shown["text/html"]
    assert "rests on" not in "".join(bundle(answer).values())


def test_a_fit_of_a_folder_shows_a_tree_of_its_files_largest_first(fit: Fit) -> None:
    tree = files(("src/", 0, 2, 70), ("src/app.py", 1, 1, 60), ("src/deep/", 1, 1, 10), ("src/deep/x.py", 2, 1, 10),
                 ("README.md", 0, 1, 20))  # fmt: skip
    shown = bundle(replace(fit, files=tree, document_tokens=100))
    assert shown["text/plain"].split("\n")[-4:] == [
        "        70  src/ (2 files)", "        60    app.py", "        10    deep/ (1 file)", "        20  README.md",
    ]  # fmt: skip
    html = shown["text/html"]
    assert "<summary>Tokens of 3 files</summary>" in html
    assert html.index("app.py") < html.index("x.py") < html.index("README.md")
    assert "60 tokens · 60.0%" in html
    many = files(*((f"{n:02}.py", 0, 1, 1) for n in range(30)))
    assert bundle(replace(fit, files=many))["text/plain"].endswith("and 18 more in fit.files")


def test_a_fit_folds_the_tokens_of_its_pages(fit: Fit) -> None:
    pages = pl.DataFrame([(n, f"p {n}", 5, 0.1) for n in range(1, 501)], schema=tables.FIT_PAGES, orient="row")
    html = bundle(replace(fit, pages=pages))["text/html"]
    assert "<summary>Tokens of 500 pages</summary>" in html
    assert "p 400" in html
    assert "p 401" not in html
    assert "and 100 more in fit.pages" in html


def test_an_answer_comes_first_then_its_quotes_then_its_counts(answer: Answer) -> None:
    assert bundle(answer)["text/plain"].split("\n") == [
        "Because of her own words.",
        "  [1] “her own words” (page iii)",
        "  [2] “never said it” (not in the document)",
        "(4,900 tokens reused · 100 computed · 12 written)",
    ]
    html = bundle(answer)["text/html"]
    assert html.index("Because") < html.index("<details>") < html.index("4,900 tokens reused")
    assert "<blockquote>before <mark>her own words</mark> after</blockquote>" in html


def test_citations_have_their_numbers_behind_the_words_that_they_prove(answer: Answer) -> None:
    text = "He said “her own words”. <Nobody> went on."
    at, end = text.index("her own words"), text.index("<")
    cited = (
        replace(CITED, answer_span=Span(at, at + 13)),
        replace(CITED, answer_span=Span(0, end - 1), origin="nearest"),
        replace(CITED, answer_span=Span(len(text), len(text))),
        replace(CITED, answer_span=Span(len(text), len(text))),
    )
    shown = bundle(replace(answer, text=text, citations=cited))
    assert shown["text/plain"].startswith("He said “her own words”[1].[2] <Nobody> went on.[3][4]\n  [1] “her own")
    assert shown["text/markdown"].startswith(
        r"He said “her own words”\[1\]\.\[2\] &lt;Nobody&gt; went on\.\[3\]\[4\]" + "\n\n" + r"- \[1\] “her own"
    )
    marks = ["<sup>[1]</sup>.<sup>[2]</sup> &lt;Nobody&gt; went on.<sup>[3]</sup><sup>[4]</sup></p>", "[4] “her own"]
    for mark in marks:
        assert mark in shown["text/html"]


@pytest.mark.parametrize(("reason", "said"), [("length", "Cut off after 12"), ("cancelled", "Stopped after 12")])
def test_an_answer_that_was_cut_looks_cut(answer: Answer, reason: Any, said: str) -> None:
    for text in bundle(replace(answer, finish_reason=reason)).values():
        assert said in text


def test_no_time_speed_or_address_is_in_a_text(document: Document, answer: Answer, fit: Fit) -> None:
    for result in (document, answer, fit, CITED):
        for mime in ("text/plain", "text/markdown"):
            assert not re.search(r"0x[0-9a-f]{6}|1\.23|56|41|987|seconds", bundle(result)[mime])
    for text in bundle(answer).values():
        assert not re.search(r"1\.234|56\.|987", text)


def test_a_fit_says_the_verdict_and_the_choices(fit: Fit) -> None:
    shown = bundle(fit)
    assert shown["text/plain"].startswith("a.txt does not fit: 20 tokens too many (tiny: 100 tokens and 20 kept")
    assert shown["text/plain"].endswith("\n  - Read a part.")
    assert 'data-fits="false"' in shown["text/html"]
    assert "about 42 s to read" in shown["text/html"]


def test_hostile_html_stays_text(hostile: list[Any], fit: Fit) -> None:
    tree = replace(fit, files=files(("a/", 0, 2, 9), (f"a/{HOSTILE}", 1, 1, 5), (f"{HOSTILE}/", 0, 1, 4)))
    pages = pl.DataFrame([(1, HOSTILE, 5, 0.1)] * 2, schema=tables.FIT_PAGES, orient="row")
    assert "\x1b" not in bundle(tree)["text/plain"] + bundle(tree)["text/markdown"]
    for result in (*hostile, tree, replace(fit, pages=pages)):
        html = bundle(result)["text/html"]
        assert not {"img", "script", "a"} & set(Tags(html).names)
        assert "\x1b" not in html


def test_hostile_markdown_stays_text(hostile: list[Any]) -> None:
    for result in hostile:
        rendered = MarkdownIt("gfm-like", {"linkify": False}).render(bundle(result)["text/markdown"])
        names = Tags(rendered.replace("<br />", "").replace("<br>", "")).names
        assert set(names) <= {"p", "strong", "ul", "li", "em"}
        assert "![x](http://192.0.2.1/x.png)" in rendered


def test_escaped_markdown_shows_the_very_letters() -> None:
    text = r"a_b *c* `d` \( 1. x & <y> ~z~ #h | $m$ https://e.org \\"
    assert MarkdownIt().render(views.markdown(text)).strip() == f"<p>{views.html(text)}</p>"
    assert not re.search(r"\\\\[()\[\]]", views.markdown(text)), "JupyterLab would set it as mathematics"


def test_a_terminal_gets_no_control_characters(hostile: list[Any]) -> None:
    for result in hostile:
        assert not re.search(r"[\x00-\x09\x0b-\x1f\u202e]", bundle(result)["text/plain"])


def test_an_answer_in_one_form_is_the_same_answer(answer: Answer) -> None:
    text, marked = views.answer_as(answer, "text"), views.answer_as(answer, "markdown")
    assert isinstance(text, Answer)
    assert text.text == answer.text
    assert list(bundle(text)) == ["text/plain"]
    assert list(bundle(marked)) == ["text/plain", "text/markdown"]


class Handle:
    def __init__(self, shown: list[Any]) -> None:
        self.shown = shown

    def update(self, bundle: dict[str, str], raw: bool = False) -> None:
        assert raw
        self.shown.append(bundle)


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Outputs of a cell, as a kernel would send them."""
    shown: list[Any] = []

    def display(made: Any, *, raw: bool = False, display_id: bool) -> Handle:
        assert display_id
        shown.append(made)
        return Handle(shown)

    monkeypatch.setattr(live, "in_kernel", lambda: True)
    monkeypatch.setattr(live, "REDRAW_S", 0)
    monkeypatch.setattr("IPython.display.display", display)
    return shown


@pytest.mark.parametrize("outcome", ["done", "stopped", "failed"])
def test_a_reading_in_a_kernel_leaves_its_static_twin(kernel: list[Any], outcome: Any) -> None:
    view = views.reading_view("a.txt", 1_000, on_stop=lambda: None)
    widget = kernel[0]
    view(ReadProgress(0, 1_000, 0, 0.0, place=2))
    assert (widget.state, widget.place) == ("waiting", 2)
    view(ReadProgress(500, 1_000, 100, 2.0))
    assert (widget.state, widget.done_tokens, widget.tokens_per_s, widget.left_s) == (
        "reading",
        500,
        200.0,
        2.5,
    )
    view.close(outcome)
    assert kernel[-1]["text/plain"] == f"ReadingProgress('a.txt', 1,000 tokens, {outcome})"
    assert f'data-state="{outcome}"' in kernel[-1]["text/html"]


WAITS = ReadProgress(10, 1_000, 10, 0.0, note="Another process is reading this document.")
BEGINS = ReadProgress(0, 1_000, 0, 0.0, note="It is damaged <b>here</b>.\x1b[2J")
GOES_ON = ReadProgress(100, 1_000, 0, 1.0)
FULL = ReadProgress(200, 1_000, 0, 2.0, note="The disk is full.")


def test_why_it_waits_gives_way_and_all_other_notes_stay() -> None:
    notes = Notes()
    assert [notes.hear(step) for step in (WAITS, WAITS, BEGINS, GOES_ON, FULL, FULL)] == [
        WAITS.note, "", BEGINS.note, "", FULL.note, "",
    ]  # fmt: skip
    assert notes.text == f"{BEGINS.note} {FULL.note}"
    notes = Notes()
    for step in (WAITS, ReadProgress(1_000, 1_000, 1_000, 0.0)):
        notes.hear(step)
    assert notes.text == ""


def test_a_note_stands_in_the_widget_and_its_twin_but_not_in_the_text(
    kernel: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    view = views.reading_view("a.txt", 1_000, on_stop=lambda: None)
    monkeypatch.setattr(live, "REDRAW_S", 1_000)  # a note is not to be missed
    view(WAITS)
    assert kernel[0].note == WAITS.note
    view(BEGINS)
    assert kernel[0].note.startswith("It is damaged <b>here</b>.")
    assert "\x1b" not in kernel[0].note
    view(GOES_ON)
    view.close("done")
    twin = kernel[-1]
    assert "It is damaged &lt;b&gt;here&lt;/b&gt;." in twin["text/html"]
    assert not {"b"} & set(Tags(twin["text/html"]).names)
    assert twin["text/plain"] == "ReadingProgress('a.txt', 1,000 tokens, done)"


def test_stop_in_the_widget_reaches_the_reading(kernel: list[Any]) -> None:
    stopped: list[bool] = []
    view = views.reading_view("a.txt", 1_000, on_stop=lambda: stopped.append(True))
    kernel[0]._handle_custom_msg({"type": "stop"}, [])
    assert stopped == [True]
    view.close("stopped")


def test_a_stream_in_a_kernel_grows_and_makes_room(kernel: list[Any], answer: Answer) -> None:
    view = views.streaming_view("Why?")
    view.update("Be<cause>")
    assert "Be&lt;cause&gt;" in kernel[-1]["text/html"]
    view.close(answer)
    assert kernel[-1] == {"text/plain": "", "text/html": ""}


def test_a_stream_that_fails_keeps_what_was_written(kernel: list[Any]) -> None:
    view = views.streaming_view("Why?")
    view.update("Because")
    view.close(None)
    assert kernel[-1]["text/plain"] == "Because"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_the_reading_on_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    view = views.reading_view("a[b].txt", 1_000, on_stop=lambda: None)
    view(ReadProgress(500, 1_000, 0, 2.0))
    view.close("done")
    assert "Reading a[b].txt" in sys.stderr.getvalue()  # type: ignore[attr-defined]


def test_a_terminal_keeps_a_line_for_each_note(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Terminal())
    view = views.reading_view("a.txt", 1_000, on_stop=lambda: None)
    for step in (WAITS, WAITS, BEGINS, GOES_ON):
        view(step)
    view.close("done")
    said: str = sys.stderr.getvalue()  # type: ignore[attr-defined]
    assert said.count(WAITS.note) == 1
    assert "It is damaged <b>here</b>.\ufffd[2J" in said


def test_a_terminal_erases_the_stream_when_the_answer_comes(monkeypatch: pytest.MonkeyPatch, answer: Answer) -> None:
    monkeypatch.setattr(live, "REDRAW_S", 0)
    for ended, kept in ((answer, False), (None, True)):
        monkeypatch.setattr(sys, "stdout", terminal := Terminal())
        monkeypatch.setenv("TERM", "xterm")
        view = views.streaming_view("Why?")
        view.update("line\n" * 100 + "last [bold]")
        view.close(ended)
        assert "last [bold]" in terminal.getvalue()
        assert terminal.getvalue().rstrip("\n").endswith("last [bold]") is kept


def test_a_pipe_shows_nothing(capsys: pytest.CaptureFixture[str], answer: Answer) -> None:
    reading, stream = views.reading_view("a.txt", 10, on_stop=lambda: None), views.streaming_view("Why?")
    reading(ReadProgress(5, 10, 0, 1.0))
    reading.close("done")
    stream.update("Because")
    stream.close(answer)
    with views.fetch_view("tiny", show=True) as report:
        report(FetchProgress("tiny", "fetch", 1, 2))
    assert capsys.readouterr() == ("", "")


def test_fetching_is_shown_phase_by_phase_when_it_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setattr(fetching, "FETCH_DELAY_S", 0)
    with views.fetch_view("tiny", show=True) as report:
        report(FetchProgress("tiny", "fetch", 50, 100))
        report(FetchProgress("tiny", "check", 100, 100))
    assert "Fetching tiny" in terminal.getvalue()
    assert "Checking tiny" in terminal.getvalue()
    monkeypatch.setattr(sys, "stderr", silent := Terminal())
    with views.fetch_view("tiny", show=False) as report:
        report(FetchProgress("tiny", "fetch", 50, 100))
    assert silent.getvalue() == ""


def test_a_kernel_is_known_by_its_shell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("IPython.core.getipython.get_ipython", lambda: SimpleNamespace(kernel=object()))
    assert views.in_kernel()
    monkeypatch.setattr("IPython.core.getipython.get_ipython", lambda: None)
    assert not views.in_kernel()


def summary(*pages: tuple[int, str, int, list[int]]) -> Summary:
    frame = pl.DataFrame(pages, schema=tables.SUMMARY_COVERAGE, orient="row")
    return Summary(
        "", "One. Two.", (), Usage(5, 4, 2), "stop", (), (), words=2, num_words=2,
        sentences=((0, 4), (5, 9)), coverage=frame,
    )  # fmt: skip


def test_a_summary_says_which_pages_it_rests_on_and_which_it_does_not() -> None:
    shown = bundle(summary((1, "i", 9, [1]), (2, "1", 9, [1, 2]), (3, "2", 9, []), (4, "3", 0, []), (5, "4", 9, [])))
    line = "2 words of 2 asked for · rests on pages i–1; nothing rests on 2 of 5: 2, 4"
    assert shown["text/plain"].endswith(line)
    assert "nothing rests on 2 of 5\\: 2, 4" in shown["text/markdown"]
    assert shown["text/html"].count("<rect") == 3 + 5  # pages of each sentence, and all pages
    assert "<title>page 1: sentence 1, 2</title>" in shown["text/html"]
    assert "<title>page 2: nothing rests on it</title>" in shown["text/html"]
    assert 'role="img" aria-label="Pages that each of 2 sentences rests on.' in shown["text/html"]


def test_a_strip_of_many_pages_has_columns_for_several() -> None:
    shown = bundle(summary(*[(n, str(n), 9, [1] if n == 500 else []) for n in range(1, 1_001)]))["text/html"]
    assert shown.count("<rect") == 1 + 240
    assert "page 496–500: sentence 1" in shown or "–500: sentence 1" in shown or "500–" in shown


def test_a_summary_that_nothing_is_known_of_is_still_shown() -> None:
    assert bundle(Summary("", "", (), Usage(5, 4, 2), "length", (), ()))["text/plain"].endswith(
        "0 words of 0 asked for"
    )
    assert "no sentence could be traced" in bundle(summary((1, "1", 9, [])))["text/plain"]


def test_evidence_is_a_table_of_sentences_by_pages() -> None:
    rows = [(1, "It is so.", page, 0.1, lift) for page, lift in ((2, 4.25), (3, 1.0), (1, 0.5))]
    frame = pl.DataFrame(rows, schema=tables.EVIDENCE, orient="row")
    shown = bundle(EvidenceMap("a.txt", frame, {1: "i", 2: "1", 3: "2"}, {(1, 2): CITED}))
    assert shown["text/plain"] == (
        "Evidence in a.txt, by lift\n[1] It is so.\n    page 1 (4.2×), page 2 (1.0×), page i (0.5×)"
    )
    assert re.findall(r"<th scope=\"col\"[^>]*>([^<]*)", shown["text/html"]) == ["Sentence", "i", "1", "2"]
    assert re.findall(r"<td[^>]*>([^<]*)", shown["text/html"]) == ["0.5", "4.2", "1.0"]
    assert "her own words" in shown["text/html"]
    assert "page 1: 4.25× the neutral share, 10.00% of the attention" in shown["text/html"]


def test_only_pages_that_lead_are_columns_of_a_wide_map() -> None:
    rows = [(s, f"S{s}.", page, 0.1, 9.0 - abs(page - 10 * s)) for s in (1, 2) for page in
            sorted(range(1, 41), key=lambda page: abs(page - 10 * s))]  # fmt: skip
    frame = pl.DataFrame(rows, schema=tables.EVIDENCE, orient="row")
    shown = bundle(EvidenceMap("a.txt", frame, {n: str(n) for n in range(1, 41)}, {}))["text/html"]
    assert re.findall(r"<th scope=\"col\"[^>]*>([^<]*)", shown)[1:] == ["9", "10", "11", "19", "20", "21"]
    assert "34 pages that lead for no sentence are not shown" in shown
