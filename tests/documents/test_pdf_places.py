"""Where a PDF's characters stand: what MuPDF finds at their boxes is what the text says."""

import random
import unicodedata

import numpy as np
import pymupdf
import pytest

from workbench.documents.load import load

NUM_SPANS = 200


def plain(text):
    """Ligatures apart, without white space and hyphens: what a line's end may change."""
    text = unicodedata.normalize("NFKC", text)
    return "".join(char for char in text if not char.isspace() and char not in "-\u2010\u00ad")


def runs(boxes):
    """Boxes of one line after another, each as one that ends short of its neighbours."""
    found = []
    for x0, y0, x1, y1 in boxes[~np.isnan(boxes[:, 0])].tolist():
        inset_x, inset_y = 0.3 * (x1 - x0), 0.3 * (y1 - y0)
        box = [x0 + inset_x, y0 + inset_y, x1 - inset_x, y1 - inset_y]
        if found and x0 >= found[-1][0] and box[1] < found[-1][3] and box[3] > found[-1][1] and x0 - found[-1][2] < 15:
            found[-1] = [found[-1][0], max(found[-1][1], box[1]), max(found[-1][2], box[2]), min(found[-1][3], box[3])]
        else:
            found.append(box)
    return found


def within(own, found):
    """Whether one text stands in another in order, with letters of what crosses it between."""
    left = iter(found)
    return all(char in left for char in own)


def check_places(document, pdf, seed, *, across=False):
    """The text of random spans is what MuPDF finds at their boxes, made characters aside.

    Where large letters run ``across`` the page, some of them stand in the same boxes.
    """
    draw = random.Random(seed)
    for _ in range(NUM_SPANS):
        start = draw.randrange(len(document.text))
        page = document.page_at(start)
        end = min(start + draw.randint(1, 60), page.end_char)
        kept = [n for n in range(start, end) if not document.layout.is_made(n, n + 1)]
        own = "".join(document.text[n] for n in kept)
        boxes = document.layout.boxes[kept]
        assert all(char.isspace() for char, box in zip(own, boxes, strict=True) if np.isnan(box[0]))
        shown = pdf[page.number - 1]
        found = "".join(shown.get_text(clip=pymupdf.Rect(box) * shown.derotation_matrix) for box in runs(boxes))
        assert plain(found) == plain(own) or (across and within(plain(own), plain(found))), (page.number, own, found)


@pytest.mark.parametrize(("name", "across"), [("eu-ai-act.pdf", False), ("cms-1490s.pdf", True)])
def test_random_spans_of_the_samples_stand_where_their_boxes_say(sample, samples, name, across):
    with pymupdf.open(samples / name) as pdf:
        check_places(sample(name), pdf, seed=1, across=across)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_scripts_and_ligatures_stand_where_their_boxes_say(rotation):
    pdf = pymupdf.open()
    page = pdf.new_page()
    page.insert_htmlbox(
        (50, 50, 500, 300), "<p>The o\ufb03ce \ufb01nds it. Caf\u00e9.</p><p>中文文本没有空格。</p><p>Ελληνικά</p>"
    )
    page.set_rotation(rotation)
    data = pdf.tobytes()
    document = load(data, name="a.pdf")
    assert "office finds it" in document.text
    assert "中文文本没有空格。" in document.text
    at = document.text.index("ffi")
    assert np.array_equal(document.layout.boxes[at], document.layout.boxes[at + 2])
    with pymupdf.open(stream=data) as again:
        for word in ("Café", "空格", "it"):
            start = document.text.index(word)
            boxes = document.layout.boxes[start : start + len(word)]
            middle = pymupdf.Point(*((boxes[:, :2].min(axis=0) + boxes[:, 2:].max(axis=0)) / 2).tolist())
            (place, *_) = again[0].search_for(word)
            assert middle in place * again[0].rotation_matrix


def test_right_to_left_text_is_in_logical_order():
    pdf = pymupdf.open()
    pdf.new_page().insert_htmlbox((50, 50, 500, 300), "<p dir='rtl'>שלום עולם</p>")
    document = load(pdf.tobytes(), name="a.pdf")
    assert document.text.strip() == "שלום עולם"
    boxes = document.layout.boxes
    assert boxes[0, 0] > boxes[3, 0] > boxes[5, 0]
