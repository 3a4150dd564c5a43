"""What must be equal for two runs to give the same bits: weights, precision, grid, kernels, machine.

Not covered: the document and the prompt, which have hashes of their own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import transformers

    from workbench.engine.extents import KVLayout

FORMAT_VERSION = 1
"""Of everything the engine would store; raised when its meaning changes."""


def fingerprint(parts: Mapping[str, object]) -> str:
    """blake2b (hex, 32 characters) of named parts, whatever their order."""
    content = json.dumps({**parts, "format": FORMAT_VERSION}, sort_keys=True, default=str)
    return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()


def model_parts(model: transformers.PreTrainedModel, layout: KVLayout, grid: int) -> dict[str, str]:
    """All that the bits of an answer hang on beside its tokens, by name."""
    import torch
    import transformers

    weights = hashlib.blake2b(digest_size=16)
    for name, tensor in model.state_dict().items():
        flat = tensor.flatten()
        sample = flat[:: max(flat.numel() // 64, 1)][:64].float().cpu()
        weights.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode() + sample.numpy().tobytes())
    # Where a model lies is no part of what it is: readings outlive a folder that was moved.
    config = json.dumps(_without_places(json.loads(model.config.to_json_string(use_diff=False))), sort_keys=True)
    return {
        "config": hashlib.blake2b(config.encode(), digest_size=16).hexdigest(),
        "weights": weights.hexdigest(),
        "kv": str(layout.dtype).removeprefix("torch."),
        "device": layout.device.type,
        "grid": str(grid),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "cpu": torch.backends.cpu.get_cpu_capability() + (" bf16" if _in_bf16(model) else ""),
        "threads": str(torch.get_num_threads()),
    }


def _in_bf16(model: transformers.PreTrainedModel) -> bool:
    """Whether chunks are multiplied in bf16 (engine.int4)."""
    import torch

    from workbench.engine.int4 import Int4Linear

    return any(isinstance(each, Int4Linear) and each.scratch.dtype == torch.bfloat16 for each in model.modules())


def _without_places(config: object) -> object:
    """A configuration without the names of folders in it."""
    if isinstance(config, dict):
        return {key: _without_places(value) for key, value in config.items() if key != "_name_or_path"}
    return config
