"""Cells over several documents: what they show, and that a failure is said on the page."""

import threading
from types import SimpleNamespace

import polars as pl

import workbench as wb
from tests.browser.scripted import DOCUMENT
from tests.test_comparisons import comparison
from workbench import tables
from workbench.dashboards import several
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


def job_of(monkeypatch, cell: object, bench: Bench) -> several._Job:
    made = []
    panel = several._Job.panel
    monkeypatch.setattr(several._Job, "panel", lambda self, *w: made.append(self) or panel(self, *w))
    cell.panel(SimpleNamespace(bench=bench))
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
