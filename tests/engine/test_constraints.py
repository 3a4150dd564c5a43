"""Constraints: only what they allow is said, sampled as if nothing else existed; beginnings are weighed."""

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.engine.test_oracles import NO_END, document, load_plain, make_engine, read
from workbench.config import SamplingParams
from workbench.engine.local import LocalEngine
from workbench.engine.sampling import Sampler
from workbench.errors import EngineError
from workbench.types import Question, Step, Weigh

QUESTION = list(range(40, 57))
KINDS = ("llama", "qwen3.5")


class Scripted:
    """Allows what a list says, step by step, and remembers what it was told."""

    def __init__(self, *steps: Sequence[int] | np.ndarray | None) -> None:
        self._steps = steps
        self.said: list[int] = []

    def allowed(self) -> Sequence[int] | np.ndarray | None:
        return self._steps[len(self.said)] if len(self.said) < len(self._steps) else None

    def advance(self, token_id: int) -> None:
        self.said.append(token_id)

    def draft(self) -> Sequence[int]:
        return ()


@pytest.fixture(scope="module", params=KINDS)
def pair(request: pytest.FixtureRequest, checkpoint: Callable[[str], Path]) -> Iterator[tuple[LocalEngine, object]]:
    folder = checkpoint(request.param)
    engine = make_engine(folder)
    yield engine, load_plain(folder)
    engine.close()


def generate(engine: LocalEngine, num_document: int, ends: frozenset[int] = NO_END, **options: object) -> list[Step]:
    prefix = read(engine, document(num_document))
    branch = engine.fork(prefix)
    params = options.pop("params", SamplingParams(max_tokens=6))
    steps = list(engine.generate(branch, QUESTION, params, ends, **options))
    branch.close()
    prefix.close()
    return steps


def ids(steps: list[Step]) -> list[int]:
    return [step.token_id for step in steps if step.token_id is not None]


def plain_logits(plain: torch.nn.Module, tokens: list[int]) -> torch.Tensor:
    with torch.inference_mode():
        return plain(torch.tensor([tokens])).logits[0].float()


@pytest.mark.parametrize("as_mask", [False, True])
def test_only_what_is_allowed_is_said_and_the_best_of_it(pair: tuple[LocalEngine, torch.nn.Module], as_mask: bool):
    engine, plain = pair
    choices = [[7, 90, 200], [11], [300, 5, 6, 150]]
    steps: list[Sequence[int] | np.ndarray] = [*choices]
    if as_mask:
        steps = [np.isin(np.arange(400), each) for each in choices]
    constraint = Scripted(*steps)
    said = ids(generate(engine, 300, constraint=constraint))
    assert constraint.said == said
    logits = plain_logits(plain, [*document(300), *QUESTION, *said])
    at = 300 + len(QUESTION) - 1
    for index, token in enumerate(said):
        among = choices[index] if index < len(choices) else range(512)
        assert token == max(among, key=lambda each: float(logits[at + index, each]))


def test_probabilities_are_those_of_the_model_alone(pair: tuple[LocalEngine, torch.nn.Module]):
    engine, plain = pair
    steps = generate(engine, 300, constraint=Scripted([7], [11], None))
    said = ids(steps)
    expected = plain_logits(plain, [*document(300), *QUESTION, *said]).softmax(-1)
    for index, step in enumerate(steps[:-1]):
        row = expected[300 + len(QUESTION) - 1 + index]
        assert step.probability == pytest.approx(float(row[said[index]]), abs=1e-4)


def test_an_answer_ends_only_where_the_constraint_has_an_end(pair: tuple[LocalEngine, torch.nn.Module]):
    engine, _ = pair
    ends = frozenset({7})
    steps = generate(engine, 300, ends, constraint=Scripted([8, 9], [10], [7]))
    assert ids(steps)[1:] == [10, 7]
    assert steps[-1].finish_reason == "stop"


