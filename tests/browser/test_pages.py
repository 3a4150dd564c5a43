"""Pages that show a document being read; the reading goes by a script."""

import threading
from types import SimpleNamespace

import pytest
from playwright.sync_api import expect

import workbench as wb
from tests.browser.conftest import Serve, Visit
from tests.browser.scripted import DOCUMENT, ScriptedBench, ScriptedReading
from workbench.dashboards.app import page as make_page
from workbench.dashboards.shelf import SharedReading

pytestmark = pytest.mark.browser


def shelf(*benches: ScriptedBench) -> SimpleNamespace:
    turn = threading.Lock()
    return SimpleNamespace(bench=benches[0], readings=tuple(SharedReading(b, DOCUMENT, turn) for b in benches))


def test_reading_is_stopped_for_all_and_goes_on_where_it_was(serve: Serve, visit: Visit) -> None:
    bench = ScriptedBench(ScriptedReading())
    shared = shelf(bench)
    url = serve(lambda: make_page(shared))
    one, other = visit(url), visit(url)
    bench.steps.release()
    for page in (one, other):
        expect(page.get_by_role("status")).to_have_text(
            "Reading · 1,500 of 4,500 tokens · 150 tokens a second · 20 s left"
        )
        expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "33")
    one.get_by_role("button", name="Stop reading").click()
    # The engine looks up at the next step.
    for page in (one, other):
        expect(page.get_by_role("status")).to_contain_text("Stopping after this step · 1,500 of 4,500")
        expect(page.get_by_role("button", name="Stop reading")).to_be_disabled()
    bench.steps.release()
    for page in (one, other):
        expect(page.get_by_role("status")).to_contain_text("Stopped; what was read is kept · 3,000 of 4,500")
    later = visit(url)
    expect(later.get_by_role("status")).to_contain_text("Stopped")
    other.get_by_role("button", name="Go on reading").click()
    bench.steps.release()
    for page in (one, other, later):
        expect(page.get_by_label("Question")).to_be_visible()
        expect(page.get_by_role("progressbar")).to_have_count(0)


def test_a_document_that_does_not_fit_says_why_with_a_choice_a_line(serve: Serve, visit: Visit) -> None:
    error = wb.ContextTooLong("It is too long. You can:\n  - read a part\n  - take <b>another</b> model")
    bench = ScriptedBench(ScriptedReading(), error)
    bench.steps.release()
    page = visit(serve(lambda: make_page(shelf(bench))))
    alert = page.get_by_role("alert")
    expect(alert).to_have_text(str(error), use_inner_text=True)
    assert [line.strip() for line in alert.inner_text().splitlines()][1:] == [
        "- read a part", "- take <b>another</b> model",
    ]  # fmt: skip
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_have_count(0)


def test_several_documents_have_a_tab_each_and_are_read_one_after_the_other(serve: Serve, visit: Visit) -> None:
    benches = ScriptedBench(ScriptedReading()), ScriptedBench(ScriptedReading())
    shared = shelf(*benches)
    page = visit(serve(lambda: make_page(shared)))
    tabs = page.get_by_text(DOCUMENT.name, exact=True).and_(page.locator(".bk-tab"))
    expect(tabs).to_have_count(2)
    tabs.nth(1).click()
    expect(page.get_by_role("status").locator("visible=true")).to_have_text("Waiting for its turn")
    for bench in benches:
        bench.steps.release(3)
    expect(page.get_by_label("Question").locator("visible=true")).to_have_count(1)
