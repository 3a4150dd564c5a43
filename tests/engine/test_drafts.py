"""Drafts: tokens that are tried in one pass are chosen as they would be one by one, and leave nothing behind."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import torch

from tests.engine.test_oracles import NO_END, document, make_engine, read
from workbench.config import SamplingParams
from workbench.engine.decoding import DRAFT_TOKENS
from workbench.engine.local import LocalEngine
from workbench.types import Step

QUESTION = list(range(40, 57))
CLOSER = 300


class Guarded:
    """Holds an answer to a text of ids; where it may close, there is a choice."""

    def __init__(self, text: Sequence[int], wrong_every: int = 0) -> None:
        self._text, self._at, self._wrong = list(text), 0, wrong_every
        self.num_drafts = 0

    def allowed(self) -> Sequence[int] | None:
        if self._at >= len(self._text):
            return None
        return [self._text[self._at], CLOSER] if self._at % 5 == 4 else [self._text[self._at]]

    def advance(self, token_id: int) -> None:
        self._at = len(self._text) if token_id == CLOSER else self._at + 1

    def draft(self) -> Sequence[int]:
        draft = self._text[self._at : self._at + DRAFT_TOKENS]
        self.num_drafts += bool(draft)
        return [CLOSER if self._wrong and i % self._wrong == self._wrong - 1 else t for i, t in enumerate(draft)]


class WithoutDrafts(Guarded):
    def draft(self) -> Sequence[int]:
        return ()


@pytest.fixture(scope="module", params=["llama-fp32", "llama-int8", "qwen3-int8", "qwen3.5-fp32", "gemma3-fp32"])
def engine(request: pytest.FixtureRequest, checkpoint: Callable[[str], Path]) -> Iterator[LocalEngine]:
    kind, weights = request.param.split("-")
    engine = make_engine(checkpoint(kind), weights, kv=torch.int8 if weights == "int8" else torch.float32)
    yield engine
    engine.close()


def said(engine: LocalEngine, constraint: Guarded, *, then: int = 0, **params: object) -> tuple[list[Step], list[int]]:
    """Steps of an answer, and ids of what is said after one more token was fed behind it."""
    prefix = read(engine, document(300))
    branch = engine.fork(prefix)
    options = SamplingParams(**{"max_tokens": 40, **params})
    steps = list(engine.generate(branch, QUESTION, options, NO_END, constraint=constraint))
    ids = [step.token_id for step in steps if step.token_id is not None]
    whole = [*QUESTION, *ids, 7]
    rest = engine.generate(branch, whole[branch.num_tokens - 300 :], SamplingParams(max_tokens=3), NO_END)
    after = [step.token_id for step in rest if step.token_id is not None]
    branch.close()
    prefix.close()
    assert engine.memory.pool.num_used == 0
    return steps, after


@pytest.mark.parametrize(
    ("wrong_every", "params"), [(0, {"max_tokens": 11}), (4, {}), (0, {"temperature": 1.0, "seed": 3})]
)
def test_drafts_change_nothing_that_is_said(engine: LocalEngine, wrong_every: int, params: dict[str, object]):
    text = document(32)
    drafted, plain = Guarded(text, wrong_every), WithoutDrafts(text)
    steps, after = said(engine, drafted, **params)
    expected, expected_after = said(engine, plain, **params)
    assert drafted.num_drafts
    assert [step.token_id for step in steps] == [step.token_id for step in expected]
    assert [step.probability for step in steps] == pytest.approx([step.probability for step in expected], abs=1e-4)
    assert steps[-1].finish_reason == expected[-1].finish_reason
    assert after == expected_after


@torch.inference_mode()
def test_logits_of_a_draft_are_those_of_single_tokens(engine: LocalEngine):
    prefix = read(engine, document(300))
    alone, drafted = prefix.sequence.fork(), prefix.sequence.fork()
    fed = document(DRAFT_TOKENS + 1)
    expected = torch.stack([engine._runner.forward(alone, [token]).clone() for token in fed])
    logits = engine._runner._run(drafted, fed, len(fed), trial=True)
    torch.testing.assert_close(logits, expected, atol=1e-3, rtol=0)
    for sequence in (alone, drafted, prefix):
        sequence.close()
