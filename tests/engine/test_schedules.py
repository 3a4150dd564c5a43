"""Any order of reading, forking, asking, cancelling, closing, evicting, reopening: no block lost, no answer changed."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)  # fmt: skip

from tests.engine.test_oracles import NO_END, QUESTION, document, make_engine
from workbench.config import SamplingParams
from workbench.engine.local import GRID, LocalEngine
from workbench.engine.store import Store
from workbench.types import Keep, Question, ReadProgress

# Two of them begin alike.
DOCUMENTS = {
    "a": document(GRID + 40),
    "b": document(300),
    "c": [*document(GRID + 40)[: GRID + 10], *document(60)],
}
QUESTIONS = (QUESTION, [9], list(range(100, 130)))
PARAMS = SamplingParams(max_tokens=3)


class Schedule(RuleBasedStateMachine):
    """One engine over one store; ``said`` has what each question was answered with first."""

    engine: LocalEngine
    store: Store
    said: dict[tuple[str, tuple[int, ...]], list[int]]
    prefixes = Bundle("prefixes")
    branches = Bundle("branches")

    @rule(target=prefixes, name=st.sampled_from(sorted(DOCUMENTS)), kept=st.booleans())
    def read(self, name, kept):
        keep = Keep({"name": name, "hash": name}, b"") if kept else None
        *_, prefix = self.engine.read(DOCUMENTS[name], marks=(100,), keep=keep)
        return name, prefix

    @rule(name=st.sampled_from(sorted(DOCUMENTS)), kept=st.booleans())
    def begin_to_read(self, name, kept):
        cancel = threading.Event()
        keep = Keep({"name": name, "hash": name}, b"") if kept else None
        for event in self.engine.read(DOCUMENTS[name], cancel, marks=(100,), keep=keep):
            cancel.set()
            if not isinstance(event, ReadProgress):
                event.close()

    @rule(target=branches, source=prefixes, mark=st.sampled_from([None, 100]))
    def fork(self, source, mark):
        name, prefix = source
        return (f"{name}{mark or ''}", self.engine.fork(prefix, mark)) if prefix.sequence.num_tokens else multiple()

    def check(self, name, question, ids):
        assert self.said.setdefault((name, tuple(question)), ids) == ids

    @rule(source=branches, question=st.sampled_from(QUESTIONS))
    def ask(self, source, question):
        own = source[1].fork()
        steps = list(self.engine.generate(own, question, PARAMS, NO_END))
        self.check(source[0], question, [step.token_id for step in steps[:-1]])
        own.close()

    @rule(sources=st.lists(branches, min_size=2, max_size=3), question=st.sampled_from(QUESTIONS))
    def ask_together(self, sources, question):
        owns = [branch.fork() for _, branch in sources]
        said = [[] for _ in owns]
        asked = [Question(own, question, PARAMS, NO_END, None, threading.Event()) for own in owns]
        for index, step in self.engine.generate_many(asked):
            said[index].append(step.token_id)
        for (name, _), own, ids in zip(sources, owns, said, strict=True):
            self.check(name, question, ids[:-1])
            own.close()

    @rule(source=branches)
    def ask_and_cancel(self, source):
        own, cancel = source[1].fork(), threading.Event()
        for _ in self.engine.generate(own, QUESTION, SamplingParams(max_tokens=50), NO_END, None, cancel):
            cancel.set()
        own.close()

    @rule(source=consumes(prefixes))
    def close_prefix(self, source):
        source[1].close()

    @rule(source=consumes(branches))
    def close_branch(self, source):
        source[1].close()

    @rule()
    def evict(self):
        self.store.prune(0)

    @invariant()
    def every_block_is_used_or_free(self):
        pool = self.engine.memory.pool
        assert pool.num_used + pool.num_free == pool.num_blocks
        assert all(count > 0 for count in pool._counts.values())


@pytest.mark.parametrize("kind", ["llama", "qwen3.5"])
@pytest.mark.parametrize("num", [12, pytest.param(150, marks=pytest.mark.slow)])
def test_any_schedule_loses_no_block_and_changes_no_answer(
    kind: str, num: int, checkpoint: Callable[[str], Path], tmp_path: Path
):
    machine = type("OneEngine", (Schedule,), {"said": {}, "store": Store(tmp_path)})
    machine.engine = make_engine(checkpoint(kind), store=machine.store)
    limits = settings(
        max_examples=num, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck),
        database=None, derandomize=num == 12,  # the short run is the same everywhere; the long one looks for news
    )  # fmt: skip
    try:
        run_state_machine_as_test(machine, settings=limits)
    finally:
        machine.engine.close()
