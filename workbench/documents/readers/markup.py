"""Markdown and HTML.

Markdown is kept as it was written: its marks mean something to the model. HTML becomes plain text with its tables laid
out; scripts, styles and comments are no text.

Not covered: pictures, linked pages (nothing is ever fetched).
"""

from __future__ import annotations

import codecs
import re
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from inscriptis.html_engine import Inscriptis
from inscriptis.model.config import ParserConfig
from lxml import html as lxml_html
from lxml.etree import LxmlError, ParserError
from markdown_it import MarkdownIt

from workbench.documents.document import DocumentWarning
from workbench.documents.layout import Layout
from workbench.documents.parsed import Job, Parsed
from workbench.documents.readers.text import decode, lines, nest, paginate, take_marks, with_pages
from workbench.documents.readers.unshown import Unshown
from workbench.errors import DocumentError
from workbench.types import Span

_RULES = {f"h{level}": [str(level)] for level in range(1, 7)}
_DECLARED = re.compile(rb"""(?:charset|<\?xml[^>]*encoding)\s*=\s*["']?([\w.:-]+)""", re.IGNORECASE)
_XML = re.compile(r"^\s*<\?xml[^>]*\?>")
_FRONT_MATTER = re.compile(r"\A---[ \t]*\n.*?^(?:---|\.\.\.)[ \t]*$", re.DOTALL | re.MULTILINE)
_PERMALINKS = ("¶", "#", "🔗")
_LATIN = frozenset({"iso8859-1", "ascii"})
# Private characters, one for each anchor: they mark its place in the text until they are taken out again.
_FIRST_MARK, _LAST_MARK = 0xF0000, 0xFFFFD
_MARKS = re.compile(f"[{chr(_FIRST_MARK)}-{chr(_LAST_MARK)}]")


class Rendered(NamedTuple):
    """HTML as text.

    Attributes:
        text: as a reader would see it.
        heads: start, level and title of the headings.
        anchors: where in the text the elements with the ids that were asked for begin.
        notes: where those stand whose ends were asked for, too.
    """

    text: str
    heads: list[tuple[int, int, str]]
    anchors: Mapping[str, int]
    notes: Mapping[str, Span]


def read_markdown(job: Job) -> Parsed:
    """A Markdown file; headings make the outline."""
    text, warnings = decode(job.data, job.name)
    text, marked = take_marks(text)
    outline = nest(markdown_heads(text), len(text))
    pages = marked or paginate(text, outline)
    return Parsed(text, pages, with_pages(outline, pages), warnings, Layout(regions=lines(text, job.name, marked)))


def markdown_heads(text: str) -> list[tuple[int, int, str]]:
    """Start, level and title of the headings of Markdown."""
    lines = [0]
    for line in text.split("\n"):
        lines.append(lines[-1] + len(line) + 1)
    # The rule that closes a front matter would make a heading of its last line.
    body = _FRONT_MATTER.sub(lambda front: "\n" * front.group().count("\n"), text)
    flat = []
    for opening, content in pairwise(MarkdownIt("commonmark").parse(body)):
        if opening.type == "heading_open" and opening.map is not None:
            title = "".join(child.content or " " for child in content.children or () if child.nesting == 0)
            flat.append((lines[opening.map[0]], int(opening.tag[1]), " ".join(title.split())))
    return [entry for entry in flat if entry[2]]


def read_html(job: Job) -> Parsed:
    """An HTML file; headings make the outline.

    Raises:
        DocumentError: it is no text, or too deeply nested.
    """
    html, warnings = decode_html(job.data, job.name)
    unshown = Unshown(job.options.hidden)
    rendered = render(html, job.name, prepare=unshown.take)
    text = rendered.text
    outline = nest(rendered.heads, len(text))
    pages = paginate(text, outline)
    return Parsed(text, pages, with_pages(outline, pages), (*warnings, *unshown.warnings(text)))


def decode_html(data: bytes, name: str) -> tuple[str, tuple[DocumentWarning, ...]]:
    """Text of HTML bytes: by byte order mark, else as they declare, else as plain text would be.

    Raises:
        DocumentError: the bytes are no text.
    """
    declared = None if data.startswith((codecs.BOM_UTF8, b"\xff\xfe", b"\xfe\xff")) else _DECLARED.search(data[:2_048])
    if declared and b"\0" not in data:
        try:
            encoding = codecs.lookup(declared.group(1).decode()).name
            # Source: the WHATWG encoding standard; pages that say Latin-1 mean its Windows superset.
            return data.decode("cp1252" if encoding in _LATIN else encoding), ()
        except (UnicodeError, LookupError):
            pass  # it declares what it is not
    return decode(data, name)


