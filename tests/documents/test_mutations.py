"""Files damaged in every way a seed can think of give a document or an error that says why, inside the limits."""

import io
import random
import re
import zipfile
import zlib
from collections import Counter
from dataclasses import asdict

import psutil
import pytest

import workbench as wb
from tests.documents.test_epub import pack
from tests.documents.test_pdf import make, picture
from workbench.documents.archive import from_bytes
from workbench.documents.formats import FORMATS
from workbench.documents.isolation import Worker
from workbench.documents.parsed import ReadOptions
from workbench.documents.parsing import PARSE_TASK
from workbench.documents.watch import Limits
from workbench.errors import DocumentError

NUM_QUICK, NUM_ALL = 200, 2_000
LIMITS = Limits(memory_bytes=512 << 20, stall_s=30, total_s=60, output_bytes=64 << 20)
HUGE = [b"0", b"-1", b"65536", b"2147483648", b"99999999999999999999", b"1e999", b"NaN"]
TEXT = "It rained in Bath, and nobody of note was at home. "


def a_pdf():
    labels = [{"startpage": 0, "style": "r", "firstpagenum": 1}]
    pages = [TEXT * 3, picture, "", *(f"{number}. {TEXT}" for number in range(4))]
    return make(*pages, labels=labels, toc=[[1, "One", 1], [2, "Two", 4]], deflate=True)


def an_uncompressed_pdf():
    return make(TEXT, TEXT, toc=[[1, "One", 1]])


def an_epub():
    return pack([(f"Chapter {number}", f"<h2>Chapter {number}</h2><p>{TEXT * 5}</p>") for number in range(3)])


def an_html():
    rows = "".join(f"<tr><td>{number}</td><td colspan=2>{TEXT}</td></tr>" for number in range(5))
    return f"<!doctype html><html><body><h1>Bath</h1><p>{TEXT}</p><table>{rows}</table></body></html>".encode()


def a_docx():
    types = (
        '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override '
        'PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.'
        'wordprocessingml.document.main+xml"/></Types>'
    )
    links = (
        '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" '
        'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
        'Target="word/document.xml"/></Relationships>'
    )
    runs = "".join(f"<w:p><w:r><w:t>{number} {TEXT}</w:t></w:r></w:p>" for number in range(9))
    cells = f"<w:tbl><w:tr><w:tc><w:p><w:r><w:t>{TEXT}</w:t></w:r></w:p></w:tc></w:tr></w:tbl>"
    body = (
        '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
        f"<w:body>{runs}{cells}</w:body></w:document>"
    )
    return zipped({"[Content_Types].xml": types, "_rels/.rels": links, "word/document.xml": body})


def zipped(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content, zipfile.ZIP_STORED if name == "mimetype" else None)
    return out.getvalue()


MAKERS = {"a.pdf": a_pdf, "b.pdf": an_uncompressed_pdf, "a.epub": an_epub, "a.html": an_html, "a.docx": a_docx}


def flip(data, chance):
    for _ in range(chance.choice((1, 3, 30))):
        data[chance.randrange(len(data))] ^= chance.randrange(1, 256)


def cut(data, chance):
    start = chance.randrange(len(data))
    del data[start : start + chance.choice((1, 10, 1_000))]


def truncate(data, chance):
    del data[chance.randrange(len(data)) :]


def repeat(data, chance):
    start = chance.randrange(len(data))
    piece = data[start : start + chance.choice((4, 100, 2_000))]
    data[start:start] = piece * chance.choice((1, 2, 50))


def insert(data, chance):
    start = chance.randrange(len(data))
    data[start:start] = chance.randbytes(chance.choice((1, 20, 500)))


def renumber(data, chance):
    numbers = [match.span() for match in re.finditer(rb"\d+", data)]
    for start, end in sorted(chance.sample(numbers, min(len(numbers), 3)), reverse=True):
        data[start:end] = chance.choice(HUGE)


def swap(data, chance):
    """One word of the file in the place of another: names of tags, keys, objects."""
    words = [match.span() for match in re.finditer(rb"[/<]?[A-Za-z]{2,20}", data)]
    if len(words) > 1:
        (start, end), other = chance.sample(words, 2)
        data[start:end] = data[slice(*other)]


