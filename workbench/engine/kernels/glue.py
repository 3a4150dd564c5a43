"""What a row passes through between products, each in one pass: norms, rotary positions, gates, rounding to int8.

A few numbers each, in one thread: the cost of these is in being called, not in computing. A row's bits do not depend on
the other rows.

May not know: who calls, where compiled code is kept (kernels.cache).

Not covered: activations other than silu, rotary positions other than by halves.
"""

# Compiled functions have no annotations: numba infers the types.
# mypy: disable-error-code="no-untyped-def, untyped-decorator, no-untyped-call"

from __future__ import annotations

import numpy as np

from workbench.engine.kernels import LANES
from workbench.engine.kernels.lanes import exp, fma, load, maximum, splat, store, sub

SIGNATURES = {
    "norm": "void(float32[:,:], float32[::1], float32, float32[:,::1])",
    "turn": "void(float32[:,:,:], float32[:,::1], float32[:,::1], float32[:,:,::1])",
    "gate": "void(float32[:,::1], float32[:,::1])",
    "round_int8": "void(float32[:,:,:], int8[:,:,:], float32[:,:])",
}
"""Types of each: what is read, then what is written."""


def norm(x, weight, eps, out):
    """RMS norm of rows (rows, features)."""
    rows, features = x.shape
    even = features - features % LANES
    lanes = np.empty(LANES, np.float32)
    for row in range(rows):
        line = out[row]
        line[:] = x[row]  # contiguous, as vectors need it
        squares = splat(np.float32(0))
        for at in range(0, even, LANES):
            squares = fma(load(line, at), load(line, at), squares)
        store(lanes, 0, squares)
        total = lanes.sum()
        for at in range(even, features):
            total += line[at] * line[at]
        root = np.sqrt(total / np.float32(features) + eps)
        for at in range(features):
            line[at] = line[at] / root * weight[at]


def turn(x, cos, sin, out):
    """Rotary positions: heads (rows, heads, head_dim), their halves turned by angles (rows, head_dim / 2)."""
    rows, heads, head_dim = x.shape
    half = head_dim // 2
    for row in range(rows):
        for head in range(heads):
            for at in range(half):
                first, second = x[row, head, at], x[row, head, at + half]
                c, s = cos[row, at], sin[row, at]
                out[row, head, at] = first * c - second * s
                out[row, head, at + half] = second * c + first * s


def gate(x, out):
    """Silu of the first half of each row, times the second: (rows, 2 * features) to (rows, features)."""
    rows, features = out.shape
    falling = np.empty(features + LANES, np.float32)
    for row in range(rows):
        zero = splat(np.float32(0))
        # Of a number's negative size the exponential neither overflows nor needs a second formula.
        for at in range(0, features - features % LANES, LANES):
            value = load(x, row * 2 * features + at)
            store(falling, at, exp(sub(zero, maximum(value, sub(zero, value)))))
        for at in range(features - features % LANES, features):
            falling[at] = np.exp(-abs(x[row, at]))
        for at in range(features):
            value, small = x[row, at], falling[at]
            upper = value if value >= 0 else value * small
            out[row, at] = upper / (np.float32(1) + small) * x[row, features + at]


def round_int8(x, values, scales):
    """Vectors (rows, heads, head_dim) as int8 and one factor each, as ``extents.quantize`` rounds them."""
    rows, heads, head_dim = x.shape
    smallest = np.float32(np.finfo(np.float32).tiny)
    for row in range(rows):
        for head in range(heads):
            largest = smallest
            for at in range(head_dim):
                largest = max(largest, abs(x[row, head, at]))
            scale = largest / np.float32(127)
            scales[row, head] = scale
            for at in range(head_dim):
                values[row, head, at] = np.int8(np.rint(x[row, head, at] / scale))
