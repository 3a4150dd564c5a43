"""On which pages an answer rests."""

import polars as pl
import pytest

import workbench as wb
from workbench import tables


@pytest.fixture(scope="module")
def pages(samples) -> wb.Document:
    return wb.load(samples / "abouammo-v-united-states.txt").select(pages=[1, 2])


def test_every_sentence_has_every_page_with_its_share_and_lift(tiny: wb.Workbench, pages: wb.Document):
    with tiny.read(pages, progress=None) as reading:
        answer = reading.ask("Who delivered the opinion?", max_tokens=30)
        frame = reading.evidence(answer)
        assert frame.schema == tables.EVIDENCE
        first = frame.filter(pl.col("sentence") == 1)
        assert sorted(first["page"]) == [page.number for page in pages.pages]
        assert first["lift"].is_sorted(descending=True)
        assert (frame["share"] > 0).all()
        assert (frame.group_by("sentence").agg(pl.col("share").sum())["share"] < 1).all()
        assert frame["text"][0] in answer.text
        assert reading.evidence(answer).equals(frame)
        summary = reading.summarize(words=10, max_tokens=8)
        assert len(reading.evidence(summary)) >= 2


def test_an_answer_of_another_reading_is_refused(tiny: wb.Workbench, pages: wb.Document, note: wb.Document):
    with tiny.read(pages, progress=None) as reading, tiny.read(note, progress=None) as other:
        answer = other.ask("Who?", max_tokens=2)
        with pytest.raises(wb.ConfigError, match="not one of"):
            reading.evidence(answer)


def test_a_text_that_the_model_did_not_say_has_its_evidence_too(tiny: wb.Workbench, pages: wb.Document):
    said = "Justice Kagan delivered the opinion. All other Members joined."
    with tiny.read(pages, progress=None) as reading:
        frame = reading.evidence(said, "Who delivered the opinion?")
        assert frame["sentence"].unique(maintain_order=True).to_list() == [1, 2]
        assert frame["text"].unique(maintain_order=True).to_list() == [
            "Justice Kagan delivered the opinion.", "All other Members joined.",
        ]  # fmt: skip
        found = reading.evidence_map(said)
        assert [number for number, *_ in found.leading()] == [1, 2]
        assert all(pages.text[c.start_char : c.end_char] == c.passage for c in found.passages.values())
        assert "KAGAN delivered" in found.passages[1, 1].passage
        with pytest.raises(wb.ConfigError, match="no text"):
            reading.evidence("  ")


@pytest.mark.slow
def test_the_sentences_of_a_summary_are_numbered_through_its_turns(tiny: wb.Workbench, pages: wb.Document):
    with tiny.read(pages, progress=None) as reading:
        summary = reading.summarize(words=40)
        assert 34 <= summary.num_words <= 46
        said = [summary.text[start:end] for start, end in summary.sentences]
        frame = reading.evidence(summary)
        assert frame["text"].unique(maintain_order=True).to_list() == said
        assert frame["sentence"].unique().to_list() == list(range(1, len(said) + 1))
