"""Attention straight over the cache's memory: every split of the tokens on its own, then merged.

May not know: who calls, where compiled code is kept (kernels.cache).

Not covered: masks; head dimensions that are no multiple of ``LANES``.

Source: merging as in FlashAttention, Dao et al. 2022, section 3.1.
"""

# Compiled functions have no annotations: numba infers the types.
# mypy: disable-error-code="no-untyped-def, untyped-decorator, no-untyped-call"

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import types
from numba.np.numpy_support import from_dtype

from workbench.engine.kernels import LANES
from workbench.engine.kernels.lanes import add, exp, fma, load, maximum, mul, splat, store, sub, sums

SPLIT_TOKENS = 256
"""Tokens whose scores are held at once, and the unit of parallel work: fixed, so that bits depend on nothing else."""

TILE_TOKENS = 32
"""Values widened at once: 32 tokens of 256 elements are 32 KiB."""


def signature(dtype: np.dtype[Any]) -> Any:
    """Types of ``attend`` for a cache of this dtype: float32, uint16 or int8."""
    # Views of a slab are strided: one signature for all, or each layout would be compiled on its own.
    cache_type = types.Array(from_dtype(dtype), 3, "A", readonly=True)
    scale_type = types.Array(types.float32, 2, "A", readonly=True)
    whole = types.float32[:, :, ::1]
    return types.void(whole, cache_type, cache_type, scale_type, scale_type, whole, types.float32[:, ::1])


@numba.njit(nogil=True)
def widen(source, first, stop, head, tile):
    """Tokens from ``first`` as fp32 into ``tile`` (num_tokens, head_dim); zeros from ``stop``."""
    num_tokens, head_dim = tile.shape
    stride, offset = source.strides[0] // source.itemsize, head * head_dim
    for i in range(num_tokens):
        if first + i < stop:
            for d in range(0, head_dim, LANES):
                store(tile, i * head_dim + d, load(source, (first + i) * stride + offset + d))
        else:
            tile[i] = 0


