"""The int4 matrix times a few rows, and its values for a GEMM.

Sixteen weight rows lie side by side, so that a vector holds one column of them: eight columns fill the bits of a word,
the first the lowest four. A column is masked where it stands, which makes it the weight times a power of 16, and the
rows of ``x`` come divided by that power: no shift, no shuffle, and not one bit is lost. The minimum of a group enters
once, times the sum of ``x`` over the group.

Every weight is read from memory once. Each product of two rows is added up in one order, whatever the other rows are.

May not know: who calls, where compiled code is kept (kernels.cache), how a matrix is packed (engine.int4).

Not covered: columns that are no multiple of ``GROUP``, weight rows that are no multiple of ``WIDE``.
"""

# Compiled functions have no annotations: numba infers the types.
# mypy: disable-error-code="no-untyped-def, untyped-decorator, no-untyped-call"

from __future__ import annotations

import numba
import numpy as np

from workbench.engine.kernels import GROUP, WIDE
from workbench.engine.kernels.lanes import (
    highest,
    masked,
    wide_add,
    wide_fma,
    wide_halves,
    wide_mul,
    wide_splat,
    wide_spread,
    wide_store,
    words,
)

_PACKED = "int32[:,:,::1], uint16[:,:,::1], uint16[:,:,::1]"
SIGNATURES = {
    "multiply": f"void({_PACKED}, float32[:,::1], float32[:,::1])",
    "widen": f"void({_PACKED}, int64, float32[:,::1])",
    "widen_bf16": f"void({_PACKED}, int64, uint16[:,::1])",
}
"""Types of each: words, scales and minima of a matrix, then what it is multiplied with or what is wanted of it."""

_M0, _M1, _M2, _M3, _M4, _M5, _M6 = (np.int32(15 << 4 * place) for place in range(7))


@numba.njit(nogil=True)
def single(packed, scale, low, x, sums, block, row, out):
    """Sixteen weight rows with one row of ``x``, each added up in the order of ``pair``."""
    columns = x.shape[1]
    groups = columns // GROUP
    total = wide_splat(np.float32(0))
    for group in range(groups):
        a = b = wide_splat(np.float32(0))
        for octet in range(4):
            w = words(packed, (block * groups * 4 + group * 4 + octet) * WIDE)
            k = row * columns + group * GROUP + octet * 8
            a = wide_fma(masked(w, _M0), wide_spread(x, k), a)
            b = wide_fma(masked(w, _M1), wide_spread(x, k + 1), b)
            a = wide_fma(masked(w, _M2), wide_spread(x, k + 2), a)
            b = wide_fma(masked(w, _M3), wide_spread(x, k + 3), b)
            a = wide_fma(masked(w, _M4), wide_spread(x, k + 4), a)
            b = wide_fma(masked(w, _M5), wide_spread(x, k + 5), b)
            a = wide_fma(masked(w, _M6), wide_spread(x, k + 6), a)
            b = wide_fma(highest(w), wide_spread(x, k + 7), b)
        at = (block * groups + group) * WIDE
        total = wide_fma(wide_halves(low, at), wide_spread(sums, row * groups + group), total)
        total = wide_fma(wide_add(a, b), wide_halves(scale, at), total)
    wide_store(out, row * out.shape[1] + block * WIDE, total)


