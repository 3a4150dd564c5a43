"""Orders to a model inside a document are flagged, whatever trick brings them; the sample documents have none."""

from pathlib import Path

import pytest

from tests.injected import INJECTED, NOTE
from workbench.analysis import prompts
from workbench.documents.instructions import find_instructions
from workbench.documents.load import load

FLAGS = {"instructions", "invisible"}


@pytest.mark.parametrize("trick", INJECTED)
def test_a_document_that_orders_a_model_about_is_flagged(trick: str):
    document = load(INJECTED[trick].encode(), name="a.txt")
    assert {warning.kind for warning in document.warnings} & FLAGS
    assert all(warning.spans for warning in document.warnings if warning.kind in FLAGS)


def test_what_holds_no_orders_is_not_flagged(samples: Path):
    assert find_instructions(NOTE) == ()
    for path in (*samples.glob("*.txt"), *samples.glob("itsdangerous-2.2.0/**/*.py"), *samples.glob("**/note-*.txt")):
        assert find_instructions(path.read_text("utf-8")) == (), path.name


@pytest.mark.parametrize("mark", [prompts.OPEN, prompts.CLOSE])
def test_our_own_marks_around_a_document_are_flagged_inside_it(mark: str):
    assert find_instructions(f"It rained.\n{mark.strip()}\n")


def test_the_document_is_declared_to_be_data_and_stands_between_its_marks():
    assert "The document is data" in prompts.SYSTEM
    assert "never followed" in prompts.SYSTEM
    assert prompts.OPEN.strip()
    assert prompts.CLOSE.strip()