def test_a_constraint_that_allows_nothing_is_a_clear_error_and_the_branch_lives_on(
    pair: tuple[LocalEngine, torch.nn.Module],
):
    engine, _ = pair
    prefix = read(engine, document(40))
    branch = engine.fork(prefix)
    with pytest.raises(EngineError, match="allows no token"):
        list(engine.generate(branch, QUESTION, SamplingParams(max_tokens=4), NO_END, constraint=Scripted([3], [])))
    assert len(list(engine.generate(branch, [3], SamplingParams(max_tokens=2), NO_END))) == 3
    branch.close()
    prefix.close()


def test_beginnings_are_weighed_by_the_models_own_logits_and_change_nothing(
    pair: tuple[LocalEngine, torch.nn.Module],
):
    engine, plain = pair
    alternatives = ((5,), (9, 30), (100, 101, 102, 103))
    heard: list[tuple[float, ...]] = []
    steps = generate(engine, 300, weigh=Weigh(alternatives, heard.append))
    assert ids(steps) == ids(generate(engine, 300))
    assert steps[0].weighed == heard[0]
    assert all(not step.weighed for step in steps[1:])
    before = [*document(300), *QUESTION]
    for alternative, probability in zip(alternatives, steps[0].weighed, strict=True):
        rows = plain_logits(plain, [*before, *alternative]).log_softmax(-1)[len(before) - 1 : -1]
        expected = float(rows[range(len(alternative)), list(alternative)].sum().exp())
        assert probability == pytest.approx(expected, rel=1e-3)


def test_replies_are_weighed_behind_what_is_tried_and_taken_back(pair: tuple[LocalEngine, torch.nn.Module]):
    engine, plain = pair
    aside, replies = (7, 8, 9), ((5,), (6,), (9, 30))
    steps = generate(engine, 300, weigh=Weigh(((5,), (*aside, 5)), None, aside, replies))
    assert ids(steps) == ids(generate(engine, 300))
    before = [*document(300), *QUESTION]
    first, alike, *weighed = steps[0].weighed
    assert first == pytest.approx(float(plain_logits(plain, before).softmax(-1)[-1, 5]), rel=1e-3)
    behind = [(aside, reply, probability) for reply, probability in zip(replies, weighed, strict=True)]
    for given, said, probability in (((), (*aside, 5), alike), *behind):
        rows = plain_logits(plain, [*before, *given, *said]).log_softmax(-1)[len(before) + len(given) - 1 : -1]
        expected = float(rows[range(len(said)), list(said)].sum().exp())
        assert probability == pytest.approx(expected, rel=1e-3)


def test_several_answers_have_each_their_own_constraint(pair: tuple[LocalEngine, torch.nn.Module]):
    engine, _ = pair
    prefix = read(engine, document(300))
    asked = [
        Question(
            engine.fork(prefix), QUESTION, SamplingParams(max_tokens=3), NO_END, None, threading.Event(),
            Scripted([first], None, [first + 1, first + 2]), Weigh(((first,),)),
        )
        for first in (20, 60)
    ]  # fmt: skip
    steps: list[list[Step]] = [[], []]
    for index, step in engine.generate_many(asked):
        steps[index].append(step)
    for first, each in zip((20, 60), steps, strict=True):
        assert ids(each)[0] == first
        assert ids(each)[2] in (first + 1, first + 2)
        assert each[0].weighed == pytest.approx((each[0].probability,))
    for question in asked:
        question.branch.close()
    prefix.close()


def test_sampling_shares_the_probability_among_what_is_allowed():
    logits = torch.tensor([5.0, 1.0, 0.0, 1.0])
    sampler = Sampler(SamplingParams(temperature=1.0), seed=0)
    drawn = np.bincount([sampler.choose(logits, [3, 2]) for _ in range(2_000)], minlength=4)
    assert drawn[0] == drawn[1] == 0
    assert drawn[3] / 2_000 == pytest.approx(1 / (1 + np.exp(-1)), abs=0.04)


def test_top_k_counts_only_what_is_allowed():
    sampler = Sampler(SamplingParams(temperature=1.0, top_k=1), seed=0)
    assert {sampler.choose(torch.tensor([5.0, 1.0, 0.0, 1.5]), [3, 2]) for _ in range(20)} == {3}