def render(
    html: str,
    name: str,
    anchors: Sequence[str] = (),
    notes: Sequence[str] = (),
    *,
    prepare: Callable[[lxml_html.HtmlElement], None] | None = None,
) -> Rendered:
    """HTML as plain text, with the places of its headings and of the ids in ``anchors`` and ``notes``.

    Args:
        html: of a page, or a part of one.
        name: for messages.
        anchors: ids whose places are wanted.
        notes: ids whose places and ends are wanted.
        prepare: changes the page before it is rendered.

    Raises:
        DocumentError: it is too deeply nested, or what the parser refuses.
    """
    source = _MARKS.sub("�", _XML.sub("", html)).strip()
    if not source:
        return Rendered("", [], {}, {})
    # Without huge_tree, what lies deeper than 256 elements is dropped; without remove_pis, older libxml2 drops what
    # follows one.
    parser = lxml_html.HTMLParser(huge_tree=True, no_network=True, remove_comments=True, remove_pis=True)
    try:
        tree = lxml_html.document_fromstring(source, parser=parser)
        for stray in [*tree.itersiblings()]:  # what follows </html> becomes a tree beside the first
            stray.tag = "div"
            tree.append(stray)
        if prepare is not None:
            prepare(tree)
        _take_permalinks(tree)
        marks = _mark(tree, anchors, notes)
        canvas = Inscriptis(tree, ParserConfig(annotation_rules=_RULES))
        text, annotations = str(canvas.get_text()), canvas.get_annotations()
    except ParserError:  # nothing but comments
        return Rendered("", [], {}, {})
    except (LxmlError, ValueError, TypeError, LookupError, AttributeError) as error:
        raise DocumentError(f"{name} cannot be read as HTML: {error}.") from error
    except RecursionError as error:
        raise DocumentError(f"{name} nests its elements too deeply to be read as HTML.") from error
    return _unmarked(text, sorted((a.start, a.end, int(a.metadata)) for a in annotations), marks)


def _take_permalinks(tree: lxml_html.HtmlElement) -> None:
    """Take out the signs behind headings that link to the heading itself."""
    for link in tree.xpath("//a[starts-with(@href, '#')]"):
        if link.text_content().strip() in _PERMALINKS and not link.get("id"):
            link.drop_tree()


_Marks = dict[tuple[str, str], str]


def _mark(tree: lxml_html.HtmlElement, anchors: Sequence[str], notes: Sequence[str]) -> _Marks:
    """Put private characters where elements with wanted ids begin, and where notes end; which stands for which."""
    wanted = [*(("begin", key) for key in dict.fromkeys((*anchors, *notes))), *(("end", key) for key in notes)]
    marks = {place: chr(_FIRST_MARK + index) for index, place in enumerate(wanted[: _LAST_MARK - _FIRST_MARK])}
    left = dict(marks)
    for element in tree.iter() if marks else ():
        for key in (element.get("id"), element.get("name")):
            if key is None or ("begin", key) not in left:
                continue
            element.text = left.pop(("begin", key)) + (element.text or "")
            end = left.pop(("end", key), "")
            if len(element):
                element[-1].tail = (element[-1].tail or "") + end
            else:
                element.text += end
    return marks


def _unmarked(text: str, spans: list[tuple[int, int, int]], marks: _Marks) -> Rendered:
    found = [match.start() for match in _MARKS.finditer(text)]
    clean = _MARKS.sub("", text)

    def place(char: int) -> int:
        return char - bisect_left(found, char)

    heads = []
    for start, end, level in spans:
        piece = clean[place(start) : place(end)]
        if piece.strip():
            heads.append((place(end) - len(piece.lstrip()), level, " ".join(piece.split())))
    here = {text[at]: place(at) for at in found}
    begins = {key: here[mark] for (which, key), mark in marks.items() if which == "begin" and mark in here}
    ends = {key: here[mark] for (which, key), mark in marks.items() if which == "end" and mark in here}
    return Rendered(clean, heads, begins, {key: Span(begins[key], end) for key, end in ends.items() if key in begins})
