"""The README's example is run as it stands; its commands exist; the notebooks tell nothing of a machine."""

import re
import subprocess
import sys
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return [token.content for token in MarkdownIt().parse(README) if token.type == "fence" and token.info == language]


def test_the_example_prints_what_the_readme_says():
    (code,) = blocks("python")
    expected = blocks("")[0]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == expected


def test_the_commands_are_there_and_the_page_is_short():
    targets = set(re.findall(r"^make ([a-z-]+)", "\n".join(blocks("")), re.MULTILINE))
    assert {"demo", "test"} <= targets
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)
    assert len(README.splitlines()) <= 150


def test_what_the_readme_links_to_is_there():
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / link).exists(), link


def test_stored_outputs_name_no_folder_of_the_machine_that_made_them():
    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        assert not re.search(r"kept in (/|[A-Z]:)", notebook.read_text(encoding="utf-8"))
