"""Weight-only int8: linear layers and embeddings that keep one byte a weight and compute in fp32.

Weights are rounded symmetrically with one scale per output row; activations are never rounded. A few rows (decoding)
run in a kernel that reads the bytes as they are (engine.kernels); more rows (prefill) widen the layer's weights into
one scratch buffer that all layers share, and use torch's fp32 GEMM.

Not covered: four bits (engine.int4), activations in int8 (they cost agreement: see the design figures in benchmarks).

Source: per-channel symmetric quantisation as in Jacob et al. 2018, section 2.1, with zero-point 0.
"""

from __future__ import annotations

import torch
from torch import nn

from workbench.engine.kernels import MAX_ROWS, multiply
from workbench.engine.kernels import row_kernel as row_kernel  # engine.checkpoint makes it ready at load


def quantize(weight: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Round a matrix to int8.

    Args:
        weight: (out, in), any float dtype.

    Returns:
        int8 (out, in) and fp32 scales (out,) with ``weight ≈ int8 * scale[:, None]``.
    """
    weight = weight.float()
    scale = weight.abs().amax(1).clamp_min(torch.finfo(torch.float32).tiny) / 127
    return torch.round(weight / scale[:, None]).to(torch.int8), scale


class Scratch:
    """One buffer that every widened matrix uses in turn; it grows to the largest.

    Attributes:
        dtype: fp32, or bf16: each int8 weight is the same number in it, and activations are rounded before a GEMM.
    """

    def __init__(self) -> None:
        self.dtype = torch.float32
        self._buffer = torch.empty(0)

    def take(self, rows: int, columns: int) -> torch.Tensor:
        """A matrix without values, its own until the next call."""
        if self._buffer.numel() < rows * columns or self._buffer.dtype != self.dtype:
            self._buffer = torch.empty(rows * columns, dtype=self.dtype)
        return self._buffer[: rows * columns].view(rows, columns)

    def widen(self, weight: torch.Tensor) -> torch.Tensor:
        """``weight`` in a float dtype, valid until the next call."""
        return self.take(*weight.shape).copy_(weight)


class Int8Linear(nn.Module):
    """A linear layer with int8 weights.

    Args:
        in_features: columns.
        out_features: rows.
        bias: whether there is one (fp32).
        scratch: buffer shared by the model's layers.
    """

    weight: torch.Tensor
    weight_scale: torch.Tensor
    bias: torch.Tensor | None

    def __init__(self, in_features: int, out_features: int, *, bias: bool, scratch: Scratch) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.register_buffer("weight", torch.empty(out_features, in_features, dtype=torch.int8, device="meta"))
        self.register_buffer("weight_scale", torch.empty(out_features, device="meta"))
        self.register_buffer("bias", torch.empty(out_features, device="meta") if bias else None)
        self.scratch = scratch

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., in_features) fp32 to (..., out_features) fp32."""
        if x.device.type != "cpu":
            out = nn.functional.linear(x, self.weight.to(x.dtype)) * self.weight_scale.to(x.dtype)
        elif x.numel() <= MAX_ROWS * self.in_features:
            out = torch.empty(*x.shape[:-1], self.out_features)
            rows = x.detach().reshape(-1, self.in_features).contiguous()
            multiply(
                self.weight.numpy(), self.weight_scale.numpy(), rows.numpy(), out.view(-1, self.out_features).numpy()
            )
        else:
            widened = self.scratch.widen(self.weight)
            out = nn.functional.linear(x.to(widened.dtype), widened).float().mul_(self.weight_scale)
        return out if self.bias is None else out + self.bias


class Int8Embedding(nn.Module):
    """An embedding with int8 rows, (num_embeddings, dim)."""

    weight: torch.Tensor
    weight_scale: torch.Tensor

    def __init__(self, num_embeddings: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("weight", torch.empty(num_embeddings, dim, dtype=torch.int8, device="meta"))
        self.register_buffer("weight_scale", torch.empty(num_embeddings, device="meta"))

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Token ids (...) to fp32 (..., dim)."""
        return self.weight[ids].float() * self.weight_scale[ids][..., None]


def convert_modules(model: nn.Module) -> None:
    """Put int8 layers in the place of every linear layer and embedding, still without values."""
    scratch = Scratch()
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.Linear):
            replacement: nn.Module = Int8Linear(
                module.in_features, module.out_features, bias=module.bias is not None, scratch=scratch
            )
        elif isinstance(module, nn.Embedding):
            replacement = Int8Embedding(module.num_embeddings, module.embedding_dim)
        else:
            continue
        parent, _, child = name.rpartition(".")
        setattr(model.get_submodule(parent), child, replacement)
