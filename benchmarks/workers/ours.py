"""Our engine as a worker. Requests: load, read, ask, together, profile, memory, save, reopen."""

import cProfile
import importlib.metadata
import pstats
import threading
import time
from collections import Counter
from pathlib import Path
from typing import cast

import numba  # noqa: F401 - an import, so it belongs to the memory after imports
import torch

from benchmarks.workers.pipe import Answer, Request, memory_bytes, serve, spent
from workbench.config import EngineOptions, SamplingParams
from workbench.engine import checkpoint
from workbench.engine.local import LocalEngine
from workbench.engine.queue import engine_thread
from workbench.engine.store import Store
from workbench.types import Keep, Prefix, Question, ReadProgress

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "int8": torch.int8}
NO_END: frozenset[int] = frozenset()
KERNELS = {"product": "products", "nibbles": "products", "attention": "attention"}
"""Modules of engine.kernels, and what they are called in the tables."""


class Ours:
    """A loaded engine and the document it read last."""

    def __init__(self) -> None:
        self.engine: LocalEngine | None = None
        self.prefix: Prefix | None = None
        self.keep: Keep | None = None
        self.imports_bytes = memory_bytes("VmRSS")

    def load(self, request: Request) -> Answer:
        """The model from ``folder`` in ``weights`` and ``kv``; with ``store``, what is read is kept in that folder."""
        torch.set_num_threads(request["threads"])
        folder, cpu = Path(request["folder"]), torch.device("cpu")
        layout = checkpoint.kv_layout(checkpoint.text_config(folder), DTYPES[request["kv"]], cpu)
        store = Store(Path(request["store"])) if "store" in request else None
        self.keep = Keep({"name": "document", "hash": "1"}, b"") if store else None
        started = time.perf_counter()
        model = checkpoint.load(folder, request["weights"], cpu)
        self.engine = LocalEngine(model, layout, request["window"], EngineOptions().seed, store)
        tensors = {tensor.data_ptr(): tensor.nbytes for tensor in model.state_dict().values()}  # tied ones count once
        self.weights_bytes = sum(tensors.values())
        versions = {name: importlib.metadata.version(name) for name in ("torch", "transformers", "numba")}
        return {"seconds": time.perf_counter() - started, "versions": versions, **request}

    def read(self, request: Request) -> Answer:
        """Prefill ``ids``; what was read before is given back."""
        assert self.engine is not None  # noqa: S101 - for mypy; load comes first
        if self.prefix is not None:
            self.prefix.close()
        started = time.perf_counter()
        steps = list(self.engine.read(request["ids"], keep=self.keep))
        seconds = time.perf_counter() - started
        self.prefix = cast(Prefix, steps[-1])
        return {"seconds": seconds, "reused": cast(ReadProgress, steps[0]).reused_tokens}

    def ask(self, request: Request) -> Answer:
        """Feed ``ids`` behind the document and decode ``max_tokens`` greedily."""
        assert self.engine is not None  # noqa: S101
        assert self.prefix is not None  # noqa: S101
        started = time.perf_counter()
        branch = self.engine.fork(self.prefix)
        times, tokens = [], []
        for step in self.engine.generate(
            branch, request["ids"], SamplingParams(max_tokens=request["max_tokens"]), NO_END
        ):
            if step.token_id is not None:
                times.append(time.perf_counter())
                tokens.append(step.token_id)
        branch.close()
        return {**spent(started, times), "tokens": tokens}

    def together(self, request: Request) -> Answer:
        """All of ``questions`` at once; seconds and tokens from when each has its first token."""
        assert self.engine is not None  # noqa: S101
        assert self.prefix is not None  # noqa: S101
        started, params = time.perf_counter(), SamplingParams(max_tokens=request["max_tokens"])
        questions = [
            Question(self.engine.fork(self.prefix), ids, params, NO_END, None, threading.Event())
            for ids in request["questions"]
        ]
        seen: Counter[int] = Counter()
        decoding, after = 0.0, 0
        for index, step in self.engine.generate_many(questions):
            if step.token_id is None:
                continue
            after += bool(decoding)
            seen[index] += 1
            decoding = decoding or (time.perf_counter() if len(seen) == len(questions) else 0.0)
        ended = time.perf_counter()
        for question in questions:
            question.branch.close()
        return {"seconds": ended - started, "decode_s": ended - decoding, "num_tokens": after}

    def profile(self, request: Request) -> Answer:
        """As ``ask``; milliseconds a token in each kernel, as Python's profiler sees them from outside."""
        profiler = cProfile.Profile()
        engine_thread.call(profiler.enable)
        answer = self.ask(request)
        engine_thread.call(profiler.disable)
        spent_s: Counter[str] = Counter()
        for (path, _, function), (_, _, own_s, _, _) in pstats.Stats(profiler).stats.items():  # type: ignore[attr-defined]
            if Path(path).parent.name == "kernels" and Path(path).stem in KERNELS:
                spent_s[KERNELS[Path(path).stem]] += own_s if function in ("multiply", "attend") else 0.0
        return {name: 1e3 * spent_s[name] / answer["num_tokens"] for name in set(KERNELS.values())}

    def memory(self, _: Request) -> Answer:
        """Bytes: the most this process ever took beyond its imports, the weights, and the document's cache."""
        assert self.prefix is not None  # noqa: S101
        peak = memory_bytes("VmHWM") - self.imports_bytes
        return {"peak_bytes": peak, "weights_bytes": self.weights_bytes, "kv_bytes": self.prefix.num_bytes}

    def save(self, request: Request) -> Answer:
        """Bytes on disk of the document; reading wrote it through, nothing is left to do."""
        files = [path for path in Path(request["path"]).rglob("*") if path.is_file()]
        return {"disk_bytes": sum(path.stat().st_blocks * 512 for path in files)}

    def reopen(self, request: Request) -> Answer:
        """What the store has of ``ids``, then a question; seconds from asking the store to the first token."""
        read = self.read({"ids": request["ids"]})
        if read["reused"] < len(request["ids"]):
            raise ValueError(f"{read['reused']:,} of {len(request['ids']):,} tokens were reopened, the rest read again")
        answer = self.ask({"ids": request["question"], "max_tokens": 1})
        return {**answer, "first_s": read["seconds"] + answer["first_s"], "open_s": read["seconds"]}


def main() -> None:
    """Serve."""
    ours = Ours()
    serve(
        {
            name: getattr(ours, name)
            for name in ("load", "read", "ask", "together", "profile", "memory", "save", "reopen")
        }
    )


if __name__ == "__main__":
    main()
