"""What a page makes of answers, good and hostile; the answers come from a script."""

import re

import pytest
from playwright.sync_api import Page, expect

import workbench as wb
from tests.browser.conftest import Serve, Visit
from tests.browser.scripted import (
    DOCUMENT,
    HOSTILE,
    TEXT,
    ScriptedReading,
    ScriptedStream,
    answer,
    citation,
)

pytestmark = pytest.mark.browser

FOUND = "the agency acted within its power"
INVENTED = "the agency must pay everything back"


def ask(page: Page, question: str) -> None:
    box = page.get_by_label("Question")
    box.fill(question)
    box.press("Enter")


def cited(question: str = "What?") -> ScriptedStream:
    text = f"It holds that “{FOUND}”, and that “{INVENTED}”."
    quotes = citation(FOUND, text), citation(INVENTED, text, status="no_source")
    return ScriptedStream(answer(question, text, *quotes))


def test_a_citation_names_its_page_and_unfolds_to_the_passage_by_keyboard(serve: Serve, visit: Visit) -> None:
    page = visit(serve(lambda: wb.dashboard(ScriptedReading(cited()), [wb.cells.Ask()])))
    ask(page, "What?")
    citations = page.get_by_role("list", name="Citations")
    found = citations.locator("li").first
    expect(found).to_contain_text(f"“{FOUND}” page i")
    passage = found.locator(".wb-place")
    expect(passage).to_be_hidden()
    page.get_by_label("Question").press("Tab")  # on to the button
    page.keyboard.press("Tab")  # and to the citation
    page.keyboard.press("Enter")
    expect(passage).to_be_visible()
    expect(passage.locator("mark")).to_have_text(FOUND)
    expect(passage).to_have_text(TEXT, use_inner_text=True)
    page.keyboard.press("Enter")
    expect(passage).to_be_hidden()


def test_a_cited_page_is_shown_when_it_is_asked_for_and_put_away_again(serve: Serve, visit: Visit) -> None:
    page = visit(serve(lambda: wb.dashboard(ScriptedReading(cited()), [wb.cells.Ask()])))
    ask(page, "What?")
    expect(page.locator(".wb-text")).to_have_text(f"It holds that “{FOUND}”[1], and that “{INVENTED}”[2].")
    see = page.get_by_role("button", name="See page i [1]")
    expect(see).to_be_visible()
    sheet = page.get_by_role("img", name=f"Page i of {DOCUMENT.name}, drawn from the text")
    expect(page.get_by_role("img")).to_have_count(0)
    see.click()
    expect(sheet).to_be_visible()
    assert sheet.evaluate("picture => picture.naturalWidth") > 500
    see.click()
    expect(sheet).to_be_hidden()


def test_a_quote_that_the_document_does_not_have_is_marked_in_the_text_and_in_the_list(
    serve: Serve, visit: Visit
) -> None:
    page = visit(serve(lambda: wb.dashboard(ScriptedReading(cited()), [wb.cells.Ask()])))
    ask(page, "What?")
    turn = page.locator("[data-state=stop]")
    invented = turn.get_by_role("listitem").nth(1)
    expect(invented).to_have_text(f"[2] “{INVENTED}” not in the document")
    expect(invented.locator("summary")).to_have_count(0)
    wavy = turn.locator(".wb-text .wb-absent")
    expect(wavy).to_have_text(INVENTED)
    expect(wavy).to_have_css("text-decoration-style", "wavy")
    expect(turn.locator(".wb-quoted").first).to_have_css("text-decoration-style", "solid")


