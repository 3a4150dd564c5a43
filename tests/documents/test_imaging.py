"""Pages as pictures: from the file that was read, else from the text, the passage marked where it stands."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pymupdf
import pytest

import workbench as wb
from workbench.documents.document import Document, Member, Page, Source
from workbench.documents.drawing import MAX_PIXELS, draw_file, draw_text
from workbench.documents.imaging import MAX_CHARS, PageImage
from workbench.documents.layout import Layout, Region
from workbench.errors import ConfigError, DocumentError
from workbench.types import Span

MARKED = np.array([255, 226, 110])


def pixels(png: bytes) -> np.ndarray:
    picture = pymupdf.Pixmap(png)
    return np.frombuffer(picture.samples, np.uint8).reshape(picture.height, picture.width, picture.n)


def yellow(png: bytes) -> np.ndarray:
    """Where the picture has the colour of a mark, (height, width)."""
    return (np.abs(pixels(png).astype(int) - MARKED) < 3).all(2)


def written(path: Path, *, rotation: int = 0, size: tuple[float, float] = (300, 200), **saved: object) -> Path:
    with pymupdf.open() as pdf:
        for words in ("first page", "second page"):
            page = pdf.new_page(width=size[0], height=size[1])
            page.insert_text((50, 60), words, fontsize=12)
            page.set_rotation(rotation)
        pdf.save(path, **saved)
    return path


def boxed(path: Path, password: str | None = None) -> Document:
    """The file as a document whose characters have the boxes that MuPDF gives."""
    text, pages, boxes = "", [], []
    data = path.read_bytes()
    with pymupdf.open(stream=data, filetype="pdf") as pdf:
        if password:
            pdf.authenticate(password)
        for page in pdf:
            start = len(text)
            for block in page.get_text("rawdict")["blocks"]:
                for char in (c for line in block.get("lines", ()) for span in line["spans"] for c in span["chars"]):
                    text += char["c"]
                    boxes.append(tuple(pymupdf.Rect(char["bbox"]) * page.rotation_matrix))
            pages.append(Page(page.number + 1, str(page.number + 1), start, len(text)))
    source = Source(str(path), hashlib.sha256(data).hexdigest(), len(data), "application/pdf")
    return Document(path.name, text, tuple(pages), (), (), source, layout=Layout(np.array(boxes, np.float32)))


def under_marks(image: PageImage, path: Path) -> str:
    """The words of a page of the file that the yellow of the picture lies on."""
    with pymupdf.open(path) as pdf:
        page = pdf[image.page - 1]
        marked, scale = yellow(image.png), image.width / page.rect.width
        words = []
        for x0, y0, x1, y1, word, *_ in page.get_text("words"):
            r = pymupdf.Rect(x0, y0, x1, y1) * page.rotation_matrix * pymupdf.Matrix(scale, scale)
            if marked[int(r.y0) : int(r.y1), int(r.x0) : int(r.x1)].mean() > 0.3:
                words.append(word)
    return " ".join(words)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_a_pdf_is_drawn_from_its_file_and_only_the_passage_is_marked(tmp_path: Path, rotation: int):
    document = boxed(written(tmp_path / "two.pdf", rotation=rotation))
    start = document.text.index("second")
    image = document.page_image(Span(start, start + 6))
    assert (image.drawn_from, image.page, image.num_marked, image.note) == ("file", 2, 1, "")
    assert under_marks(image, tmp_path / "two.pdf") == "second"
    assert (image.width > image.height) == (rotation % 180 == 0)


def test_a_page_by_its_number_has_no_marks_but_those_asked_for(tmp_path: Path):
    path = written(tmp_path / "two.pdf")
    document = boxed(path)
    assert not yellow(document.page_image(1).png).any()
    marked = document.page_image(1, [Span(0, 5), Span(12, 18)])
    assert marked.num_marked == 1
    assert under_marks(marked, path) == "first"


def test_a_mark_on_dark_ground_is_seen(tmp_path: Path):
    with pymupdf.open() as pdf:
        page = pdf.new_page(width=300, height=200)
        page.draw_rect(page.rect, fill=(0, 0, 0))
        page.insert_text((50, 60), "light", fontsize=12, color=(1, 1, 1))
        pdf.save(tmp_path / "dark.pdf")
    document = boxed(tmp_path / "dark.pdf")
    change = pixels(document.page_image(Span(0, 5)).png).astype(int) - pixels(document.page_image(1).png)
    assert (change[..., 0] > 80).sum() > 200


def test_a_file_that_is_gone_or_has_changed_is_drawn_from_the_text(tmp_path: Path):
    document = boxed(written(tmp_path / "two.pdf"))
    written(tmp_path / "two.pdf", size=(310, 200))
    changed = document.page_image(Span(0, 5))
    assert (changed.drawn_from, changed.note) == ("text", "the file has changed since it was read")
    assert yellow(changed.png).any()
    (tmp_path / "two.pdf").unlink()
    assert "no file" in document.page_image(1).note


def test_bytes_are_drawn_from_the_text_even_when_a_file_has_their_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "two.pdf", size=(310, 200))
    document = boxed(written(tmp_path / "other.pdf"))
    assert replace(document, source=replace(document.source, path="two.pdf")).page_image(1).drawn_from == "text"


def test_a_locked_file_is_drawn_from_the_text(tmp_path: Path):
    path = written(tmp_path / "two.pdf", encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="a", owner_pw="b")
    image = boxed(path, "a").page_image(Span(0, 5))
    assert image.drawn_from == "text"
    assert "locked" in image.note


def test_a_passage_without_boxes_is_marked_on_a_page_drawn_from_the_text(tmp_path: Path):
    document = replace(boxed(written(tmp_path / "two.pdf")), layout=Layout())
    image = document.page_image(Span(0, 5))
    assert (image.drawn_from, image.num_marked) == ("text", 1)
    assert document.page_image(1).drawn_from == "file"


def test_a_page_of_a_collection_is_drawn_from_its_member_s_file(tmp_path: Path):
    one, two = boxed(written(tmp_path / "one.pdf")), boxed(written(tmp_path / "two.pdf", size=(200, 300)))
    num_chars = len(one.text)
    shift = [
        replace(p, number=p.number + 2, start_char=p.start_char + num_chars, end_char=p.end_char + num_chars)
        for p in two.pages
    ]
    members = (
        Member("one.pdf", one.source, 0, num_chars, 1),
        Member("two.pdf", two.source, num_chars, 2 * num_chars, 3),
    )
    layout = Layout(np.concatenate([one.layout.boxes, two.layout.boxes]))
    both = Document(
        "both", one.text + two.text, (*one.pages, *shift), (), (), Source("", "", 0, "x"), "", members, layout
    )
    image = both.page_image(Span(num_chars + 10, num_chars + 16))
    assert (image.drawn_from, image.page) == ("file", 4)
    assert image.height > image.width
    assert under_marks(replace(image, page=2), tmp_path / "two.pdf") == "second"


def test_a_selection_is_drawn_from_the_whole_file(tmp_path: Path):
    path = written(tmp_path / "two.pdf")
    part = boxed(path).select(pages=[2])
    image = part.page_image(Span(0, 6))
    assert image.drawn_from == "file"
    assert under_marks(image, path) == "second"


def test_a_huge_page_is_drawn_smaller(tmp_path: Path):
    image = boxed(written(tmp_path / "huge.pdf", size=(14_000, 14_000))).page_image(1)
    assert image.width * image.height <= 1.01 * MAX_PIXELS
    assert image.drawn_from == "file"


@pytest.mark.parametrize(
    "data", [b"", b"%PDF-1.7\n", b"no pdf at all", b"%PDF-1.4\n1 0 obj\n<</Type/Catalog>>\nendobj\n"]
)
def test_what_cannot_be_drawn_is_a_document_error(data: bytes):
    with pytest.raises(DocumentError):
        draw_file(data, {"page": 0, "boxes": [], "dpi": 72})


def ink(text: str, marks: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    png = draw_text(text.encode(), {"marks": marks, "numbers": [], "code": False, "above": "", "below": "", "dpi": 100})
    return pixels(png).mean(2) < 128, yellow(png)


SCRIPTS = (
    "plain words",
    "中文字符日本語",
    "한국어 문장",
    "السلام عليكم",
    "עברית שלום",
    "देवनागरी",
    "ภาษาไทย",
    "Ελληνικά",
    "Русский",
)


@pytest.mark.parametrize("text", SCRIPTS)
def test_every_script_is_drawn_and_marked(text: str):
    letters, marked = ink(f"{text}\n\nunmarked", [(0, len(text))])
    rows, columns = np.nonzero(marked)
    inside = letters[rows.min() : rows.max(), columns.min() : columns.max()]
    assert inside.sum() > 30
    # A letter that no font has would be drawn as the same empty box again and again.
    (blank, _), (drawn, _) = ink("\U000e0fff" * len(text), []), ink(text, [])
    assert blank.shape != drawn.shape or (blank != drawn).any()
    assert letters[rows.max() + 3 :].any()


def test_text_is_drawn_letter_by_letter_and_never_as_markup():
    tags = '<img src="http://x/y.png"><h1>big</h1> &amp; <mark>not ours</mark> \x00\x1b'
    _, marked = ink(tags, [])
    assert not marked.any()
    letters, _ = ink("<b>x</b>", [])
    bare, _ = ink("x", [])
    assert letters.sum() > 3 * bare.sum()


def test_long_words_are_broken_rather_than_cut():
    short, _ = ink("x" * 30, [])
    long, _ = ink("x" * 900, [])
    assert long.sum() >= 29 * short.sum()


def test_a_long_page_shows_the_lines_around_the_passage_and_says_what_is_left_out():
    text = "".join(f"line {number} of a long file\n" for number in range(1, 5_001))
    layout = Layout(regions=(Region("file", "long.py", 0, len(text), 1),))
    document = Document(
        "long", text, (Page(1, "long.py", 0, len(text)),), (), (), Source("", "", 0, "x"), layout=layout
    )
    start = text.index("line 4000 ")
    image = document.page_image(Span(start, start + 9))
    assert image.num_marked == 1
    assert yellow(image.png).any()
    assert image.note.endswith("below")
    above, below = (int(word.replace(",", "")) for word in image.note.split() if word[0].isdigit())
    assert above < start
    assert above + below > len(text) - MAX_CHARS
    assert image.height < 4_000
    whole = document.page_image(1)
    assert whole.note.startswith("0 characters of the page stand above")


def test_a_passage_that_goes_on_over_pages_is_marked_on_the_one_that_is_drawn(persuasion: Document):
    page = persuasion.pages[4]
    span = Span(page.end_char - 40, page.end_char + 40)
    assert persuasion.page_image(span).page == page.number
    assert persuasion.page_image(page.number + 1, [span]).num_marked == 1
    assert persuasion.page_image(page.number + 2, [span]).num_marked == 0


def test_wrong_pages_passages_and_sizes_are_refused(persuasion: Document):
    with pytest.raises(ConfigError, match="has no page 999"):
        persuasion.page_image(999)
    with pytest.raises(ConfigError, match="its range is"):
        persuasion.page_image(1, [Span(0, 10**9)])
    with pytest.raises(ConfigError, match="dpi=0"):
        persuasion.page_image(1, dpi=0)


def test_a_picture_is_saved_and_shows_itself(persuasion: Document, tmp_path: Path):
    image = persuasion.page_image(2, [Span(53, 80)])
    path = image.save(tmp_path / "page.png")
    assert path.read_bytes() == image.png
    bundle = image._repr_mimebundle_()
    assert bundle["text/plain"] == "page Chapter 1 · 1 of persuasion.txt, 1 passage marked (drawn from the text)"
    assert str(bundle["image/png"]).startswith("iVBOR")
    with pytest.raises(ConfigError, match="cannot be written"):
        image.save(tmp_path)


def test_the_sample_documents_can_all_be_drawn(sample: Callable[[str], wb.Document]):
    for name in ("eu-ai-act.pdf", "cms-1490s.pdf"):
        image = sample(name).page_image(1)
        assert image.drawn_from == "file"
        assert (pixels(image.png).mean(2) < 128).sum() > 1_000
    for name in ("itsdangerous-2.2.0", "patient-notes/note-00.txt", "abouammo-v-united-states.txt"):
        assert sample(name).page_image(1).drawn_from == "text"
