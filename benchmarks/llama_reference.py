"""Write what llama.cpp thinks comes next, for the tests to hold our logits against.

For each model: the first tokens of the Supreme Court opinion, and at some positions the ten likeliest next tokens
with their log-probabilities. llama-cpp-python is needed (the extra ``bench``), in this or another environment:

    python benchmarks/llama_reference.py sample_data/abouammo-v-united-states.txt \
        tiny=MODEL.gguf small=MODEL.gguf > tests/engine/llama_logits.json

llama.cpp rounds activations to 8 bits as it multiplies, so its figures are near, not equal.
"""

import json
import sys
from pathlib import Path

import llama_cpp
import numpy as np

NUM_TOKENS = 200
POSITIONS = (0, 7, 31, 63, 99, 127, 163, 199)
NUM_BEST = 10


def reference(gguf: str, text: str) -> dict[str, object]:
    """Prompt ids, and at each position the likeliest next ids with their log-probabilities."""
    model = llama_cpp.Llama(gguf, n_ctx=512, logits_all=True, verbose=False)
    ids = model.tokenize(text.encode(), add_bos=False, special=False)[:NUM_TOKENS]
    model.eval(ids)
    best = {}
    for position in POSITIONS:
        logits = np.array(model.scores[position], dtype=np.float64)
        top = np.argsort(-logits)[:NUM_BEST]
        total = logits.max() + np.log(np.exp(logits - logits.max()).sum())
        best[str(position)] = {
            "ids": top.tolist(),
            "logprobs": np.round(logits[top] - total, 5).tolist(),
            "logits": np.round(logits[top], 5).tolist(),
        }
    return {"prompt_ids": list(ids), "next": best}


def main() -> None:
    """Print the reference of every NAME=GGUF given, as JSON."""
    document, *models = sys.argv[1:]
    text = Path(document).read_text(encoding="utf-8")[:8_000]
    found: dict[str, object] = {"llama_cpp_python": llama_cpp.__version__, "document": Path(document).name}
    for model in models:
        name, _, gguf = model.partition("=")
        found[name] = reference(gguf, text)
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
