"""Real documents with facts planted in them: who is asked for a fact must look at the page that has it.

A document is a run of a sample's sentences, cut into pages of several hundred words. Five of its pages get a sentence
each, between two of their own, about people, places and figures that no sample has. All of it is drawn from a seed.

Not covered: what a model makes of them (benchmarks.evidence).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import pymupdf

from benchmarks.setups import ROOT
from workbench.documents.document import Document
from workbench.documents.load import load
from workbench.documents.sentences import sentences

PAGE_WORDS = 300
"""Words of a page, at least; it ends with the sentence in which it has them."""

FACTS = 5
"""Planted in a document."""

SOURCES = ("persuasion.txt", "eu-ai-act.pdf", "sherlock_two_adventures.txt")
PDF_PAGES = 60
"""Of a PDF, from the first: enough to draw from."""

_TEMPLATES = (
    (
        "{Name} of {Place} kept the spare key of the boathouse under stone number {n}.",
        "Under which stone did {Name} keep the spare key of the boathouse?",
        "{Name} kept the spare key under stone number {n}.",
    ),
    (
        "The lighthouse at {Place} was painted {colour} in the year {year}.",
        "What happened to the lighthouse at {Place}?",
        "The lighthouse at {Place} was painted {colour} in {year}.",
    ),
    (
        "The weekly market of {Place} sells {goods} at {n} crowns a basket.",
        "What does the weekly market of {Place} sell, and for how much?",
        "It sells {goods} at {n} crowns a basket.",
    ),
    (
        "Doctor {Name} advised the patient to take {n} drops of {herb} tincture every evening.",
        "What did Doctor {Name} advise?",
        "Doctor {Name} advised {n} drops of {herb} tincture every evening.",
    ),
    (
        "The password of the archive in {Place} is {colour} {animal} {n}.",
        "What is the password of the archive in {Place}?",
        "The password is {colour} {animal} {n}.",
    ),
    (
        "A {animal} named {Name} crossed the {Place} bridge {n} times without a rest.",
        "Who crossed the {Place} bridge, and how often?",
        "A {animal} named {Name} crossed the bridge {n} times.",
    ),
    (
        "The firm {Name} and Sons shipped {n} barrels of {goods} to {Place}.",
        "What did {Name} and Sons ship?",
        "{Name} and Sons shipped {n} barrels of {goods} to {Place}.",
    ),
    (
        "In {year} the organ of {Place} chapel was tuned by {Name}, who charged {n} florins.",
        "Who tuned the organ of {Place} chapel?",
        "The organ was tuned by {Name} in {year}, for {n} florins.",
    ),
    (
        "The society of {Place} elected {Name} its treasurer by {n} votes.",
        "Whom did the society of {Place} elect treasurer?",
        "The society elected {Name} by {n} votes.",
    ),
    (
        "The comet of {year} was first seen from {Place} by {Name}, through a {colour} telescope.",
        "Who first saw the comet of {year}?",
        "The comet was first seen by {Name}, from {Place}.",
    ),
)  # fmt: skip
_WORDS = {
    "colour": ("turquoise", "crimson", "ochre", "violet", "silver", "indigo", "amber", "scarlet"),
    "goods": ("dried apricots", "beeswax", "smoked eels", "saffron", "walnut oil", "pickled limes", "juniper"),
    "herb": ("valerian", "gentian", "wormwood", "foxglove", "rhubarb", "arnica", "hyssop"),
    "animal": ("badger", "heron", "donkey", "otter", "falcon", "lynx", "goose", "weasel"),
}
_HEADS = ("Vel", "Tor", "Quin", "Bras", "Osk", "Lun", "Zeph", "Drum", "Pell", "Iv", "Kess", "Rav", "Thul", "Morv")
_TAILS = ("mora", "dane", "by", "wick", "ingas", "eth", "olo", "ardo", "ensk", "ylla", "umbe", "istan")


@dataclass(frozen=True, slots=True)
class Plant:
    """A fact in a document.

    Attributes:
        page: its number.
        fact: the sentence that was put there.
        question: asks for it.
        answer: says it, in other words.
    """

    page: int
    fact: str
    question: str
    answer: str


def planted(num_documents: int, num_pages: int, seed: int) -> Iterator[tuple[Document, list[Plant]]]:
    """Documents of ``num_pages`` pages with ``FACTS`` facts each; the sources take turns."""
    for number in range(num_documents):
        draw = random.Random(f"{seed}/{number}")
        name = SOURCES[number % len(SOURCES)]
        yield _document(f"{number:02}-{name.partition('.')[0]}.txt", _pages(sample(name), num_pages, draw), draw)


@cache
def sample(name: str) -> tuple[str, ...]:
    """Sentences of a sample, on one line each."""
    path = ROOT / "sample_data" / name
    content = path.read_bytes()
    if path.suffix == ".pdf":
        with pymupdf.open(path) as pdf:
            pdf.select(range(PDF_PAGES))
            content = pdf.tobytes(garbage=3)
    text = load(content, name=name, ocr=False, progress=None).text
    return tuple(" ".join(text[start:end].split()) for start, end in sentences(text))


def _pages(found: tuple[str, ...], num_pages: int, draw: random.Random) -> list[list[str]]:
    """Pages, each a list of sentences, from a sentence that leaves enough behind it."""
    counts = [len(sentence.split()) for sentence in found]
    longest = max(counts) + PAGE_WORDS
    last = next(at for at in reversed(range(len(found))) if sum(counts[at:]) >= num_pages * longest or at == 0)
    at, pages = draw.randrange(last + 1), list[list[str]]()
    while len(pages) < num_pages and at < len(found):
        page = list[str]()
        while at < len(found) and sum(len(sentence.split()) for sentence in page) < PAGE_WORDS:
            page.append(found[at])
            at += 1
        pages.append(page)
    return pages


def _document(name: str, pages: list[list[str]], draw: random.Random) -> tuple[Document, list[Plant]]:
    plants = []
    numbers = sorted(draw.sample(range(1, len(pages) + 1), FACTS))
    for number, (fact, question, answer) in zip(numbers, draw.sample(_TEMPLATES, FACTS), strict=True):
        say, page = _filler(draw), pages[number - 1]
        plants.append(Plant(number, say(fact), say(question), say(answer)))
        page.insert(draw.randrange(1, len(page)) if len(page) > 1 else 1, plants[-1].fact)
    document = load("\f".join(" ".join(page) for page in pages).encode(), name=name, progress=None)
    for plant in plants:
        found = document.find(plant.fact)
        if found is None or document.page_at(found.start_char).number != plant.page:
            raise ValueError(f"{name}: the fact of page {plant.page} is not there: {plant.fact}")
    return document, plants


def _filler(draw: random.Random) -> Callable[[str], str]:
    """Fills in the names and figures of one fact, the same in its question and answer."""
    words = {kind: draw.choice(choices) for kind, choices in _WORDS.items()}
    names = draw.sample([head + tail for head in _HEADS for tail in _TAILS], 2)
    words |= {"Name": names[0], "Place": names[1], "n": str(draw.randrange(13, 980))}
    words["year"] = str(draw.randrange(1403, 1799))
    return lambda template: template.format_map(words)
