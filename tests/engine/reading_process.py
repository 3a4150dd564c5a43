"""A process that reads, for the tests to kill: prints a line at every event and at every named point of a commit.

    python -m tests.engine.reading_process CHECKPOINT STORE NUM_TOKENS [POINT NUMBER]

At the NUMBERth time at POINT it stands still until it is killed. At the end it prints ``logits`` and their hash.
"""

import hashlib
import sys
from collections import Counter
from pathlib import Path

import torch

from tests.engine.test_oracles import QUESTION, document, make_engine
from workbench.engine import stored
from workbench.engine.store import Store
from workbench.types import Keep, ReadProgress

KEEP = Keep({"name": "novel.txt", "hash": "1", "model": "random"}, b"the document")


def say(*words: object) -> None:
    print(*words, flush=True)


def stand_still_at(point: str, number: int) -> None:
    """Let the commit stop at a point, once."""
    counts: Counter[str] = Counter()

    def reached(name: str) -> None:
        counts[name] += 1
        if (name, counts[name]) == (point, number):
            say("standing", name)
            sys.stdin.read()
        else:
            say("point", name)

    stored.reached = reached


def main() -> None:
    folder, store, num_tokens, *stop = sys.argv[1:]
    torch.set_num_threads(1)
    stand_still_at(stop[0] if stop else "", int(stop[1]) if stop else 0)
    engine = make_engine(Path(folder), store=Store(Path(store)), window=1 << 20)
    say("ready")
    for event in engine.read(document(int(num_tokens)), keep=KEEP):
        if isinstance(event, ReadProgress):
            say("progress", event.done_tokens, event.reused_tokens)
        else:
            branch = event.sequence.fork()
            logits = engine._runner.forward(branch, QUESTION)
            say("logits", hashlib.blake2b(logits.numpy().tobytes()).hexdigest())


if __name__ == "__main__":
    main()
