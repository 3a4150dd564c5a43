"""A long document: read to its end in little memory, reopened at once, and the same when it was killed half way."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

MEGABYTE = 10**6


def start(folder: Path, store: Path, num_tokens: int, kv: str) -> subprocess.Popen[str]:
    arguments = ["-m", "tests.engine.long_process", str(folder), str(store), str(num_tokens), kv]
    return subprocess.Popen(
        [sys.executable, *arguments], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )


def run(folder: Path, store: Path, num_tokens: int, kv: str) -> list[dict[str, object]]:
    with start(folder, store, num_tokens, kv) as process:
        return [json.loads(line) for line in process.stdout]


def killed_half_way(folder: Path, store: Path, num_tokens: int, kv: str) -> None:
    with start(folder, store, num_tokens, kv) as process:
        for line in process.stdout:
            if json.loads(line).get("done", 0) >= num_tokens // 2:
                process.send_signal(signal.SIGKILL)
                break


def by_depth(lines: list[dict[str, object]], parts: int = 8) -> str:
    """Median seconds of a chunk, by depth: for the log, times prove nothing."""
    chunks = [line for line in lines if line.get("done")]
    size = max(len(chunks) // parts, 1)
    taken = [sorted(line["chunk_s"] for line in chunks[i : i + size]) for i in range(0, len(chunks), size)]
    return ", ".join(f"{each[len(each) // 2]:.3f}" for each in taken)


@pytest.mark.parametrize("kv", ["float32", "int8"])
@pytest.mark.parametrize("num_tokens", [16_384, pytest.param(131_072, marks=pytest.mark.slow)])
def test_a_long_document_is_read_reopened_and_taken_up_again(
    num_tokens: int, kv: str, checkpoint: Callable[[str], Path], tmp_path: Path
):
    folder = checkpoint("qwen3.5")
    cold = run(folder, tmp_path / "whole", num_tokens, kv)
    last = cold[-1]
    assert last["rss"] <= last["weights"] + last["kv"] + last["states"] + 300 * MEGABYTE
    warm = run(folder, tmp_path / "whole", num_tokens, kv)
    assert [line["reused"] for line in warm if "done" in line] == [num_tokens]
    assert warm[-1]["answer"] == last["answer"]
    killed_half_way(folder, tmp_path / "killed", num_tokens, kv)
    resumed = run(folder, tmp_path / "killed", num_tokens, kv)
    assert num_tokens // 2 <= resumed[0]["reused"] < num_tokens
    assert resumed[-1]["answer"] == last["answer"]
    print(f"{num_tokens:,} tokens, {kv}: read in {cold[-2]['read_s']:.1f} s, reopened in {warm[-2]['read_s']:.3f} s,")
    print(f"peak over imports {last['rss'] / MEGABYTE:.0f} MB; median seconds of a chunk by depth: {by_depth(cold)}")
