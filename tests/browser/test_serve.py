"""``workbench serve`` as a colleague meets it: a real server, a real model, a browser."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

import workbench
from tests.browser.conftest import Visit, free_port

pytestmark = pytest.mark.browser

SHORT = "What is this document?"
LONG = "Write a very long story about the case, in many chapters."
DONE = "[data-state=stop], [data-state=length]"  # which of them hangs on the machine's arithmetic


class Server:
    """A process that serves; one thread computes, so that reading takes the same seconds on every machine."""

    def __init__(self, *command: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"} | environment,
        )  # fmt: skip

    def interrupt(self) -> tuple[int, str, str]:
        """Ctrl-C; then exit code, the rest of the output, and the errors."""
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=30)
        return self.process.returncode, out, err

    def has_left_nothing(self) -> bool:
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return True
        return False

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()


@pytest.fixture(scope="module")
def server(samples: Path, browser: object) -> Iterator[Server]:
    server = Server(
        str(Path(sys.executable).with_name("workbench")), "serve",
        str(samples / "abouammo-v-united-states.syllabus.txt"),
        "--model", "tiny", "--port", "0", "--no-show", "--max-tokens", "80",
    )  # fmt: skip
    yield server
    server.end()


@pytest.fixture(scope="module")
def url(server: Server) -> str:
    assert server.process.stdout is not None
    said = server.process.stdout.readline()
    found = re.fullmatch(r"Serving at (http://127\.0\.0\.1:\d+/) - Ctrl-C ends it\.\n", said)
    assert found, said
    return found[1]


def ask(page: Page, text: str) -> None:
    box = page.get_by_label("Question")
    expect(box).to_be_visible(timeout=60_000)
    box.fill(text)
    box.press("Enter")


def test_the_page_shows_how_far_the_reading_is_and_then_the_document_can_be_asked(url: str, visit: Visit) -> None:
    page = visit(url)
    bar = page.get_by_role("progressbar", name="Reading")
    expect(bar).to_be_visible()
    expect(page.get_by_role("status")).to_have_text(
        re.compile(r"Reading · [\d,]+ of 1,578 tokens · [\d,]+ tokens a second · \d+ s left"), timeout=60_000
    )
    expect(page.get_by_role("button", name="Stop reading")).to_be_visible()
    ask(page, SHORT)
    turn = page.locator(DONE)
    expect(turn.locator(".wb-question")).to_have_text(SHORT)
    expect(turn.locator(".wb-text")).not_to_be_empty()
    expect(turn.locator(".wb-counts")).to_have_text(re.compile(r"^1,578 tokens reused · \d+ computed · \d+ written$"))
    expect(bar).to_have_count(0)


def test_an_answer_grows_before_ones_eyes_and_stop_keeps_what_was_written(url: str, visit: Visit) -> None:
    page = visit(url)
    ask(page, LONG)
    running = page.locator("[data-state=running] .wb-text")
    first = running.inner_text()
    expect(running).not_to_have_text(first)
    second = running.inner_text()
    assert len(second) > len(first)
    assert second.startswith(first)
    page.get_by_role("button", name="Stop", exact=True).click()
    turn = page.locator("[data-state=cancelled]")
    expect(turn.locator(".wb-note")).to_have_text("Stopped. This is what was written until then.")
    assert turn.locator(".wb-text").inner_text().startswith(second)
    ask(page, SHORT)
    expect(page.locator(DONE).locator(".wb-question")).to_have_text(SHORT)
    expect(page.locator(".wb-turn")).to_have_count(2)


def test_a_second_visitor_shares_the_reading_but_sees_only_their_own_questions(url: str, visit: Visit) -> None:
    one, other = visit(url), visit(url)
    ask(one, LONG)
    expect(one.locator("[data-state=running]")).to_be_visible()
    ask(other, SHORT)
    expect(other.locator("[data-state=running]")).to_contain_text("Waiting for the model")
    one.get_by_role("button", name="Stop", exact=True).click()
    expect(other.locator(DONE).locator(".wb-text")).not_to_be_empty()
    expect(other.locator(".wb-turn")).to_have_count(1)
    expect(one.locator("[data-state=cancelled]")).to_be_visible()


def test_ctrl_c_ends_the_server_at_once_even_while_it_answers(url: str, server: Server, visit: Visit) -> None:
    page = visit(url)
    ask(page, LONG)
    expect(page.locator("[data-state=running] .wb-text")).not_to_be_empty()
    code, out, err = server.interrupt()
    assert (code, out, err) == (0, "", "")
    assert server.has_left_nothing()


def test_panel_serves_the_analyst_script_too(samples: Path, browser: object, visit: Visit) -> None:
    script = Path(workbench.__file__).parent / "dashboards" / "analyst.py"
    host = f"127.0.0.1:{free_port()}"
    server = Server(
        sys.executable, "-m", "panel", "serve", str(script), "--address", "127.0.0.1", "--port", host.partition(":")[2],
        "--allow-websocket-origin", host, "--args", str(samples / "patient-notes" / "note-00.txt"),
        WORKBENCH_MODEL="tiny",
    )  # fmt: skip
    try:
        assert server.process.stderr is not None
        assert any("running at" in line for line in server.process.stderr)
        page = visit(f"http://{host}/analyst")
        expect(page.get_by_role("heading", level=1)).to_have_text("note-00.txt")
        expect(page.get_by_label("Question")).to_be_visible(timeout=60_000)
    finally:
        server.end()
