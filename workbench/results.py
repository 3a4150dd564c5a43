"""What people hold in their hands: answers, citations, counts, the fit. Frozen; each shows itself in a notebook.

How they look is decided in workbench.views, which registers a renderer for each.

Not covered: documents (workbench.documents), the columns of the frames (workbench.tables).
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

import polars as pl

from workbench import exports
from workbench.display import Displayed
from workbench.errors import ConfigError, nearest
from workbench.types import FinishReason, Span

CitationStatus = Literal["supported", "quote_only", "unassessed", "no_source"]
CitationOrigin = Literal["quoted", "nearest"]


@dataclass(frozen=True, slots=True)
class Citation(Displayed):
    """A passage that an answer rests on, and where it stands.

    Attributes:
        quote: as the model wrote it; of a nearest passage, the document's own words.
        page: page number, from 1; None without a source.
        label: the page's label, as printed in the document.
        start_char: first character in ``Document.text``; None without a source.
        end_char: one past the last character; None without a source.
        status: ``no_source`` when the document does not contain it; ``supported`` when it has all that the answer
            says there, ``quote_only`` when it has not, ``unassessed`` when code cannot tell.
        before: text in front of the passage, for showing it in place.
        passage: the document's own characters.
        after: text behind the passage.
        answer_span: where the quote stands in ``Answer.text``; of a nearest passage, the sentence it belongs to;
            of a passage that was quoted for a sentence, the empty place behind it.
        origin: ``quoted`` by the model, or ``nearest``: found by code, because it has the words of the answer.
        where: its place in words where there is a closer one than the page: ``src/app.py, line 12``, ``Sheet1!B4``.
        document: which of several documents it stands in; empty where there is one only.
    """

    quote: str
    page: int | None = None
    label: str = ""
    start_char: int | None = None
    end_char: int | None = None
    status: CitationStatus = "no_source"
    before: str = ""
    passage: str = ""
    after: str = ""
    answer_span: Span | None = None
    origin: CitationOrigin = "quoted"
    where: str = ""
    document: str = ""

    @property
    def place(self) -> str:
        """Where it stands, for people: the page, or the line of a file or the cell; and how it was found."""
        if self.page is None:
            return "not in the document"
        where = self.where or f"page {self.label or self.page}"
        where = f"{self.document}, {where}" if self.document else where
        return where if self.origin == "quoted" else f"nearest passage, {where}"


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer cost.

    Attributes:
        prompt_tokens: tokens in front of the answer, the document included.
        reused_tokens: those that were in the cache.
        completion_tokens: tokens of the answer.
        ttft_s: seconds from the question to the first token.
        tokens_per_s: decoding speed after the first token; 0 for a single token.
        peak_bytes: the process's peak resident set (CPU) or allocated memory (CUDA).
        verify_s: seconds spent on checksums of what was stored.
        quote_tokens: tokens of the passages that were quoted for it, behind the answer.
        quote_s: seconds that quoting took.
        look_s: seconds that the passages behind the answer, read alone, took.
    """

    prompt_tokens: int
    reused_tokens: int
    completion_tokens: int
    ttft_s: float = 0.0
    tokens_per_s: float = 0.0
    peak_bytes: int = 0
    verify_s: float = 0.0
    quote_tokens: int = 0
    quote_s: float = 0.0
    look_s: float = 0.0

    @property
    def computed_tokens(self) -> int:
        """Prompt tokens that had to be run through the model."""
        return self.prompt_tokens - self.reused_tokens


@dataclass(frozen=True, slots=True)
class Answer(Displayed):
    """What the model said, what it rests on, and what it took.

    Attributes:
        question: as asked; empty for a summary.
        text: the answer; cut off when ``finish_reason`` is not ``"stop"``.
        citations: the quotes in ``text``, and the passages that were quoted for its sentences.
        thinking: what the model thought before it answered, when asked to.
        prompt_token_ids: every id in front of the answer: replay them through plain transformers.
        token_ids: the ids the model decoded, its end token included.
        manifest: model fingerprint, document hash, sampling, versions.
        document_name: what it was asked of.
        warnings: what to know about the pages it rests on, a sentence each.
        unsupported: sentences of ``text`` that no passage supports, by code's judgement.
        absent_probability: that the document does not say it, estimated from the model's own logits before the first
            token and, in doubt, before the passages alone, in [0, 1]; None where that was not asked for (summaries,
            thinking).
        withdrawn: what the model said and the passages behind it, read alone, did not bear out: ``text`` is then that
            the document does not say it, and a warning tells of it. ``token_ids`` stay those of what was said.
    """

    question: str
    text: str
    citations: tuple[Citation, ...]
    usage: Usage
    finish_reason: FinishReason
    prompt_token_ids: tuple[int, ...] = field(repr=False)
    token_ids: tuple[int, ...] = field(repr=False)
    manifest: Mapping[str, object] = field(repr=False, default_factory=dict)
    thinking: str = field(repr=False, default="")
    document_name: str = ""
    warnings: tuple[str, ...] = ()
    unsupported: tuple[Span, ...] = ()
    absent_probability: float | None = None
    withdrawn: str = ""

    @property
    def pages(self) -> tuple[int, ...]:
        """Pages that the citations stand on, in order, each once."""
        return tuple(sorted({c.page for c in self.citations if c.page is not None}))