def test_markup_in_names_questions_answers_and_quotes_stays_text(serve: Serve, visit: Visit) -> None:
    text = f"{HOSTILE} and “{HOSTILE}”"
    hostile = ScriptedStream(answer(HOSTILE, text, citation(HOSTILE, text, status="no_source")))
    page = visit(serve(lambda: wb.dashboard(ScriptedReading(hostile), [wb.cells.Ask()])))
    expect(page.get_by_role("heading", level=1)).to_have_text(DOCUMENT.name)
    ask(page, HOSTILE)
    turn = page.locator("[data-state=stop]")
    expect(turn.locator(".wb-question")).to_have_text(HOSTILE)
    expect(turn.locator(".wb-text")).to_have_text(f"{HOSTILE}[1] and “{HOSTILE}”")
    expect(turn.get_by_role("listitem")).to_contain_text(HOSTILE)
    expect(page.locator("img, a")).to_have_count(0)
    assert page.title() != "taken"


def test_an_error_is_said_on_the_page_below_what_was_written(serve: Serve, visit: Visit) -> None:
    error = wb.CacheFull("No memory for <i>another</i> block.")
    broken = ScriptedStream(answer("What?", "It holds that much"), held_after=2, error=error)
    page = visit(serve(lambda: wb.dashboard(ScriptedReading(broken, cited()), [wb.cells.Ask()])))
    ask(page, "What?")
    turn = page.locator("[data-state=failed]")
    expect(turn.get_by_role("alert")).to_have_text("No memory for <i>another</i> block.")
    expect(turn.locator(".wb-text")).to_have_text("It holds")
    ask(page, "What?")
    expect(page.locator("[data-state=stop]")).to_be_visible()


def test_while_an_answer_is_written_enter_waits_and_the_typed_question_stays(serve: Serve, visit: Visit) -> None:
    held = ScriptedStream(answer("One?", "It holds that much"), held_after=2)
    reading = ScriptedReading(held, cited("Two?"))
    page = visit(serve(lambda: wb.dashboard(reading, [wb.cells.Ask()])))
    ask(page, "One?")
    expect(page.locator("[data-state=running] .wb-text")).to_have_text("It holds")
    stop = page.get_by_role("button", name="Stop")
    expect(stop).to_be_visible()
    expect(page.get_by_role("button", name="Ask")).to_be_hidden()
    box = page.get_by_label("Question")
    ask(page, "Two?")
    assert re.match(r"Two\?\s*$", box.input_value())
    assert reading.asked == ["One?"]
    stop.click()
    expect(page.locator("[data-state=cancelled] .wb-text")).to_have_text("It holds…")
    page.get_by_role("button", name="Ask").click()
    expect(page.locator(".wb-question")).to_have_text(["Two?", "One?"])
    expect(box).to_have_value("")


def test_a_session_that_is_left_cancels_its_request(serve: Serve, visit: Visit) -> None:
    held = ScriptedStream(answer("One?", "It holds that much"), held_after=2)
    brief = {"check_unused_sessions_milliseconds": 500, "unused_session_lifetime_milliseconds": 5_000}
    page = visit(serve(lambda: wb.dashboard(ScriptedReading(held), [wb.cells.Ask()]), **brief))
    ask(page, "One?")
    expect(page.locator("[data-state=running] .wb-text")).to_have_text("It holds")
    page.close()
    assert held.cancelled.wait(timeout=60)


def test_the_summary_takes_as_many_words_as_asked_for(serve: Serve, visit: Visit) -> None:
    reading = ScriptedReading(ScriptedStream(answer("", "In short.")), ScriptedStream(answer("", "Shorter.")))
    page = visit(serve(lambda: wb.dashboard(reading, [wb.cells.Summary(words=90)])))
    summarise = page.get_by_role("button", name="Summarise")
    summarise.click()
    expect(page.locator("[data-state=stop] .wb-text")).to_have_text("In short.")
    words = page.get_by_label("Words")
    words.fill("50")
    words.press("Tab")
    page.get_by_label("Style").select_option("executive")
    summarise.click()
    expect(page.locator("[data-state=stop] .wb-text")).to_have_text("Shorter.")
    assert reading.asked == ["brief summary of 90 words", "executive summary of 50 words"]


