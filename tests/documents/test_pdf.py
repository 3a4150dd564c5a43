"""PDF: pages, labels, bookmarks, and pages that hold no text or cannot be read."""

import pymupdf
import pytest

from tests.documents.conftest import check_whole
from workbench.documents.load import load
from workbench.documents.readers.pdf import pages, reading
from workbench.documents.selection import normalised
from workbench.errors import DocumentError


def picture(page):
    pixels = pymupdf.Pixmap(pymupdf.csRGB, pymupdf.IRect(0, 0, 20, 20))
    pixels.clear_with(120)
    page.insert_image(pymupdf.Rect(50, 50, 300, 300), pixmap=pixels)


def outlines(page):
    for number in range(60):
        page.draw_line((10, 10 + number), (100, 12 + number))


def make(*pages, labels=None, toc=None, **options):
    """A PDF of pages that are texts, or callables that draw."""
    document = pymupdf.open()
    for content in pages:
        page = document.new_page()
        if callable(content):
            content(page)
        elif content:
            page.insert_text((72, 72), content)
    if labels:
        document.set_page_labels(labels)
    if toc:
        document.set_toc(toc)
    return document.tobytes(**options)


def test_the_ai_act_has_144_pages_and_14_bookmarks_at_their_headings(sample, samples):
    document = sample("eu-ai-act.pdf")
    assert len(document.pages) == 144
    assert all(page.status == "read" for page in document.pages)
    assert [page.label for page in document.pages] == [str(number) for number in range(1, 145)]
    with pymupdf.open(samples / "eu-ai-act.pdf") as pdf:
        marks = [" ".join(title.split()) for _, title, _ in pdf.get_toc()]
    assert len(marks) == 14
    titles = [section.title for section in document.outline]
    assert [title for title in titles if title in marks] == marks
    for section in document.outline:
        if section.title.startswith("ANNEX"):
            assert document.text[section.start_char :].startswith("ANNEX")
    annex = document.select("Annex III")
    assert annex.text.startswith("ANNEX III")
    assert "High-risk AI systems referred to in Article 6(2)" in " ".join(annex.text.split())
    assert annex.pages[0].number == 127
    assert [warning.kind for warning in document.warnings] == ["headers"]


def test_every_article_of_the_ai_act_is_selected_by_number_and_by_title(sample):
    document = sample("eu-ai-act.pdf")
    articles = [section for section in document.outline if section.title.startswith("Article ")]
    assert [section.title.split(" · ")[0] for section in articles] == [f"Article {n}" for n in range(1, 114)]
    for section in articles:
        number, title = section.title.split(" · ", 1)
        part = document.select(number)
        assert part.text.split("\n")[0].strip() == number
        assert " ".join(part.text.split()).startswith(f"{number} {title}")
        assert normalised(title) in normalised(document.select(title).text)
    assert document.select("Classification rules for high-risk AI systems").text == document.select("Article 6").text
    whole = document.select("Article 1..Article 113")
    assert whole.text.startswith("Article 1")
    assert "Done at Brussels, 13 June 2024" in whole.text
    assert document.page_at(articles[5].start_char).number == 53


def test_the_medicare_form_has_18_pages(sample):
    document = sample("cms-1490s.pdf")
    assert len(document.pages) == 18
    assert "PATIENT’S REQUEST FOR MEDICAL PAYMENT" in document.page_text(1).upper().replace("'", "’")
    assert document.select("Section 4 - Signature").pages[0].number == 3


def test_printed_labels_are_kept():
    labels = [{"startpage": 0, "style": "r", "firstpagenum": 1}, {"startpage": 2, "style": "D", "prefix": "A-"}]
    document = load(make("one", "two", "three", "four", labels=labels), name="a.pdf")
    assert [(page.number, page.label) for page in document.pages] == [(1, "i"), (2, "ii"), (3, "A-1"), (4, "A-2")]
    assert document.select(pages=[3]).pages[0].label == "A-1"


def test_every_page_without_text_is_accounted_for():
    data = make("one", picture, "", outlines, "five", lambda page: page.draw_line((0, 0), (9, 9)))
    document = load(data, name="a.pdf", ocr=False)
    assert [page.status for page in document.pages] == ["read", "scanned", "empty", "scanned", "read", "empty"]
    assert [(warning.kind, warning.pages) for warning in document.warnings] == [("scanned", (2, 4))]
    assert "2 of 6 pages are pictures without text" in document.warnings[0].message
    assert document.page_text(2) == ""
    assert document.text == "one\nfive\n"
    assert document.page_at(document.text.index("five")).number == 5
    check_whole(document)


def test_a_scan_without_any_text_is_refused_with_the_way_out():
    with pytest.raises(DocumentError, match=r"holds no text: 2 of its 3 pages are pictures; pip install '."):
        load(make(picture, picture, ""), name="scan.pdf", ocr=False)