@dataclass(frozen=True, slots=True)
class Summary(Answer):
    """A summary, and which pages it rests on.

    It is written in turns: ``prompt_token_ids`` are those in front of the first one, ``token_ids`` those of all, and
    each of ``turns`` can be replayed.

    Attributes:
        style: as asked for.
        words: as asked for.
        num_words: that it has; characters, where a script does not part its words.
        sentences: its claims in order, as spans of ``text``; headings are none.
        coverage: polars frame by page, see ``tables.SUMMARY_COVERAGE``.
        turns: what the model wrote, turn by turn, with what was left out of the summary.
    """

    style: str = "brief"
    words: int = 0
    num_words: int = 0
    sentences: tuple[Span, ...] = ()
    coverage: pl.DataFrame = field(repr=False, compare=False, default_factory=pl.DataFrame)
    turns: tuple[Answer, ...] = field(repr=False, default=())

    @property
    def uncovered(self) -> tuple[int, ...]:
        """Pages with text that no sentence rests on, by number."""
        bare = self.coverage.filter((pl.col("sentences").list.len() == 0) & (pl.col("chars") > 0))
        return tuple(bare["page"])


Leading = tuple[int, str, float, "Citation | None"]
"""A page that leads for a sentence: its number, its label, its lift, its passage most like the sentence."""


@dataclass(frozen=True, slots=True)
class EvidenceMap(Displayed):
    """On which pages the sentences of an answer rest, by the attention behind them; shows itself as a heat map.

    Attributes:
        document_name: what was read.
        frame: polars frame, see ``tables.EVIDENCE``.
        labels: of the pages, by number.
        passages: by sentence and page, the passage most like the sentence.
        top: pages of a sentence that lead.
    """

    document_name: str
    frame: pl.DataFrame = field(repr=False, compare=False)
    labels: Mapping[int, str] = field(repr=False)
    passages: Mapping[tuple[int, int], Citation] = field(repr=False)
    top: int = 3

    @property
    def pages(self) -> tuple[int, ...]:
        """Numbers of all pages, in order."""
        return tuple(sorted(set(self.frame["page"])))

    def leading(self) -> list[tuple[int, str, list[Leading]]]:
        """Each sentence with its number, its text, and the pages with the highest lift."""
        found = []
        for (number,), rows in self.frame.group_by("sentence", maintain_order=True):
            first = rows.head(self.top).to_dicts()
            top = [
                (r["page"], self.labels[r["page"]], r["lift"], self.passages.get((number, r["page"]))) for r in first
            ]
            found.append((int(str(number)), str(rows["text"][0]), top))
        return found


@dataclass(frozen=True, slots=True)
class Delta:
    """A piece of a streamed answer: the text it adds (perhaps none) and the ids it stands for."""

    text: str
    token_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Fit(Displayed):
    """Whether a document fits a model's window, and what it will take.

    Attributes:
        document_name: what is to be read.
        model: the model's name.
        tokens: tokens of the whole prefix (system text, frame, document) in the model's own vocabulary.
        document_tokens: the document's share of them.
        window: tokens the model holds here.
        reserve: tokens kept for question and answer.
        kv_bytes: bytes of the cache for ``tokens``.
        seconds: estimate for reading, or None when the speed here is not known.
        fits: the verdict.
        choices: what can be done when it does not fit, a sentence each.
        sections: polars frame, see ``tables.FIT_SECTIONS``.
        pages: polars frame, see ``tables.FIT_PAGES``.
        files: polars frame of a folder's files as a tree, see ``tables.FIT_FILES``; empty for what is no folder.
        weights_bytes: bytes of weights that are not loaded yet.
        work_bytes: bytes beside weights and cache while reading and asking.
        free_bytes: memory that is free; None when it was not looked at.
    """

    document_name: str
    model: str
    tokens: int
    document_tokens: int
    window: int
    reserve: int
    kv_bytes: int
    seconds: float | None
    fits: bool
    choices: tuple[str, ...]
    sections: pl.DataFrame = field(repr=False)
    pages: pl.DataFrame = field(repr=False, default_factory=pl.DataFrame)
    files: pl.DataFrame = field(repr=False, default_factory=pl.DataFrame)
    weights_bytes: int = 0
    work_bytes: int = 0
    free_bytes: int | None = None

    @property
    def needed_bytes(self) -> int:
        """Bytes of weights, cache and work."""
        return self.weights_bytes + self.kv_bytes + self.work_bytes

    @property
    def in_window(self) -> bool:
        """Whether the window holds it."""
        return self.tokens + self.reserve <= self.window

    @property
    def in_memory(self) -> bool:
        """Whether memory holds it."""
        return self.free_bytes is None or self.needed_bytes <= self.free_bytes

    @property
    def share(self) -> float:
        """Share of the window that prefix and reserve take; above 1 it does not fit."""
        return (self.tokens + self.reserve) / self.window


