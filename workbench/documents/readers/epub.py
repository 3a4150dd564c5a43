"""EPUB: the texts of the spine in order; the table of contents makes the outline.

Not covered: notes put where they are called, pictures, fixed layouts.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Iterable
from zipfile import BadZipFile

import ebooklib
from ebooklib import epub

from workbench.documents.document import DocumentWarning
from workbench.documents.readers.markup import html_text
from workbench.documents.readers.text import Parsed, nest, paginate, with_pages
from workbench.errors import DocumentError


def read_epub(data: bytes, name: str) -> Parsed:
    """An EPUB file.

    Raises:
        DocumentError: it is damaged, or holds no text.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # ebooklib announces its own next defaults
            book = epub.read_epub(io.BytesIO(data), {"ignore_ncx": False})
    except (epub.EpubException, BadZipFile, KeyError, OSError, AttributeError, ValueError, SyntaxError) as error:
        raise DocumentError(f"{name} cannot be opened as EPUB: {error}.") from error
    titles = dict(_contents(book.toc, 1))
    text, flat, broken = "", [], []
    for item_id, _linear in book.spine:
        item = book.get_item_with_id(item_id)
        if item is None or item.get_type() != ebooklib.ITEM_DOCUMENT or isinstance(item, epub.EpubNav):
            continue
        try:
            part, heads = html_text(_without_declaration(item.get_content()))
        except DocumentError:
            broken.append(item.get_name())
            continue
        listed = titles.get(item.get_name())
        heads = [(0, *listed)] if listed else heads
        flat += [(len(text) + start, level, title) for start, level, title in heads]
        text += part.rstrip() + "\n\n"
    outline = nest(flat, len(text))
    pages = paginate(text, outline)
    said = [DocumentWarning("unreadable", f"{len(broken)} parts are damaged and were not read: {', '.join(broken)}.")]
    return Parsed(text, pages, with_pages(outline, pages), tuple(said if broken else ()))


def _contents(entries: Iterable[object], level: int) -> Iterable[tuple[str, tuple[int, str]]]:
    """File name, level and title of every entry of the table of contents, the first of each file last."""
    for entry in reversed(list(entries)):
        head, below = entry if isinstance(entry, tuple) else (entry, ())
        yield from _contents(below, level + 1)
        href, title = getattr(head, "href", "") or "", getattr(head, "title", "") or ""
        if href and title:
            yield href.partition("#")[0], (level, " ".join(title.split()))


def _without_declaration(content: bytes) -> str:
    return re.sub(r"^\s*<\?xml[^>]*\?>", "", content.decode("utf-8", "replace"))
