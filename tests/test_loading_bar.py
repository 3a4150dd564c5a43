"""What is shown while a document is loaded: nothing for most, a bar for what takes longer than a second."""

import io
import sys
from collections.abc import Callable

import pytest

import workbench as wb
from tests.documents.test_pdf import make
from workbench import display
from workbench.views import loading

HOSTILE = "a\x1b[2J\nb.pdf"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Terminal]:
    """Somebody who looks at a terminal from now on, and whom everything takes long."""

    def look() -> Terminal:
        monkeypatch.setenv("WORKBENCH_ISOLATION", "off")
        monkeypatch.setattr(display, "LOADING_DELAY_S", 0)
        monkeypatch.setattr(loading, "REDRAW_S", 0)
        screen = Terminal()
        monkeypatch.setattr(sys, "stderr", screen)
        return screen

    return look


def test_a_bar_names_the_document_and_counts_its_pages(watched: Callable[[], Terminal]) -> None:
    terminal = watched()
    wb.load(make("one", "two", "three"), name=HOSTILE)
    said = terminal.getvalue()
    assert "Loading a\ufffd[2J b.pdf" in said
    assert "3/3" in said
    assert "pages" in said
    assert "\x1b[2J" not in said
    assert said.endswith("\r"), "it goes away"


def test_what_is_there_within_a_second_shows_nothing(
    watched: Callable[[], Terminal], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = watched()
    monkeypatch.setattr(display, "LOADING_DELAY_S", 3_600)
    wb.load(make("one"), name="a.pdf")
    assert terminal.getvalue() == ""


@pytest.mark.parametrize("progress", [None, False])
def test_silence_is_silent(watched: Callable[[], Terminal], progress: bool | None) -> None:
    terminal = watched()
    wb.load(make("one"), name="a.pdf", progress=progress)
    assert terminal.getvalue() == ""


def test_a_callable_is_told_instead_of_a_bar(watched: Callable[[], Terminal]) -> None:
    terminal = watched()
    seen: list[tuple[int, int]] = []
    wb.load(make("one", "two"), name="a.pdf", progress=lambda *pages: seen.append(pages))
    assert seen == [(1, 2), (2, 2)]
    assert terminal.getvalue() == ""


def test_a_bar_is_taken_away_when_loading_fails(watched: Callable[[], Terminal]) -> None:
    terminal = watched()

    def fail() -> None:
        with display.loading_view("a.pdf") as report:
            report(1, 0)
            report(2, 0)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert "2 pages" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r")


def test_a_kernel_shows_one_output_that_empties_itself(
    watched: Callable[[], Terminal], monkeypatch: pytest.MonkeyPatch
) -> None:
    watched()
    shown: list[dict[str, str]] = []

    class Handle:
        def update(self, bundle: dict[str, str], *, raw: bool) -> None:
            shown.append(bundle)

    def display(bundle: dict[str, str], *, raw: bool, display_id: bool) -> Handle:
        shown.append(bundle)
        return Handle()

    monkeypatch.setattr(loading, "in_kernel", lambda: True)
    monkeypatch.setattr("IPython.display.display", display)
    wb.load(make("one", "two"), name="<b>" + HOSTILE)
    assert [bundle["text/plain"] for bundle in shown] == [
        "Loading <b>a\ufffd[2J b.pdf", "Loading <b>a\ufffd[2J b.pdf: page 1 of 2",
        "Loading <b>a\ufffd[2J b.pdf: page 2 of 2", "",
    ]  # fmt: skip
    assert "&lt;b&gt;" in shown[1]["text/html"]
    assert "<b>" not in shown[1]["text/html"]
    assert '<progress value="1" max="2">' in shown[1]["text/html"]
    assert shown[-1]["text/html"] == ""


def test_a_pipe_sees_nothing_of_what_takes_seconds(
    watched: Callable[[], Terminal], monkeypatch: pytest.MonkeyPatch
) -> None:
    pipe = watched()
    monkeypatch.setattr(Terminal, "isatty", lambda _: False)
    wb.load(make("one", "two"), name="a.pdf")
    assert pipe.getvalue() == ""


def test_a_note_is_a_line_in_a_terminal_without_what_it_would_obey_and_nothing_in_a_pipe(
    watched: Callable[[], Terminal], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = watched()
    display.note("Kept in \x1b[2J/home.")
    assert terminal.getvalue().startswith("Kept in ")
    assert "\x1b" not in terminal.getvalue()
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stderr", pipe)
    display.note("Kept in /home.")
    assert pipe.getvalue() == ""