@numba.njit(nogil=True)
def scores_of(q, keys, factors, start, stop, scores):
    """Scores (rows * heads, SPLIT_TOKENS) of the queries, times ``factors`` (kv_heads, SPLIT_TOKENS) of the keys."""
    rows, heads, n = q.shape
    kv_heads = keys.shape[1]
    group = heads // kv_heads
    tile = np.empty((LANES, n), np.float32)
    for first in range(start, stop, LANES):
        at = first - start
        for head in range(kv_heads):  # inside, so that memory is read in its order
            widen(keys, first, stop, head, tile)
            factor = load(factors, head * SPLIT_TOKENS + at)
            for i in range(rows * group):
                place = (i // group) * heads + head * group + i % group
                base = place * n
                a = b = c = d = e = f = g = h = splat(np.float32(0))
                for k in range(0, n, LANES):
                    x = load(q, base + k)
                    a, b = fma(x, load(tile, k), a), fma(x, load(tile, n + k), b)
                    c, d = fma(x, load(tile, 2 * n + k), c), fma(x, load(tile, 3 * n + k), d)
                    e, f = fma(x, load(tile, 4 * n + k), e), fma(x, load(tile, 5 * n + k), f)
                    g, h = fma(x, load(tile, 6 * n + k), g), fma(x, load(tile, 7 * n + k), h)
                store(scores, place * SPLIT_TOKENS + at, mul(sums(a, b, c, d, e, f, g, h), factor))


@numba.njit(nogil=True)
def weights_of(scores, factors, num_tokens):
    """Scores of one query become weights times ``factors``; their maximum, and the sum of the bare weights."""
    padded = (num_tokens + LANES - 1) // LANES * LANES
    scores[num_tokens:padded] = -np.inf
    lanes = np.empty(LANES, np.float32)
    tops = load(scores, 0)
    for at in range(LANES, padded, LANES):
        tops = maximum(tops, load(scores, at))
    store(lanes, 0, tops)
    top = lanes.max()
    total, shift = splat(np.float32(0)), splat(top)
    for at in range(0, padded, LANES):
        weight = exp(sub(load(scores, at), shift))
        total = add(total, weight)
        store(scores, at, mul(weight, load(factors, at)))
    store(lanes, 0, total)
    return top, lanes.sum()


@numba.njit(nogil=True)
def wide(weights, tile, num_tokens, d, acc, at):
    """Add to 64 elements: eight sums under way."""
    s0, s1, s2, s3 = load(acc, at), load(acc, at + 8), load(acc, at + 16), load(acc, at + 24)
    s4, s5, s6, s7 = load(acc, at + 32), load(acc, at + 40), load(acc, at + 48), load(acc, at + 56)
    n = tile.shape[1]
    for i in range(num_tokens):
        w, b = splat(weights[i]), i * n + d
        s0, s1 = fma(w, load(tile, b), s0), fma(w, load(tile, b + 8), s1)
        s2, s3 = fma(w, load(tile, b + 16), s2), fma(w, load(tile, b + 24), s3)
        s4, s5 = fma(w, load(tile, b + 32), s4), fma(w, load(tile, b + 40), s5)
        s6, s7 = fma(w, load(tile, b + 48), s6), fma(w, load(tile, b + 56), s7)
    store(acc, at, s0), store(acc, at + 8, s1), store(acc, at + 16, s2), store(acc, at + 24, s3)
    store(acc, at + 32, s4), store(acc, at + 40, s5), store(acc, at + 48, s6), store(acc, at + 56, s7)


@numba.njit(nogil=True)
def sum_values(scores, values, start, stop, heads, acc):
    """Sums of values, weighted with ``scores`` (rows * heads, SPLIT_TOKENS), into ``acc`` (rows * heads, head_dim)."""
    kv_heads, n = values.shape[1:]
    group = heads // kv_heads
    tile = np.empty((TILE_TOKENS, n), np.float32)
    acc[:] = 0
    for first in range(start, stop, TILE_TOKENS):
        num_tokens = min(TILE_TOKENS, stop - first)
        for head in range(kv_heads):
            widen(values, first, stop, head, tile)
            for i in range(len(scores) // kv_heads):
                place = (i // group) * heads + head * group + i % group
                weights = scores[place, first - start :]
                for d in range(0, n - n % 64, 64):
                    wide(weights, tile, num_tokens, d, acc, place * n + d)
                for d in range(n - n % 64, n, LANES):
                    total = load(acc, place * n + d)
                    for t in range(num_tokens):
                        total = fma(splat(weights[t]), load(tile, t * n + d), total)
                    store(acc, place * n + d, total)


@numba.njit(nogil=True)
def merge(acc, tops, totals, out, lse):
    """Attention over all splits, from sums over each, and over what ``out`` and ``lse`` hold of other tokens."""
    for i in range(out.shape[0]):
        top = max(tops[:, i].max(), lse[i])
        total = np.float32(np.exp(lse[i] - top))
        out[i] *= total
        for part in range(len(acc)):
            weight = np.float32(np.exp(tops[part, i] - top))
            total += weight * totals[part, i]
            for d in range(out.shape[1]):
                out[i, d] += weight * acc[part, i, d]
        out[i] /= total
        lse[i] = top + np.log(total)


@numba.njit(nogil=True)
def spread(scales, start, stop, factors):
    """Factors of tokens (num_tokens, kv_heads) side by side (kv_heads, SPLIT_TOKENS); ones where there are none."""
    for head in range(len(factors)):
        for at in range(stop - start):
            factors[head, at] = scales[start + at, head] if len(scales) else np.float32(1)


@numba.njit(nogil=True)
def split(q, keys, values, key_scales, value_scales, part, acc, tops, totals):
    """All heads over ``SPLIT_TOKENS`` tokens."""
    start = part * SPLIT_TOKENS
    stop = min(start + SPLIT_TOKENS, len(keys))
    rows, heads = q.shape[:2]
    kv_heads = keys.shape[1]
    scores = np.empty((rows * heads, SPLIT_TOKENS), np.float32)
    factors = np.ones((kv_heads, SPLIT_TOKENS), np.float32)
    spread(key_scales, start, stop, factors)
    scores_of(q, keys, factors, start, stop, scores)
    spread(value_scales, start, stop, factors)
    for place in range(rows * heads):
        head = place % heads // (heads // kv_heads)
        tops[part, place], totals[part, place] = weights_of(scores[place], factors[head], stop - start)
    sum_values(scores, values, start, stop, heads, acc[part])


def attend(q, keys, values, key_scales, value_scales, out, lse):
    """All rows over all tokens, to be compiled with ``signature``; ``q`` is scaled, no scales are arrays of no rows.

    ``out`` and ``lse`` hold attention over other tokens, or zeros and minus infinity; it goes on from there.
    """
    num_splits = (len(keys) + SPLIT_TOKENS - 1) // SPLIT_TOKENS
    rows, heads, head_dim = q.shape
    acc = np.empty((num_splits, rows * heads, head_dim), np.float32)
    tops = np.empty((num_splits, rows * heads), np.float32)
    totals = np.empty((num_splits, rows * heads), np.float32)
    for part in numba.prange(num_splits):
        split(q, keys, values, key_scales, value_scales, part, acc, tops, totals)
    merge(acc, tops, totals, out.reshape(rows * heads, head_dim), lse.reshape(rows * heads))
