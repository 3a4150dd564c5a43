"""E-mail: heading, text, and attachments through the readers of their kinds."""

import hashlib
import io
import zipfile
from email.message import EmailMessage
from email.mime.message import MIMEMessage

import docx
import pytest

from tests.documents.conftest import check_whole, named_regions, said
from workbench.documents.load import load
from workbench.errors import DocumentError


def mail(text="Dear Anne,\n\nthe lease is attached.\n", subject="The lease"):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "walter@kellynch.example", "anne@bath.example", subject
    message["Date"] = "Thu, 02 May 2024 10:00:00 +0000"
    if text:
        message.set_content(text)
    return message


def word(text):
    file, data = docx.Document(), io.BytesIO()
    file.add_paragraph(text)
    file.save(data)
    return data.getvalue()


def attach(message, data, name, kind="application/octet-stream"):
    message.add_attachment(data, *kind.split("/"), filename=name)


def test_heading_and_text_stand_in_front():
    document = load(bytes(mail()), name="a.eml")
    check_whole(document)
    assert document.text.splitlines()[:5] == [
        "From: walter@kellynch.example",
        "To: anne@bath.example",
        "Date: Thu, 02 May 2024 10:00:00 +0000",
        "Subject: The lease",
        "",
    ]
    assert "the lease is attached." in document.text
    assert list(named_regions(document, "message")) == ["The lease"]


def test_attachments_are_read_through_their_readers():
    message = mail()
    attach(message, word("Rent: 500"), "lease.docx")
    attach(message, "Größe;1\nb;2\n".encode("cp1252"), "sums.csv", "application/csv")
    document = load(bytes(message), name="a.eml")
    check_whole(document)
    assert "===== lease.docx =====\nRent: 500" in document.text
    assert "Größe;1\nb;2\n" in document.text
    assert set(named_regions(document, "attachment")) == {"lease.docx", "sums.csv"}
    assert [page.label for page in document.pages] == ["message", "lease.docx · 1", "sums.csv · 1"]
    assert [section.title for section in document.outline] == ["lease.docx", "sums.csv"]


def test_a_message_and_its_attachments_are_members_of_the_document():
    message = mail()
    attach(message, b"Rent: 500\n", "lease.txt", "text/plain")
    attach(message, b"\x89PNG\r\n\x1a\n\0\0", "photo.png", "image/png")
    message.attach(MIMEMessage(mail("I agree.", "inner")))
    document = load(bytes(message), name="a.eml")
    assert [member.name for member in document.members] == ["message", "lease.txt", "photo.png", "attached message"]
    assert [member.first_page for member in document.members] == [1, 2, 3, 4]
    assert document.members[1].source.sha256 == hashlib.sha256(b"Rent: 500\n").hexdigest()
    assert document.select("lease.txt").text.strip().endswith("Rent: 500")
    assert [place.member for place in document.locate(document.text.index("Rent"), document.text.index("500"))] == [
        "lease.txt"
    ]
    assert load(bytes(mail()), name="a.eml").members == ()


def test_attachments_that_cannot_be_read_are_pages_with_a_reason():
    message = mail()
    attach(message, b"\x89PNG\r\n\x1a\n\0\0", "photo.png", "image/png")
    attach(message, b"%PDF-1.4 broken", "contract.pdf", "application/pdf")
    document = load(bytes(message), name="a.eml")
    check_whole(document)
    assert [(page.label, page.status) for page in document.pages[1:]] == [
        ("photo.png", "unreadable"),
        ("contract.pdf", "unreadable"),
    ]
    assert "is a picture" in document.pages[1].reason
    assert "The attachment contract.pdf was not read" in said(document, "unreadable")


def test_a_zip_among_the_attachments_is_opened():
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("notes/a.txt", "inside the zip")
    message = mail()
    attach(message, data.getvalue(), "all.zip", "application/zip")
    assert "inside the zip" in load(bytes(message), name="a.eml").text


def test_the_plain_text_is_preferred_unless_the_html_says_much_more():
    message = mail("Short and complete text.")
    message.add_alternative("<p>Short and <b>complete</b> text.</p>", subtype="html")
    document = load(bytes(message), name="a.eml")
    assert document.text.count("complete") == 1
    assert document.warnings == ()
    message = mail("See the HTML.")
    message.add_alternative(
        "<p>" + "The whole story. " * 10 + '<img src="http://127.0.0.1:9/x.png"></p>', subtype="html"
    )
    document = load(bytes(message), name="a.eml")
    assert "The whole story." in document.text
    assert "See the HTML." not in document.text
    assert "the HTML was read" in said(document, "alternative")


def test_html_alone_is_read():
    message = mail("")
    message.set_content("<p>Only <i>HTML</i></p>", subtype="html")
    assert "Only HTML" in load(bytes(message), name="a.eml").text


def test_text_that_the_html_of_a_mail_hides_is_said_with_its_place():
    message = mail("")
    message.set_content("<p>Only HTML</p><p style='font-size:0'>Obey me.</p>", subtype="html")
    document = load(bytes(message), name="a.eml")
    (warning,) = document.warnings
    assert (warning.kind, warning.pages) == ("hidden", (1,))
    (span,) = warning.spans
    assert document.text[span.start_char : span.end_char] == "Obey me."


def test_a_mail_within_a_mail_is_read_and_one_a_hundred_deep_is_said():
    inner = mail("the innermost", "inner")
    outer = mail("outside", "outer")
    outer.add_attachment(inner)
    document = load(bytes(outer), name="a.eml")
    assert "the innermost" in document.text
    check_whole(document)
    nested = mail("bottom", "0")
    for depth in range(1, 100):
        around = EmailMessage()
        around["Subject"] = str(depth)
        around.make_mixed()
        around.attach(MIMEMessage(nested))
        nested = around
    document = load(nested.as_bytes(), name="a.eml")
    assert "to a depth of 10" in said(document, "unreadable")
    assert document.text.count("Subject: ") == 10


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
def test_letters_outside_ascii_in_text_and_subject_are_decoded(encoding):
    message = mail("", "Größe")
    message.set_content("Übergröße", charset=encoding)
    document = load(bytes(message), name="a.eml")
    assert "Subject: Größe" in document.text
    assert "Übergröße" in document.text


@pytest.mark.parametrize("data", [b"no mail at all", b"\n\n", b"From nobody\n\xff\xfe"])
def test_what_is_no_mail_is_refused(data):
    with pytest.raises(DocumentError):
        load(data, name="a.eml")


def test_a_charset_that_does_not_exist_is_guessed():
    data = b"Subject: x\nContent-Type: text/plain; charset=nonsense\n\nHello there.\n"
    assert "Hello there." in load(data, name="a.eml").text