WAYS = (flip, cut, truncate, repeat, insert, renumber, swap)


def damaged(data, chance):
    """Some damage; in half of the archives to a file inside, whose checksum is then right."""
    if data.startswith(b"PK") and chance.random() < 0.5:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = {info.filename: archive.read(info) for info in archive.infolist()}
        name = chance.choice(sorted(name for name in files if name != "mimetype"))
        return zipped({**files, name: damaged(files[name], chance)})
    if data.startswith(b"%PDF") and chance.random() < 0.3:
        return inside_a_stream(data, chance)
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 5))):
        if changed:
            chance.choice(WAYS)(changed, chance)
    return bytes(changed)


def inside_a_stream(data, chance):
    """Damage to what a compressed stream of a PDF says, compressed again."""
    streams = list(re.finditer(rb"stream\r?\n(.*?)\r?\nendstream", data, re.DOTALL))
    chosen = chance.choice(streams)
    try:
        content = zlib.decompress(chosen[1])
    except zlib.error:
        return data[: chosen.start(1)] + damaged(chosen[1], chance) + data[chosen.end(1) :]
    return data[: chosen.start(1)] + zlib.compress(damaged(content, chance)) + data[chosen.end(1) :]


@pytest.fixture(scope="module")
def originals():
    known = {suffix for kind in FORMATS for suffix in kind.suffixes}
    # What has no reader here is read as text, where damage finds nothing to break.
    return {name: maker() for name, maker in MAKERS.items() if f".{name.rpartition('.')[2]}" in known}


def mutant(originals, seed):
    chance = random.Random(seed)
    name = sorted(originals)[seed % len(originals)]
    return name, damaged(originals[name], chance)


def outcome(worker, name, data):
    """What became of a file: ``read``, or the error."""
    parameters = {"name": name, "path": name, "suffix": "", "options": asdict(ReadOptions(ocr=False))}
    try:
        document = from_bytes(worker.run(PARSE_TASK, data, parameters, name=name))  # whose places are all inside it
        assert document.source.num_bytes == len(data)
    except DocumentError as error:
        return str(error)
    return "read"


def read_all(originals, seeds):
    """Each in a process that takes the next, too, as long as it lives."""
    ends, worker = Counter(), None
    try:
        for seed in seeds:
            if worker is None or not worker.alive:
                worker = Worker(LIMITS)
            name, data = mutant(originals, seed)
            found = outcome(worker, name, data) if data else "read"
            unforeseen = re.search(r"its reader [^(]*\([^)]*\)?|more than .* of memory|no progress", found)
            if unforeseen:
                print(f"seed {seed}, {name}: {unforeseen[0]}")
            ends[unforeseen[0] if unforeseen else "read" if found == "read" else "refused"] += 1
    finally:
        if worker is not None:
            worker.close()
    print(dict(ends))
    return ends


def test_the_files_are_read_before_they_are_damaged(originals):
    with Worker(LIMITS) as worker:
        assert {name: outcome(worker, name, data) for name, data in originals.items()} == dict.fromkeys(
            originals, "read"
        )


def test_two_hundred_damaged_files_give_documents_or_say_why(originals):
    ends = read_all(originals, range(NUM_QUICK))
    assert ends.total() == NUM_QUICK
    assert ends["read"] > 20
    assert ends["refused"] > 20


@pytest.mark.slow
def test_two_thousand_damaged_files_give_documents_or_say_why(originals):
    assert read_all(originals, range(NUM_QUICK, NUM_ALL)).total() == NUM_ALL - NUM_QUICK


def test_damaged_files_loaded_as_people_do_end_in_the_same_way(originals, monkeypatch):
    monkeypatch.delenv("WORKBENCH_ISOLATION")
    for seed in range(0, NUM_QUICK, 20):
        name, data = mutant(originals, seed)
        with Worker(LIMITS) as worker:
            expected = outcome(worker, name, data)
        try:
            wb.load(data, name=name, progress=None)
            found = "read"
        except DocumentError as error:
            found = str(error)
        assert found == expected
    assert psutil.Process().children() == []
