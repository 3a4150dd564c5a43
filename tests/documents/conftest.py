"""The sample documents, each loaded once a run; and what every document must keep."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.documents.document import Document
from workbench.documents.load import load


@pytest.fixture(autouse=True)
def _read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests of readers read in this process, where they can reach into them; tests of isolation undo this."""
    monkeypatch.setenv("WORKBENCH_ISOLATION", "off")


@pytest.fixture(scope="session")
def sample(samples: Path) -> Callable[[str], Document]:
    loaded: dict[str, Document] = {}

    def get(name: str) -> Document:
        if name not in loaded:
            loaded[name] = load(samples / name)
        return loaded[name]

    return get


@pytest.fixture(scope="session")
def persuasion(sample: Callable[[str], Document]) -> Document:
    return sample("persuasion.txt")


@pytest.fixture(scope="session")
def opinion(sample: Callable[[str], Document]) -> Document:
    return sample("abouammo-v-united-states.txt")


def check_whole(document: Document) -> None:
    """Pages in order of number, without gaps: each character on exactly one; sections within the text."""
    assert document.pages[0].start_char == 0
    assert document.pages[-1].end_char == len(document.text)
    for before, page in zip(document.pages, document.pages[1:], strict=False):
        assert before.number < page.number
        assert before.end_char == page.start_char
    for page in document.pages:
        assert page.start_char <= page.end_char
        if page.status == "read":
            assert document.page_text(page.number).strip()
        if page.status in ("scanned", "unreadable"):
            assert page.start_char == page.end_char
    numbers = {page.number for page in document.pages}
    for section in document.outline:
        assert 0 <= section.start_char < section.end_char <= len(document.text)
        assert section.page in numbers
        assert document.page_at(section.start_char).number == section.page
    assert [s.start_char for s in document.outline] == sorted(s.start_char for s in document.outline)


def without_made(document: Document) -> str:
    """The characters that came from the source."""
    pieces, last = [], 0
    for start, end in document.layout.made:
        assert last <= start < end <= len(document.text)
        pieces.append(document.text[last:start])
        last = end
    return "".join([*pieces, document.text[last:]])


def named_regions(document: Document, kind: str) -> dict[str, str]:
    """Text of the regions of a kind, by name; and all of them in order within the text."""
    starts = [region.start_char for region in document.layout.regions]
    assert starts == sorted(starts)
    assert all(0 <= r.start_char < r.end_char <= len(document.text) for r in document.layout.regions)
    return {r.name: document.text[r.start_char : r.end_char] for r in document.layout.regions if r.kind == kind}


def said(document: Document, kind: str = "") -> str:
    """All warnings of a kind."""
    return "\n".join(warning.message for warning in document.warnings if kind in ("", warning.kind))


def rezip(data: bytes, change: Callable[[str, bytes], bytes | None], **added: bytes) -> bytes:
    """An archive with ``change(name, content)`` for each file (None drops it) and more files behind them."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for info in old.infolist():
            content = change(info.filename, old.read(info))
            if content is not None:
                new.writestr(info.filename, content)
        for name, content in added.items():
            new.writestr(name, content)
    return out.getvalue()
