"""Answers, citations and progress as HTML for a page. All text that comes in is escaped; none is rendered as Markdown.

What a model writes, and what a document holds, can therefore never load an image, open a link or run a script.

Not covered: where these pieces stand (cells, app), how they look (dashboard.css).
"""

from functools import partial
from html import escape

from workbench.results import Answer, Citation, EvidenceMap, Summary
from workbench.types import ReadProgress
from workbench.views import cited, coverage_html, evidence_html, footnoted, plain, superscript, unsupported_line


def heading(name: str, line: str) -> str:
    """The head of a page: the document's name and a line about it."""
    return f'<header class="wb-head"><h1>{escape(name)}</h1><p>{escape(line)}</p></header>'


def title(text: str) -> str:
    """The title of a cell."""
    return f'<h2 class="wb-title">{escape(text)}</h2>'


def running(question: str, text: str, status: str) -> str:
    """An answer while it is being written."""
    said = f'<p class="wb-text">{escape(text)}</p>' if text else ""
    line = f'<p class="wb-status" role="status">{escape(status)}</p>'
    return _turn(question, said + line, "running")


def failed(question: str, text: str, message: str) -> str:
    """What there is of an answer that failed, and why it did."""
    said = f'<p class="wb-text">{escape(text)}</p>' if text else ""
    return _turn(question, said + f'<p class="wb-note" role="alert">{escape(message)}</p>', "failed")


def finished(answer: Answer) -> str:
    """An answer with its quotes marked, its citations in place, and what it cost."""
    cut = {"stop": "", "length": "…", "cancelled": "…"}[answer.finish_reason]
    text = f'<p class="wb-text">{_marked(answer)}<span class="wb-cut">{cut}</span></p>'
    rests = coverage_html(answer) if isinstance(answer, Summary) else ""
    proof = _citations(answer) + _unsupported(answer) + rests
    body = text + _ending(answer) + proof + _warnings(answer) + _counts(answer)
    return _turn(answer.question, body, answer.finish_reason)


def mapped(question: str, found: EvidenceMap) -> str:
    """The heat map of sentences and pages, with the passages."""
    return _turn(question, evidence_html(found), "mapped")


def note(text: str) -> str:
    """A quiet line, or nothing."""
    return f'<p class="wb-status" role="status">{escape(text)}</p>' if text else ""


def reading(progress: ReadProgress | None, status: str, *, error: str = "", heard: str = "") -> str:
    """How far a document is read: a bar, tokens, speed, time left, and what was ``heard``; or why it is not."""
    if error:
        return _turn("", f'<p class="wb-note" role="alert">{escape(error)}</p>', "failed")
    share = progress.done_tokens / progress.total_tokens if progress and progress.total_tokens else 0.0
    bar = (
        f'<div class="wb-bar" role="progressbar" aria-label="Reading" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{100 * share:.0f}"><div style="width: {share:.1%}"></div></div>'
    )
    figures = f" · {_figures(progress)}" if progress else ""
    return bar + note(status + figures) + note(heard)


def _turn(question: str, body: str, state: str) -> str:
    asked = f'<p class="wb-question">{escape(question)}</p>' if question else ""
    return f'<article class="wb-turn" data-state="{state}">{asked}{body}</article>'


def _ending(answer: Answer) -> str:
    if answer.finish_reason == "cancelled":
        return '<p class="wb-note">Stopped. This is what was written until then.</p>'
    if answer.finish_reason == "length":
        return f'<p class="wb-note">Cut off after {answer.usage.completion_tokens:,} tokens.</p>'
    return ""


def _warnings(answer: Answer) -> str:
    return "".join(f'<p class="wb-note" role="note">⚠ {escape(plain(warning))}</p>' for warning in answer.warnings)


def _marked(answer: Answer) -> str:
    """The text, with each quote underlined: evenly when the document has it, wavy when it does not; and numbers."""
    part = partial(footnoted, answer, escape, superscript)
    pieces: list[str] = []
    at = 0
    for citation in sorted(answer.citations, key=lambda c: c.answer_span or (0, 0)):
        if citation.origin != "quoted" or citation.answer_span is None or citation.answer_span.start_char < at:
            continue
        start, end = citation.answer_span
        kind = "wb-quoted wb-absent" if citation.status == "no_source" else "wb-quoted"
        pieces += [part(at, start), f'<span class="{kind}">{part(start, end)}</span>']
        at = end
    return "".join((*pieces, part(at)))


def _citations(answer: Answer) -> str:
    if not answer.citations:
        return ""
    items = "".join(_citation(citation, number) for number, citation in enumerate(answer.citations, 1))
    return f'<ul class="wb-citations" aria-label="Citations">{items}</ul>'


def _unsupported(answer: Answer) -> str:
    line = unsupported_line(answer)
    return f'<p class="wb-unsupported">{escape(line)}</p>' if line else ""


def _citation(citation: Citation, number: int) -> str:
    quote = f"[{number}] “{escape(citation.quote)}”"
    place = f'<span class="wb-page">{escape(cited(citation))}</span>'
    if citation.status == "no_source":
        return f'<li class="wb-absent">{quote} {place}</li>'
    passage = f"{escape(citation.before)}<mark>{escape(citation.passage)}</mark>{escape(citation.after)}"
    return f'<li><details><summary>{quote} {place}</summary><div class="wb-place">{passage}</div></details></li>'


def _counts(answer: Answer) -> str:
    usage = answer.usage
    counts = (
        f"{usage.reused_tokens:,} tokens reused · {usage.computed_tokens:,} computed · "
        f"{usage.completion_tokens:,} written"
    )
    return f'<p class="wb-counts">{counts}</p>'


def _figures(progress: ReadProgress) -> str:
    figures = f"{progress.done_tokens:,} of {progress.total_tokens:,} tokens"
    if progress.tokens_per_s:
        figures += f" · {progress.tokens_per_s:,.0f} tokens a second"
    if progress.left_s is not None and progress.done_tokens < progress.total_tokens:
        figures += f" · {_duration(progress.left_s)} left"
    return figures


def _duration(seconds: float) -> str:
    minutes, rest = divmod(max(round(seconds), 0), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"
