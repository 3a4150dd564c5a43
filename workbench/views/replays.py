"""How a replay looks: identical or not, the first difference, and what has changed since.

Not covered: the answers themselves (views.bundles).
"""

from __future__ import annotations

from workbench.analysis.replay import CellDifference, Replay
from workbench.display import MimeBundle
from workbench.results import Answer
from workbench.views.bundles import card, html, items, markdown, plain


def replay_bundle(replay: Replay) -> MimeBundle:
    """The verdict first."""
    verdict, said = _verdict(replay), _said(replay)
    tone = "wb-quiet" if replay.identical else "wb-warn"
    title = " · ".join(filter(None, (replay.document_name, replay.question)))
    since = "Changed since then:" if replay.changed else ""
    changed = f"<p>{since}</p><ul>{items([html(change) for change in replay.changed])}</ul>" if since else ""
    return {
        "text/plain": "\n".join(
            plain(line) for line in (verdict, *said, *filter(None, [since]), *(f"  {each}" for each in replay.changed))
        ),
        "text/markdown": "\n\n".join(
            [
                f"**{markdown(verdict)}**",
                *(markdown(line) for line in (*said, *filter(None, [since]))),
                *(["\n".join(f"- {markdown(change)}" for change in replay.changed)] if since else []),
            ]
        ),
        "text/html": card(
            f"<p><strong>{html(title)}</strong></p>", f'<p class="{tone}">{html(verdict)}</p>',
            "".join(f"<p>{html(line)}</p>" for line in said), changed,
        ),
    }  # fmt: skip


def _verdict(replay: Replay) -> str:
    found = replay.difference
    if isinstance(found, CellDifference):
        said = "has no answer now" if found.why else "is another"
        return f"Not identical: {found.column} of {found.document} {said}."
    if replay.num_cells:
        return f"Identical: {replay.num_cells:,} cell{'' if replay.num_cells == 1 else 's'}."
    counted = f"{replay.num_tokens:,} token{'' if replay.num_tokens == 1 else 's'}"
    rests_on = "citations" if isinstance(replay.answer, Answer) else "cells"
    if replay.identical:
        return f"Identical: {counted}, and the same {rests_on}."
    if found is None:
        return f"Not identical: the same {counted}, but other {rests_on}."
    return f"Not identical: token {found.token:,} of {replay.num_tokens:,} is another."


def _said(replay: Replay) -> list[str]:
    """Both texts from the first difference on, and what it means that nothing is known to have changed."""
    if replay.identical:
        return []
    lines = []
    if isinstance(found := replay.difference, CellDifference):
        lines = [f"Then: {found.then}", f"Now: {found.why or found.now}"]
        if found.why:
            return lines
    elif found is not None:
        before = f"… {found.before}" if found.before else ""
        lines = [f"Then: {before}[{found.then or 'end'}]", f"Now: {before}[{found.now or 'end'}]"]
    if not replay.changed:
        lines.append("Nothing is known to have changed: the manifest or the document's file may have been edited.")
    return lines
