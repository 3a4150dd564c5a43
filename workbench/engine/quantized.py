"""Weights in int8 and int4 on CUDA, by bitsandbytes through transformers' own loader.

bitsandbytes and not torchao: its one wheel brings kernels for every CUDA version and every card since Turing, for
both precisions, and needs nothing but torch. torchao's int4 wants a second package (mslk) or an Ampere card, and its
int8 is faster than bf16 only under torch.compile, for which a C++ compiler must be there.

int8 is LLM.int8() (Dettmers et al. 2022), which rounds activations too, but for their outliers; int4 is NF4 with a
scale for every 64 weights and bf16 arithmetic (Dettmers et al. 2023). Embeddings, norms and convolutions stay in bf16.

Not covered: int8 on a CPU (engine.int8). Run with bitsandbytes 0.50 on a CPU, never on CUDA.
"""

from __future__ import annotations

import logging
from importlib.util import find_spec

import torch
import transformers

from workbench.errors import ModelLoadError

INSTALL = "pip install 'qwen-workbench[cuda]'"


def installed() -> bool:
    """Whether int8 and int4 can be had on CUDA."""
    return find_spec("bitsandbytes") is not None


def loader_options(weights: str, device: torch.device, *, tied: bool) -> dict[str, object]:
    """What ``from_pretrained`` is told.

    Args:
        weights: ``int8`` or ``int4``.
        device: where the weights go, as they are loaded.
        tied: whether the output head is the embedding, which is not rounded.

    Raises:
        ModelLoadError: bitsandbytes is not installed.
    """
    if not installed():
        raise ModelLoadError(
            f"weights={weights!r} on a GPU needs bitsandbytes, which is not installed: {INSTALL}. Or use "
            "weights='bf16'."
        )
    # It says once a layer and call that it casts to fp16, which is how LLM.int8() works.
    logging.getLogger("bitsandbytes.autograd._functions").setLevel(logging.ERROR)
    # Left to itself, transformers keeps the output head in bf16, tied or not: 2 GB of a 9B model. An empty list is
    # not taken as one, so the list names what no model has.
    skipped = ["lm_head"] if tied else ["-"]
    settings = transformers.BitsAndBytesConfig(
        load_in_8bit=weights == "int8", load_in_4bit=weights == "int4", llm_int8_skip_modules=skipped,
        bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16,
    )  # fmt: skip
    return {"quantization_config": settings, "device_map": {"": device}}
