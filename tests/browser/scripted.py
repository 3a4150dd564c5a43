"""A reading and a workbench that go by a script: for how things look, never for what a model says."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from types import SimpleNamespace

import polars as pl

from workbench import tables
from workbench.analysis.leading import evidence_map
from workbench.documents.document import Document, Page, Source
from workbench.results import Answer, Citation, Delta, EvidenceMap, Table, Usage
from workbench.types import ReadProgress, Span

TEXT = (
    "The Court holds that the agency acted within its power.\n"
    "JUSTICE KAGAN delivered the opinion of the Court, in which all other Members joined.\n"
    "The sum in dispute is $300,000 <b>exactly</b>."
)
DOCUMENT = Document(
    name="opinion <1>.txt",
    text=TEXT,
    pages=(Page(1, "i", 0, 56), Page(2, "1", 56, len(TEXT))),
    outline=(),
    warnings=(),
    source=Source("opinion.txt", "0" * 64, len(TEXT), "text/plain"),
)
HOSTILE = '<img src="http://192.0.2.1/x.png"> ![x](http://192.0.2.1/y.png) <script>document.title="taken"</script>'


def citation(quote: str, answer: str, *, status: str = "unassessed") -> Citation:
    """A citation with the place that the document has for it."""
    at = answer.index(quote)
    span = Span(at, at + len(quote))
    if status == "no_source":
        return Citation(quote, answer_span=span)
    start = TEXT.index(quote)
    page = DOCUMENT.page_at(start)
    end = start + len(quote)
    return Citation(quote, page.number, page.label, start, end, status, TEXT[:start], TEXT[start:end], TEXT[end:], span)


def answer(question: str, text: str, *citations: Citation) -> Answer:
    """A finished answer."""
    usage = Usage(prompt_tokens=4_560, reused_tokens=4_542, completion_tokens=12)
    return Answer(question, text, citations, usage, "stop", (1, 2), (3, 4), document_name=DOCUMENT.name)


def extracted(*warnings: str) -> Table:
    """A table of one row, of whose values one has a source."""
    at = TEXT.index("JUSTICE KAGAN")
    cell = dict.fromkeys(tables.CELLS) | {"document": DOCUMENT.name, "row": 0, "note": "", "where": ""}
    cells = [
        cell | {"column": "judge", "value": "KAGAN <b>", "quote": "JUSTICE KAGAN", "page": 2, "label": "1",
                "start_char": at, "end_char": at + 13, "status": "supported"},
        cell | {"column": "sum", "status": "no_source", "note": "the document was found to say nothing of it"},
    ]  # fmt: skip
    frame = pl.DataFrame({"judge": ["KAGAN <b>"], "sum": pl.Series([None], dtype=pl.Float64)})
    return Table(frame, pl.DataFrame(cells, schema=tables.CELLS), DOCUMENT.name, {}, warnings)


@dataclass
class ScriptedStream:
    """Words of an answer; after ``held_after`` of them it waits for ``release`` or ``cancel``."""

    scripted: Answer
    held_after: int | None = None
    error: Exception | None = None
    release: threading.Event = field(default_factory=threading.Event)
    cancelled: threading.Event = field(default_factory=threading.Event)

    def __iter__(self) -> Iterator[Delta | Answer]:
        said = ""
        for index, word in enumerate(self.scripted.text.split(" ")):
            if index == self.held_after:
                if self.error:
                    raise self.error
                self.release.wait()
            if self.cancelled.is_set():
                yield replace(self.scripted, text=said, citations=(), finish_reason="cancelled")
                return
            piece = word if index == 0 else f" {word}"
            said += piece
            yield Delta(piece, (index,))
        yield self.scripted

    def cancel(self) -> None:
        self.cancelled.set()
        self.release.set()


class ScriptedReading:
    """Gives the next stream of its script for whatever is asked."""

    def __init__(self, *streams: ScriptedStream) -> None:
        self.document = DOCUMENT
        self.num_tokens = 4_542
        self.bench = SimpleNamespace(name="scripted")
        self.script = list(streams)
        self.asked: list[str] = []

    def stream(self, question: str, *, max_tokens: int = 1_024) -> ScriptedStream:
        self.asked.append(question)
        return self.script.pop(0)

    def stream_summary(self, words: int = 150, style: str = "brief") -> ScriptedStream:
        self.asked.append(f"{style} summary of {words} words")
        return self.script.pop(0)

    def evidence_map(self, answer: str, question: str = "") -> EvidenceMap:
        self.asked.append(f"evidence of {answer} / {question}")
        rows = [(1, answer, 2, 0.03, 4.2), (1, answer, 1, 0.2, 0.9)]
        return evidence_map(DOCUMENT, pl.DataFrame(rows, schema=tables.EVIDENCE, orient="row"))

    def extract(self, schema: str, *, rows: str, progress: object, cancel: threading.Event) -> Table:
        self.asked.append(f"{rows} of {schema}")
        return extracted()


class ScriptedBench:
    """Reads in three steps, each when the test lets it; remembers how far it was."""

    name = "scripted"
    description = "scripted: reads when it is told to. Window 8,192 tokens."

    def __init__(self, reading: ScriptedReading, error: Exception | None = None) -> None:
        self.reading, self.error = reading, error
        self.steps = threading.Semaphore(0)
        self.done_tokens = 0

    def read(self, document: Document, progress: Callable[[ReadProgress], None]) -> ScriptedReading:
        reused = self.done_tokens
        while self.done_tokens < 4_500:
            self.steps.acquire()
            if self.error:
                raise self.error
            self.done_tokens += 1_500
            progress(ReadProgress(self.done_tokens, 4_500, reused, elapsed_s=10.0))
        return self.reading

    def close(self) -> None:
        pass
