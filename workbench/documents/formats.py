"""Which kinds of file there are, how each is recognised, and by which reader it is read.

Content decides where it has a signature, the suffix elsewhere. Kinds that are not read have a reader that says what to
do instead.

Not covered: reading (readers).
"""

from __future__ import annotations

import importlib
import io
import zipfile
import zlib
from dataclasses import dataclass

from workbench.documents.parsed import Reader

_HTML = (b"<!doctype html", b"<html", b"<?xml")
_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


@dataclass(frozen=True, slots=True)
class Format:
    """A kind of file.

    Attributes:
        name: as people call it.
        media_type: its MIME type.
        suffixes: of its files, in lower case.
        reader: module in ``readers`` and function in it.
        isolated: whether it is parsed in a process of its own; plain text needs none.
        written: whether it is text as somebody wrote it; in a folder of source code it is kept so, character by
            character.
        advice: what to do with a file of a kind that is not read; empty for all others.
    """

    name: str
    media_type: str
    suffixes: tuple[str, ...]
    reader: str
    isolated: bool = True
    written: bool = False
    advice: str = ""

    def load_reader(self) -> Reader:
        """The reader's function; its libraries are imported now and not before."""
        module, _, function = self.reader.partition(":")
        found: Reader = getattr(importlib.import_module(f"workbench.documents.readers.{module}"), function)
        return found


_OOXML, _ODF = "application/vnd.openxmlformats-officedocument.", "application/vnd.oasis.opendocument."
PDF = Format("PDF", "application/pdf", (".pdf",), "pdf:read_pdf")
EPUB = Format("EPUB", "application/epub+zip", (".epub",), "epub:read_epub")
DOCX = Format(
    "Word (DOCX)", _OOXML + "wordprocessingml.document", (".docx", ".docm", ".dotx", ".dotm"), "docx:read_docx"
)
PPTX = Format(
    "PowerPoint (PPTX)", _OOXML + "presentationml.presentation", (".pptx", ".pptm", ".ppsx", ".potx"), "pptx:read_pptx"
)
XLSX = Format("Excel (XLSX)", _OOXML + "spreadsheetml.sheet", (".xlsx", ".xlsm", ".xltx", ".xltm"), "xlsx:read_xlsx")
ODT = Format("OpenDocument text (ODT)", _ODF + "text", (".odt", ".ott"), "odf:read_odf")
ODS = Format("OpenDocument sheet (ODS)", _ODF + "spreadsheet", (".ods", ".ots"), "odf:read_odf")
ODP = Format("OpenDocument slides (ODP)", _ODF + "presentation", (".odp", ".otp"), "odf:read_odf")
RTF = Format("RTF", "application/rtf", (".rtf",), "rtf:read_rtf")
MAIL = Format("e-mail", "message/rfc822", (".eml",), "mail:read_mail")
NOTEBOOK = Format("Jupyter notebook", "application/x-ipynb+json", (".ipynb",), "notebook:read_notebook")
PARQUET = Format("Parquet", "application/vnd.apache.parquet", (".parquet", ".pq"), "tabular:read_parquet")
CSV = Format("CSV", "text/csv", (".csv", ".tsv", ".tab"), "tabular:read_csv", written=True)
HTML = Format("HTML", "text/html", (".html", ".htm", ".xhtml"), "markup:read_html", written=True)
MARKDOWN = Format(
    "Markdown", "text/markdown", (".md", ".markdown"), "markup:read_markdown", isolated=False, written=True
)
TEXT = Format("text", "text/plain", (".txt",), "text:read_text", isolated=False, written=True)
SOURCE = Format("source code", "text/plain", (), "code:read_source", isolated=False, written=True)
ZIP = Format("zip archive", "application/zip", (".zip",), "zipped:read_zip")


def _unread(name: str, media_type: str, suffixes: tuple[str, ...], advice: str) -> Format:
    return Format(name, media_type, suffixes, "refused:refuse", isolated=False, advice=advice)


