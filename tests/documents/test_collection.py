"""Several documents as one: in order, each behind its marker, with its own pages and places."""

import io
import os
import zipfile

import docx
import pymupdf
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.documents.conftest import check_whole, named_regions, said, without_made
from workbench.documents import collection, parsing
from workbench.documents.archive import from_bytes, to_bytes
from workbench.documents.formats import recognise
from workbench.documents.load import load
from workbench.errors import DocumentError


def pdf(*pages):
    with pymupdf.open() as file:
        for text in pages:
            file.new_page().insert_text((72, 72), text)
        file.set_toc([[1, pages[0], 1]])
        return file.tobytes()


def word(text):
    file, data = docx.Document(), io.BytesIO()
    file.add_heading(text, 1)
    file.save(data)
    return data.getvalue()


@pytest.fixture
def papers(tmp_path):
    (tmp_path / "contract.pdf").write_bytes(pdf("Clauses", "Signed"))
    (tmp_path / "annex.docx").write_bytes(word("Prices"))
    (tmp_path / "note.txt").write_text("Call Anne.\n")
    return tmp_path


def test_a_list_is_read_in_its_order_with_pages_that_run_on(papers):
    names = ["note.txt", "contract.pdf", "annex.docx"]
    document = load([papers / name for name in names])
    check_whole(document)
    assert [member.name for member in document.members] == names
    assert [member.first_page for member in document.members] == [1, 2, 4]
    assert [page.number for page in document.pages] == [1, 2, 3, 4]
    assert [page.label for page in document.pages] == [
        "note.txt · 1",
        "contract.pdf · 1",
        "contract.pdf · 2",
        "annex.docx · Prices · 1",
    ]
    assert [(s.level, s.title) for s in document.outline] == [
        (1, "note.txt"),
        (1, "contract.pdf"),
        (2, "Clauses"),
        (1, "annex.docx"),
        (2, "Prices"),
    ]
    for member in document.members:
        piece = document.text[member.start_char : member.end_char]
        assert piece.startswith(f"===== {member.name} =====\n")
    assert "=====" not in without_made(document)
    assert "".join(document.text[m.start_char : m.end_char] for m in document.members) == document.text
    assert document.source.media_type == "multipart/mixed"
    assert from_bytes(to_bytes(document)) == document


def test_each_member_can_be_selected_and_knows_its_source(papers):
    document = load([papers / "note.txt", papers / "contract.pdf"])
    part = document.select("contract.pdf")
    assert [page.label for page in part.pages] == ["contract.pdf · 1", "contract.pdf · 2"]
    assert [member.name for member in part.members] == ["contract.pdf"]
    assert document.members[1].source == load(papers / "contract.pdf").source


def test_a_folder_and_a_zip_of_the_same_files_give_the_same_text(papers):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for path in papers.iterdir():
            archive.write(path, path.name)
    folder, packed = load(papers), load(data.getvalue(), name=papers.name)
    assert packed.text == folder.text
    assert packed.pages == folder.pages
    assert packed.layout == folder.layout
    assert folder.text.startswith(f"{papers.name}/\n  annex.docx\n  contract.pdf\n  note.txt\n\n")
    assert "Signed" in folder.text
    assert packed.source.media_type == "application/zip"


def test_lines_of_a_source_file_are_known_in_a_folder(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "app.py").write_text("import os\n\nprint(os)\n")
    document = load(tmp_path)
    (region,) = [region for region in document.layout.regions if region.name == "src/app.py"]
    assert region.first_line == 1
    at = document.text.index("print")
    assert region.first_line + document.text.count("\n", region.start_char, at) == 3
    assert document.text[region.start_char : region.end_char] == "import os\n\nprint(os)\n"


def test_markup_in_a_folder_of_source_stays_as_it_was_written(tmp_path):
    (tmp_path / "page.html").write_text("<html><b>bold</b></html>\n")
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    text = load(tmp_path).text
    assert "<html><b>bold</b></html>\n" in text
    assert "\na,b\n1,2\n" in text


