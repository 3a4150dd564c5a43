"""How results look: text, Markdown and HTML of each.

The text is the same in every run: no time, no speed, no address. All that comes from a document or a model is
escaped; neither can load an image, open a link, run a script or move a terminal's cursor.

Not covered: the fit (views.fits), what is shown while the model works (views.live), what the widgets draw
(workbench_widgets).
"""

from __future__ import annotations

import base64
import re
from dataclasses import fields
from html import escape
from typing import Literal

from workbench.display import MimeBundle
from workbench.documents.coverage import account
from workbench.documents.document import Document
from workbench.documents.imaging import PageImage
from workbench.documents.places import Place
from workbench.results import Answer, Citation
from workbench.views.footnotes import footnoted

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_MARKDOWN = {ord(c): f"\\{c}" for c in "`*_{}[]()#+-.!|~$:@^="} | {
    ord("\\"): "&#92;", ord("<"): "&lt;", ord(">"): "&gt;", ord("&"): "&amp;"
}  # fmt: skip
_STYLE = """<style>
.wb-card { color: var(--jp-ui-font-color1, CanvasText); max-width: 760px; overflow-wrap: anywhere;
  font-family: var(--jp-ui-font-family, system-ui, sans-serif); }
.wb-card p { margin: 4px 0; white-space: pre-wrap; }
.wb-card .wb-quiet { color: var(--jp-ui-font-color2, GrayText); font-size: 0.9em; }
.wb-card .wb-warn { color: var(--jp-warn-color0, #b26a00); }
.wb-card summary { cursor: pointer; }
.wb-card sup { color: var(--jp-ui-font-color2, GrayText); font-size: 0.75em; line-height: 0; margin-left: 1px; }
.wb-card .wb-tree { list-style: none; margin: 2px 0; padding-left: 18px; }
.wb-card table { border-collapse: collapse; color: inherit; margin: 4px 0; }
.wb-card th, .wb-card td { padding: 1px 12px 1px 0; text-align: left; }
.wb-card th:last-child, .wb-card td:last-child { font-variant-numeric: tabular-nums; text-align: right; }
.wb-card blockquote { border-left: 3px solid var(--jp-border-color1, GrayText); margin: 4px 0;
  padding-left: 10px; white-space: pre-wrap; }
</style>"""


def plain(text: str) -> str:
    """Text that a terminal only prints: control and direction characters become U+FFFD."""
    return _CONTROL.sub("�", text.replace("\r\n", "\n"))


def markdown(text: str) -> str:
    """Text as Markdown that shows exactly its letters."""
    lines = plain(text).translate(_MARKDOWN).split("\n")
    return "  \n".join(line.strip() for line in lines)


def html(text: str) -> str:
    """Text as HTML that shows exactly its letters."""
    return escape(plain(text))


class MarkdownAnswer(Answer):
    """An answer that shows itself as Markdown."""

    __slots__ = ()


class TextAnswer(Answer):
    """An answer that shows itself as plain text."""

    __slots__ = ()


def answer_as(answer: Answer, kind: Literal["markdown", "text"]) -> Answer:
    """The same answer, shown in one form only."""
    shown = MarkdownAnswer if kind == "markdown" else TextAnswer
    return shown(**{field.name: getattr(answer, field.name) for field in fields(answer)})


def card(*parts: str) -> str:
    """Parts of a result, in our one style for notebooks."""
    return f'{_STYLE}<div class="wb-card">{"".join(parts)}</div>'


def folded(summary: str, body: str) -> str:
    """A part that opens by mouse and by keyboard."""
    return f"<details><summary>{summary}</summary>{body}</details>"


def items(lines: list[str]) -> str:
    """Lines of HTML as the items of a list."""
    return "".join(f"<li>{line}</li>" for line in lines)


def document_bundle(document: Document) -> MimeBundle:
    """A card: name, what was read of its pages, chapters, characters, warnings."""
    counted = [(len(document.outline), "chapter"), (len(document.text), "character")]
    counts = " · ".join([account(document), *(f"{n:,} {word}{'' if n == 1 else 's'}" for n, word in counted)])
    warned = [warning.message for warning in document.warnings]
    lost = document.share_read < 1
    outline = [f"{html(s.title)} <span class='wb-quiet'>page {s.page}</span>" for s in document.outline]
    chapters = folded("Outline", f"<ul>{items(outline)}</ul>") if outline else ""
    warnings = "".join(f'<p class="wb-warn">⚠ {html(message)}</p>' for message in warned)
    marked = f"**{markdown(document.name)}** {'⚠ ' if lost else ''}{counts}\n"
    shown = f'<p class="{"wb-warn" if lost else "wb-quiet"}">{"⚠ " if lost else ""}{counts}</p>'
    return {
        "text/plain": "\n".join([
            f"{plain(document.name)}: {'! ' if lost else ''}{counts}", *(f"  ! {plain(m)}" for m in warned)
        ]),
        "text/markdown": "\n".join([marked, *(f"- {markdown(m)}" for m in warned)]),
        "text/html": card(f"<p><strong>{html(document.name)}</strong></p>{shown}", warnings, chapters),
    }  # fmt: skip


SAID_OF = {
    "supported": "supports it",
    "quote_only": "does not say all of it",
    "unassessed": "",
    "no_source": "",  # the place says it
}
"""What a passage does for its claim, for people; nothing where nobody can tell."""


def cited(citation: Citation) -> str:
    """A citation's place and what it does for its claim, in a line."""
    return ", ".join(filter(None, (citation.place, SAID_OF[citation.status])))


