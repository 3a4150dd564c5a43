"""The measuring: rounds that go through all engines in turn, so that what else the machine does hits them alike.

Only one worker computes at a time; the others wait for a line on their pipe. Each round begins with another engine.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.results import Key, Results, Row
from benchmarks.setups import ANSWER_TOKENS, TOGETHER, Setup, Subject
from benchmarks.worker import Worker, WorkerError

_EVERYWHERE = ("prefill", "decode")
_DEEPEST = ("first", "second", "reopened", "together", "disk", "peak", "held")
_MORE_ANSWERS = 2  # decoding takes seconds: more samples, in turn, against what else the machine does
_WARM_UP_TOKENS = 600  # more than one chunk


@dataclass
class _Running:
    """A setup with its loaded worker.

    Attributes:
        weights: as the worker named them.
        first_tokens: of each round's first answer behind the deepest reading.
    """

    setup: Setup
    worker: Worker
    weights: str
    first_tokens: list[int] = field(default_factory=list)


class Campaign:
    """All rounds of one model.

    Args:
        subject: what is measured.
        results: where the figures go.
        threads: of every engine.
        scratch: a folder for saved readings.
        logs: a folder for what workers print.
        say: told each figure as it comes.
    """

    def __init__(
        self, subject: Subject, results: Results, threads: int, scratch: Path, logs: Path, say: Callable[[str], None]
    ) -> None:
        self.subject, self.results, self.threads, self.say = subject, results, threads, say
        self.scratch, self.logs = scratch, logs
        self.deepest = subject.depths[-1]

    def run(self, after_round: Callable[[], None]) -> None:
        """Load, save a reading for reopening, then measure round by round."""
        with ExitStack() as stack:
            running = [started for setup in self.subject.setups if (started := self._start(setup, stack))]
            saved = [one for one in running if self._save(one)]
            for number in range(self.results.rounds):
                self.say(f"{self.subject.name}: round {number + 1} of {self.results.rounds}")
                first = number % max(len(running), 1)
                order = running[first:] + running[:first]
                for depth in self.subject.depths:
                    read = [one for one in order if self._attempt(one, depth, _EVERYWHERE, self._read_and_ask)]
                    for _ in range(_MORE_ANSWERS):
                        for one in read:
                            self._attempt(one, depth, ("decode",), self._ask_again)
                for one in order:
                    if "together" in one.setup.can:
                        self._attempt(one, self.deepest, ("together",), self._together)
                    if "profile" in one.setup.can:
                        self._attempt(one, self.deepest, ("products", "attention"), self._profile)
                    if one in saved:
                        self._attempt(one, self.deepest, ("reopened",), self._reopen)
                after_round()

    def _start(self, setup: Setup, stack: ExitStack) -> _Running | None:
        """A loaded, warm worker; None, and its rows missing, where it cannot be had."""
        try:
            worker = stack.enter_context(self._worker(setup))
            loaded = worker.call(self._load(setup))
            worker.call({"do": "read", "ids": self.subject.ids[:_WARM_UP_TOKENS]})
            worker.call({"do": "ask", "ids": self.subject.questions[0], "max_tokens": 2})
        except WorkerError as error:
            self.say(f"{setup.engine}, {setup.weights}, {setup.kv}: {error}")
            for depth in self.subject.depths:
                self._miss(setup, setup.weights, depth, _EVERYWHERE, str(error))
            self._miss(setup, setup.weights, self.deepest, _DEEPEST, str(error))
            return None
        self.results.versions.update(loaded["versions"])
        for depth in self.subject.depths:  # tables list engines in the order of setups
            self.results.rows.setdefault(self._key(setup, loaded["weights"], "prefill", depth), Row())
        lacks = [measure for measure in ("reopened", "together", "disk") if measure not in setup.can]
        self._miss(setup, loaded["weights"], self.deepest, tuple(lacks), "not offered")
        return _Running(setup, worker, loaded["weights"])

    def _worker(self, setup: Setup) -> Worker:
        return Worker(setup, self.logs / f"{self.subject.name}-{setup.label}.log")

    def _load(self, setup: Setup) -> dict[str, Any]:
        asked = {"threads": self.threads, "window": self.subject.window, "weights": setup.weights, "kv": setup.kv}
        return {"do": "load", **asked, **setup.load}

    def _key(self, setup: Setup, weights: str, measure: str, depth: int) -> Key:
        return Key(self.subject.name, setup.engine, weights, setup.kv, measure, depth)

    def _add(self, one: _Running, measure: str, depth: int, value: float) -> None:
        self.results.add(self._key(one.setup, one.weights, measure, depth), value)

    def _miss(self, setup: Setup, weights: str, depth: int, measures: tuple[str, ...], reason: str) -> None:
        for measure in measures:
            self.results.miss(self._key(setup, weights, measure, depth), reason)

    def _attempt(
        self, one: _Running, depth: int, measures: tuple[str, ...], work: Callable[[_Running, int], None]
    ) -> bool:
        """Do it; if it fails, its rows are missing with the reason, and the others go on."""
        try:
            work(one, depth)
        except WorkerError as error:
            self.say(f"  {one.setup.engine}, {one.weights}, {one.setup.kv}: {', '.join(measures)}: {error}")
            self._miss(one.setup, one.weights, depth, measures, str(error))
            return False
        return True

    def _read_and_ask(self, one: _Running, depth: int) -> None:
        """One reading gives four figures: prefill, decoding, and the first tokens of two questions."""
        questions, worker = self.subject.questions, one.worker
        read = worker.call({"do": "read", "ids": self.subject.ids[:depth]})
        first = worker.call({"do": "ask", "ids": questions[0], "max_tokens": ANSWER_TOKENS})
        second = worker.call({"do": "ask", "ids": questions[1], "max_tokens": 1})
        prefill, decode = depth / read["seconds"], (first["num_tokens"] - 1) / first["decode_s"]
        self._add(one, "prefill", depth, prefill)
        self._add(one, "decode", depth, decode)
        if depth == self.deepest:
            self._add(one, "first", depth, read["seconds"] + first["first_s"])
            self._add(one, "second", depth, second["first_s"])
            one.first_tokens.append(first["tokens"][0])
            if len(one.first_tokens) == 1:  # before several questions at once need more
                self._memory(one)
        self.say(
            f"  {depth:,} tokens, {one.setup.engine}, {one.weights}, {one.setup.kv}: "
            f"prefill {prefill:.1f}, decode {decode:.1f} tokens/s"
        )

    def _ask_again(self, one: _Running, depth: int) -> None:
        answer = one.worker.call({"do": "ask", "ids": self.subject.questions[0], "max_tokens": ANSWER_TOKENS})
        self._add(one, "decode", depth, (answer["num_tokens"] - 1) / answer["decode_s"])

    def _memory(self, one: _Running) -> None:
        memory = one.worker.call({"do": "memory"})
        self._add(one, "peak", self.deepest, memory["peak_bytes"])
        self._add(one, "held", self.deepest, memory["weights_bytes"] + memory["kv_bytes"])

    def _together(self, one: _Running, depth: int) -> None:
        request = {"do": "together", "questions": self.subject.questions}
        if len(one.first_tokens) == 1:  # the first round: kernels for several rows are compiled on first use
            one.worker.call({**request, "max_tokens": 2})
        answer = one.worker.call({**request, "max_tokens": ANSWER_TOKENS})
        rate = answer["num_tokens"] / answer["decode_s"]
        self._add(one, "together", depth, rate)
        self.say(f"  {TOGETHER} at once, {one.setup.engine}, {one.weights}, {one.setup.kv}: {rate:.1f} tokens/s")

    def _profile(self, one: _Running, depth: int) -> None:
        """Where the time of a decoded token goes."""
        request = {"do": "profile", "ids": self.subject.questions[0], "max_tokens": ANSWER_TOKENS}
        answer = one.worker.call(request)
        for measure in ("products", "attention"):
            self._add(one, measure, depth, answer[measure])

    def _save(self, one: _Running) -> bool:
        """Have a process of its own read the document and keep it on disk."""
        if "reopened" not in one.setup.can:
            return False
        return self._attempt(one, self.deepest, ("disk", "reopened"), self._save_once)

    def _save_once(self, one: _Running, depth: int) -> None:
        folder = self._folder(one)
        with self._worker(one.setup) as worker:
            worker.call({**self._load(one.setup), "store": folder})
            worker.call({"do": "read", "ids": self.subject.ids[:depth]})
            self._add(one, "disk", depth, worker.call({"do": "save", "path": folder})["disk_bytes"])

    def _reopen(self, one: _Running, depth: int) -> None:
        """In a new process with the model loaded and nothing computed yet; the file is in the page cache."""
        folder, ids = self._folder(one), self.subject.ids[:depth]
        with self._worker(one.setup) as worker:
            worker.call({**self._load(one.setup), "store": folder})
            answer = worker.call({"do": "reopen", "path": folder, "ids": ids, "question": self.subject.questions[0]})
        if answer["tokens"][0] not in one.first_tokens:
            raise WorkerError("the reopened reading answers with another token")
        self._add(one, "reopened", depth, answer["first_s"])
        self.say(f"  reopened, {one.setup.engine}, {one.weights}, {one.setup.kv}: {answer['first_s']:.2f} s")

    def _folder(self, one: _Running) -> str:
        return str(self.scratch / f"{self.subject.name}-{one.setup.label}")
