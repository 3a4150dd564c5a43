"""What all tests share: random checkpoints made once a run, and the sample documents."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

# Everyone's `make test` tries the same examples; `make test-slow` draws new ones.
settings.register_profile("same", derandomize=True, database=None, deadline=None)
settings.load_profile("same")

# Tests that are about the store name a folder of their own.
os.environ["WORKBENCH_STORE"] = "off"

# A job in the background ignores Ctrl-C, and so would everything that it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

SAMPLES = Path(__file__).parents[1] / "sample_data"


@pytest.fixture(scope="session")
def samples() -> Path:
    return SAMPLES


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A random checkpoint by kind, made when first asked for."""
    from tests.checkpoints import make_checkpoint

    made: dict[str, Path] = {}

    def get(kind: str) -> Path:
        if kind not in made:
            made[kind] = make_checkpoint(kind, tmp_path_factory.mktemp(kind))
        return made[kind]

    return get
