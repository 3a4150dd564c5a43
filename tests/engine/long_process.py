"""A process that reads a long document, for the tests to measure: prints what it did, a line of JSON each.

python -m tests.engine.long_process CHECKPOINT STORE NUM_TOKENS KV [STOP_AFTER]
"""

import json
import sys
import time
from pathlib import Path

import psutil
import torch

from tests.engine.test_oracles import NO_END, QUESTION, document, make_engine
from workbench.config import SamplingParams
from workbench.engine.store import Store
from workbench.types import Keep, ReadProgress

KEEP = Keep({"name": "long.txt", "hash": "1", "model": "random"}, b"")


def say(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


def peak_bytes() -> int:
    # Not getrusage: its peak is inherited from the process that started this one.
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM"))


def main() -> None:
    folder, store, num_tokens, kv = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    from transformers.models.qwen3_5 import modeling_qwen3_5  # noqa: F401 - counts as import

    before = psutil.Process().memory_info().rss
    engine = make_engine(folder, window=num_tokens + 1_000, kv=getattr(torch, kv), store=Store(store))
    weights = sum(tensor.nbytes for tensor in engine._runner.model.state_dict().values())
    ids = document(num_tokens)
    last, started = time.perf_counter(), time.perf_counter()
    for event in engine.read(ids, keep=KEEP):
        now = time.perf_counter()
        if isinstance(event, ReadProgress):
            say(done=event.done_tokens, reused=event.reused_tokens, chunk_s=now - last, verify_s=event.verify_s)
            last = now
        else:
            prefix = event
    say(read_s=time.perf_counter() - started)
    branch = engine.fork(prefix)
    steps = list(engine.generate(branch, QUESTION, SamplingParams(max_tokens=12), NO_END))
    states = sum(tensor.nbytes for tensor in prefix.sequence.states().values())
    kv_bytes = engine.memory.num_bytes
    say(
        answer=[step.token_id for step in steps[:-1]], weights=weights, kv=kv_bytes, states=states,
        rss=peak_bytes() - before,
    )  # fmt: skip


if __name__ == "__main__":
    main()
