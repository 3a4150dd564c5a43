"""One workbench of each model for all tests here, and documents short enough for two cores."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from transformers import PreTrainedModel

import workbench as wb
from tests.checkpoints import MAKERS
from tests.session.replay import plain_model
from workbench.engine.sampling import Sampler


@pytest.fixture(scope="session")
def opinion(samples: Path) -> wb.Document:
    return wb.load(samples / "abouammo-v-united-states.txt")


@pytest.fixture(scope="session")
def page(opinion: wb.Document) -> wb.Document:
    """A real page, 1,353 characters."""
    return opinion.select(pages=[1])


@pytest.fixture(scope="session")
def note(samples: Path) -> wb.Document:
    """Another short document."""
    return wb.load(samples / "patient-notes" / "note-00.txt")


@pytest.fixture(scope="session")
def tiny() -> Iterator[wb.Workbench]:
    with wb.Workbench("tiny") as bench:
        yield bench


@pytest.fixture(scope="session")
def plain_tiny(tiny: wb.Workbench) -> PreTrainedModel:
    tiny._model.load()
    return plain_model(tiny._model._present_folder())


@pytest.fixture(scope="session")
def reading(tiny: wb.Workbench, page: wb.Document) -> Iterator[wb.Reading]:
    with tiny.read(page, progress=None) as reading:
        yield reading


def talkative(folder: Path, **options: object) -> wb.Workbench:
    """A workbench whose random model does not end an answer by chance."""
    bench = wb.Workbench(str(folder), **options)
    bench._model.load().tokenizer.end_token_ids = frozenset()
    return bench


@pytest.fixture(scope="session", params=sorted(MAKERS))
def random_bench(request: pytest.FixtureRequest, checkpoint: Callable[[str], Path]) -> Iterator[wb.Workbench]:
    """A workbench over a folder with a random model of each kind, which reads bytes."""
    with talkative(checkpoint(request.param)) as bench:
        yield bench


@pytest.fixture(scope="session")
def hybrid(checkpoint: Callable[[str], Path]) -> Iterator[wb.Workbench]:
    """A random Qwen3.5: attention and recurrent layers."""
    with talkative(checkpoint("qwen3.5")) as bench:
        yield bench


@pytest.fixture
def new_bench(checkpoint: Callable[[str], Path]) -> Iterator[Callable[..., wb.Workbench]]:
    """Workbenches of a test's own, to be closed by it or after it."""
    made = []

    def make(kind: str = "qwen3.5", **options: object) -> wb.Workbench:
        made.append(talkative(checkpoint(kind), **options))
        return made[-1]

    yield make
    for bench in made:
        bench.close()


@pytest.fixture(scope="module")
def bytes_reading(hybrid: wb.Workbench, page: wb.Document) -> Iterator[wb.Reading]:
    with hybrid.read(page, progress=None) as reading:
        yield reading


@pytest.fixture
def said(bytes_reading: wb.Reading, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Texts for the answers; the model itself chooses what it quotes. Its answers end with the byte of ``~``."""
    tokenizer, choose, script = bytes_reading._context.tokenizer, Sampler.choose, list[int]()
    texts: list[str] = []

    def scripted(sampler: Sampler, logits: object, allowed: object = None) -> int:
        if allowed is not None:
            return choose(sampler, logits, allowed)  # type: ignore[arg-type]
        if not script:
            script.extend(tokenizer.encode(texts.pop(0) + "~"))
        return script.pop(0)

    monkeypatch.setattr(Sampler, "choose", scripted)
    monkeypatch.setattr(tokenizer, "end_token_ids", frozenset(tokenizer.encode("~")))
    return texts
