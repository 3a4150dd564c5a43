"""Weight-only int4: linear layers that keep a GGUF file's own four bits a weight and compute in fp32.

Thirty-two weights of a row share a scale and a minimum, in fp16: ``weight = scale * code + minimum``. That is what
Q4_1 holds, bit for bit, and Q4_K but for the rounding of its products of scales to fp16. A few rows (decoding) run in a
kernel that reads the bits as they are and multiplies in fp32 (engine.kernels). More rows (prefill) widen some weight
rows at a time into one scratch buffer that all layers share, and use torch's GEMM: in bf16 where the processor has
instructions for that, which rounds activations and results to 8 bits and costs less than int8 weights do, else in fp32.

Not covered: rounding to four bits (only files that hold them are converted), embeddings (engine.int8), GPUs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from torch import nn

from workbench.engine.int8 import Int8Linear, Scratch
from workbench.engine.kernels import GROUP, MAX_ROWS, WIDE, int4_kernel, multiply_int4, widen_int4

PARTS = ("words", "scale", "minimum")
"""What a matrix consists of, as it is named in files and modules."""

_PART_BYTES = 4 << 20

BF16_ROWS = 32
"""Rows up to which the kernel is faster than widening and a GEMM in bf16; in fp32 that is ``MAX_ROWS``."""

COLUMNS = 8
"""Weights of a row in a word."""


Array = np.ndarray[Any, Any]


def fits(shape: tuple[int, ...]) -> bool:
    """Whether a matrix (out, in) can be packed."""
    return len(shape) == 2 and shape[0] % WIDE == 0 and shape[1] % GROUP == 0


def shapes(out_features: int, in_features: int) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Shapes of a matrix's words, and of its scales and of its minima."""
    blocks = out_features // WIDE
    return (blocks, in_features // COLUMNS, WIDE), (blocks, in_features // GROUP, WIDE)


def pack(
    codes: torch.Tensor, scale: torch.Tensor, minimum: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Put codes in the order in which the kernels read them.

    Args:
        codes: uint8 (out, in), 0 to 15.
        scale: fp32 (out, in / GROUP).
        minimum: like scale.

    Returns:
        int32 words, fp16 scales and minima, as ``shapes`` has it.
    """
    parts = codes.view(len(codes) // WIDE, WIDE, -1, COLUMNS)
    words = torch.zeros(parts.shape[:-1], dtype=torch.int32)
    for place in range(COLUMNS):
        words |= parts[..., place].int() << 4 * place
    factors, lows = (each.view(len(parts), WIDE, -1).mT.half().contiguous() for each in (scale, minimum))
    return words.mT.contiguous(), factors, lows


def arrays(words: torch.Tensor, scale: torch.Tensor, minimum: torch.Tensor) -> tuple[Array, Array, Array]:
    """What the kernels take, on the same memory: fp16 as its bits."""
    return words.numpy(), _bits(scale), _bits(minimum)


def _bits(tensor: torch.Tensor) -> Array:
    """A tensor's memory as numpy has it: fp32, or the bits of a shorter float."""
    return (tensor if tensor.dtype == torch.float32 else tensor.view(torch.uint16)).numpy()


class Int4Linear(nn.Module):
    """A linear layer with int4 weights.

    Args:
        in_features: columns, a multiple of GROUP.
        out_features: rows, a multiple of WIDE.
        bias: whether there is one (fp32).
        scratch: buffer shared by the model's layers.
    """

    words: torch.Tensor
    scale: torch.Tensor
    minimum: torch.Tensor
    bias: torch.Tensor | None

    def __init__(self, in_features: int, out_features: int, *, bias: bool, scratch: Scratch) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        packed, grouped = shapes(out_features, in_features)
        self.register_buffer("words", torch.empty(packed, dtype=torch.int32, device="meta"))
        self.register_buffer("scale", torch.empty(grouped, dtype=torch.float16, device="meta"))
        self.register_buffer("minimum", torch.empty(grouped, dtype=torch.float16, device="meta"))
        self.register_buffer("bias", torch.empty(out_features, device="meta") if bias else None)
        self.scratch = scratch

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., in_features) fp32 to (..., out_features) fp32."""
        held = arrays(self.words, self.scale, self.minimum)
        few = BF16_ROWS if self.scratch.dtype == torch.bfloat16 else MAX_ROWS
        if x.numel() <= few * self.in_features:
            out = torch.empty(*x.shape[:-1], self.out_features)
            rows = x.detach().reshape(-1, self.in_features).contiguous()
            multiply_int4(*held, rows.numpy(), out.view(-1, self.out_features).numpy())
        else:
            out = self._by_parts(x.reshape(-1, self.in_features), held).view(*x.shape[:-1], self.out_features)
        return out if self.bias is None else out + self.bias

    def _by_parts(self, x: torch.Tensor, held: tuple[Array, Array, Array]) -> torch.Tensor:
        """The product by GEMM, some weight rows at a time: widened, they stay in the processor's cache."""
        out = torch.empty(len(x), self.out_features)
        x = x.to(self.scratch.dtype)
        step = max(1, _PART_BYTES // (x.itemsize * self.in_features * WIDE)) * WIDE
        for first in range(0, self.out_features, step):
            part = out[:, first : first + step]
            weight = self.scratch.take(self.in_features, part.shape[1])
            widen_int4(*held, first // WIDE, _bits(weight))
            part.copy_(x @ weight)
        return out


def multiplies_bf16() -> bool:
    """Whether this processor has instructions for products of bf16 matrices, which it adds up in fp32."""
    found = torch.cpu.get_capabilities()
    return bool(found.get("avx512_bf16") or found.get("amx_bf16"))


def convert_modules(model: nn.Module, names: Iterable[str]) -> None:
    """Put int4 layers in the place of the int8 layers of these names, still without values.

    Where the processor multiplies bf16, many rows do so, in the layers that stay int8 too.
    """
    for name in names:
        module = model.get_submodule(name)
        if not isinstance(module, Int8Linear):
            raise KeyError(f"{name} is no linear layer")
        module.scratch.dtype = torch.bfloat16 if multiplies_bf16() else torch.float32
        replacement = Int4Linear(
            module.in_features, module.out_features, bias=module.bias is not None, scratch=module.scratch
        )
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, replacement)
    for kernel in ("multiply", "widen_bf16" if multiplies_bf16() else "widen"):
        int4_kernel(kernel)
