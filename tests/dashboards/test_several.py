"""Cells over several documents: what they show, and that a failure is said on the page."""

import threading
from types import SimpleNamespace

import polars as pl

import workbench as wb
from tests.browser.scripted import DOCUMENT, extracted
from tests.test_comparisons import comparison
from workbench import tables
from workbench.analysis.extract import ExtractProgress
from workbench.dashboards.job import Job
from workbench.types import MatrixProgress


class Bench:
    """Compares and fills by a script."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.asked = error, None

    def compare(self, _first: object, _second: object, question: str | None, *, progress: None) -> wb.Comparison:
        if self.error:
            raise self.error
        self.asked = question
        return comparison(other="<script>1</script>")

    def matrix(self, documents: list, questions: dict, *, progress, cancel: threading.Event) -> wb.Table:
        progress(MatrixProgress(1, 2, "a<b>.txt"))
        self.cancel = cancel
        return wb.Table(pl.DataFrame({"who": ["Anne <b>"]}), pl.DataFrame(schema=tables.CELLS), "Matrix")


def job_of(monkeypatch, cell: object, bench: Bench | None = None, reading: object = None) -> Job:
    made = []
    panel = Job.panel
    monkeypatch.setattr(Job, "panel", lambda self, *w: made.append(self) or panel(self, *w))
    cell.panel(reading or SimpleNamespace(bench=bench))
    return made[0]


def test_a_comparison_is_shown_and_nothing_of_it_is_alive(monkeypatch):
    bench = Bench()
    job = job_of(monkeypatch, wb.cells.Compare(DOCUMENT), bench)
    job.run().join()
    assert "wb-sides" in job.out.object
    assert "<script" not in job.out.object
    assert bench.asked is None
    assert job.start.visible


def test_a_matrix_is_shown_and_can_be_stopped(monkeypatch):
    bench = Bench()
    job = job_of(monkeypatch, wb.cells.Matrix([DOCUMENT], ["Who?"]), bench)
    job.run().join()
    assert "Anne &lt;b&gt;" in job.out.object
    assert len(job.pages) == 0
    job.stop.clicks += 1
    assert bench.cancel.is_set()


def test_a_failure_is_said_on_the_page(monkeypatch):
    for error, said in (
        (wb.EngineError("the engine <failed>"), "engine &lt;failed&gt;"),
        (ValueError(), "log of the server"),
    ):
        job = job_of(monkeypatch, wb.cells.Compare(DOCUMENT), Bench(error))
        job.run().join()
        assert said in job.out.object
        assert job.start.visible


class Extracting:
    """A reading that fills in a table by a script."""

    document = DOCUMENT

    def __init__(self, error: Exception | None = None) -> None:
        self.error, self.asked = error, []

    def extract(self, schema: str, *, rows: str, progress, cancel: threading.Event) -> wb.Table:
        self.asked.append((schema, rows))
        self.cancel = cancel
        progress(ExtractProgress(1, 20))
        if self.error:
            raise self.error
        return extracted()


def test_a_table_is_filled_in_with_its_statuses_and_the_pages_it_rests_on(monkeypatch):
    reading = Extracting()
    job = job_of(monkeypatch, wb.cells.Extract("judge, sum number", rows="one"), reading=reading)
    job.run().join()
    assert reading.asked == [("judge, sum number", "one")]
    assert "KAGAN &lt;b&gt;" in job.out.object
    assert "supported" in job.out.object
    assert [see.label for see in job.pages[0]] == ["See page 1"]
    job.stop.clicks += 1
    assert reading.cancel.is_set()
    assert not job.busy


def test_a_table_that_was_cut_off_is_shown_as_far_as_it_came(monkeypatch):
    cut = wb.AnswerParseError("It did not come to its end.", partial=extracted("Cut off after 20 tokens."))
    job = job_of(monkeypatch, wb.cells.Extract("judge"), reading=Extracting(cut))
    job.run().join()
    assert "Cut off after 20 tokens." in job.out.object
    wrong = Extracting(wb.ConfigError("The schema has no <columns>."))
    job = job_of(monkeypatch, wb.cells.Extract(), reading=wrong)
    job.run().join()
    assert "no &lt;columns&gt;" in job.out.object
    assert len(job.pages) == 0
