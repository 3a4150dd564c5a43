"""Decoding on the CPU: int8 matrix times a few rows, and attention straight over the cache's memory.

Both are bound by memory, so both read every byte once, as it is stored, and widen it to fp32 in registers. They are
written over vectors of eight fp32 values, ``LANES``, as LLVM knows them: what is added in which order is then decided
here, and not by a vectoriser. So a result never depends on the machine's load, on the number of threads or, for
``multiply``, on the other rows.

This module is what others import, and cheap: numba comes with the first use. Then a kernel is loaded from a folder
that is ours alone (kernels.cache), or compiled, which takes some seconds.

May not know: torch, models.

Not covered: masks (every row sees every token); head dimensions that are no multiple of eight.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

LANES = 8
"""fp32 values in a vector: one AVX2 register, two of NEON."""

WIDE = 16
"""fp32 values in a vector of the int4 product: a cache line, one AVX-512 register, two of AVX2."""

GROUP = 32
"""Weights that share a scale and a minimum in int4."""

MAX_ROWS = 128
"""Rows up to which ``multiply`` is faster than widening the matrix once and a GEMM."""

Array = np.ndarray[Any, Any]


def multiply(weight: Array, scale: Array, x: Array, out: Array) -> None:
    """Multiply int8 weights with a few rows: ``out = x @ (weight * scale[:, None]).T``.

    The weights are read from memory once, however many rows there are. The bits of a row do not depend on the others.

    Args:
        weight: int8 (out_features, in_features), contiguous.
        scale: fp32 (out_features,).
        x: fp32 (rows, in_features), contiguous.
        out: fp32 (rows, out_features), contiguous; overwritten.
    """
    row_kernel()(weight, scale, x, out)


def multiply_int4(packed: Array, scale: Array, low: Array, x: Array, out: Array) -> None:
    """Multiply int4 weights with a few rows: ``out = x @ weight.T`` with the ``weight`` of ``widen_int4``.

    The weights are read from memory once, however many rows there are. The bits of a row do not depend on the others.

    Args:
        packed: int32 (out_features / WIDE, in_features / 8, WIDE), contiguous: eight columns of a row in each word.
        scale: fp16 as its bits in uint16 (out_features / WIDE, in_features / GROUP, WIDE), contiguous.
        low: like scale; what a weight is whose four bits are 0.
        x: fp32 (rows, in_features), contiguous.
        out: fp32 (rows, out_features), contiguous; overwritten.
    """
    int4_kernel("multiply")(packed, scale, low, x, out)


def widen_int4(packed: Array, scale: Array, low: Array, first: int, out: Array) -> None:
    """The fp32 values of some rows of int4 weights, as columns: that is how they are stored.

    Args:
        packed: as in ``multiply_int4``.
        scale: likewise.
        low: likewise.
        first: the rows begin at ``first * WIDE``.
        out: fp32, or bf16 as its bits in uint16, (in_features, a multiple of WIDE), contiguous; overwritten.
    """
    int4_kernel("widen" if out.dtype == np.float32 else "widen_bf16")(packed, scale, low, first, out)


def attend_rows(
    q: Array,
    keys: Array,
    values: Array,
    key_scales: Array | None,
    value_scales: Array | None,
    scale: float,
    before: tuple[Array, Array] | None = None,
) -> tuple[Array, Array]:
    """Softmax attention of query rows that all see all tokens.

    Args:
        q: fp32 (rows, heads, head_dim).
        keys: (num_tokens, kv_heads, head_dim), at least one token; fp32, bf16 as its bits in uint16, or int8. Read
            where they are if the last two dimensions are contiguous, else copied. Query head h sees key head
            ``h // (heads // kv_heads)``.
        values: like keys.
        key_scales: fp32 (num_tokens, kv_heads), factors of the int8 keys; None for other dtypes.
        value_scales: like key_scales.
        scale: factor on the scores.
        before: what this returned for the same queries over other tokens: attention goes on from there, in its place.

    Returns:
        out fp32 (rows, heads, head_dim), and the scores' log-sum-exp fp32 (rows, heads), natural logarithm.
    """
    scaled = keys.dtype == np.int8
    if scaled != (key_scales is not None) or scaled != (value_scales is not None):
        raise ValueError("scales belong to int8 keys and values, and to no others")
    if not len(keys) or q.shape[2] % LANES or q.shape[1] % keys.shape[1] or keys.shape != values.shape:
        raise ValueError(f"cannot attend with queries {q.shape} to keys {keys.shape}")
    if key_scales is None or value_scales is None:
        key_scales = value_scales = np.empty((0, 0), np.float32)
    if before is None:
        before = np.zeros(q.shape, np.float32), np.full(q.shape[:2], -np.inf, np.float32)
    out, lse = before
    queries = np.multiply(q, np.float32(scale), order="C")
    attend_kernel(keys.dtype)(queries, _rows(keys), _rows(values), key_scales, value_scales, out, lse)
    return out, lse


def _rows(array: Array) -> Array:
    """``array``, or a copy where the last two dimensions are not contiguous: kernels step over tokens only."""
    whole = array[:1].flags.c_contiguous and array.strides[0] % array.itemsize == 0
    return array if whole else np.ascontiguousarray(array)


@cache
def row_kernel() -> Any:
    """The kernel of ``multiply``, loaded or compiled on first use: call it to have that behind you."""
    from workbench.engine.kernels import product
    from workbench.engine.kernels.cache import compile_kernel

    return compile_kernel(product.multiply, product.SIGNATURE)


@cache
def int4_kernel(name: str) -> Any:
    """A kernel of ``kernels.nibbles`` by its name, loaded or compiled on first use."""
    from workbench.engine.kernels import nibbles
    from workbench.engine.kernels.cache import compile_kernel

    return compile_kernel(getattr(nibbles, name.removesuffix("_bf16")), nibbles.SIGNATURES[name])


@cache
def attend_kernel(dtype: np.dtype[Any]) -> Any:
    """The kernel of ``attend_rows`` for keys of this dtype (float32, uint16, int8), loaded or compiled on first use."""
    from workbench.engine.kernels import attention
    from workbench.engine.kernels.cache import compile_kernel

    return compile_kernel(attention.attend, attention.signature(dtype))


@cache
def glue_kernel(name: str) -> Any:
    """A kernel of ``kernels.glue`` by its name, loaded or compiled on first use."""
    from workbench.engine.kernels import glue
    from workbench.engine.kernels.cache import compile_kernel

    return compile_kernel(getattr(glue, name), glue.SIGNATURES[name], parallel=False)
