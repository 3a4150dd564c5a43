"""A document of 3,000 pages: bounded memory, progress, cancel, and there at once the second time."""

import threading
import time
from dataclasses import asdict

import psutil
import pytest

import workbench as wb
from workbench.documents.isolation import Worker
from workbench.documents.parsed import ReadOptions
from workbench.documents.parsing import PARSE_TASK
from workbench.errors import DocumentError

NUM_PAGES = 3_000


@pytest.fixture(scope="module")
def large():
    """3,000 pages of some 2,400 characters, each page its own."""
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
    kids = b" ".join(b"%d 0 R" % (4 + 2 * index) for index in range(NUM_PAGES))
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count %d/Kids[%b]>>" % (NUM_PAGES, kids), font]
    for number in range(1, NUM_PAGES + 1):
        lines = (
            f"(Page {number}, line {line}: it rained in Bath, nobody of note was at home.) '" for line in range(36)
        )
        drawn = ("BT /F 10 Tf 12 TL 50 780 Td " + " ".join(lines) + " ET").encode()
        page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources<</Font<</F 3 0 R>>>>/Contents %d 0 R>>"
        objects += [page % (len(objects) + 2), b"<</Length %d>>stream\n%b\nendstream" % (len(drawn), drawn)]
    data, places = bytearray(b"%PDF-1.7\n"), []
    for number, content in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%b\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size, start = len(objects) + 1, len(data)
    data += b"xref\n0 %d\n0000000000 65535 f \n%btrailer\n<</Size %d/Root 1 0 R>>\n" % (size, table, size)
    return bytes(data + b"startxref\n%d\n%%%%EOF\n" % start)


@pytest.fixture(autouse=True)
def _apart(monkeypatch):
    monkeypatch.delenv("WORKBENCH_ISOLATION")


def test_three_thousand_pages_take_bounded_memory_and_tell_their_progress(large):
    seen = []
    parameters = {"name": "large.pdf", "path": "large.pdf", "suffix": "", "options": asdict(ReadOptions())}
    with Worker() as worker:
        worker.run(PARSE_TASK, large, parameters, name="large.pdf", report=lambda *pages: seen.append(pages))
    print(f"{worker.peak_bytes / 1e6:,.0f} MB at most for a PDF of {len(large) / 1e6:.1f} MB")
    assert worker.peak_bytes < 600e6
    assert seen[-1] == (NUM_PAGES, NUM_PAGES)
    assert sorted(seen) == seen
    assert len({done for done, _ in seen}) > 3


def test_three_thousand_pages_are_there_at_once_the_second_time(large, tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_STORE", str(tmp_path))
    first = wb.load(large, name="large.pdf", progress=None)
    assert len(first.pages) == NUM_PAGES
    assert [warning.kind for warning in first.warnings] == ["headers"]
    assert all(f"Page {page.number}, line 7" in first.page_text(page.number) for page in first.pages)
    monkeypatch.setattr("workbench.documents.isolation.Worker", None)  # nothing is parsed any more
    began_s = time.process_time()
    second = wb.load(large, name="large.pdf", progress=None)
    print(f"{time.process_time() - began_s:.2f} s of processor the second time")
    assert second == first


def test_three_thousand_pages_can_be_cancelled_on_the_way(large):
    cancel = threading.Event()

    def seen(done, _total):
        if done:
            cancel.set()

    with pytest.raises(DocumentError, match=r"^Loading large\.pdf was stopped after [\d,]+ of 3,000\. Load it again"):
        wb.load(large, name="large.pdf", progress=seen, cancel=cancel)
    assert psutil.Process().children() == []


def test_what_is_read_here_can_be_cancelled_too(large, monkeypatch):
    monkeypatch.setenv("WORKBENCH_ISOLATION", "off")
    cancel, seen = threading.Event(), []

    def stop(done, _total):
        seen.append(done)
        cancel.set()

    with pytest.raises(DocumentError, match=r"was stopped after 2 of 3,000\."):
        wb.load(large, name="large.pdf", progress=stop, cancel=cancel)
    assert seen == [1]
