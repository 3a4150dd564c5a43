"""One worker's side of the pipe: a JSON object a line in, one out. Standard library only, for every environment.

A request names what to do (``{"do": "read", "ids": [...]}``); the answer holds figures, or ``{"error": "..."}``: then
the row is missing and the error is its reason. Times are taken here, so the pipe is in none of them.
"""

import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Request = dict[str, Any]
Answer = dict[str, Any]


def serve(handlers: Mapping[str, Callable[[Request], Answer]]) -> None:
    """Answer requests from stdin until it ends, one after the other."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints must not land between the answers
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = handlers[request["do"]](request)
        except Exception as error:  # noqa: BLE001 - whatever is wrong, it is the reason of a missing row
            traceback.print_exc()
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def memory_bytes(field: str) -> int:
    """``VmRSS`` (now) or ``VmHWM`` (the most there ever was) of this process in bytes; 0 where there is no /proc."""
    status = Path("/proc/self/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.exists() else []
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:")), 0)


def decoded(forward: Callable[[list[int]], int], request: Request, started: float) -> Answer:
    """Feed the request's ``ids`` and decode ``max_tokens`` greedily; ``forward`` gives the likeliest next token."""
    tokens = [forward(request["ids"])]
    times = [time.perf_counter()]
    while len(tokens) < request["max_tokens"]:
        tokens.append(forward(tokens[-1:]))
        times.append(time.perf_counter())
    return {**spent(started, times), "tokens": tokens}


def spent(first: float, times: list[float]) -> Answer:
    """Figures of one answer: ``first_s`` from ``first`` to the first token, ``decode_s`` from there to the last."""
    return {"first_s": times[0] - first, "decode_s": times[-1] - times[0], "num_tokens": len(times)}
