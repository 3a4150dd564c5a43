"""A dashboard is composed of cells, in the order they are given, each over the same reading."""

import threading
from dataclasses import replace

import panel as pn
import pytest

import workbench as wb
from tests.browser.scripted import DOCUMENT, ScriptedBench, ScriptedReading
from workbench.dashboards import app, markup
from workbench.dashboards.app import default_cells
from workbench.dashboards.shelf import SharedReading, Shelf
from workbench.results import Answer, Usage
from workbench.types import ReadProgress


def titles(board: pn.Column) -> list[str]:
    return [part.object for part in board if isinstance(part, pn.pane.HTML)]


def test_cells_stand_under_the_documents_name_in_their_order():
    board = wb.dashboard(ScriptedReading(), [wb.cells.Ask(title="Questions"), wb.cells.Summary(title="")])
    head, questions = titles(board)
    assert "opinion &lt;1&gt;.txt" in head
    assert "4,542 tokens" in head
    assert "Questions" in questions
    assert [type(part).__name__ for part in board] == ["HTML", "HTML", "Column", "Column"]


def test_without_cells_a_dashboard_summarises_and_asks():
    assert [type(cell).__name__ for cell in default_cells()] == ["Summary", "Ask"]
    assert len(wb.dashboard(ScriptedReading())) == 5


def test_a_dashboard_can_be_served_and_opens_no_session_before():
    board = wb.dashboard(ScriptedReading(), [wb.cells.Ask()])
    assert board.servable() is board


def test_the_same_cell_serves_every_session_with_parts_of_its_own():
    cell = wb.cells.Ask()
    first, second = (cell.panel(ScriptedReading()) for _ in range(2))
    assert first is not second
    assert first[1] is not second[1]


def test_a_document_that_cannot_be_loaded_is_known_before_a_server_starts():
    with pytest.raises(wb.DocumentError):
        Shelf(["/nowhere/at-all.txt"], "tiny")
    with pytest.raises(wb.ConfigError, match="nothing to serve"):
        Shelf([], "tiny")
    assert Shelf([DOCUMENT], "tiny").readings[0].state == "new"


def test_a_page_says_who_is_ahead_and_what_people_should_hear():
    bench = ScriptedBench(ScriptedReading())
    shared = SharedReading(bench, DOCUMENT, threading.Lock())
    shared.state = "reading"
    shared._step(ReadProgress(0, 4_500, 0, 0.0, place=2))
    assert app._status(shared) == "Waiting, 2 ahead"
    assert markup.reading(shared.progress, "").count("wb-status") == 1
    shared._step(ReadProgress(0, 4_500, 0, 0.0, note="It is kept in <b>."))
    shared._step(ReadProgress(1_500, 4_500, 0, 1.0))
    assert app._status(shared) == "Reading"
    column = app._view(bench, shared, default_cells())
    assert "It is kept in &lt;b&gt;." in column[1].object
    shared.reading, shared.state = bench.reading, "ready"
    column = app._view(bench, shared, default_cells())
    assert column[1].object == markup.note("It is kept in <b>.")
    quiet = SharedReading(bench, DOCUMENT, threading.Lock())
    quiet.reading = bench.reading
    assert len(app._view(bench, quiet, default_cells())) == len(column) - 1


def test_an_answer_on_a_page_says_what_to_know_about_the_pages_it_rests_on():
    usage = Usage(prompt_tokens=9, reused_tokens=4, completion_tokens=2)
    answer = Answer("Why?", "So.", (), usage, "stop", (), (), warnings=("The answer rests on <page> 3.\x1b",))
    assert '<p class="wb-note" role="note">⚠ The answer rests on &lt;page&gt; 3.�</p>' in markup.finished(answer)
    assert "rests on" not in markup.finished(replace(answer, warnings=()))