def test_a_page_that_cannot_be_read_is_said_and_the_others_are_read(monkeypatch):
    whole = pages.lines_of

    def fail_on_the_second(page):
        if page.number == 1:
            raise pymupdf.mupdf.FzErrorFormat("syntax error")
        return whole(page)

    monkeypatch.setattr(pages, "lines_of", fail_on_the_second)
    document = load(make("one", "two", "three"), name="a.pdf")
    assert [page.status for page in document.pages] == ["read", "unreadable", "read"]
    assert [page.label for page in document.pages] == ["1", "2", "3"]
    assert document.warnings[0].pages == (2,)


def test_a_locked_file_asks_for_its_password_and_opens_with_it():
    options = {"encryption": pymupdf.PDF_ENCRYPT_AES_256, "owner_pw": "owner"}
    locked = make("secret", **options, user_pw="user")
    with pytest.raises(DocumentError, match=r"a\.pdf is locked with a password.*password='"):
        load(locked, name="a.pdf")
    with pytest.raises(DocumentError, match=r"a\.pdf does not open with this password.*password='"):
        load(locked, name="a.pdf", password="wrong")
    for password in ("user", "owner"):
        assert load(locked, name="a.pdf", password=password).text == "secret\n"
    assert load(make("open", **options, user_pw=""), name="a.pdf").text == "open\n"


def test_each_page_is_reported_and_whoever_listens_may_stop():
    told = []
    load(make("one", "two"), name="a.pdf", progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 2), (2, 2)]

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(make("one", "two"), name="a.pdf", progress=stop)


def test_a_truncated_file_is_refused_or_said_to_be_damaged(samples):
    data = (samples / "cms-1490s.pdf").read_bytes()
    with pytest.raises(DocumentError, match=r"damaged|cannot be opened"):
        load(data[:150_000], name="form.pdf")
    simple = make("one", "two")
    document = load(simple[:-300], name="a.pdf")
    assert document.warnings[0].kind == "damaged"
    assert "2 pages were found" in document.warnings[0].message


@pytest.mark.parametrize("data", [b"%PDF-1.7\n" + b"x" * 500, b"hello", b"\x89PNG\r\n\x1a\n" + b"\0" * 100, b"%PDF-"])
def test_bytes_that_are_no_pdf_are_refused(data):
    with pytest.raises(DocumentError, match=r"a\.pdf (cannot be opened as PDF|is no PDF|is damaged|is a PDF without)"):
        load(data, name="a.pdf")


def test_a_pdf_is_known_by_its_content():
    assert load(make("text")).source.media_type == "application/pdf"
    assert load(b"\n" + make("text"), name="a.bin").source.media_type == "application/pdf"


def test_a_bookmark_stands_at_its_heading_and_not_at_a_reference_to_it():
    text = "See Annex I for more.\nAnnex II\nmore\nAnnex   I\nlast"
    toc = [[1, "Annex I", 1], [1, "Elsewhere", 1], [2, "Second", 2], [1, "Nowhere", -1]]
    document = load(make(text, "Second page", toc=toc), name="a.pdf")
    places = {section.title: document.text[section.start_char :].split("\n")[0] for section in document.outline}
    assert places["Annex I"].split() == ["Annex", "I"]
    assert places["Elsewhere"] == "See Annex I for more."
    assert places["Second"] == "Second page"
    check_whole(document)


def test_bookmarks_to_the_same_place_share_what_follows():
    document = load(make("text of it", "more", toc=[[1, "A", 1], [1, "B", 1], [1, "C", 2]]), name="a.pdf")
    assert document.select("A").text == document.select("B").text == "text of it\n"


def test_damaged_bookmarks_lose_no_text(monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("bad outline")

    monkeypatch.setattr(reading, "bookmarks", fail)
    document = load(make("text", toc=[[1, "A", 1]]), name="a.pdf")
    assert document.text == "text\n"
    assert document.outline == ()
    assert document.warnings[0].kind == "damaged"


def test_hundreds_of_pages_are_all_there():
    document = load(make(*(f"This is page number {number}." for number in range(1, 301))), name="a.pdf")
    assert len(document.pages) == 300
    assert document.page_text(217) == "This is page number 217.\n"


def test_files_within_the_file_are_named_and_said_to_be_unread():
    pdf = pymupdf.open(stream=make("The contract."))
    pdf.embfile_add("annex.xlsx", b"PK", filename="annex.xlsx")
    pdf.embfile_add("terms.pdf", b"%PDF", filename="terms.pdf")
    (warning,) = load(pdf.tobytes(), name="a.pdf").warnings
    assert warning.kind == "skipped"
    assert "2 files are embedded in it; they were not read: annex.xlsx, terms.pdf." in warning.message
