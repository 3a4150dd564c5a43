"""Several answers decoded together: each says what it would have said alone."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from tests.checkpoints import MAKERS
from tests.engine.test_oracles import NO_END, ask, document, make_engine, read
from workbench.config import SamplingParams
from workbench.engine import lockstep
from workbench.engine.decoding import Decoding
from workbench.engine.local import LocalEngine
from workbench.errors import CacheFull
from workbench.types import Prefix, Question, Step

LENGTHS = (3, 17, 260, 1, 40)


@pytest.fixture(scope="module", params=sorted(MAKERS))
def engine(request: pytest.FixtureRequest, checkpoint: Callable[[str], Path]) -> Iterator[LocalEngine]:
    engine = make_engine(checkpoint(request.param))
    yield engine
    engine.close()


def questions(engine: LocalEngine, prefix: Prefix, max_tokens: tuple[int, ...], **options: object) -> list[Question]:
    defaults = {"end_token_ids": NO_END, "should_stop": None}
    return [
        Question(
            engine.fork(prefix), document(length), SamplingParams(max_tokens), cancel=threading.Event(),
            **{**defaults, **options},
        )
        for length, max_tokens in zip(LENGTHS, max_tokens, strict=True)
    ]  # fmt: skip


def together(engine: LocalEngine, asked: list[Question]) -> list[list[Step]]:
    steps: list[list[Step]] = [[] for _ in asked]
    for index, step in engine.generate_many(asked):
        steps[index].append(step)
    return steps


def ids(steps: list[Step]) -> list[int]:
    return [step.token_id for step in steps if step.token_id is not None]


def test_questions_of_different_length_say_what_they_say_alone(engine: LocalEngine):
    prefix = read(engine, document(700))
    alone = [ask(engine, prefix, document(length), max_tokens=10) for length in LENGTHS]
    asked = questions(engine, prefix, (10,) * 5)
    steps = together(engine, asked)
    assert [ids(each) for each in steps] == alone
    assert [each[-1].finish_reason for each in steps] == ["length"] * 5
    assert [each[-1].computed_tokens for each in steps] == list(LENGTHS)
    for question in asked:
        question.branch.close()
    prefix.close()
    assert engine.memory.pool.num_used == engine.memory.num_bytes == 0


def test_teacher_forced_the_logits_are_those_of_one_row(engine: LocalEngine):
    prefix = read(engine, document(700))
    forced = document(6)
    alone = []
    for length in LENGTHS:
        sequence = prefix.sequence.fork()
        list(engine._runner.prefill(sequence, document(length)))
        alone.append(torch.stack([engine._runner.forward(sequence, [token]) for token in forced]))
    rows = []
    for index, length in enumerate(LENGTHS):
        sequence = prefix.sequence.fork()
        list(engine._runner.prefill(sequence, document(length)))
        answer = Decoding(SamplingParams(), 0, NO_END, None, threading.Event(), length)
        rows.append(lockstep._Row(index, sequence, answer))
    batch = lockstep._Batch(rows)
    logits = []
    for token in forced:
        for row in rows:
            row.answer.token_id = token
        logits.append(lockstep._forward(engine._runner, batch))
    torch.testing.assert_close(torch.stack(logits, 1), torch.stack(alone), atol=1e-3, rtol=0)


def test_early_finishers_leave_and_one_that_is_cancelled_ends_alone(engine: LocalEngine):
    prefix = read(engine, document(700))
    alone = [ask(engine, prefix, document(length), max_tokens=12) for length in LENGTHS]
    stops = frozenset({alone[1][4]})
    asked = questions(engine, prefix, (12, 12, 2, 12, 1), end_token_ids=stops)
    seen: list[list[Step]] = [[] for _ in asked]
    for index, step in engine.generate_many(asked):
        seen[index].append(step)
        if index == 3 and len(seen[3]) == 3:
            asked[3].cancel.set()
    for index, (each, whole, most) in enumerate(zip(seen, alone, (12, 12, 2, 12, 1), strict=True)):
        said = ids(each)
        assert said == whole[: len(said)]
        if index == 3:
            assert each[-1].finish_reason in ("cancelled", "stop")
            assert each[-1].finish_reason == "stop" or 3 <= len(said) < most
        elif any(token in stops for token in whole[:most]):
            assert each[-1].finish_reason == "stop"
            assert said[-1] in stops
        else:
            assert (each[-1].finish_reason, len(said)) == ("length", most)


def test_a_branch_goes_on_from_where_the_batch_left_it(engine: LocalEngine):
    prefix = read(engine, document(300))
    asked = questions(engine, prefix, (4, 2, 4, 3, 4))
    steps = together(engine, asked)
    for question, each in zip(asked, steps, strict=True):
        said = ids(each)
        alone = engine.fork(prefix)
        feed = [*question.token_ids, *said[:-1]]
        expected = [
            s.token_id for s in engine.generate(alone, [*feed, said[-1], 7], SamplingParams(max_tokens=3), NO_END)
        ]
        went_on = [
            s.token_id for s in engine.generate(question.branch, [said[-1], 7], SamplingParams(max_tokens=3), NO_END)
        ]
        assert went_on == expected
        alone.close()
        question.branch.close()
    prefix.close()


def test_a_step_that_finds_no_memory_leaves_every_branch_as_it_was(
    engine: LocalEngine, monkeypatch: pytest.MonkeyPatch
):
    used = engine.memory.pool.num_used
    prefix = read(engine, document(300))
    asked = questions(engine, prefix, (500,) * 5)
    monkeypatch.setattr(engine.memory, "add_slab", lambda *_, **__: (_ for _ in ()).throw(CacheFull("no memory")))
    with pytest.raises(CacheFull):
        together(engine, asked)
    monkeypatch.undo()
    lengths = [question.branch.num_tokens for question in asked]
    assert [question.branch.sequence.table.num_tokens for question in asked] == lengths
    for question in asked:
        question.branch.close()
    prefix.close()
    assert engine.memory.pool.num_used == used


@pytest.mark.parametrize("kind", ["llama", "qwen3"])
@pytest.mark.parametrize("kv", [torch.float32, torch.bfloat16, torch.int8])
def test_rows_of_an_int8_model_say_what_its_modules_say_and_alone_what_they_say_together(
    kind: str, kv: torch.dtype, checkpoint: Callable[[str], Path]
):
    engine = make_engine(checkpoint(kind), weights="int8", kv=kv)
    assert engine._runner._rows is not None
    prefix = read(engine, document(700))
    rows, modules = prefix.sequence.fork(), prefix.sequence.fork()
    for token in document(5):
        ours = engine._runner.forward(rows, [token])
        engine._runner._rows, kept = None, engine._runner._rows
        theirs = engine._runner.forward(modules, [token])
        engine._runner._rows = kept
        torch.testing.assert_close(ours, theirs, atol=2e-4 if kv == torch.float32 else 2e-2, rtol=0)
    alone = [ask(engine, prefix, document(length), max_tokens=10) for length in LENGTHS]
    assert [ids(each) for each in together(engine, questions(engine, prefix, (10,) * 5))] == alone
    engine.close()
