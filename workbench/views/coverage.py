"""How it looks what a text rests on: the strip of a summary's pages, and the heat map of sentences by pages.

Both are HTML that stands by itself, in a saved notebook as on a page: colours are seen on light and dark ground, each
says in words or numbers what the colour says, and what unfolds does so by keyboard.

Not covered: what rests on what (workbench.analysis).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import log2

from workbench.display import MimeBundle
from workbench.results import EvidenceMap, Summary
from workbench.views.bundles import answer_bundle, card, citation_html, html, markdown, plain

INK = "#4f8fbf"
"""Seen on white and on black."""

MAX_BINS, MAX_ROWS, MAX_COLUMNS = 240, 40, 16
_WIDTH, _LEFT, _ROW = 720, 34, 14
_SHOWN_CHARS = 90
_MOST_LIFT = 8.0


def runs(labels: Sequence[str], chosen: Iterable[int]) -> str:
    """Places in ``labels`` as runs: ``1, 3–5``; the labels are shown."""
    found: list[list[int]] = []
    for at in chosen:
        if found and found[-1][1] == at - 1:
            found[-1][1] = at
        else:
            found.append([at, at])
    return ", ".join(labels[a] if a == b else f"{labels[a]}–{labels[b]}" for a, b in found)


def coverage_text(summary: Summary) -> str:
    """A summary's length and coverage in a line."""
    length = f"{summary.num_words:,} words of {summary.words:,} asked for"
    rows = summary.coverage.to_dicts()
    labels = [str(row["label"]) for row in rows]
    resting = [at for at, row in enumerate(rows) if row["sentences"]]
    bare = [at for at, row in enumerate(rows) if not row["sentences"] and row["chars"]]
    if not rows:
        return length
    pages = "page" if len(resting) == 1 else "pages"
    rests = f"rests on {pages} {runs(labels, resting)}" if resting else "no sentence could be traced to a page"
    rest = f"; nothing rests on {len(bare):,} of {len(rows):,}: {runs(labels, bare)}" if bare and resting else ""
    return plain(f"{length} · {rests}{rest}")


