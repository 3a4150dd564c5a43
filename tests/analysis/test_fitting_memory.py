"""A document that memory does not hold: said before anything is read, with choices that work when they are typed."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import workbench as wb
from workbench.engine import models

TEXT = "".join(f"# Part {part}\n\n{'word ' * 80}\n\n" for part in range(1, 7)).encode()


@pytest.fixture
def document() -> wb.Document:
    return wb.load(TEXT, name="parts.md")


@pytest.fixture
def bench(checkpoint: Callable[[str], Path]) -> wb.Workbench:
    """A workbench that counts bytes as tokens; its window of 4,096 holds the document."""
    with wb.Workbench(str(checkpoint("llama")), store=False) as bench:
        yield bench


def leave(monkeypatch: pytest.MonkeyPatch, num_bytes: int) -> None:
    monkeypatch.setattr(models, "free_bytes", lambda _: num_bytes)


def test_enough_memory_is_not_spoken_of(bench: wb.Workbench, document: wb.Document, monkeypatch: pytest.MonkeyPatch):
    fit = bench.fit(document, reserve=500)
    leave(monkeypatch, fit.needed_bytes)
    fit = bench.fit(document, reserve=500)
    assert fit.fits
    assert fit.in_memory
    assert fit.weights_bytes == 4 * bench._model.architecture.num_params
    assert fit.choices == ()
    assert "free" not in str(fit._repr_mimebundle_())


def test_a_byte_too_few_is_an_error_before_anything_is_loaded(
    bench: wb.Workbench, document: wb.Document, monkeypatch: pytest.MonkeyPatch
):
    needed = bench.fit(document, reserve=500).needed_bytes
    leave(monkeypatch, needed - 200_000)
    with pytest.raises(wb.CacheFull) as caught:
        bench.read(document, reserve=500, progress=None)
    fit = bench.fit(document, reserve=500)
    assert not fit.fits
    assert fit.in_window
    assert bench._model._loaded is None
    for part in (*fit.choices, f"{fit.tokens:,} tokens", "Nothing was read", f"{needed / 1e9:.2f} GB"):
        assert part in str(caught.value)
    assert "does not fit memory" in fit._repr_mimebundle_()["text/plain"]


def test_the_choices_work_when_they_are_typed(
    bench: wb.Workbench, document: wb.Document, checkpoint: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
):
    missing = 700 * bench._model.architecture.token_bytes(4)
    leave(monkeypatch, bench.fit(document, reserve=500).needed_bytes - missing)
    part, smaller, close = bench.fit(document, reserve=500).choices
    selected = eval(re.search(r"document\.select\(.*?\)", part)[0], {"document": document})  # noqa: S307
    assert bench.fit(selected, reserve=500).fits
    assert selected.text.count("# Part") == 4
    assert f"{missing / 1e9:.2f} GB" in close
    other = eval(re.search(r"wb\.Workbench\(.*\)", smaller)[0], {"wb": wb})  # noqa: S307
    assert other.fit(document, reserve=500).fits


def test_where_the_weights_alone_are_too_much_a_smaller_model_is_offered(
    bench: wb.Workbench, document: wb.Document, monkeypatch: pytest.MonkeyPatch
):
    leave(monkeypatch, 1_000)
    choices = bench.fit(document, reserve=500).choices
    assert [choice.split()[0] for choice in choices] == ["Close", "Take"]


def test_what_is_open_is_not_weighed_again(bench: wb.Workbench, document: wb.Document, monkeypatch: pytest.MonkeyPatch):
    with bench.read(document, reserve=500, progress=None):
        assert bench.fit(document, reserve=500).weights_bytes == 0
        leave(monkeypatch, 0)
        bench.read(document, reserve=500, progress=None).close()
    with pytest.raises(wb.CacheFull):
        bench.read(document, reserve=500, progress=None)