def test_one_that_cannot_be_read_is_a_page_with_its_reason(papers):
    (papers / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    (papers / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0")
    (papers / "void.txt").write_bytes(b"")
    names = ["broken.pdf", "note.txt", "photo.png", "void.txt"]
    document = load([papers / name for name in names])
    check_whole(document)
    assert [page.status for page in document.pages] == ["unreadable", "read", "unreadable", "empty"]
    assert [member.name for member in document.members] == names
    assert "cannot be opened as PDF" in document.pages[0].reason or "damaged" in document.pages[0].reason
    assert "photo.png is a picture" in said(document, "unreadable")
    folder = load(papers)
    statuses = {page.label: page.status for page in folder.pages}
    assert statuses["broken.pdf"] == "unreadable"
    assert statuses["photo.png"] == "excluded"


def test_when_none_can_be_read_the_error_says_why(papers):
    for name, data in (("a.bin", b"\0\1\2"), ("b.png", b"\x89PNG\0")):
        (papers / name).write_bytes(data)
    with pytest.raises(DocumentError, match=r"None of the 2 files can be read\. .*a\.bin is a binary file.*b\.png"):
        load([papers / "a.bin", papers / "b.png"])
    with pytest.raises(DocumentError, match="list of files is empty"):
        load([])


def test_a_file_of_a_list_that_is_missing_is_an_error_at_once(papers):
    with pytest.raises(DocumentError, match=r"There is no file .*not\.txt\. Did you mean 'note\.txt'"):
        load([papers / "note.txt", papers / "not.txt"])


def test_what_is_left_out_is_a_page_of_its_own_and_does_not_change_the_hash(papers):
    before = load(papers)
    (papers / ".env").write_text("secret")
    (papers / "__pycache__").mkdir()
    after = load(papers)
    assert [(page.label, page.status, page.reason) for page in after.pages[-2:]] == [
        (".env", "excluded", "may hold secrets"),
        ("__pycache__/", "excluded", "made by tools"),
    ]
    assert after.hash == before.hash
    check_whole(after)
    assert all(page.status != "excluded" for page in after.select("note.txt").pages)


def test_folders_and_zips_in_a_list_are_opened_in_place(papers):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("in/a.txt", "zipped")
    (papers / "more.zip").write_bytes(data.getvalue())
    (papers / "sub").mkdir()
    (papers / "sub" / "b.txt").write_text("below")
    (papers / "sub" / "key.pem").write_text("secret")
    document = load([papers / "more.zip", papers / "sub", b"bytes"], name="all")
    assert [member.name for member in document.members] == ["more.zip/in/a.txt", "sub/b.txt", "document 3"]
    assert document.name == "all"
    assert document.pages[-1].label == "sub/key.pem"


def test_files_of_the_same_name_are_told_apart_by_their_folders(tmp_path):
    for folder in ("east", "west"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "report.txt").write_text(folder)
    east, west = tmp_path / "east" / "report.txt", tmp_path / "west" / "report.txt"
    assert [member.name for member in load([east, west]).members] == ["east/report.txt", "west/report.txt"]
    assert [member.name for member in load([east, east]).members][1].endswith("report.txt (2)")


def test_names_that_are_no_unicode_can_still_be_hashed(tmp_path):
    folder = os.fsencode(tmp_path) + b"/p\xe9"
    os.mkdir(folder)
    for name in (b"caf\xe9.txt", b"b.txt"):
        with open(folder + b"/" + name, "wb") as file:
            file.write(b"text")
    paths = [os.fsdecode(folder + b"/caf\xe9.txt"), os.fsdecode(folder)]
    document = load(paths)
    assert [member.name for member in document.members] == ["caf�.txt", "p�/b.txt", "p�/caf�.txt"]
    assert document.hash
    assert load(paths[1]).text.encode()


def test_warnings_name_their_document_and_their_page(papers):
    (papers / "old.txt").write_bytes("Voilà où ça mène, président.".encode("latin-1"))
    with pymupdf.open() as file:
        file.new_page().insert_text((72, 72), "text")
        file.new_page().draw_rect((0, 0, 9, 9))
        page = file.new_page()
        pixels = pymupdf.Pixmap(pymupdf.csRGB, pymupdf.IRect(0, 0, 4, 4), False)
        page.insert_image(page.rect, pixmap=pixels)
        (papers / "scan.pdf").write_bytes(file.tobytes())
    document = load([papers / "old.txt", papers / "scan.pdf"], ocr=False)
    assert "old.txt" in said(document, "encoding")
    (warning,) = [warning for warning in document.warnings if warning.kind == "scanned"]
    assert warning.message.startswith("scan.pdf: ")
    assert warning.pages == (4,)


def test_progress_counts_the_files_and_can_stop(papers):
    seen = []
    load(papers, progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, 3)
    assert seen[-1] == (3, 3)

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load(papers, progress=stop)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(str.strip), min_size=1, max_size=6
    )
)
def test_every_character_of_every_member_is_there_once(texts):
    document = load([text.encode() for text in texts])
    check_whole(document)
    assert without_made(document) == "".join(texts)
    assert len(named_regions(document, "file")) == len(texts)


def test_the_format_of_each_file_is_recognised_once(tmp_path, monkeypatch):
    seen = []

    def counted(data, suffix):
        seen.append(suffix)
        return recognise(data, suffix)

    for module in (collection, parsing):
        monkeypatch.setattr(module, "recognise", counted)
    for name in ("a.txt", "b.html", "c.py"):
        (tmp_path / name).write_text("<p>It rained.</p>")
    load([tmp_path / name for name in ("a.txt", "b.html", "c.py")])
    assert seen == [".txt", ".html", ".py"]
