"""Markdown and HTML.

Markdown is kept as it was written: its marks mean something to the model. HTML becomes plain text with its tables laid
out; scripts, styles and comments are no text.

Not covered: pictures, linked pages (nothing is ever fetched).
"""

from __future__ import annotations

import re
from itertools import pairwise

from inscriptis import get_annotated_text
from inscriptis.model.config import ParserConfig
from lxml.etree import ParserError
from markdown_it import MarkdownIt

from workbench.documents.readers.text import Parsed, decode, nest, paginate, take_marks, with_pages
from workbench.errors import DocumentError

_RULES = {f"h{level}": [str(level)] for level in range(1, 7)}


def read_markdown(data: bytes, name: str) -> Parsed:
    """A Markdown file; headings make the outline."""
    text, warnings = decode(data, name)
    text, marked = take_marks(text)
    lines = [0]
    for line in text.split("\n"):
        lines.append(lines[-1] + len(line) + 1)
    tokens = MarkdownIt("commonmark").parse(text)
    flat = [
        (lines[opening.map[0]], int(opening.tag[1]), _plain(content.content))
        for opening, content in pairwise(tokens)
        if opening.type == "heading_open" and opening.map is not None
    ]
    outline = nest(flat, len(text))
    pages = marked or paginate(text, outline)
    return Parsed(text, pages, with_pages(outline, pages), warnings)


def _plain(title: str) -> str:
    return re.sub(r"[*_`]+", "", title).strip()


def html_text(html: str) -> tuple[str, list[tuple[int, int, str]]]:
    """Text of HTML, and its headings as (start, level, title)."""
    try:
        result = get_annotated_text(html, ParserConfig(annotation_rules=_RULES))
    except (ParserError, ValueError, TypeError) as error:
        raise DocumentError(f"The HTML cannot be parsed: {error}.") from error
    if not result:
        return "", []
    text = str(result["text"])
    heads = []
    for start, end, level in sorted(result.get("label", [])):
        title = " ".join(text[start:end].split())
        if title:
            heads.append((start + len(text[start:end]) - len(text[start:end].lstrip()), int(level), title))
    return text, heads


def read_html(data: bytes, name: str) -> Parsed:
    """An HTML file; headings make the outline."""
    declared = re.search(rb"charset=[\"']?([\w-]+)", data[:2_048])
    warnings = ()
    try:
        html = data.decode(declared.group(1).decode() if declared else "utf-8-sig")
    except (UnicodeDecodeError, LookupError):
        html, warnings = decode(data, name)  # type: ignore[assignment]
    # An XML declaration with an encoding is refused in text that is decoded already.
    text, heads = html_text(re.sub(r"^\s*<\?xml[^>]*\?>", "", html))
    outline = nest(heads, len(text))
    pages = paginate(text, outline)
    return Parsed(text, pages, with_pages(outline, pages), warnings)
