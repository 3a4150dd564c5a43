"""Several answers decoded together: each says what it would have said alone."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from tests.checkpoints import MAKERS
from tests.conftest import SAMPLES
from tests.engine.test_oracles import NO_END, ask, document, make_engine, read
from workbench.config import SamplingParams
from workbench.engine import convert, lockstep, registry
from workbench.engine.decoding import Decoding
from workbench.engine.local import LocalEngine
from workbench.engine.tokenizer import HubTokenizer
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


def forced_alone(engine: LocalEngine, prefix: Prefix, asked: list[int], forced: list[int]) -> torch.Tensor:
    """Logits (tokens, vocabulary) after each of the tokens behind a question."""
    sequence = prefix.sequence.fork()
    list(engine._runner.prefill(sequence, asked))
    found = torch.stack([engine._runner.forward(sequence, [token]).clone() for token in forced])
    sequence.close()
    return found


def forced_together(
    engine: LocalEngine, prefix: Prefix, asked: list[list[int]], forced: list[list[int]]
) -> torch.Tensor:
    """The same of several questions in lockstep, (questions, tokens, vocabulary)."""
    rows = []
    for index, question in enumerate(asked):
        sequence = prefix.sequence.fork()
        list(engine._runner.prefill(sequence, question))
        asked_of = Question(engine.fork(prefix), question, SamplingParams(), NO_END, None, threading.Event())
        answer = Decoding(asked_of, 0)
        asked_of.branch.close()
        rows.append(lockstep._Row(index, sequence, answer))
    batch = lockstep._Batch(rows)
    logits = []
    for tokens in zip(*forced, strict=True):
        for row, token in zip(rows, tokens, strict=True):
            row.answer.token_id = token
        logits.append(lockstep._forward(engine._runner, batch).clone())
    for row in rows:
        row.sequence.close()
    return torch.stack(logits, 1)


def test_teacher_forced_the_logits_are_those_of_one_row(engine: LocalEngine):
    prefix = read(engine, document(700))
    forced = document(6)
    alone = [forced_alone(engine, prefix, document(length), forced) for length in LENGTHS]
    logits = forced_together(engine, prefix, [document(length) for length in LENGTHS], [forced] * len(LENGTHS))
    torch.testing.assert_close(logits, torch.stack(alone), atol=1e-3, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize(("weights", "kv"), [("fp32", torch.float32), ("int8", torch.int8)])
def test_eight_questions_on_seven_thousand_tokens_of_a_novel_say_what_they_say_alone(weights: str, kv: torch.dtype):
    folder = convert.ensure(registry.find("tiny"), weights)
    engine = make_engine(folder, weights=weights, window=8_192, kv=kv)
    tokens = HubTokenizer(folder).encode((SAMPLES / "persuasion.txt").read_text(encoding="utf-8"))[:7_000]
    asked = [tokens[start : start + length] for start, length in zip(range(0, 400, 50), range(9, 49, 5), strict=True)]
    prefix = read(engine, tokens)
    alone = [ask(engine, prefix, question, max_tokens=32) for question in asked]
    expected = torch.stack([forced_alone(engine, prefix, *each) for each in zip(asked, alone, strict=True)])
    logits = forced_together(engine, prefix, asked, alone)
    best = expected.topk(2).values
    clear = best[..., 0] - best[..., 1] > 2e-3
    same = logits.argmax(-1) == expected.argmax(-1)
    branches = [
        Question(engine.fork(prefix), question, SamplingParams(32), NO_END, None, threading.Event())
        for question in asked
    ]
    said = [ids(steps) for steps in together(engine, branches)]
    differ = [next((i for i, pair in enumerate(zip(*each, strict=True)) if len({*pair}) > 1), None)
              for each in zip(said, alone, strict=True)]  # fmt: skip
    print(
        f"\n{weights} weights, {kv} KV: largest difference of a logit {(logits - expected).abs().max():.1e}, "
        f"{int((~clear).sum())} of {clear.numel()} choices within 2e-3, first divergence of each answer: {differ}"
    )
    torch.testing.assert_close(logits, expected, atol=1e-3, rtol=0)
    assert bool(same[clear].all())
    engine.close()


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