def _citation(cell: dict[str, Any]) -> Citation:
    """Of a line of ``tables.CELLS`` that has a source."""
    return Citation(
        quote=cell["quote"], page=cell["page"], label=cell["label"] or "", start_char=cell["start_char"],
        end_char=cell["end_char"], status=cell["status"], passage=cell["quote"], where=cell["where"] or "",
    )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Table(Displayed):
    """Rows of typed values, and for each value where the document says so.

    A value that cannot be read as its column's type, or that the document does not have, is null in ``frame``;
    ``cells`` has what there was of it, and why.

    Attributes:
        frame: the rows, in the types of the schema.
        cells: what each value rests on, see ``tables.CELLS``; a list has a line for each of its items.
        document_name: what it was made from.
        manifest: model fingerprint, document hash, schema, sampling, versions.
        warnings: what to know about it, a sentence each.
    """

    frame: pl.DataFrame
    cells: pl.DataFrame = field(repr=False)
    document_name: str = ""
    manifest: Mapping[str, object] = field(repr=False, default_factory=dict)
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.frame.height

    def citation(self, row: int, column: str) -> Citation:
        """What a value rests on, of a list its first item: ``document.page_image(table.citation(0, "born"))``.

        Args:
            row: of ``frame``, from 0.
            column: of ``frame``.

        Raises:
            ConfigError: there is no such row or column, or it has no source.
        """
        if column not in self.frame.columns:
            valid = ", ".join(map(repr, self.frame.columns))
            raise ConfigError(
                f"The table has no column {column!r}; it has {valid}.{nearest(column, self.frame.columns)}"
            )
        if not 0 <= row < self.frame.height:
            raise ConfigError(f"The table has no row {row}; its rows are 0 to {self.frame.height - 1}.")
        found = self.cells.filter((pl.col("row") == row) & (pl.col("column") == column) & pl.col("page").is_not_null())
        if found.is_empty():
            raise ConfigError(f"{column!r} of row {row} has no source; table.cells says why.")
        return _citation(found.row(0, named=True))

    @property
    def citations(self) -> tuple[Citation, ...]:
        """What each value rests on that has a source, row by row."""
        sourced = self.cells.filter(pl.col("page").is_not_null())
        return tuple(_citation(cell) for cell in sourced.iter_rows(named=True))

    def to_excel(self, path: str | os.PathLike[str]) -> Path:
        """Write a workbook: types are kept, each value's source is in its comment and on a second sheet.

        Text stays text: what looks like a formula or an address does nothing.

        Raises:
            ConfigError: the path cannot be written, or a sheet does not hold the rows.
        """
        return exports.write_excel(self.frame, self.cells, self._about(), Path(path))

    def to_parquet(self, path: str | os.PathLike[str]) -> Path:
        """Write a Parquet file: the columns of ``frame``, and ``sources``, a list of the row's ``cells``.

        Raises:
            ConfigError: the path cannot be written, or the table has a column ``sources``.
        """
        return exports.write_parquet(self.frame, self.cells, self._about(), Path(path))

    def to_html(self, path: str | os.PathLike[str]) -> Path:
        """Write a page that stands alone, with every row; each value unfolds to its source.

        Raises:
            ConfigError: the path cannot be written.
        """
        whole = WholeTable(**{each.name: getattr(self, each.name) for each in fields(self)})
        body = str(whole._repr_mimebundle_()["text/html"])
        return exports.write_html(body, self.document_name or "Table", Path(path))

    def _about(self) -> dict[str, object]:
        return {"document": self.document_name, "warnings": list(self.warnings), **self.manifest}


class WholeTable(Table):
    """A table that shows every row."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, eq=False)
class Comparison(Displayed):
    """How two documents differ, and where they contradict each other.

    Attributes:
        first: name of the first document.
        second: name of the second.
        differences: both quotes of each, see ``tables.DIFFERENCES``. Of two versions of a text every difference, found
            by comparing the texts; of others only what contradicts.
        share_kept: of the characters of both, those that stand in both, moved and changed sentences included; [0, 1].
        are_versions: whether they are versions of one text.
        answer: what the model said to the question, citing both; None without one.
        warnings: what to know about it, a sentence each.
    """

    first: str
    second: str
    differences: pl.DataFrame = field(repr=False)
    share_kept: float
    are_versions: bool
    answer: Answer | None = None
    warnings: tuple[str, ...] = ()

    def __len__(self) -> int:
        return self.differences.height

    @property
    def contradictions(self) -> pl.DataFrame:
        """The differences that contradict each other."""
        return self.differences.filter(pl.col("kind") == "contradicts")
