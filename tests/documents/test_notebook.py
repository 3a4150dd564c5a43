"""Notebooks: each cell and its outputs, by name."""

import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell

from tests.documents.conftest import check_whole, named_regions, said, without_made
from workbench.documents.load import load
from workbench.errors import DocumentError


def saved(*cells):
    return nbformat.writes(new_notebook(cells=list(cells))).encode()


def test_cells_have_names_and_headings_make_the_outline():
    document = load(
        saved(new_markdown_cell("# Rents\n\nAll of them."), new_code_cell("x = 1\nx"), new_raw_cell("raw")),
        name="a.ipynb",
    )
    check_whole(document)
    assert document.text == "# Rents\n\nAll of them.\n\n[2] code:\nx = 1\nx\n\n[3] raw:\nraw\n\n"
    assert named_regions(document, "cell")["cell 2"] == "[2] code:\nx = 1\nx\n\n"
    assert [(s.level, s.title) for s in document.outline] == [(1, "Rents")]
    assert without_made(document) == "# Rents\n\nAll of them.x = 1\nxraw"


def test_outputs_are_text_and_pictures_are_counted():
    html = new_output("execute_result", {"text/html": "<table><tr><td>a</td><td>b</td></tr></table>"})
    outputs = [
        new_output("stream", text="printed\n"),
        new_output("display_data", {"image/png": "AAAA", "text/plain": "<Figure>"}),
        html,
        new_output("error", ename="KeyError", evalue="'x'", traceback=["\x1b[31mKeyError\x1b[0m: 'x'"]),
    ]
    document = load(saved(new_code_cell("f()", outputs=outputs)), name="a.ipynb")
    assert document.text.split() == (
        [
            "[1]",
            "code:",
            "f()",
            "[1]",
            "output:",
            "printed",
            "[1]",
            "output:",
            "<Figure>",
            "[1]",
            "output:",
            "a",
            "b",
            "[1]",
            "output:",
            "KeyError:",
            "'x'",
        ]
    )
    assert "1 image/png" in said(document)
    assert "cell 1, output" in named_regions(document, "cell")


def test_a_notebook_of_an_old_version_is_read():
    old = {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {"name": ""},
        "worksheets": [
            {"metadata": {}, "cells": [{"cell_type": "code", "input": ["y = 2"], "outputs": [], "language": "python"}]}
        ],
    }
    assert "y = 2" in load(json.dumps(old).encode(), name="a.ipynb").text


@pytest.mark.parametrize(
    "data",
    [b"no json", b"[]", b"{}", b'{"nbformat": 99}', b'{"nbformat": 4, "cells": 3}', b"[" * 100_000, b'{"nbformat": 4}'],
)
def test_what_is_no_notebook_is_refused(data):
    with pytest.raises(DocumentError):
        load(data, name="a.ipynb")


def test_the_notebooks_of_the_project_are_read(samples):
    for path in sorted((samples.parent / "notebooks").glob("*.ipynb")):
        document = load(path)
        check_whole(document)
        cells = json.loads(path.read_text())["cells"]
        assert all("".join(cell["source"]) in document.text for cell in cells)
