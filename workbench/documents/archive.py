"""A Document as bytes and back, so that a newer parser does not orphan what was read.

A line of JSON, then the boxes of its characters as float32, little endian, at a multiple of their own 16 bytes.

Not covered: where the bytes are kept (engine.store, documents.parsing).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any, get_args

import numpy as np

from workbench.documents.document import Document, DocumentWarning, Member, Page, PageStatus, Section, Source
from workbench.documents.layout import Layout, Region, RegionKind, no_boxes
from workbench.errors import CacheCorrupt
from workbench.types import Span

_VERSION = 2
_ALIGNED = 16
_PLAIN = {"str": str, "int": int, "PageStatus": str, "RegionKind": str}
_CHOICES = {"PageStatus": get_args(PageStatus), "RegionKind": get_args(RegionKind)}


def to_bytes(document: Document) -> bytes:
    """All of a document."""
    return b"".join(pieces(document))


def pieces(document: Document) -> tuple[bytes, memoryview]:
    """The same in two pieces: the boxes of a long document are large, and are not copied."""
    boxes = np.ascontiguousarray(document.layout.boxes, "<f4")
    plain = asdict(replace(document, layout=replace(document.layout, boxes=no_boxes())))
    del plain["layout"]["boxes"]
    line = json.dumps({"version": _VERSION, **plain}).encode()
    return line + b" " * (-len(line) - 1 & _ALIGNED - 1) + b"\n", boxes.reshape(-1).view(np.uint8).data


def from_bytes(content: bytes | bytearray | memoryview) -> Document:
    """The document again; its boxes stay where they are in ``content``.

    Raises:
        CacheCorrupt: it is none, or of another version.
    """
    try:
        end = re.search(b"\n", content)
        line_bytes = end.start() if end else len(content)
        raw = memoryview(content)[line_bytes + 1 :].toreadonly()
        stored = json.loads(bytes(memoryview(content)[:line_bytes]))
        if stored.pop("version") != _VERSION:
            raise CacheCorrupt("the stored document was written by another version; read its file again")
        document = Document(**{
            **_plain(Document, {name: stored.pop(name) for name in ("name", "text", "parent")}),
            "pages": tuple(Page(**_plain(Page, page)) for page in stored.pop("pages")),
            "outline": tuple(Section(**_plain(Section, section)) for section in stored.pop("outline")),
            "warnings": tuple(_warning(warning) for warning in stored.pop("warnings")),
            "source": Source(**_plain(Source, stored.pop("source"))),
            "members": tuple(_member(member) for member in stored.pop("members")),
            "layout": _layout(stored.pop("layout"), raw),
            **stored,  # nothing, or it is not ours
        })  # fmt: skip
        _check_places(document)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CacheCorrupt(
            f"the stored document cannot be read ({type(error).__name__}); read its file again"
        ) from error
    return document


def _plain(kind: type, values: Mapping[str, object]) -> dict[str, Any]:
    """Values for fields of ``kind`` that are strings and numbers, each of its field's type."""
    types = {field.name: str(field.type) for field in fields(kind)}
    for name, value in values.items():
        choices = _CHOICES.get(types[name])
        if type(value) is not _PLAIN[types[name]] or (choices and value not in choices):
            raise TypeError(f"{kind.__name__}.{name} is {type(value).__name__}")
    return dict(values)


def _warning(values: dict[str, Any]) -> DocumentWarning:
    pages, spans = values.pop("pages"), values.pop("spans")
    if not all(type(page) is int for page in pages):
        raise TypeError("DocumentWarning.pages are no numbers")
    return DocumentWarning(**_plain(DocumentWarning, values), pages=tuple(pages), spans=_spans(spans))


def _member(values: dict[str, Any]) -> Member:
    source = Source(**_plain(Source, values.pop("source")))
    return Member(source=source, **_plain(Member, values))


def _layout(values: dict[str, Any], raw: memoryview) -> Layout:
    made, regions = _spans(values.pop("made")), values.pop("regions")
    boxes = np.frombuffer(raw, "<f4").reshape(-1, 4)
    return Layout(boxes, made, tuple(Region(**_plain(Region, region)) for region in regions), **values)


def _spans(values: list[list[int]]) -> tuple[Span, ...]:
    if not all(type(char) is int for span in values for char in span):
        raise TypeError("spans are no numbers")
    return tuple(Span(*span) for span in values)


def _check_places(document: Document) -> None:
    """Pages cover the text without gaps, and all else stands inside: all that is asked of a Document relies on it."""
    layout, num_chars = document.layout, len(document.text)
    ends = [0, *(page.end_char for page in document.pages)]
    starts = [*(page.start_char for page in document.pages), num_chars]
    placed: tuple[Page | Section | Member | Region, ...]
    placed = (*document.pages, *document.outline, *document.members, *layout.regions)
    spans = [(one.start_char, one.end_char) for one in placed]
    spans += [*layout.made, *(span for warning in document.warnings for span in warning.spans)]
    inside = all(0 <= start <= end <= num_chars for start, end in spans)
    if ends != starts or not document.pages or not inside or len(layout.boxes) not in (0, num_chars):
        raise ValueError("pages, sections or boxes do not match the text")