@numba.njit(nogil=True)
def pair(packed, scale, low, x, sums, block, row, out):
    """Sixteen weight rows with two rows of ``x``."""
    columns = x.shape[1]
    groups = columns // GROUP
    one = two = wide_splat(np.float32(0))
    for group in range(groups):
        a = b = c = d = wide_splat(np.float32(0))
        for octet in range(4):
            w = words(packed, (block * groups * 4 + group * 4 + octet) * WIDE)
            k = row * columns + group * GROUP + octet * 8
            n = k + columns
            v = masked(w, _M0)
            a, c = wide_fma(v, wide_spread(x, k), a), wide_fma(v, wide_spread(x, n), c)
            v = masked(w, _M1)
            b, d = wide_fma(v, wide_spread(x, k + 1), b), wide_fma(v, wide_spread(x, n + 1), d)
            v = masked(w, _M2)
            a, c = wide_fma(v, wide_spread(x, k + 2), a), wide_fma(v, wide_spread(x, n + 2), c)
            v = masked(w, _M3)
            b, d = wide_fma(v, wide_spread(x, k + 3), b), wide_fma(v, wide_spread(x, n + 3), d)
            v = masked(w, _M4)
            a, c = wide_fma(v, wide_spread(x, k + 4), a), wide_fma(v, wide_spread(x, n + 4), c)
            v = masked(w, _M5)
            b, d = wide_fma(v, wide_spread(x, k + 5), b), wide_fma(v, wide_spread(x, n + 5), d)
            v = masked(w, _M6)
            a, c = wide_fma(v, wide_spread(x, k + 6), a), wide_fma(v, wide_spread(x, n + 6), c)
            v = highest(w)
            b, d = wide_fma(v, wide_spread(x, k + 7), b), wide_fma(v, wide_spread(x, n + 7), d)
        at = (block * groups + group) * WIDE
        minimum, factor, place = wide_halves(low, at), wide_halves(scale, at), row * groups + group
        one = wide_fma(minimum, wide_spread(sums, place), one)
        two = wide_fma(minimum, wide_spread(sums, place + groups), two)
        one, two = wide_fma(wide_add(a, b), factor, one), wide_fma(wide_add(c, d), factor, two)
    wide_store(out, row * out.shape[1] + block * WIDE, one)
    wide_store(out, (row + 1) * out.shape[1] + block * WIDE, two)


@numba.njit(nogil=True)
def prepare(x, divided, sums):
    """Each number of ``x`` divided by the power of 16 that its column's weights stand at; the sums of its groups."""
    for row in range(x.shape[0]):
        for group in range(sums.shape[1]):
            total = np.float32(0)
            for octet in range(group * GROUP, (group + 1) * GROUP, 8):
                factor = np.float32(1)
                for k in range(octet, octet + 8):
                    total += x[row, k]
                    # The last column is shifted, not masked: its sign bit would be in the way.
                    divided[row, k] = x[row, k] if k == octet + 7 else x[row, k] * factor
                    factor *= np.float32(0.0625)
            sums[row, group] = total


def multiply(packed, scale, low, x, out):
    """``kernels.multiply_int4``, to be compiled with SIGNATURES."""
    rows = x.shape[0]
    divided, sums = np.empty(x.shape, np.float32), np.empty((rows, x.shape[1] // GROUP), np.float32)
    prepare(x, divided, sums)
    for block in numba.prange(packed.shape[0]):
        for row in range(0, rows - 1, 2):
            pair(packed, scale, low, divided, sums, block, row, out)
        if rows % 2:
            single(packed, scale, low, divided, sums, block, rows - 1, out)


def widen(packed, scale, low, first, out):
    """``kernels.widen_int4``, to be compiled with SIGNATURES."""
    groups = scale.shape[1]
    for part in numba.prange(out.shape[1] // WIDE):
        block = first + part
        for group in range(groups):
            at = (block * groups + group) * WIDE
            factor, minimum = wide_halves(scale, at), wide_halves(low, at)
            for octet in range(4):
                w = words(packed, (block * groups * 4 + group * 4 + octet) * WIDE)
                for place in range(7):
                    down = wide_splat(np.float32(1.0 / (1 << 4 * place)))
                    value = wide_fma(masked(w, np.int32(15 << 4 * place)), wide_mul(down, factor), minimum)
                    wide_store(out, (group * GROUP + octet * 8 + place) * out.shape[1] + part * WIDE, value)
                value = wide_fma(highest(w), factor, minimum)
                wide_store(out, (group * GROUP + octet * 8 + 7) * out.shape[1] + part * WIDE, value)