def test_a_statement_gets_a_map_of_pages_whose_passages_unfold(serve: Serve, visit: Visit) -> None:
    reading = ScriptedReading()
    page = visit(serve(lambda: wb.dashboard(reading, [wb.cells.Evidence()])))
    page.get_by_label("Question").fill("Who wrote it?")
    box = page.get_by_label("Statement")
    box.fill("JUSTICE KAGAN <i>delivered</i> the opinion.")
    box.press("Enter")
    table = page.get_by_role("region", name="Evidence by sentence and page")
    expect(table.get_by_role("columnheader")).to_have_text(["Sentence", "i", "1"])
    expect(table.get_by_role("rowheader")).to_have_text("1. JUSTICE KAGAN <i>delivered</i> the opinion.")
    expect(table.get_by_role("cell")).to_have_text(["0.9", "4.2"])
    page.locator("summary").first.press("Enter")
    expect(page.locator("blockquote mark").first).to_contain_text("JUSTICE KAGAN delivered the opinion")
    expect(page.get_by_role("button", name="See page 1")).to_be_visible()
    assert reading.asked == ["evidence of JUSTICE KAGAN <i>delivered</i> the opinion. / Who wrote it?"]


def test_a_table_is_filled_in_by_keyboard_and_its_values_unfold_to_their_source(serve: Serve, visit: Visit) -> None:
    reading = ScriptedReading()
    page = visit(serve(lambda: wb.dashboard(reading, [wb.cells.Extract()])))
    box = page.get_by_label("Columns")
    box.fill("judge, sum number")
    box.press("Enter")
    expect(page.get_by_role("columnheader")).to_have_text(["judge", "sum"])
    quote = page.locator("td blockquote").first
    expect(quote).to_be_hidden()
    page.locator("td summary").first.press("Enter")
    expect(quote).to_have_text("JUSTICE KAGAN")
    page.get_by_role("button", name="See page 1").press("Enter")
    expect(page.get_by_role("img", name="Page 1 of")).to_be_visible()
    page.get_by_label("Rows").select_option("one row")
    page.get_by_role("button", name="Fill in").press("Enter")
    expect(page.get_by_role("columnheader")).to_have_text(["judge", "sum"])
    expect(page.get_by_role("img")).to_have_count(0)
    assert reading.asked == ["many of judge, sum number", "one of judge, sum number"]


CONTRAST = """(element) => {
    const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
    const light = (colour) => {
        const parts = numbers(colour).slice(0, 3).map((c) => c / 255);
        const [r, g, b] = parts.map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    let ground = element;
    while (ground && (numbers(getComputedStyle(ground).backgroundColor)[3] ?? 1) === 0)
        ground = ground.assignedSlot ?? ground.parentNode?.host ?? ground.parentNode;
    const both = [light(getComputedStyle(element).color), light(getComputedStyle(ground).backgroundColor)];
    return (Math.max(...both) + 0.05) / (Math.min(...both) + 0.05);
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(scheme: str, serve: Serve, visit: Visit) -> None:
    page = visit(serve(lambda: wb.dashboard(ScriptedReading(cited()))), color_scheme=scheme)
    ask(page, "What?")
    page.locator("summary").click()
    expect(page.locator(".wb-place")).to_be_visible()
    for part in (
        "h1", ".wb-head p", ".wb-title", "label", "textarea", "button", ".wb-question", ".wb-text", ".wb-counts",
        ".wb-page", ".wb-absent .wb-page", ".wb-place", "mark",
    ):  # fmt: skip
        for element in page.locator(part).locator("visible=true").all():
            assert element.evaluate(CONTRAST) >= 4.5, part


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_table_stands_out_from_its_ground(scheme: str, serve: Serve, visit: Visit) -> None:
    page = visit(serve(lambda: wb.dashboard(ScriptedReading(), [wb.cells.Extract("judge")])), color_scheme=scheme)
    page.get_by_role("button", name="Fill in").click()
    page.locator("td summary").first.click()
    expect(page.locator("td blockquote").first).to_be_visible()
    for part in ("label", "input", "select", "button", "th", "td summary", "td blockquote", "td p"):
        for element in page.locator(part).locator("visible=true").all():
            assert element.evaluate(CONTRAST) >= 4.5, part