def unsupported_line(answer: Answer) -> str:
    """Which sentences no passage supports; empty when all are supported, or none was cited for."""
    left = [" ".join(answer.text[start:end].split()) for start, end in answer.unsupported]
    return "No passage was found that says all of: " + " · ".join(f"“{said}”" for said in left) if left else ""


def superscript(number: str) -> str:
    """A number of a citation, in the text that it proves."""
    return f"<sup>{number}</sup>"


def citation_html(citation: Citation, number: int | None = None) -> str:
    """A quote that unfolds to its passage, in place; with its number, if it has one."""
    numbered = "" if number is None else f"[{number}] "
    summary = f'{numbered}“{html(citation.quote)}” <span class="wb-quiet">{html(cited(citation))}</span>'
    if citation.status == "no_source":
        return f'<p class="wb-warn">{summary}</p>'
    passage = f"{html(citation.before)}<mark>{html(citation.passage)}</mark>{html(citation.after)}"
    return folded(summary, f"<blockquote>{passage}</blockquote>")


def citation_bundle(citation: Citation) -> MimeBundle:
    """A quote, its page, and the passage around it."""
    place = cited(citation)
    return {
        "text/plain": f"“{plain(citation.quote)}” ({plain(place)})",
        "text/markdown": f"“{markdown(citation.quote)}” ({markdown(place)})",
        "text/html": card(citation_html(citation)),
    }


def place_bundle(place: Place) -> MimeBundle:
    """Where a passage stands, in a line."""
    boxes, num_made = len(place.boxes), sum(end - start for start, end in place.made)
    facts = [f"{place.where}: characters {place.start_char:,} to {place.end_char:,}"]
    facts += [f"{boxes} box{'' if boxes == 1 else 'es'}"] if boxes else []
    facts += [f"in {' › '.join(place.sections)}"] if place.sections else []
    facts += [f"{num_made:,} of them made by the reader"] if num_made else []
    line = " · ".join(facts)
    return {"text/plain": plain(line), "text/markdown": markdown(line), "text/html": card(f"<p>{html(line)}</p>")}


def page_bundle(image: PageImage) -> MimeBundle:
    """The picture, and in words what it shows."""
    label, num = image.label or image.page, image.num_marked
    marked = f", {num} passage{'' if num == 1 else 's'} marked" if num else ""
    drawn = f"drawn from the {image.drawn_from}{f': {image.note}' if image.note else ''}"
    said = f"page {label} of {image.document_name}{marked} ({drawn})"
    return {"text/plain": plain(said), "image/png": base64.b64encode(image.png).decode()}


def _ending(answer: Answer) -> str:
    written = f"{answer.usage.completion_tokens:,} tokens"
    ends = {"length": f"Cut off after {written}.", "cancelled": f"Stopped after {written}."}
    return ends.get(answer.finish_reason, "")


def _counts(answer: Answer) -> str:
    usage = answer.usage
    reused, computed, written = usage.reused_tokens, usage.computed_tokens, usage.completion_tokens
    return f"{reused:,} tokens reused · {computed:,} computed · {written:,} written"


def answer_text(answer: Answer) -> str:
    """The answer for a terminal: the text, its quotes with pages, the counts."""
    quotes = [f"  [{n}] “{plain(c.quote)}” ({plain(cited(c))})" for n, c in enumerate(answer.citations, 1)]
    left = [f"  {plain(unsupported_line(answer))}"] if answer.unsupported else []
    warned = [f"  ! {plain(warning)}" for warning in answer.warnings]
    text = plain(footnoted(answer, str, str))
    parts = (text, _ending(answer), *quotes, *left, *warned, f"({_counts(answer)})")
    return "\n".join(part for part in parts if part)


def answer_markdown(answer: Answer) -> str:
    """The answer for a Markdown reader, every letter of it literal."""
    text = markdown(footnoted(answer, str, str))
    quotes = "\n".join(
        f"- {markdown(f'[{n}]')} “{markdown(c.quote)}” ({markdown(cited(c))})"
        for n, c in enumerate(answer.citations, 1)
    )
    left = markdown(unsupported_line(answer))
    ending = f"**{_ending(answer)}**" if _ending(answer) else ""
    warned = "\n".join(f"- **{markdown(warning)}**" for warning in answer.warnings)
    return "\n\n".join(part for part in (text, ending, quotes, left, warned, f"*{_counts(answer)}*") if part)


def answer_html(answer: Answer) -> str:
    """The answer first; citations fold out below it, then the counts."""
    cut = "" if answer.finish_reason == "stop" else "…"
    ending = f'<p class="wb-warn">{_ending(answer)}</p>' if _ending(answer) else ""
    quotes = "".join(citation_html(citation, number) for number, citation in enumerate(answer.citations, 1))
    left = f'<p class="wb-quiet">{html(unsupported_line(answer))}</p>' if answer.unsupported else ""
    warned = "".join(f'<p class="wb-warn">⚠ {html(warning)}</p>' for warning in answer.warnings)
    counts = f'<p class="wb-quiet">{_counts(answer)}</p>'
    return card(f"<p>{footnoted(answer, html, superscript)}{cut}</p>", ending, quotes, left, warned, counts)


def answer_bundle(answer: Answer) -> MimeBundle:
    """All three forms of an answer."""
    forms = {"text/plain": answer_text, "text/markdown": answer_markdown, "text/html": answer_html}
    wanted = {MarkdownAnswer: ("text/plain", "text/markdown"), TextAnswer: ("text/plain",)}.get(type(answer), forms)
    return {mime: forms[mime](answer) for mime in wanted}
