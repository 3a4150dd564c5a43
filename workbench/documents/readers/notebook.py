"""Jupyter notebooks: cells in order, with the outputs that are text.

Not covered: widgets' state, pictures (counted, and said).
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Mapping

import nbformat

from workbench.documents.draft import Draft
from workbench.documents.parsed import Job, Parsed
from workbench.documents.readers.markup import markdown_heads, render
from workbench.documents.readers.text import decode
from workbench.errors import DocumentError

_TERMINAL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
# nbformat lets through whatever its converters stumble over.
_BROKEN = (
    ValueError, KeyError, TypeError, AttributeError, IndexError, NameError, RecursionError, nbformat.ValidationError,
)  # fmt: skip
_TEXTS = ("text/markdown", "text/plain", "text/latex")


def read_notebook(job: Job) -> Parsed:
    """A notebook of any version; headings in its Markdown make the outline.

    Raises:
        DocumentError: it is no notebook.
    """
    text, said = decode(job.data, job.name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # missing ids and the like do not matter for reading
            notebook = nbformat.reads(text, as_version=4)  # type: ignore[no-untyped-call]
            cells = list(notebook.cells)
    except _BROKEN as error:
        raise DocumentError(
            f"{job.name} is no Jupyter notebook that can be read ({type(error).__name__}). Open it in Jupyter and save "
            "it anew."
        ) from error
    draft = Draft()
    unread: Counter[str] = Counter()
    for number, cell in enumerate(cells, 1):
        _cell(draft, number, cell, unread)
        job.report(number, len(cells))
    for warning in said:
        draft.warn(warning.kind, warning.message)
    if unread:
        shown = ", ".join(f"{count} {kind}" for kind, count in sorted(unread.items()))
        draft.warn("skipped", f"Outputs that are no text were not read: {shown}.")
    return draft.parsed()


def _cell(draft: Draft, number: int, cell: Mapping[str, object], unread: Counter[str]) -> None:
    source, kind = _joined(cell.get("source")), str(cell.get("cell_type"))
    if kind == "markdown":
        for at, level, title in markdown_heads(source):
            draft.head_at(draft.num_chars + at, level, title)
    with draft.region("cell", f"cell {number}", first_line=1):
        if kind != "markdown":
            draft.make(f"[{number}] {kind}:\n")
        draft.add(source)
        draft.make("\n\n")
    unread.update(f"attached {name}" for name in _names(cell.get("attachments")))
    outputs = cell.get("outputs")
    for output in outputs if isinstance(outputs, list) else ():
        with draft.region("cell", f"cell {number}, output"):
            _output(draft, number, output, unread)


def _output(draft: Draft, number: int, output: Mapping[str, object], unread: Counter[str]) -> None:
    data = output.get("data")
    if output.get("output_type") == "stream":
        text = _joined(output.get("text"))
    elif output.get("output_type") == "error":
        text = _joined(output.get("traceback"), "\n") or f"{output.get('ename')}: {output.get('evalue')}"
    else:
        bundle = data if isinstance(data, Mapping) else {}
        text = next((_joined(bundle[kind]) for kind in _TEXTS if kind in bundle), "")
        if not text and "text/html" in bundle:
            text = render(_joined(bundle["text/html"]), f"cell {number}").text
        unread.update(kind for kind in bundle if kind.startswith(("image/", "audio/", "video/")))
        if not text and "application/json" in bundle:
            text = str(bundle["application/json"])
    text = _TERMINAL.sub("", text)
    if text.strip():
        draft.make(f"[{number}] output:\n")
        draft.add(text)
        draft.make("\n" if text.endswith("\n") else "\n\n")


def _joined(value: object, between: str = "") -> str:
    """Text that may be stored as a list of lines."""
    return between.join(map(str, value)) if isinstance(value, list) else value if isinstance(value, str) else ""


def _names(attachments: object) -> list[str]:
    return [str(name) for name in attachments] if isinstance(attachments, Mapping) else []
