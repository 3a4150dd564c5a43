from collections.abc import Callable
from pathlib import Path

import pytest

import workbench as wb
from workbench.engine.tokenizer import HubTokenizer


@pytest.fixture(scope="session")
def book(samples: Path) -> wb.Document:
    return wb.load(samples / "persuasion.txt")


@pytest.fixture(scope="session")
def tokenizer(checkpoint: Callable[[str], Path]) -> HubTokenizer:
    """Bytes as tokens."""
    return HubTokenizer(checkpoint("llama"))
