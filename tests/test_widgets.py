"""The widgets without a browser: traits, messages, repr, and the twin that stays in a stored notebook."""

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
import workbench_widgets
from workbench_widgets import FitBar, ReadingProgress, Section, Widget, fit_bar_html, reading_progress_html

FOLDER = Path(workbench_widgets.__file__).parent
HOSTILE = '<img src="http://192.0.2.1/x.png"><script>alert(1)</script>"\''


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.names.append(tag)
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture
def bar() -> FitBar:
    sections = [Section(title="One", tokens=600), Section(title=HOSTILE, tokens=300)]
    return FitBar(document_name="a.txt", model="tiny", tokens=1_000, reserve=200, window=2_000, sections=sections)


@pytest.fixture
def progress() -> ReadingProgress:
    return ReadingProgress("a.txt", 1_000)


def test_a_repr_has_no_address(bar: FitBar, progress: ReadingProgress) -> None:
    assert repr(bar) == "FitBar('a.txt', 1,000 of 2,000 tokens)"
    assert repr(progress) == "ReadingProgress('a.txt', 1,000 tokens, waiting)"


def test_a_bundle_holds_the_widget_and_its_static_twin(bar: FitBar, progress: ReadingProgress) -> None:
    for widget in (bar, progress):
        bundle = widget._repr_mimebundle_()
        assert bundle is not None
        assert set(bundle[0]) == {"text/plain", "text/html", "application/vnd.jupyter.widget-view+json"}
        assert bundle[0]["text/html"] == widget.static_html()
        assert bundle[0]["text/plain"] == repr(widget)


def test_the_fit_bar_draws_each_section_by_its_share_of_the_window(bar: FitBar) -> None:
    html = bar.static_html()
    assert 'data-fits="true"' in html
    shares = [float(share) for share in re.findall(r"float: left; height: 18px; width: ([\d.]+)%", html)]
    assert shares == [30.0, 15.0, 5.0, 10.0]
    assert "<summary>2 sections</summary>" in html


def test_a_document_that_does_not_fit_shows_where_the_window_ends() -> None:
    html = fit_bar_html("a.txt", "tiny", 3_800, 200, 2_000, [Section(title="All", tokens=3_800)])
    assert 'data-fits="false"' in html
    assert "2,000 tokens too many" in html
    assert 'title="the window" style="background: #d32f2f; height: 3px; width: 50.000%"' in html


def test_a_twin_is_seen_without_a_style_sheet(bar: FitBar, progress: ReadingProgress) -> None:
    for html in (bar.static_html(), progress.static_html()):
        assert "<style" not in html
        assert re.search(r"background: #[0-9a-f]{6};[^\"]*height: \d+px", html)


def test_hostile_text_stays_text() -> None:
    for html in (
        fit_bar_html(HOSTILE, HOSTILE, 10, 1, 100, [Section(title=HOSTILE, tokens=5)] * 2),
        reading_progress_html(HOSTILE, 1, 2, "reading"),
        reading_progress_html("a.txt", 1, 2, "reading", note=HOSTILE),
    ):
        assert not {"img", "script"} & set(Tags(html).names)
        assert "&lt;img" in html


@pytest.mark.parametrize("state", ["waiting", "reading", "done", "stopped", "failed"])
def test_every_state_of_a_reading_has_its_sentence(progress: ReadingProgress, state: str) -> None:
    progress.state, progress.done_tokens, progress.tokens_per_s = state, 400, 123.0
    html = progress.static_html()
    assert f'data-state="{state}"' in html
    assert "1,000 tokens" in html
    assert "123" not in html
    assert f'aria-valuenow="{100 if state == "done" else 40}"' in html


def test_a_twin_has_its_note_and_its_place_and_nothing_where_there_is_none(progress: ReadingProgress) -> None:
    bare = progress.static_html()
    assert "a.txt waits to be read: 1,000 tokens." in bare
    progress.note, progress.place = "It is kept.", 2
    assert "a.txt waits, 2 ahead of it.</div><div style=" in progress.static_html()
    assert progress.static_html().count("It is kept.") == 1
    assert "It is kept." not in repr(progress)
    progress.note, progress.place = "", 0
    assert progress.static_html() == bare
    script = (FOLDER / "reading_progress.js").read_text()
    assert 'note.textContent = model.get("note")' in script


def test_stop_is_heard_once() -> None:
    heard: list[str] = []
    progress = ReadingProgress("a.txt", 10, lambda: heard.append("stop"))
    for content in ({"type": "other"}, "stop", {"type": "stop"}, {"type": "stop"}):
        progress._handle_custom_msg(content, [])
    assert heard == ["stop"]
    assert progress.stop_requested


def test_each_widget_is_three_files_that_load_nothing() -> None:
    for kind in (FitBar, ReadingProgress):
        assert issubclass(kind, Widget)
        stem = Path(sys.modules[kind.__module__].__file__ or "").stem
        script, sheet = ((FOLDER / f"{stem}.{end}").read_text() for end in ("js", "css"))
        assert "export default { render }" in script
        assert not re.search(r"\bimport\b|innerHTML|https?:|eval\(", script)
        assert "http" not in sheet
        assert "url(" not in sheet


def test_every_colour_follows_the_theme() -> None:
    for sheet in FOLDER.glob("*.css"):
        text = sheet.read_text()
        assert text.count("#") == len(re.findall(r"var\(--jp-[\w-]+, #[0-9a-f]{6}\)", text))


def test_the_package_knows_nothing_of_the_workbench() -> None:
    code = "import sys, workbench_widgets; print({'workbench', 'torch', 'polars'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
