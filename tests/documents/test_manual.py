"""One manual in four formats says the same: Debian's policy manual as text, PDF, EPUB and HTML."""

import gzip
import re
import shutil
import subprocess
import unicodedata

import pytest
from rapidfuzz.distance import LCSseq

from workbench.documents.load import load

PACKAGE = "debian-policy"
LEAST_SHARE = 0.98
NOTE = re.compile(r"^\[\d+\] .*?(?=^\S|\Z)", re.MULTILINE | re.DOTALL)
pytestmark = pytest.mark.slow


def words(text):
    return re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", text).casefold())


def same(text, other):
    """Shares of the words of each that stand in the other as well, in one order."""
    mine, theirs = words(text), words(other)
    num = LCSseq.similarity(mine, theirs)
    return num / len(mine), num / len(theirs)


@pytest.fixture(scope="module")
def manual(tmp_path_factory):
    """The folder of the manual's formats, out of the package that Debian makes of it."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        pytest.skip("the manual comes as a Debian package, and apt-get and dpkg-deb are not here")
    folder = tmp_path_factory.mktemp("manual")
    got = subprocess.run(["apt-get", "download", PACKAGE], cwd=folder, capture_output=True, text=True, check=False)
    packages = list(folder.glob("*.deb"))
    if not packages:
        pytest.skip(f"{PACKAGE} cannot be downloaded here: {got.stderr.strip()[:200]}")
    subprocess.run(["dpkg-deb", "-x", packages[0], folder / "files"], check=True)
    return folder / "files" / "usr" / "share" / "doc" / PACKAGE


@pytest.fixture(scope="module")
def text(manual):
    return load(gzip.decompress((manual / "policy.txt.gz").read_bytes()), name="policy.txt").text


def test_the_epub_has_the_words_of_the_text_in_their_order(manual, text):
    assert min(same(text, load(manual / "policy.epub").text)) >= LEAST_SHARE


def test_the_pages_of_html_have_the_words_of_the_text_in_their_order(manual, text):
    folder = manual / "policy.html"
    linked = re.findall(r'href="([\w.-]+\.html)(?:#[^"]*)?"', (folder / "index.html").read_text())
    names = [name for name in dict.fromkeys(["index.html", *linked]) if name not in ("genindex.html", "search.html")]
    document = load([folder / name for name in names if (folder / name).exists()])
    assert min(same(text, document.text)) >= LEAST_SHARE
    assert "Navigation" not in document.text


def test_the_pdf_has_the_words_of_the_text_in_their_order_and_its_notes_at_the_feet_of_pages(manual, text):
    document = load(gzip.decompress((manual / "policy.pdf.gz").read_bytes()), name="policy.pdf", headers="drop")
    body, notes, at = [], [], 0
    for region in document.layout.regions:
        if region.kind == "note":
            body.append(document.text[at : region.start_char])
            notes.append(document.text[region.start_char : region.end_char])
            at = region.end_char
    body.append(document.text[at:])
    # The text has its notes at the end of each chapter.
    assert min(same(NOTE.sub("", text), "".join(body))) >= LEAST_SHARE
    assert min(same("".join(NOTE.findall(text)), "".join(notes))) >= LEAST_SHARE
