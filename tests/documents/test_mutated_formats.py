"""Damaged files of every kind give a sound document or a DocumentError, and nothing else."""

import io
import random
import re
import zipfile

import docx
import polars as pl
import pptx
import pytest
from odfdo import Document as OpenDocument
from odfdo import Paragraph, Table

from tests.documents import test_docx, test_epub, test_mail, test_notebook, test_pptx, test_xlsx
from tests.documents.conftest import check_whole, named_regions, without_made
from workbench.documents.load import load
from workbench.errors import DocumentError

VALUES = ["-1", "0", "99999999999", "1e400", "x", "", "nan", "../a", "NULL"]


def word(_):
    file = docx.Document()
    file.add_heading("Title", 1)
    paragraph = file.add_paragraph("text")
    paragraph._p.append(test_docx.element('<w:r><w:footnoteReference w:id="2"/></w:r>'))
    number = '<w:numPr><w:ilvl w:val="1"/><w:numId w:val="7"/></w:numPr>'
    paragraph._p.get_or_add_pPr().append(test_docx.element(number))
    file.add_table(2, 2).cell(0, 0).text = "cell"
    file.add_comment(paragraph.runs[0], text="c", author="A", initials="A")
    return test_docx.with_parts(test_docx.saved(file), footnotes=test_docx.NOTES, numbering=test_docx.NUMBERING)


def excel(_):
    book = test_xlsx.book_of([["a", 1.5], ["b", True], ["=A1", None]])
    book.active["A1"].comment = test_xlsx.Comment("c", "d")
    return test_xlsx.saved(book)


def slides(_):
    deck = pptx.Presentation()
    slide = test_pptx.slide_of(deck, "Title", "body")
    slide.notes_slide.notes_text_frame.text = "note"
    slide.shapes.add_table(2, 2, *test_pptx.BOX).table.cell(0, 0).text = "x"
    data = test_pptx.CategoryChartData()
    data.categories = ["East"]
    data.add_series("sums", (1,))
    slide.shapes.add_chart(test_pptx.XL_CHART_TYPE.COLUMN_CLUSTERED, *test_pptx.BOX, data)
    return test_pptx.saved(deck)


def mail(_):
    message = test_mail.mail()
    test_mail.attach(message, test_mail.word("x"), "a.docx")
    message.add_attachment(test_mail.mail("inner"))
    return bytes(message)


def notebook(_):
    output = test_notebook.new_output("stream", text="printed")
    code = test_notebook.new_code_cell("x", outputs=[output])
    return test_notebook.saved(test_notebook.new_markdown_cell("# a"), code)


def book(_):
    call = test_epub.CALL.format("#n1")
    return test_epub.pack([("a", call + '<p id="n1">x</p>'), ("b", "<h1>x</h1>")])


def parquet(_):
    data = io.BytesIO()
    pl.DataFrame({"a": [1, 2], "b": ["x", None]}).write_parquet(data)
    return data.getvalue()


def archive(_):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as packed:
        packed.writestr("a.txt", "x")
        packed.writestr("b/c.py", "y")
        packed.writestr("d.docx", test_mail.word("q"))
    return data.getvalue()


def open_text(folder):
    document = OpenDocument("text")
    document.body.append(Paragraph("x"))
    document.save(str(folder / "a"))
    return (folder / "a").read_bytes()


def open_sheet(folder):
    document, table = OpenDocument("spreadsheet"), Table("q")
    table.set_values([[1, 2]])
    document.body.append(table)
    document.save(str(folder / "a"))
    return (folder / "a").read_bytes()


SEEDS = {
    "a.docx": word, "a.xlsx": excel, "a.pptx": slides, "a.eml": mail, "a.ipynb": notebook, "a.epub": book,
    "a.parquet": parquet, "a.zip": archive, "a.odt": open_text, "a.ods": open_sheet,
    "a.rtf": lambda _: rb"{\rtf1\ansi {\fonttbl{\f0\fcharset204 A;}} Caf\'e9 {\footnote x} \u29483? \par{\pict 00}}",
    "a.csv": lambda _: b'a;b\n1;"x\n"\n2;3\n',
}  # fmt: skip


def bytes_changed(rng, data):
    changed = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        at, kind = rng.randrange(len(changed) + 1), rng.randrange(3)
        if kind == 0:
            del changed[at : at + rng.randint(1, 30)]
        elif kind == 1:
            changed[at:at] = rng.randbytes(rng.randint(1, 10))
        else:
            begin = rng.randrange(len(changed) + 1)
            changed[at:at] = changed[begin : begin + rng.randint(1, 60)]
    return bytes(changed)


def values_changed(rng, data):
    text = data.decode("latin-1")
    for _ in range(rng.randint(1, 4)):
        found = list(re.finditer(r'"[^"<>]*"|>[^<>]+<', text))
        if found:
            match = rng.choice(found)
            text = text[: match.start() + 1] + rng.choice(VALUES) + text[match.end() - 1 :]
    return text.encode("latin-1")


def mutated(rng, data):
    """Bytes changed anywhere; in archives mostly within one or two of their parts."""
    change = values_changed if rng.random() < 0.6 else bytes_changed
    if not zipfile.is_zipfile(io.BytesIO(data)) or rng.random() < 0.15:
        return change(rng, data)
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        picked = rng.sample(old.namelist(), min(len(old.namelist()), rng.randint(1, 2)))
        for name in old.namelist():
            new.writestr(name, change(rng, old.read(name)) if name in picked else old.read(name))
    return out.getvalue()


def check(name, folder, seed, num_files):
    whole = SEEDS[name](folder)
    check_whole(load(whole, name=name))
    rng = random.Random(seed)
    for _ in range(num_files):
        try:
            document = load(mutated(rng, whole), name=name)
        except DocumentError:
            continue
        check_whole(document)
        named_regions(document, "cell")
        without_made(document)
        assert document.hash


@pytest.mark.parametrize("name", SEEDS)
def test_a_few_damaged_files_are_read_or_refused(name, tmp_path):
    check(name, tmp_path, 1, 12)


@pytest.mark.slow
@pytest.mark.parametrize("name", SEEDS)
def test_many_damaged_files_are_read_or_refused(name, tmp_path):
    check(name, tmp_path, 2, 170)