_SAVE = "Open it in LibreOffice or Office, save it as {}, and load that."
OLD_OFFICE = _unread(
    "old Office file (DOC, XLS, PPT or MSG)",
    "application/x-ole-storage",
    (".doc", ".xls", ".ppt", ".msg"),
    _SAVE.format("DOCX, XLSX, PPTX or EML"),
)
LOCKED = _unread(
    "Office file locked with a password",
    "application/x-ole-storage",
    (),
    "Save a copy without the password, and load that.",
)
XLSB = _unread("binary Excel file (XLSB)", "application/vnd.ms-excel", (".xlsb",), _SAVE.format("XLSX"))
IMAGE = _unread(
    "picture",
    "image/*",
    (".png", ".jpg", ".jpeg", ".gif", ".tif", ".tiff", ".bmp", ".webp", ".heic", ".ico"),
    "Print it to a PDF, run OCR on that, and load the result.",
)
SOUND = _unread(
    "sound or film file",
    "application/octet-stream",
    (".mp3", ".wav", ".ogg", ".flac", ".m4a", ".mp4", ".mov", ".avi", ".mkv", ".webm"),
    "Have it transcribed, and load the transcript.",
)
PROGRAM = _unread(
    "program or library",
    "application/octet-stream",
    (".exe", ".dll", ".so", ".dylib", ".class", ".pyc", ".wasm", ".o", ".a"),
    "Give its source code.",
)
PACKED = _unread(
    "packed archive other than zip",
    "application/octet-stream",
    (".gz", ".tgz", ".bz2", ".xz", ".zst", ".7z", ".rar", ".tar"),
    "Unpack it, and load the folder or a zip of it.",
)
DATABASE = _unread("database", "application/vnd.sqlite3", (".sqlite", ".db"), "Export its tables as CSV or Parquet.")

FORMATS = (
    PDF, EPUB, DOCX, PPTX, XLSX, ODT, ODS, ODP, RTF, MAIL, NOTEBOOK, PARQUET, CSV, HTML, MARKDOWN, TEXT, ZIP,
    OLD_OFFICE, XLSB, IMAGE, SOUND, PROGRAM, PACKED, DATABASE,
)  # fmt: skip

_SIGNED = (
    (_OLE, OLD_OFFICE), (b"PAR1", PARQUET), (b"\x89PNG", IMAGE), (b"\xff\xd8\xff", IMAGE), (b"GIF8", IMAGE),
    (b"II*\0", IMAGE), (b"MM\0*", IMAGE), (b"BM", IMAGE), (b"RIFF", SOUND), (b"ID3", SOUND), (b"OggS", SOUND),
    (b"fLaC", SOUND), (b"\x1aE\xdf\xa3", SOUND), (b"\x7fELF", PROGRAM), (b"MZ", PROGRAM),
    (b"\xca\xfe\xba\xbe", PROGRAM),
    (b"\xcf\xfa\xed\xfe", PROGRAM), (b"\0asm", PROGRAM), (b"\x1f\x8b", PACKED), (b"BZh", PACKED), (b"\xfd7zXZ", PACKED),
    (b"\x28\xb5\x2f\xfd", PACKED), (b"7z\xbc\xaf\x27\x1c", PACKED), (b"Rar!", PACKED), (b"SQLite format 3\0", DATABASE),
)  # fmt: skip


def recognise(data: bytes, suffix: str) -> Format:
    """The format of a file; what nothing else claims is text, whose reader says so when it is not."""
    head = data[:1_024].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if head.startswith(b"%pdf-"):
        return PDF
    if data.startswith(_ZIP):
        return _zipped(data, suffix)
    if head.startswith(b"{\\rtf"):
        return RTF
    # Signatures of two letters begin words too; what has no zero byte near its beginning is text.
    signed = next((kind for mark, kind in _SIGNED if data.startswith(mark)), None) if b"\0" in data[:4_096] else None
    if signed is OLD_OFFICE and "EncryptedPackage".encode("utf-16-le") in data:
        return LOCKED
    if signed is not None:
        return signed
    # Text and source files may begin with a tag and are still to be read as they stand.
    if suffix == "" and head.startswith(_HTML) and b"<html" in head:
        return HTML
    return next((kind for kind in FORMATS if suffix in kind.suffixes), TEXT)


def _zipped(data: bytes, suffix: str) -> Format:
    """Office files are zips whatever they are called; what is inside tells which."""
    claimed = next((kind for kind in FORMATS if suffix in kind.suffixes and not kind.written), ZIP)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
            packed = archive.getinfo("mimetype") if "mimetype" in names else None
            said = archive.read(packed) if packed is not None and packed.file_size < 1_000 else b""
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, RuntimeError, NotImplementedError, EOFError):
        return EPUB if b"application/epub+zip" in data[:200] else claimed  # its reader says what is wrong
    media_type = said.decode("ascii", "replace").strip().removesuffix("-template")
    declared = next((kind for kind in (EPUB, ODT, ODS, ODP) if kind.media_type == media_type), None)
    if declared is not None:
        return declared
    if "[Content_Types].xml" in names:
        if "xl/workbook.bin" in names:
            return XLSB
        parts = {name.partition("/")[0] for name in names}
        return next((kind for part, kind in (("word", DOCX), ("ppt", PPTX), ("xl", XLSX)) if part in parts), claimed)
    return claimed
