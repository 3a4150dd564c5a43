"""Vectors of ``LANES`` fp32 values inside compiled functions: their numba type, and what can be done with them.

The order of every addition and every rounding is decided here, as LLVM instructions, and not by a vectoriser: bits
depend on nothing but the operands. The functions at the end (``load``, ``fma``, ...) are for compiled code only.

May not know: matrices, attention, where compiled code is kept.

Not covered: bounds (``load`` and ``store`` trust their index), dtypes other than fp32, bf16 bits and int8.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model
from numba.np.arrayobj import make_array

from workbench.engine.kernels import LANES, WIDE

LOWEST = -87.0
"""exp of anything below is 0: its value would be near the smallest normal fp32 number."""

EXP_POLYNOMIAL = (1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
LN2_HIGH, LN2_LOW = 0.693359375, -2.12194440e-4


class _Emitter:
    """LLVM instructions on vectors, into a block of code. Values are llvmlite's.

    Args:
        builder: llvmlite's.
        lanes: elements of a vector.
    """

    def __init__(self, builder: Any, lanes: int) -> None:
        self._builder, self._lanes = builder, lanes
        self.whole, self.real = ir.VectorType(ir.IntType(32), lanes), ir.VectorType(ir.FloatType(), lanes)

    def constant(self, value: float) -> Any:
        """The same number in all lanes."""
        kind = self.whole if isinstance(value, int) else self.real
        return ir.Constant(kind, [kind.element(value)] * self._lanes)

    def call(self, name: str, *args: Any) -> Any:
        """An LLVM intrinsic on vectors of fp32."""
        kind = ir.FunctionType(self.real, [self.real] * len(args))
        function = cgutils.get_or_insert_function(self._builder.module, kind, f"llvm.{name}.v{self._lanes}f32")
        return self._builder.call(function, args)

    def _pointer(self, data: Any, index: Any) -> Any:
        place = self._builder.gep(data, [index])
        return self._builder.bitcast(place, ir.VectorType(place.type.pointee, self._lanes).as_pointer())

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
        """Write a vector to an array, given (address, dtype): fp32, or uint16 for bf16, rounded to the nearest."""
        if array[1] == "uint16":
            bits = self._builder.bitcast(value, self.whole)
            even = self._builder.and_(self._builder.lshr(bits, self.constant(16)), self.constant(1))
            bits = self._builder.add(bits, self._builder.add(even, self.constant(0x7FFF)))
            short = ir.VectorType(ir.IntType(16), self._lanes)
            value = self._builder.trunc(self._builder.lshr(bits, self.constant(16)), short)
        self._builder.store(value, self._pointer(array[0], index), align=1)

    def halves(self, array: tuple[Any, str], index: Any) -> Any:
        """fp16 numbers, given as their bits in uint16, widened to fp32."""
        place = self._builder.gep(array[0], [index])
        kind = ir.VectorType(ir.HalfType(), self._lanes)
        return self._builder.fpext(
            self._builder.load(self._builder.bitcast(place, kind.as_pointer()), align=2), self.real
        )

    def words(self, array: tuple[Any, str], index: Any) -> Any:
        """Integers of 32 bits as they are."""
        return self._builder.load(self._pointer(array[0], index), align=4)

    def masked(self, words: Any, mask: Any) -> Any:
        """Some bits of each word, which then is a number below 2**31, as fp32."""
        return self._builder.sitofp(self._builder.and_(words, self._spread(mask, self.whole)), self.real)

    def highest(self, words: Any) -> Any:
        """The upper four bits of each word as a number from 0 to 15, in fp32."""
        return self._builder.sitofp(self._builder.lshr(words, self.constant(28)), self.real)

    def spread(self, array: tuple[Any, str], index: Any) -> Any:
        """One element of an fp32 array in all lanes."""
        return self.splat(self._builder.load(self._builder.gep(array[0], [index])))

    def prefetch(self, array: tuple[Any, str], index: Any) -> None:
        """Have the cache line of an element fetched; an index past the end does no harm."""
        place = self._builder.bitcast(self._builder.gep(array[0], [index]), ir.IntType(8).as_pointer())
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [place.type, number, number, number])
        function = cgutils.get_or_insert_function(self._builder.module, kind, "llvm.prefetch.p0")
        self._builder.call(function, [place, number(0), number(3), number(1)])

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
        return self._spread(value, self.real)

    def _spread(self, value: Any, kind: Any) -> Any:
        undefined = ir.Constant(kind, ir.Undefined)
        one = self._builder.insert_element(undefined, value, ir.IntType(32)(0))
        return self._shuffle(one, undefined, [0] * self._lanes)

    def maximum(self, a: Any, b: Any) -> Any:
        """The larger one of each lane."""
        return self._builder.select(self._builder.fcmp_ordered(">", a, b), a, b)

    def _shuffle(self, a: Any, b: Any, lanes: Sequence[int]) -> Any:
        mask = ir.Constant(ir.VectorType(ir.IntType(32), len(lanes)), list(lanes))
        return self._builder.shuffle_vector(a, b, mask)

    def sums(self, *vectors: Any) -> Any:
        """Lane i is the sum of the i-th vector, added as a tree: pairs, then pairs of pairs."""
        values = list(vectors)
        for width in (1, 2, 4):
            starts = range(0, self._lanes, 2 * width)
            first = [side + start + i for start in starts for side in (0, self._lanes) for i in range(width)]
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


def _emit(name: str, lanes: int = LANES) -> Callable[..., Any]:
    """Code generator, for numba, of an operation of ``_Emitter``; of an array it gets the address and the dtype."""

    def generate(context: Any, builder: Any, signature: Any, args: Sequence[Any]) -> Any:
        passed = [
            (make_array(kind)(context, builder, arg).data, kind.dtype.name) if isinstance(kind, types.Array) else arg
            for kind, arg in zip(signature.args, args, strict=True)
        ]
        value = getattr(_Emitter(builder, lanes), name)(*passed)
        return context.get_dummy_value() if value is None else value

    return generate


class Lanes(types.Type):  # type: ignore[misc]  # numba ships no types
    """Type of a vector of fp32 values.

    Args:
        name: numba's.
        count: of them.
    """

    def __init__(self, name: str, count: int) -> None:
        super().__init__(name)
        self.count = count


@register_model(Lanes)
class LanesModel(models.PrimitiveModel):  # type: ignore[misc]
    """A vector is one LLVM value."""

    def __init__(self, dmm: object, fe_type: Any) -> None:
        super().__init__(dmm, fe_type, ir.VectorType(ir.FloatType(), fe_type.count))


class Words(types.Type):  # type: ignore[misc]
    """Type of a vector of ``WIDE`` integers of 32 bits."""


@register_model(Words)
class WordsModel(models.PrimitiveModel):  # type: ignore[misc]
    """A vector is one LLVM value."""

    def __init__(self, dmm: object, fe_type: object) -> None:
        super().__init__(dmm, fe_type, ir.VectorType(ir.IntType(32), WIDE))


_V, _WIDE, _WORDS = Lanes("lanes", LANES), Lanes("wide lanes", WIDE), Words("words")

# numba reads the number of arguments off each function; the first is its typing context.
load = intrinsic(lambda _, data, at: (_V(data, types.unliteral(at)), _emit("load")))
store = intrinsic(lambda _, data, at, a: (types.void(data, types.unliteral(at), a), _emit("store")))
prefetch = intrinsic(lambda _, data, at: (types.void(data, types.unliteral(at)), _emit("prefetch")))
splat = intrinsic(lambda _, a: (_V(a), _emit("splat")))
add = intrinsic(lambda _, a, b: (_V(a, b), _emit("add")))
sub = intrinsic(lambda _, a, b: (_V(a, b), _emit("sub")))
mul = intrinsic(lambda _, a, b: (_V(a, b), _emit("mul")))
fma = intrinsic(lambda _, a, b, c: (_V(a, b, c), _emit("fma")))
maximum = intrinsic(lambda _, a, b: (_V(a, b), _emit("maximum")))
exp = intrinsic(lambda _, a: (_V(a), _emit("exp")))
sums = intrinsic(lambda _, a, b, c, d, e, f, g, h: (_V(a, b, c, d, e, f, g, h), _emit("sums")))

wide_splat = intrinsic(lambda _, a: (_WIDE(a), _emit("splat", WIDE)))
wide_spread = intrinsic(lambda _, data, at: (_WIDE(data, types.unliteral(at)), _emit("spread", WIDE)))
wide_halves = intrinsic(lambda _, data, at: (_WIDE(data, types.unliteral(at)), _emit("halves", WIDE)))
wide_store = intrinsic(lambda _, data, at, a: (types.void(data, types.unliteral(at), a), _emit("store", WIDE)))
wide_add = intrinsic(lambda _, a, b: (_WIDE(a, b), _emit("add", WIDE)))
wide_mul = intrinsic(lambda _, a, b: (_WIDE(a, b), _emit("mul", WIDE)))
wide_fma = intrinsic(lambda _, a, b, c: (_WIDE(a, b, c), _emit("fma", WIDE)))
words = intrinsic(lambda _, data, at: (_WORDS(data, types.unliteral(at)), _emit("words", WIDE)))
masked = intrinsic(lambda _, a, _mask: (_WIDE(a, types.int32), _emit("masked", WIDE)))
highest = intrinsic(lambda _, a: (_WIDE(a), _emit("highest", WIDE)))
