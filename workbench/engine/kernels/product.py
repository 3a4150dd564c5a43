"""The int8 matrix times a few rows.

Every weight is read from memory once. Each product of two rows is added up in one order, whatever the other rows are.

May not know: who calls, where compiled code is kept (kernels.cache).

Not covered: dtypes other than int8 weights and fp32 rows.
"""

# Compiled functions have no annotations: numba infers the types.
# mypy: disable-error-code="no-untyped-def, untyped-decorator, no-untyped-call"

from __future__ import annotations

import numba
import numpy as np

from workbench.engine.kernels import LANES
from workbench.engine.kernels.lanes import fma, load, prefetch, splat, store, sums

LINE = 64
"""Bytes that memory hands over at once."""

SIGNATURE = "void(int8[:,::1], float32[::1], float32[:,::1], float32[:,::1])"
"""Types of ``multiply``: weight, scale, x, out."""


@numba.njit(nogil=True)
def pair(weight, x, at, first, row, dots):
    """Four weight rows, which begin at ``at[first:]``, with two rows of ``x``."""
    a0 = a1 = a2 = a3 = b0 = b1 = b2 = b3 = splat(np.float32(0))
    one, two = row * x.shape[1], (row + 1) * x.shape[1]
    p0, p1, p2, p3 = at[first], at[first + 1], at[first + 2], at[first + 3]
    for k in range(0, x.shape[1] - x.shape[1] % LANES, LANES):
        a, b = load(x, one + k), load(x, two + k)
        w0, w1, w2, w3 = load(weight, p0 + k), load(weight, p1 + k), load(weight, p2 + k), load(weight, p3 + k)
        a0, b0, a1, b1 = fma(w0, a, a0), fma(w0, b, b0), fma(w1, a, a1), fma(w1, b, b1)
        a2, b2, a3, b3 = fma(w2, a, a2), fma(w2, b, b2), fma(w3, a, a3), fma(w3, b, b3)
    both = np.empty(LANES, np.float32)
    store(both, 0, sums(a0, a1, a2, a3, b0, b1, b2, b3))
    dots[0, first : first + 4] = both[:4]
    dots[1, first : first + 4] = both[4:]


@numba.njit(nogil=True)
def single(weight, x, at, row, dots):
    """Eight weight rows with one row of ``x``, each added up in the order of ``pair``."""
    a = b = c = d = e = f = g = h = splat(np.float32(0))
    base = row * x.shape[1]
    pa, pb, pc, pd, pe, pf, pg, ph = at[0], at[1], at[2], at[3], at[4], at[5], at[6], at[7]
    for k in range(0, x.shape[1] - x.shape[1] % LANES, LANES):
        if k % LINE == 0:  # the next eight rows: eight streams at once are too many for the processor to foresee
            far = k + LANES * x.shape[1]
            prefetch(weight, pa + far), prefetch(weight, pb + far), prefetch(weight, pc + far)
            prefetch(weight, pd + far), prefetch(weight, pe + far), prefetch(weight, pf + far)
            prefetch(weight, pg + far), prefetch(weight, ph + far)
        y = load(x, base + k)
        a, b = fma(load(weight, pa + k), y, a), fma(load(weight, pb + k), y, b)
        c, d = fma(load(weight, pc + k), y, c), fma(load(weight, pd + k), y, d)
        e, f = fma(load(weight, pe + k), y, e), fma(load(weight, pf + k), y, f)
        g, h = fma(load(weight, pg + k), y, g), fma(load(weight, ph + k), y, h)
    store(dots, 0, sums(a, b, c, d, e, f, g, h))


@numba.njit(nogil=True)
def some(weight, scale, x, out, first):
    """Eight weight rows, from ``first``, with all rows of ``x``."""
    outs, columns = weight.shape
    at, dots = np.empty(LANES, np.int64), np.empty((2, LANES), np.float32)
    for i in range(LANES):  # past the end: the last row again
        at[i] = min(first + i, outs - 1) * columns
    for row in range(0, len(x), 2):
        taken = min(2, len(x) - row)
        if taken == 2:
            pair(weight, x, at, 0, row, dots)
            pair(weight, x, at, LANES // 2, row, dots)
        else:
            single(weight, x, at, row, dots)
        for j in range(taken):
            for i in range(min(LANES, outs - first)):
                total = dots[j, i]
                for column in range(columns - columns % LANES, columns):
                    total += np.float32(weight[first + i, column]) * x[row + j, column]
                out[row + j, first + i] = total * scale[first + i]


def multiply(weight, scale, x, out):
    """``kernels.multiply``, to be compiled with SIGNATURE."""
    for part in numba.prange((weight.shape[0] + LANES - 1) // LANES):
        some(weight, scale, x, out, part * LANES)
