"""Decoding on the CPU: int8 matrix times a few rows, and attention straight over the cache's memory.

Both are bound by memory, so both read every byte once, as it is stored, and widen it to fp32 in registers. They are
written over vectors of eight fp32 values, ``LANES``, as LLVM knows them: what is added in which order is then decided
here, and not by a vectoriser. So a result never depends on the machine's load, on the number of threads or, for
``multiply``, on the other rows.

Compiled by numba on first use, some seconds a process. Nothing is cached on disk: numba's cache index is a pickle.

Not covered: masks (every row sees every token); head dimensions that are no multiple of eight.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np

LANES = 8
"""fp32 values in a vector: one AVX2 register, two of NEON."""

MAX_ROWS = 16
"""Rows up to which ``multiply`` is meant; beyond, widening the matrix once and a GEMM are faster."""

SPLIT_TOKENS = 256
"""Tokens whose scores are held at once, and the unit of parallel work: fixed, so that bits depend on nothing else."""

TILE_TOKENS = 32
"""Values widened at once: 32 tokens of 256 elements are 32 KiB."""

LOWEST = -87.0
"""exp of anything below is 0: its value would be near the smallest normal fp32 number."""

EXP_POLYNOMIAL = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
LN2_HIGH, LN2_LOW = 0.693359375, -2.12194440e-4

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


def attend_rows(
    q: Array,
    keys: Array,
    values: Array,
    key_scales: Array | None,
    value_scales: Array | None,
    scale: float,
) -> tuple[Array, Array]:
    """Softmax attention of query rows that all see all tokens.

    Args:
        q: fp32 (rows, heads, head_dim).
        keys: (num_tokens, kv_heads, head_dim), at least one token, the last two dimensions contiguous; fp32, bf16 as
            its bits in uint16, or int8. Query head h sees key head ``h // (heads // kv_heads)``.
        values: like keys.
        key_scales: fp32 (num_tokens, kv_heads), factors of the int8 keys; None for other dtypes.
        value_scales: like key_scales.
        scale: factor on the scores.

    Returns:
        out fp32 (rows, heads, head_dim), and the scores' log-sum-exp fp32 (rows, heads), natural logarithm.
    """
    scaled = keys.dtype == np.int8
    if scaled != (key_scales is not None) or scaled != (value_scales is not None):
        raise ValueError("scales belong to int8 keys and values, and to no others")
    if not len(keys) or q.shape[2] % LANES or q.shape[1] % keys.shape[1]:
        raise ValueError(f"cannot attend with queries {q.shape} to keys {keys.shape}")
    if key_scales is None or value_scales is None:
        key_scales = value_scales = np.empty((0, 0), np.float32)
    out, lse = np.empty(q.shape, np.float32), np.empty(q.shape[:2], np.float32)
    queries = np.multiply(q, np.float32(scale), order="C")
    _attend_kernel(keys.dtype.name)(queries, keys, values, key_scales, value_scales, out, lse)
    return out, lse


class _Emitter:
    """LLVM instructions on vectors, into a block of code. Values are llvmlite's.

    Args:
        builder: llvmlite's.
    """

    def __init__(self, builder: Any) -> None:
        from llvmlite import ir  # type: ignore[import-untyped]

        self._ir, self._builder = ir, builder
        self.whole, self.real = ir.VectorType(ir.IntType(32), LANES), ir.VectorType(ir.FloatType(), LANES)

    def constant(self, value: float) -> Any:
        """The same number in all lanes."""
        kind = self.whole if isinstance(value, int) else self.real
        return self._ir.Constant(kind, [kind.element(value)] * LANES)

    def call(self, name: str, *args: Any) -> Any:
        """An LLVM intrinsic on vectors of fp32."""
        from numba.core import cgutils

        kind = self._ir.FunctionType(self.real, [self.real] * len(args))
        function = cgutils.get_or_insert_function(self._builder.module, kind, f"llvm.{name}.v{LANES}f32")
        return self._builder.call(function, args)

    def _pointer(self, data: Any, index: Any) -> Any:
        place = self._builder.gep(data, [index])
        return self._builder.bitcast(place, self._ir.VectorType(place.type.pointee, LANES).as_pointer())

    def load(self, array: tuple[Any, str], index: Any) -> Any:
        """Elements widened to fp32, given (address, dtype); uint16 holds bf16."""
        data, dtype = array
        vector = self._builder.load(self._pointer(data, index), align=1)
        if dtype == "int8":
            return self._builder.sitofp(vector, self.real)
        if dtype == "uint16":
            wide = self._builder.zext(vector, self.whole)
            return self._builder.bitcast(self._builder.shl(wide, self.constant(16)), self.real)
        return vector

    def store(self, array: tuple[Any, str], index: Any, value: Any) -> None:
        """Write a vector to an fp32 array, given (address, dtype)."""
        self._builder.store(value, self._pointer(array[0], index), align=1)

    def add(self, a: Any, b: Any) -> Any:
        """Sum."""
        return self._builder.fadd(a, b)

    def sub(self, a: Any, b: Any) -> Any:
        """Difference."""
        return self._builder.fsub(a, b)

    def mul(self, a: Any, b: Any) -> Any:
        """Product."""
        return self._builder.fmul(a, b)

    def fma(self, a: Any, b: Any, c: Any) -> Any:
        """Product plus ``c``, rounded once where the processor can."""
        return self.call("fmuladd", a, b, c)

    def splat(self, value: Any) -> Any:
        """A number that is known only at run time, in all lanes."""
        undefined = self._ir.Constant(self.real, self._ir.Undefined)
        one = self._builder.insert_element(undefined, value, self._ir.IntType(32)(0))
        return self._shuffle(one, undefined, [0] * LANES)

    def maximum(self, a: Any, b: Any) -> Any:
        """The larger one of each lane."""
        return self._builder.select(self._builder.fcmp_ordered(">", a, b), a, b)

    def _shuffle(self, a: Any, b: Any, lanes: Sequence[int]) -> Any:
        mask = self._ir.Constant(self._ir.VectorType(self._ir.IntType(32), len(lanes)), list(lanes))
        return self._builder.shuffle_vector(a, b, mask)

    def sums(self, *vectors: Any) -> Any:
        """Lane i is the sum of the i-th vector, added as a tree: pairs, then pairs of pairs."""
        values = list(vectors)
        for width in (1, 2, 4):
            starts = range(0, LANES, 2 * width)
            first = [side + start + i for start in starts for side in (0, LANES) for i in range(width)]
            second = [place + width for place in first]
            values = [
                self._builder.fadd(self._shuffle(a, b, first), self._shuffle(a, b, second))
                for a, b in zip(values[::2], values[1::2], strict=True)
            ]
        return values[0]

    def exp(self, x: Any) -> Any:
        """Exponentials of numbers up to 0, relative error below 2e-7; 0 below ``LOWEST``.

        Source: Cephes ``expf`` (Moshier): x = n ln 2 + r, a polynomial for exp(r), and n into the exponent's bits.
        """
        builder, constant = self._builder, self.constant
        power = self.call("rint", builder.fmul(self.maximum(x, constant(LOWEST)), constant(1.4426950408889634)))
        rest = self.call("fmuladd", power, constant(-LN2_HIGH), self.maximum(x, constant(LOWEST)))
        rest = self.call("fmuladd", power, constant(-LN2_LOW), rest)
        value = constant(EXP_POLYNOMIAL[0])
        for coefficient in EXP_POLYNOMIAL[1:]:
            value = self.call("fmuladd", value, rest, constant(coefficient))
        value = self.call("fmuladd", builder.fmul(rest, rest), value, builder.fadd(rest, constant(1.0)))
        bits = builder.shl(builder.add(builder.fptosi(power, self.whole), constant(127)), constant(23))
        value = builder.fmul(value, builder.bitcast(bits, self.real))
        return builder.select(builder.fcmp_ordered("<", x, constant(LOWEST)), constant(0.0), value)


@cache
def _vectors() -> SimpleNamespace:
    """A numba type for vectors of ``LANES`` fp32 values, and the operations on it that the kernels need."""
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic, models, register_model

    class Lanes(types.Type):  # type: ignore[misc]  # numba ships no types
        """Type of a vector."""

    class LanesModel(models.PrimitiveModel):  # type: ignore[misc]
        """A vector is one LLVM value."""

        def __init__(self, dmm: object, fe_type: object) -> None:
            super().__init__(dmm, fe_type, ir.VectorType(ir.FloatType(), LANES))

    register_model(Lanes)(LanesModel)
    v = Lanes("lanes")
    # numba reads the number of arguments off each function; the first is its typing context.
    return SimpleNamespace(
        load=intrinsic(lambda _, data, at: (v(data, types.unliteral(at)), _emit("load"))),
        store=intrinsic(lambda _, data, at, a: (types.void(data, types.unliteral(at), a), _emit("store"))),
        splat=intrinsic(lambda _, a: (v(a), _emit("splat"))),
        add=intrinsic(lambda _, a, b: (v(a, b), _emit("add"))),
        sub=intrinsic(lambda _, a, b: (v(a, b), _emit("sub"))),
        mul=intrinsic(lambda _, a, b: (v(a, b), _emit("mul"))),
        fma=intrinsic(lambda _, a, b, c: (v(a, b, c), _emit("fma"))),
        maximum=intrinsic(lambda _, a, b: (v(a, b), _emit("maximum"))),
        exp=intrinsic(lambda _, a: (v(a), _emit("exp"))),
        sums=intrinsic(lambda _, a, b, c, d, e, f, g, h: (v(a, b, c, d, e, f, g, h), _emit("sums"))),
    )


def _emit(name: str) -> Callable[..., Any]:
    """Code generator, for numba, of an operation of ``_Emitter``; of an array it gets the address and the dtype."""
    from numba import types
    from numba.np.arrayobj import make_array

    def generate(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        passed = [
            (make_array(kind)(context, builder, arg).data, kind.dtype.name) if isinstance(kind, types.Array) else arg
            for kind, arg in zip(signature.args, args, strict=True)
        ]
        value = getattr(_Emitter(builder), name)(*passed)
        return context.get_dummy_value() if value is None else value

    return generate


@cache
def row_kernel() -> Callable[[Array, Array, Array, Array], None]:
    """``multiply``, compiled on first use."""
    import numba

    pair, single = _tile_kernels()

    @numba.njit(nogil=True)
    def some(weight, scale, x, out, first):  # type: ignore[no-untyped-def]
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

    signature = "void(int8[:,::1], float32[::1], float32[:,::1], float32[:,::1])"

    @numba.njit(signature, parallel=True, nogil=True)  # type: ignore[untyped-decorator]
    def every(weight: Array, scale: Array, x: Array, out: Array) -> None:
        for part in numba.prange((weight.shape[0] + LANES - 1) // LANES):
            some(weight, scale, x, out, part * LANES)

    kernel: Callable[[Array, Array, Array, Array], None] = every
    return kernel


def _tile_kernels() -> tuple[Any, Any]:
    """Products over whole vectors of columns: eight sums at once, which hides the latency of an addition."""
    import numba

    v = _vectors()
    load, fma, splat, sums, store = v.load, v.fma, v.splat, v.sums, v.store

    @numba.njit(nogil=True)
    def pair(weight, x, at, first, row, dots):  # type: ignore[no-untyped-def]
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
    def single(weight, x, at, row, dots):  # type: ignore[no-untyped-def]
        """Eight weight rows with one row of ``x``, each added up in the order of ``pair``."""
        a = b = c = d = e = f = g = h = splat(np.float32(0))
        base = row * x.shape[1]
        pa, pb, pc, pd, pe, pf, pg, ph = at[0], at[1], at[2], at[3], at[4], at[5], at[6], at[7]
        for k in range(0, x.shape[1] - x.shape[1] % LANES, LANES):
            y = load(x, base + k)
            a, b = fma(load(weight, pa + k), y, a), fma(load(weight, pb + k), y, b)
            c, d = fma(load(weight, pc + k), y, c), fma(load(weight, pd + k), y, d)
            e, f = fma(load(weight, pe + k), y, e), fma(load(weight, pf + k), y, f)
            g, h = fma(load(weight, pg + k), y, g), fma(load(weight, ph + k), y, h)
        store(dots, 0, sums(a, b, c, d, e, f, g, h))

    return pair, single


@cache
def _attend_kernel(dtype: str) -> Callable[..., None]:
    """The kernel of ``attend_rows`` for a cache of this dtype, compiled on first use."""
    import numba
    from numba import types
    from numba.np.numpy_support import from_dtype

    scores_of, weights_of, sum_values = _split_kernels()
    merge = _merge_kernel()
    # Views of a slab are strided: one signature for all, or each layout would be compiled on its own.
    cache_type = types.Array(from_dtype(np.dtype(dtype)), 3, "A", readonly=True)
    scale_type = types.Array(types.float32, 2, "A", readonly=True)
    whole = types.float32[:, :, ::1]
    signature = types.void(whole, cache_type, cache_type, scale_type, scale_type, whole, types.float32[:, ::1])

    @numba.njit(nogil=True)
    def split(q, keys, values, key_scales, value_scales, part, head, acc, tops, totals):  # type: ignore[no-untyped-def]
        """One KV head over ``SPLIT_TOKENS`` tokens."""
        start = part * SPLIT_TOKENS
        stop = min(start + SPLIT_TOKENS, len(keys))
        rows, heads = q.shape[:2]
        group = heads // keys.shape[1]
        scores = np.empty((rows * group, SPLIT_TOKENS), np.float32)
        factors = np.ones(SPLIT_TOKENS, np.float32)
        if len(key_scales) == len(keys):
            factors[: stop - start] = key_scales[start:stop, head]
        scores_of(q, keys, factors, start, stop, head, scores)
        if len(key_scales) == len(keys):
            factors[: stop - start] = value_scales[start:stop, head]
        for row in range(rows):
            for i in range(group):
                place = row * heads + head * group + i
                tops[part, place], totals[part, place] = weights_of(scores[row * group + i], factors, stop - start)
        sum_values(scores, values, start, stop, head, group, heads, acc[part])

    @numba.njit(signature, parallel=True, nogil=True)
    def attend(q, keys, values, key_scales, value_scales, out, lse):  # type: ignore[no-untyped-def]
        num_splits = (len(keys) + SPLIT_TOKENS - 1) // SPLIT_TOKENS
        kv_heads = keys.shape[1]
        rows, heads, head_dim = q.shape
        acc = np.empty((num_splits, rows * heads, head_dim), np.float32)
        tops = np.empty((num_splits, rows * heads), np.float32)
        totals = np.empty((num_splits, rows * heads), np.float32)
        for task in numba.prange(num_splits * kv_heads):
            part, head = task // kv_heads, task % kv_heads
            split(q, keys, values, key_scales, value_scales, part, head, acc, tops, totals)
        merge(acc, tops, totals, out.reshape(rows * heads, head_dim), lse.reshape(rows * heads))

    kernel: Callable[..., None] = attend
    return kernel


@cache
def _split_kernels() -> tuple[Any, Any, Any]:
    """What is done to one KV head over one split of the tokens: scores, softmax weights, sums of values."""
    import numba

    v = _vectors()
    load, store, splat, sums = v.load, v.store, v.splat, v.sums
    add, sub, mul, fma, maximum, exp = v.add, v.sub, v.mul, v.fma, v.maximum, v.exp

    @numba.njit(nogil=True)
    def widen(source, first, stop, head, tile):  # type: ignore[no-untyped-def]
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
    def scores_of(q, keys, factors, start, stop, head, scores):  # type: ignore[no-untyped-def]
        rows, heads, n = q.shape
        group = heads // keys.shape[1]
        tile = np.empty((LANES, n), np.float32)
        for first in range(start, stop, LANES):
            widen(keys, first, stop, head, tile)
            at = first - start
            factor = load(factors, at)
            for i in range(rows * group):
                base = ((i // group) * heads + head * group + i % group) * n
                a = b = c = d = e = f = g = h = splat(np.float32(0))
                for k in range(0, n, LANES):
                    x = load(q, base + k)
                    a, b = fma(x, load(tile, k), a), fma(x, load(tile, n + k), b)
                    c, d = fma(x, load(tile, 2 * n + k), c), fma(x, load(tile, 3 * n + k), d)
                    e, f = fma(x, load(tile, 4 * n + k), e), fma(x, load(tile, 5 * n + k), f)
                    g, h = fma(x, load(tile, 6 * n + k), g), fma(x, load(tile, 7 * n + k), h)
                store(scores, i * SPLIT_TOKENS + at, mul(sums(a, b, c, d, e, f, g, h), factor))

    @numba.njit(nogil=True)
    def weights_of(scores, factors, num_tokens):  # type: ignore[no-untyped-def]
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

    return scores_of, weights_of, _sum_kernel(widen)


def _sum_kernel(widen: Any) -> Any:
    """Sums of values, weighted."""
    import numba

    v = _vectors()
    load, store, splat, fma = v.load, v.store, v.splat, v.fma

    @numba.njit(nogil=True)
    def wide(weights, tile, num_tokens, d, acc, at):  # type: ignore[no-untyped-def]
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
    def sum_values(scores, values, start, stop, head, group, heads, acc):  # type: ignore[no-untyped-def]
        n = values.shape[2]
        tile = np.empty((TILE_TOKENS, n), np.float32)
        for first in range(start, stop, TILE_TOKENS):
            num_tokens = min(TILE_TOKENS, stop - first)
            widen(values, first, stop, head, tile)
            for i in range(len(scores)):
                place = (i // group) * heads + head * group + i % group
                if first == start:
                    acc[place] = 0
                weights = scores[i, first - start :]
                for d in range(0, n - n % 64, 64):
                    wide(weights, tile, num_tokens, d, acc, place * n + d)
                for d in range(n - n % 64, n, LANES):
                    total = load(acc, place * n + d)
                    for t in range(num_tokens):
                        total = fma(splat(weights[t]), load(tile, t * n + d), total)
                    store(acc, place * n + d, total)

    return sum_values


@cache
def _merge_kernel() -> Any:
    """Attention over all splits, from sums over each (FlashAttention, Dao et al. 2022, section 3.1)."""
    import numba

    @numba.njit(nogil=True)
    def merge(acc, tops, totals, out, lse):  # type: ignore[no-untyped-def]
        for i in range(out.shape[0]):
            top = tops[:, i].max()
            total = np.float32(0)
            out[i] = 0
            for part in range(len(acc)):
                weight = np.float32(np.exp(tops[part, i] - top))
                total += weight * totals[part, i]
                for d in range(out.shape[1]):
                    out[i, d] += weight * acc[part, i, d]
            out[i] /= total
            lse[i] = top + np.log(total)

    return merge
