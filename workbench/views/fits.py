"""How a fit looks: the verdict, the bar, tokens of pages, and of a folder's files as a tree, largest first.

Not covered: the bar itself (workbench_widgets).
"""

from __future__ import annotations

from collections.abc import Iterator

from workbench.display import MimeBundle
from workbench.results import Fit
from workbench.views.bundles import card, folded, html, items, markdown, plain

TREE_LINES = 12
"""Lines of the tree as text."""

SHOWN_ROWS = 400
"""Rows of a table in HTML; the frame has all."""


def fit_bundle(fit: Fit) -> MimeBundle:
    """The verdict with its numbers; the HTML is the static twin of the fit bar."""
    from workbench_widgets import Section, fit_bar_html

    verdict, sizes = _verdict(fit)
    counts = f"{fit.tokens:,} tokens and {fit.reserve:,} kept for question and answer, window {fit.window:,}"
    said = f"{verdict} ({plain(fit.model)}: {counts}; {sizes})"
    marked = f"**{markdown(fit.document_name)}** {verdict} ({markdown(fit.model)}: {counts}; {sizes})\n"
    taken = f"{sizes}, about {max(fit.seconds, 1):,.0f} s to read" if fit.seconds is not None else sizes
    rows = [Section(title=plain(title), tokens=n) for title, n in fit.sections.select("section", "tokens").iter_rows()]
    bar = fit_bar_html(plain(fit.document_name), plain(fit.model), fit.tokens, fit.reserve, fit.window, rows)
    choices = f"<p>You can:</p><ul>{items([html(c) for c in fit.choices])}</ul>" if fit.choices else ""
    lines = [f"{plain(fit.document_name)} {said}", *(f"  - {plain(choice)}" for choice in fit.choices)]
    tree = list(_tree_lines(fit))
    return {
        "text/plain": "\n".join([*lines, *map(plain, tree)]),
        "text/markdown": "\n".join([marked, *(f"- {markdown(c)}" for c in fit.choices), *_listed(tree)]),
        "text/html": bar + card(f'<p class="wb-quiet">{taken}</p>', choices, _files_html(fit), _pages_html(fit)),
    }


def _verdict(fit: Fit) -> tuple[str, str]:
    """Whether it fits, and the bytes it takes."""
    over = fit.tokens + fit.reserve - fit.window
    verdict = "fits" if fit.in_window else f"does not fit: {over:,} tokens too many"
    sizes = f"{fit.kv_bytes / 1e9:,.2f} GB of cache"
    if not fit.in_memory:
        verdict = verdict if over > 0 else "does not fit memory"
        free = (fit.free_bytes or 0) / 1e9
        sizes += (
            f", {fit.weights_bytes / 1e9:,.2f} GB of weights, {fit.work_bytes / 1e9:,.2f} GB to work, {free:,.2f} free"
        )
    return verdict, sizes


_Row = tuple[str, int, int, int]


def _tree(fit: Fit) -> list[_Row]:
    """Path, depth, files and tokens of each file and folder."""
    if fit.files.is_empty():
        return []
    return list(fit.files.select("path", "depth", "files", "tokens").iter_rows())


def _shown(path: str, files: int) -> str:
    """A file's own name; a folder's with the number of its files."""
    name = " ".join(path.rstrip("/").rpartition("/")[2].split())
    return f"{name}/ ({files:,} file{'' if files == 1 else 's'})" if path.endswith("/") else name


def _tree_lines(fit: Fit) -> Iterator[str]:
    """The largest of the upper two levels, as many as there is room for; what is left is counted."""
    upper = [row for row in _tree(fit) if row[1] < 2]
    # A folder is never smaller than what is in it, and stands before it: no line loses its folder.
    largest = sorted(sorted(range(len(upper)), key=lambda at: -upper[at][3])[:TREE_LINES])
    for path, depth, files, tokens in (upper[at] for at in largest):
        yield f"{tokens:>10,}  {'  ' * depth}{_shown(path, files)}"
    if len(upper) > TREE_LINES:
        yield f"{'':>10}  and {len(upper) - TREE_LINES:,} more in fit.files"


def _listed(tree: list[str]) -> list[str]:
    return ["", *(f"- {markdown(line)}" for line in tree)] if tree else []


def _files_html(fit: Fit) -> str:
    rows = _tree(fit)
    num_files = sum(not path.endswith("/") for path, *_ in rows)
    return folded(f"Tokens of {num_files:,} files", _branch(rows, 0, fit.document_tokens)) if rows else ""


def _branch(rows: list[_Row], depth: int, whole: int) -> str:
    """Rows of one folder as a list; a folder in it folds what stands below."""
    lines = []
    heads = [at for at, row in enumerate(rows) if row[1] == depth]
    for at, following in zip(heads, [*heads[1:], len(rows)], strict=True):
        path, _, files, tokens = rows[at]
        line = f"{html(_shown(path, files))} {_amount(tokens, whole)}"
        below = rows[at + 1 : following]
        lines.append(folded(line, _branch(below, depth + 1, whole)) if below else line)
    return f'<ul class="wb-tree">{items(lines)}</ul>'


def _amount(tokens: int, whole: int) -> str:
    return f'<span class="wb-quiet">{tokens:,} tokens · {tokens / max(whole, 1):.1%}</span>'


def _pages_html(fit: Fit) -> str:
    """Tokens of each page, in a table that folds; nothing for a single page, and for files, which have their tree."""
    if fit.pages.height < 2 or fit.files.height:
        return ""
    rows = fit.pages.select("label", "tokens").head(SHOWN_ROWS).iter_rows()
    lines = "".join(f"<tr><td>{html(label)}</td><td>{tokens:,}</td></tr>" for label, tokens in rows)
    more = fit.pages.height - SHOWN_ROWS
    rest = f'<p class="wb-quiet">and {more:,} more in fit.pages</p>' if more > 0 else ""
    head = '<thead><tr><th scope="col">Page</th><th scope="col">Tokens</th></tr></thead>'
    return folded(f"Tokens of {fit.pages.height:,} pages", f"<table>{head}<tbody>{lines}</tbody></table>{rest}")