def coverage_html(summary: Summary) -> str:
    """The strip plot: a row for each sentence, a column for each page, and below them the pages that have none."""
    rows = summary.coverage.to_dicts()
    said = f'<p class="wb-quiet" style="margin:6px 0 2px">{html(coverage_text(summary))}</p>'
    if not rows or not summary.sentences:
        return said
    bins = [rows[i * len(rows) // n : (i + 1) * len(rows) // n] for n in [min(len(rows), MAX_BINS)] for i in range(n)]
    sentences = [summary.text[start:end] for start, end in summary.sentences][:MAX_ROWS]
    step = min((_WIDTH - _LEFT) / len(bins), 36)
    marks = [_row(bins, number, text, step) for number, text in enumerate(sentences, 1)]
    foot = (len(sentences) * _ROW) + 4
    marks.append(_foot(bins, step, foot))
    height = foot + _ROW + 14
    label = html(f"Pages that each of {len(summary.sentences)} sentences rests on. {coverage_text(summary)}")
    return (
        f'<svg role="img" aria-label="{label}" viewBox="0 0 {_WIDTH} {height}" width="100%" '
        f'style="max-width:{_WIDTH}px;display:block;font:10px system-ui,sans-serif" fill="currentColor">'
        f"<title>{label}</title>{''.join(marks)}</svg>{said}"
    )


def _row(bins: list[list[dict[str, object]]], number: int, text: str, step: float) -> str:
    """A sentence's pages on a thin line."""
    y, words = (number - 1) * _ROW, html(f"{number}. {_short(text)}")
    line = f'x1="{_LEFT}" x2="{_LEFT + step * len(bins):.1f}" y1="{y + 7}" y2="{y + 7}"'
    drawn = [
        f'<text x="{_LEFT - 8}" y="{y + 10}" text-anchor="end" opacity="0.7">{number}</text>',
        f'<line {line} stroke="currentColor" stroke-opacity="0.15"/>',
    ]
    for at, pages in enumerate(bins):
        found = [str(page["label"]) for page in pages if number in page["sentences"]]  # type: ignore[operator]
        if found:
            title = f"page {html(', '.join(found))}: {words}"
            drawn.append(_rect(at, step, y + 2, 10, f'fill="{INK}"', title))
    return "".join(drawn)


def _rect(at: int, step: float, y: int, height: int, look: str, title: str) -> str:
    x, width = _LEFT + at * step + 0.5, max(step - 1, 2)
    place = f'x="{x:.1f}" y="{y}" width="{width:.1f}" height="{height}" rx="1"'
    return f"<rect {place} {look}><title>{title}</title></rect>"


def _foot(bins: list[list[dict[str, object]]], step: float, y: int) -> str:
    """All pages: full where a sentence rests on them, hollow where none does; the first and the last are named."""
    drawn = []
    for at, pages in enumerate(bins):
        numbers = sorted({n for page in pages for n in page["sentences"]})  # type: ignore[attr-defined]
        name = str(pages[0]["label"]) if len(pages) == 1 else f"{pages[0]['label']}–{pages[-1]['label']}"
        rests = f"sentence {', '.join(map(str, numbers))}" if numbers else "nothing rests on it"
        look = f'fill="{INK}"' if numbers else 'fill="none" stroke="currentColor" stroke-opacity="0.4"'
        drawn.append(_rect(at, step, y, 8, look, f"page {html(name)}: {rests}"))
    first, last = html(str(bins[0][0]["label"])), html(str(bins[-1][-1]["label"]))
    end = _LEFT + step * len(bins)
    names = f'<text x="{_LEFT}" y="{y + 20}" opacity="0.7">page {first}</text>'
    if len(bins) > 1 and step * len(bins) > 120:
        names += f'<text x="{end:.1f}" y="{y + 20}" text-anchor="end" opacity="0.7">page {last}</text>'
    return "".join(drawn) + names


def summary_bundle(summary: Summary) -> MimeBundle:
    """An answer, and below it what it rests on."""
    made, said = answer_bundle(summary), coverage_text(summary)
    more = {
        "text/plain": f"\n{said}",
        "text/markdown": f"\n\n{markdown(said)}",
        "text/html": card(coverage_html(summary)),
    }
    return {mime: f"{shown}{more[mime]}" for mime, shown in made.items()}


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 1].rstrip() + "…"


def evidence_text(found: EvidenceMap) -> str:
    """Each sentence with the pages it rests on most."""
    lines = []
    for number, text, top in found.leading():
        pages = ", ".join(f"page {label} ({lift:.1f}×)" for _, label, lift, _ in top)
        lines.append(f"[{number}] {_short(text)}\n    {pages}")
    return plain("\n".join([f"Evidence in {found.document_name}, by lift", *lines]))


def evidence_html(found: EvidenceMap) -> str:
    """The heat map, and below it the passages of the pages that lead."""
    return f"{_table(found)}{_passages(found)}"


def _table(found: EvidenceMap) -> str:
    rows = {(row["sentence"], row["page"]): row for row in found.frame.to_dicts()}
    leading = found.leading()
    columns = found.pages
    if len(columns) > MAX_COLUMNS:
        wanted = sorted(((lift, page) for _, _, top in leading for page, _, lift, _ in top), reverse=True)
        columns = tuple(sorted(list(dict.fromkeys(page for _, page in wanted))[:MAX_COLUMNS]))
    head = "".join(f'<th scope="col" style="{_CELL}">{html(found.labels[page])}</th>' for page in columns)
    body = ""
    for number, text, top in leading:
        cells = "".join(_cell(rows[number, page], found.labels[page], page == top[0][0]) for page in columns)
        body += (
            f'<tr><th scope="row" style="text-align:left;font-weight:normal;min-width:200px;padding:2px 10px 2px 0">'
            f"{number}. {html(_short(text))}</th>{cells}</tr>"
        )
    left = len(found.pages) - len(columns)
    note = "Lift: attention to a page while the sentence was written, against a neutral question; over 1× is more."
    if left:
        note += f" {left:,} pages that lead for no sentence are not shown; the frame has them."
    caption = f'<caption style="text-align:left" class="wb-quiet">Page by page, {html(found.document_name)}</caption>'
    return (
        f'<div role="region" aria-label="Evidence by sentence and page" tabindex="0" style="overflow-x:auto">'
        f'<table style="border-spacing:2px;border-collapse:separate;font-size:13px">{caption}<thead><tr>'
        f'<th scope="col" style="text-align:left">Sentence</th>{head}</tr></thead><tbody>{body}</tbody></table></div>'
        f'<p class="wb-quiet" style="margin:2px 0 8px">{note}</p>'
    )


_CELL = "text-align:center;white-space:nowrap;padding:2px 6px;font-variant-numeric:tabular-nums"


def _cell(row: dict[str, object], label: str, first: bool) -> str:
    """A figure on a ground that is the stronger, the more lift there is."""
    lift, share = float(str(row["lift"])), float(str(row["share"]))
    strength = max(min(log2(max(lift, 1.0)) / log2(_MOST_LIFT), 1.0), 0.0) * 70
    ground = f"background:color-mix(in srgb, {INK} {strength:.0f}%, transparent)"
    weight = ";font-weight:700;outline:1px solid currentColor;outline-offset:-1px" if first else ""
    title = html(f"page {label}: {lift:.2f}× the neutral share, {share:.2%} of the attention")
    return f'<td style="{_CELL};border-radius:3px;{ground}{weight}" title="{title}">{lift:.1f}</td>'


def _passages(found: EvidenceMap) -> str:
    parts = []
    for number, text, top in found.leading():
        cited = "".join(citation_html(passage) for *_, passage in top if passage is not None)
        parts.append(f'<p style="margin:6px 0 2px">{number}. {html(_short(text))}</p>{cited}')
    return "".join(parts)


def evidence_bundle(found: EvidenceMap) -> MimeBundle:
    """All three forms of a map."""
    lines = [
        f"- {markdown(_short(text))} {markdown(', '.join(f'page {label} ({lift:.1f}×)' for _, label, lift, _ in top))}"
        for _, text, top in found.leading()
    ]
    return {
        "text/plain": evidence_text(found),
        "text/markdown": "\n".join([f"**Evidence in {markdown(found.document_name)}**, by lift\n", *lines]),
        "text/html": card(evidence_html(found)),
    }
