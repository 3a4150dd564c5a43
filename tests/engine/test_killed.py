"""A process that is killed while it reads: the reading reopens, loses at most a chunk, and says the same."""

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from workbench.engine.local import GRID
from workbench.engine.store import Store

NUM_TOKENS = 7 * GRID + 60
POINTS = (
    "chunk checked", "states written", "states renamed", "manifest written", "manifest renamed",
    "outdated states removed",
)  # fmt: skip


@contextmanager
def process(folder: Path, store: Path, *stop: object) -> Iterator[subprocess.Popen[str]]:
    """A reading process, killed at the end whatever happens."""
    arguments = [sys.executable, "-m", "tests.engine.reading_process", folder, store, NUM_TOKENS, *stop]
    with subprocess.Popen(
        [str(argument) for argument in arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        cwd=Path(__file__).parents[2],
    ) as running:  # fmt: skip
        try:
            yield running
        finally:
            running.kill()


def finish(folder: Path, store: Path) -> tuple[int, str]:
    """Read to the end: tokens that were there already, and the hash of what the model says then."""
    with process(folder, store) as running:
        lines = [line.split() for line in running.stdout]
    reused = [int(line[2]) for line in lines if line[0] == "progress"]
    return reused[0], lines[-1][1]


def lines_of(running: subprocess.Popen[str]) -> Iterator[list[str]]:
    for line in running.stdout:
        words = line.split()
        if words[0] != "ready":
            yield words


def committed(store: Path) -> int:
    entries = Store(store).entries()
    return entries[0].record.committed_tokens if entries and entries[0].record else 0


@pytest.fixture(scope="module")
def hybrid(checkpoint: Callable[[str], Path]) -> Path:
    return checkpoint("qwen3.5")


@pytest.fixture(scope="module")
def expected(hybrid: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    reused, said = finish(hybrid, tmp_path_factory.mktemp("whole"))
    assert reused == 0
    return said


def kill_at_event(hybrid: Path, store: Path, number: int) -> tuple[int, int]:
    """Kill at the ``number``th event; tokens that were reported as read, and that reopen."""
    reported = 0
    with process(hybrid, store) as running:
        for count, words in enumerate(lines_of(running)):
            if words[0] == "progress":
                reported = int(words[1])
            if count == number:
                break
    return reported, committed(store)


def kill_at_point(hybrid: Path, store: Path, point: str, number: int) -> tuple[int, int]:
    """Kill when a commit stands at ``point``; tokens that were reported as read, and that reopen."""
    reported = 0
    with process(hybrid, store, point, number) as running:
        for words in lines_of(running):
            if words[0] == "progress":
                reported = int(words[1])
            if words[0] == "standing":
                break
    return reported, committed(store)


def check(hybrid: Path, store: Path, expected: str, reported: int, kept: int) -> None:
    assert kept >= reported
    reused, said = finish(hybrid, store)
    assert reused >= kept
    assert said == expected


# A reading of 8 chunks has 9 events of progress and 6 points a commit, after those of its creation.
SEEDED = random.Random(7).sample(range(3, 58), 25)


@pytest.mark.parametrize(
    "number", [pytest.param(n, marks=[pytest.mark.slow] if i > 1 else []) for i, n in enumerate(SEEDED)]
)
def test_killed_at_any_event_it_reopens(number: int, hybrid: Path, expected: str, tmp_path: Path):
    check(hybrid, tmp_path, expected, *kill_at_event(hybrid, tmp_path, number))


QUICK = ("states renamed", "manifest written", "manifest renamed")


@pytest.mark.parametrize(
    "point", [pytest.param(point, marks=[] if point in QUICK else [pytest.mark.slow]) for point in POINTS]
)
def test_killed_between_the_steps_of_a_commit_it_reopens(point: str, hybrid: Path, expected: str, tmp_path: Path):
    number = 4
    reported, kept = kill_at_point(hybrid, tmp_path, point, number)
    assert reported >= (number - 2) * GRID  # at most the chunk that stood is lost
    check(hybrid, tmp_path, expected, reported, kept)


def test_two_processes_that_read_the_same_read_it_once(hybrid: Path, expected: str, tmp_path: Path):
    with process(hybrid, tmp_path, "chunk checked", 3) as first:
        for words in lines_of(first):
            if words[0] == "standing":
                break
        with process(hybrid, tmp_path) as second:
            lines = lines_of(second)
            waiting = next(lines)
            assert waiting == ["progress", str(2 * GRID), str(2 * GRID)]  # the first one's
            first.stdin.close()
            rest = list(lines)
        said = [line.split() for line in first.stdout][-1][1]
    assert said == rest[-1][1] == expected
    assert ["progress", str(NUM_TOKENS), str(NUM_TOKENS)] in rest
    assert not any(words[0] == "point" for words in rest)  # it wrote nothing
