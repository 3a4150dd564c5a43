"""The blocks of a GGUF file that hold four bits a weight: codes, and a scale and a minimum for every 32 of them.

Not covered: blocks of other kinds (gguf.dequantize widens them all).

Source: the block layouts of Q4_1 and Q4_K in ggml-org/ggml, as gguf.quants reads them.
"""

from __future__ import annotations

import gguf
import numpy as np
from gguf.quants import Q4_K

KINDS = frozenset({gguf.GGMLQuantizationType.Q4_1, gguf.GGMLQuantizationType.Q4_K})


def unpack(data: np.ndarray, kind: gguf.GGMLQuantizationType) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Take blocks apart.

    Args:
        data: uint8 (rows, bytes of a row).
        kind: one of ``KINDS``.

    Returns:
        Codes uint8 (rows, columns), 0 to 15, and scales and minima fp32 (rows, columns / 32): a weight is
        ``scale * code + minimum``.
    """
    rows, size = len(data), gguf.GGML_QUANT_SIZES[kind][1]
    blocks = np.ascontiguousarray(data).reshape(-1, size)
    first, second = (blocks[:, at : at + 2].copy().view(np.float16).astype(np.float32) for at in (0, 2))
    if kind == gguf.GGMLQuantizationType.Q4_1:
        return _halves(blocks[:, 4:], 16).reshape(rows, -1), first.reshape(rows, -1), second.reshape(rows, -1)
    scales, minima = Q4_K.get_scale_min(blocks[:, 4:16])
    codes = _halves(blocks[:, 16:].reshape(-1, 32), 32)
    return codes.reshape(rows, -1), (first * scales).reshape(rows, -1), (-second * minima).reshape(rows, -1)


def _halves(packed: np.ndarray, width: int) -> np.ndarray:
    """The lower four bits of ``width`` bytes, then their upper ones: uint8 (..., 2, width)."""
    return packed.reshape(-1, 1, width) >> np.array([[0], [4]], np.uint8) & np.uint8(15)
