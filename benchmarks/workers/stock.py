"""Stock transformers as a worker: fp32, sdpa, DynamicCache, prefilled in chunks. Requests: load, read, ask, memory.

The decoding loop is the shortest there is (argmax of the last row), faster than ``generate``.
"""

import time

import torch
import transformers
from transformers import AutoModelForCausalLM, DynamicCache

from benchmarks.workers.pipe import Answer, Request, decoded, memory_bytes, serve

CHUNK = 512
"""Tokens of a prefill chunk: the grid of our engine, and llama.cpp's default batch."""


class Stock:
    """A loaded model and the document it read last."""

    def __init__(self) -> None:
        self.imports_bytes = memory_bytes("VmRSS")
        self.num_tokens = 0
        self.cache = DynamicCache()

    def load(self, request: Request) -> Answer:
        """The model from ``folder``."""
        torch.set_num_threads(request["threads"])
        started = time.perf_counter()
        self.model = AutoModelForCausalLM.from_pretrained(
            request["folder"], dtype=torch.float32, attn_implementation="sdpa", local_files_only=True
        ).eval()
        versions = {"torch": torch.__version__, "transformers": transformers.__version__}
        return {"seconds": time.perf_counter() - started, "versions": versions, **request}

    def _forward(self, ids: list[int]) -> int:
        """Feed ``ids`` and choose the likeliest next token."""
        output = self.model(torch.tensor([ids]), past_key_values=self.cache, use_cache=True, logits_to_keep=1)
        return int(output.logits[0, -1].argmax())

    @torch.inference_mode()
    def read(self, request: Request) -> Answer:
        """Prefill ``ids`` into a new cache."""
        ids = request["ids"]
        self.cache = DynamicCache()
        started = time.perf_counter()
        for start in range(0, len(ids), CHUNK):
            self._forward(ids[start : start + CHUNK])
        self.num_tokens = len(ids)
        return {"seconds": time.perf_counter() - started}

    @torch.inference_mode()
    def ask(self, request: Request) -> Answer:
        """Feed ``ids`` behind the document and decode ``max_tokens`` greedily."""
        started = time.perf_counter()
        self.cache.crop(self.num_tokens - self.cache.get_seq_length())
        return decoded(self._forward, request, started)

    def memory(self, _: Request) -> Answer:
        """Bytes: the most this process ever took beyond its imports, the weights, and the document's cache."""
        self.cache.crop(self.num_tokens - self.cache.get_seq_length())
        tensors = {tensor.data_ptr(): tensor.nbytes for tensor in self.model.state_dict().values()}
        return {
            "peak_bytes": memory_bytes("VmHWM") - self.imports_bytes,
            "weights_bytes": sum(tensors.values()),
            "kv_bytes": sum(layer.keys.nbytes + layer.values.nbytes for layer in self.cache.layers),
        }


def main() -> None:
    """Serve."""
    stock = Stock()
    serve({name: getattr(stock, name) for name in ("load", "read", "ask", "memory")})


if __name__ == "__main__":
    main()
