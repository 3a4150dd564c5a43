"""llama.cpp as a worker, in an environment of its own. Requests: load, read, ask, memory, save, reopen.

All settings are llama-cpp-python's defaults but threads, window and, where asked, flash attention. It computes logits
for the last token of a batch of 512 only, as the others do.
"""

import ctypes
import time
from pathlib import Path

import llama_cpp
import numpy as np

from benchmarks.workers.pipe import Answer, Request, decoded, memory_bytes, serve


class LlamaCpp:
    """A loaded GGUF and the document it read last."""

    def __init__(self) -> None:
        self.imports_bytes = memory_bytes("VmRSS")
        self.ids: list[int] = []

    def load(self, request: Request) -> Answer:
        """The model from the file ``gguf``."""
        started = time.perf_counter()
        self.llama = llama_cpp.Llama(
            request["gguf"], n_ctx=request["window"], n_threads=request["threads"], n_threads_batch=request["threads"],
            flash_attn=request["flash_attn"], verbose=False,
        )  # fmt: skip
        self.context, self.model = self.llama.ctx, self.llama.model
        description = ctypes.create_string_buffer(128)
        llama_cpp.llama_model_desc(self.model, description, len(description))
        weights = description.value.decode().split(maxsplit=2)[-1]  # architecture, size, quantisation
        versions = {"llama-cpp-python": llama_cpp.__version__}
        return {"seconds": time.perf_counter() - started, "versions": versions, **request, "weights": weights}

    def _forward(self, ids: list[int]) -> int:
        """Feed ``ids`` and choose the likeliest next token."""
        self.llama.eval(ids)
        logits = llama_cpp.llama_get_logits_ith(self.context, -1)
        return int(np.ctypeslib.as_array(logits, shape=(self.llama.n_vocab(),)).argmax())

    def read(self, request: Request) -> Answer:
        """Prefill ``ids`` from the beginning."""
        self.ids = request["ids"]
        started = time.perf_counter()
        self.llama.n_tokens = 0  # eval forgets what stands behind it
        self._forward(self.ids)
        return {"seconds": time.perf_counter() - started}

    def ask(self, request: Request) -> Answer:
        """Feed ``ids`` behind the document and decode ``max_tokens`` greedily."""
        started = time.perf_counter()
        self.llama.n_tokens = len(self.ids)
        return decoded(self._forward, request, started)

    def memory(self, _: Request) -> Answer:
        """Bytes: the most this process ever took beyond its imports, the weights, and the document's cache."""
        return {
            "peak_bytes": memory_bytes("VmHWM") - self.imports_bytes,
            "weights_bytes": llama_cpp.llama_model_size(self.model),
            "kv_bytes": llama_cpp.llama_state_get_size(self.context),
        }

    def save(self, request: Request) -> Answer:
        """Write the state to the file ``path``; bytes and seconds."""
        tokens = (llama_cpp.llama_token * len(self.ids))(*self.ids)
        path = Path(request["path"], "state")
        path.parent.mkdir(parents=True, exist_ok=True)
        started = time.perf_counter()
        if not llama_cpp.llama_state_save_file(self.context, str(path).encode(), tokens, len(tokens)):
            raise OSError("llama_state_save_file failed")
        return {"disk_bytes": path.stat().st_size, "seconds": time.perf_counter() - started}

    def reopen(self, request: Request) -> Answer:
        """Load the state from ``path``, then a question; seconds from opening the file to the first token."""
        self.ids = request["ids"]
        tokens, count = (llama_cpp.llama_token * len(self.ids))(), ctypes.c_size_t()
        path = str(Path(request["path"], "state")).encode()
        started = time.perf_counter()
        if not llama_cpp.llama_state_load_file(self.context, path, tokens, len(tokens), ctypes.byref(count)):
            raise OSError("llama_state_load_file failed")
        opened = time.perf_counter() - started
        if list(tokens) != self.ids or count.value != len(self.ids):
            raise ValueError("the state is of other tokens")
        answer = self.ask({"ids": request["question"], "max_tokens": 1})
        return {**answer, "first_s": opened + answer["first_s"], "open_s": opened}


def main() -> None:
    """Serve."""
    worker = LlamaCpp()
    serve({name: getattr(worker, name) for name in ("load", "read", "ask", "memory", "save", "reopen")})


if __name__ == "__main__":
    main()
