"""There and back: what stands at the places of random passages of every sample document is the passage.

The way back is not ours: MuPDF says what stands in the boxes, the file on disk what stands in its lines.
"""

import random
import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pymupdf
import pytest

from tests.conftest import SAMPLES
from workbench.documents.document import Document
from workbench.documents.places import Box, Place
from workbench.types import Span

NUM_SPANS = 200
PDFS = ("cms-1490s.pdf", "eu-ai-act.pdf")
TEXTS = (
    "abouammo-v-united-states.syllabus.txt",
    "abouammo-v-united-states.txt",
    "persuasion.txt",
    "sherlock_two_adventures.txt",
)
FOLDERS = ("itsdangerous-2.2.0", "patient-notes")


def passages(document: Document) -> Iterator[tuple[Place, str]]:
    """Places of random passages, short and long, and the characters of each that are the document's own."""
    chance, num_chars = random.Random(document.name), len(document.text)
    for index in range(NUM_SPANS):
        start = chance.randrange(num_chars)
        end = min(start + chance.choice((1, 8, 60, 400, 3_000)), num_chars) if index else num_chars
        together = ""
        for place in document.locate(start, end):
            together += document.text[place.start_char : place.end_char]
            yield place, "".join(document.text[a:b] for a, b in own(place))
        assert together == document.text[start:end]


def own(place: Place) -> Iterator[Span]:
    start = place.start_char
    for made in (*place.made, Span(place.end_char, place.end_char)):
        yield Span(start, made.start_char)
        start = made.end_char


def normal(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).replace("\u00ad", "").split())


@cache
def glyphs(name: str) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """For each page its characters as MuPDF has them: middle, height, slant, (num_chars, 4); and what they are."""
    pages = []
    with pymupdf.open(SAMPLES / name) as pdf:
        for page in pdf:
            raw = page.get_text("rawdict", flags=pymupdf.TEXT_PRESERVE_WHITESPACE | pymupdf.TEXT_PRESERVE_LIGATURES)
            lines = [line for block in raw["blocks"] for line in block["lines"]]
            chars = [(char, line["dir"]) for line in lines for span in line["spans"] for char in span["chars"]]
            facts = np.array([_facts(char, direction) for char, direction in chars]).reshape(-1, 4)
            a, b, c, d, e, f = page.rotation_matrix
            facts[:, :2] = facts[:, :2] @ np.array([[a, b], [c, d]]) + (e, f)
            pages.append((facts, np.array([char["c"] for char, _ in chars], str)))
    return tuple(pages)


def _facts(char: dict[str, Any], direction: tuple[float, float]) -> tuple[float, float, float, bool]:
    """The middle of the type, not of the line: fonts say they are higher than they are."""
    (x0, y0, x1, y1), base = char["bbox"], char["origin"][1]
    return (x0 + x1) / 2, base - 0.3 * (base - y0), y1 - y0, min(map(abs, direction)) > 0.01


def standing_in(boxes: tuple[Box, ...], facts: np.ndarray, chars: np.ndarray) -> str:
    """Characters whose middle is in a box; those of a watermark across it are much larger or smaller."""
    words, left = "", np.ones(len(chars), bool)
    x, y, height, slanted = facts.T
    for x0, y0, x1, y1 in boxes:
        # The boxes of slanted characters reach into each other, so they must stand well inside.
        apart = slanted * 0.15 * (x1 - x0)
        level = (0.4 * (y1 - y0) < height) & (height < 2.5 * (y1 - y0))
        inside = left & level & (x0 + apart <= x) & (x <= x1 - apart) & (y0 <= y) & (y <= y1)
        words += "".join(chars[inside])
        left &= ~inside
    return words


@pytest.mark.parametrize("name", PDFS)
def test_what_stands_in_the_boxes_of_a_pdf_is_the_passage(name: str, sample: Callable[[str], Document]):
    for place, text in passages(sample(name)):
        assert normal(standing_in(place.boxes, *glyphs(name)[place.page - 1])) == normal(text), place


@pytest.mark.parametrize("name", TEXTS)
def test_a_passage_of_a_text_stands_on_its_page_of_the_file(name: str, sample: Callable[[str], Document]):
    document, written = sample(name), (SAMPLES / name).read_text(encoding="utf-8")
    before, *cut = re.split(r"\[page \d+\]", written)
    for place, text in passages(document):
        assert not place.made
        if cut:
            assert normal(text) in normal(cut[place.page - 1] if place.page > 1 else before + cut[0])
        else:
            assert document.text[place.start_char : place.end_char] == written[place.start_char : place.end_char]


@pytest.mark.parametrize("name", FOLDERS)
def test_a_passage_of_a_folder_stands_in_the_lines_of_its_file(name: str, sample: Callable[[str], Document]):
    num_found = 0
    for place, text in passages(sample(name)):
        if not text.strip():
            continue
        assert place.lines is not None
        assert place.where.startswith(place.member + ", line")
        num_found += 1
        first, last = place.lines
        lines = (SAMPLES / name / place.member).read_text(encoding="utf-8").split("\n")[first - 1 : last]
        assert text.rstrip("\n") in "\n".join(lines)
        parts = text.removesuffix("\n").split("\n")
        assert len(parts) == len(lines)
    assert num_found > NUM_SPANS // 2


@pytest.mark.parametrize("name", [*PDFS, *FOLDERS])
def test_few_characters_of_the_samples_are_the_reader_s_own(name: str, sample: Callable[[str], Document]):
    document = sample(name)
    num_made = sum(end - start for start, end in document.layout.made)
    assert num_made < 0.1 * len(document.text)


def test_every_sample_is_tried():
    tried = {*PDFS, *TEXTS, *FOLDERS}
    assert {path.name for path in Path(SAMPLES).iterdir() if path.name not in ("NOTICE", "README.md")} == tried
