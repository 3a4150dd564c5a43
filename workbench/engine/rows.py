"""A few rows through a dense model with rounded weights: decoding on a CPU, without transformers' modules in between.

One token of a small model takes a few milliseconds of memory traffic, and several times that in modules, views and
dispatch. So for models of the Llama kind (RMS norms, rotary positions, gated feed-forward) the rows go through the
same weights in plain numpy around two kernels. A row's bits do not depend on the other rows.

Not covered: chunks of a prefill (transformers runs them), other architectures, other precisions.

Source: the forward pass of transformers' modeling_llama, modeling_qwen2 and modeling_qwen3.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import torch

from workbench.engine.int4 import PARTS, Int4Linear, arrays
from workbench.engine.int8 import Int8Embedding, Int8Linear
from workbench.engine.kernels import glue_kernel, multiply, multiply_int4

Array = np.ndarray[Any, Any]
Linear = Int8Linear | Int4Linear
Attend = Callable[[int, Array, Array, Array, float], Array]
"""Of layer, queries (rows, heads, head_dim), keys and values (rows, kv_heads, head_dim), scale; out like queries."""

_MADV_PAGEOUT = 21  # Linux 5.4; an older one refuses it, and nothing is given back
_DENSE = ("llama", "qwen2", "qwen3")
_FIXED_ROPE = ("default", "linear", "llama3", "yarn")


class _Linear:
    """Layers with the same input as numpy sees them: one product, in two threads, for all of a kind.

    Args:
        modules: their weights are put together in memory, and they become views of that.
    """

    def __init__(self, *modules: Linear) -> None:
        self._parts = [_joined(list(same)) for _, same in groupby(modules, type)]
        biases = [module.bias for module in modules if module.bias is not None]
        self._bias = torch.cat(biases).numpy() if biases else None

    def __call__(self, x: Array) -> Array:
        """(rows, in_features) fp32 to (rows, out_features) fp32."""
        outs = []
        for product, weight, size in self._parts:
            outs.append(np.empty((len(x), size), np.float32))
            product(*weight, x, outs[-1])
        out = outs[0] if len(outs) == 1 else np.concatenate(outs, axis=1)
        return out if self._bias is None else np.add(out, self._bias, out=out)


def _joined(modules: list[Linear]) -> tuple[Callable[..., None], tuple[Array, ...], int]:
    """The product of layers of one kind, what it takes beside the rows, and its columns."""
    packed = isinstance(modules[0], Int4Linear)
    names = PARTS if packed else ("weight", "weight_scale")
    whole = []
    for name in names:
        parts = [getattr(module, name) for module in modules]
        if len(parts) == 1:
            whole += parts
            continue
        whole.append(torch.cat(parts))
        for module, part, view in zip(modules, parts, torch.split(whole[-1], [*map(len, parts)]), strict=True):
            setattr(module, name, view)
            _page_out(part)
    size = sum(module.out_features for module in modules)
    return (multiply_int4, arrays(*whole), size) if packed else (multiply, tuple(t.numpy() for t in whole), size)


def _page_out(tensor: torch.Tensor) -> None:
    """Give back the pages of a mapped file that a tensor lies in: copied, they would count as ours until memory ends.

    Memory of our own stays as it is, whoever still has it.
    """
    first = -(-tensor.data_ptr() // mmap.PAGESIZE) * mmap.PAGESIZE
    last = (tensor.data_ptr() + tensor.nbytes) // mmap.PAGESIZE * mmap.PAGESIZE
    if sys.platform == "linux" and first < last:
        ctypes.CDLL(None).madvise(ctypes.c_void_p(first), ctypes.c_size_t(last - first), _MADV_PAGEOUT)


class _Norm:
    """An RMS norm over the last axis."""

    def __init__(self, module: Any) -> None:
        self._weight, self._eps = module.weight.numpy(), np.float32(module.variance_epsilon)
        self._kernel = glue_kernel("norm")

    def __call__(self, x: Array) -> Array:
        """(..., features) to the same."""
        out = np.empty(x.shape, np.float32)
        features = x.shape[-1]
        self._kernel(x.reshape(-1, features), self._weight, self._eps, out.reshape(-1, features))
        return out


@dataclass(frozen=True, slots=True)
class _Layer:
    """The parts of a decoder layer."""

    before_attention: _Norm
    qkv: _Linear
    q_norm: _Norm | None
    k_norm: _Norm | None
    o: _Linear
    before_mlp: _Norm
    gate_and_up: _Linear
    down: _Linear
    scale: float
    kv_heads: int


class RowModel:
    """A dense model for a few rows at a time.

    Args:
        model: one that ``supports`` says yes to; the weights are shared with it.
    """

    def __init__(self, model: Any) -> None:
        self._embedding: Int8Embedding = model.model.embed_tokens
        rotary = model.model.rotary_emb
        self._inverse_frequencies, self._rope_scaling = rotary.inv_freq.numpy(), np.float32(rotary.attention_scaling)
        self._layers = [_layer(module) for module in model.model.layers]
        self._norm, self._head = _Norm(model.model.norm), _Linear(model.lm_head)
        self._gate, self._turn = glue_kernel("gate"), glue_kernel("turn")

    def forward(
        self, token_ids: Sequence[int], positions: Sequence[int], attend: Attend, num_logits: int | None = None
    ) -> torch.Tensor:
        """Run a token of each row.

        Args:
            token_ids: one a row.
            positions: of each, from 0.
            attend: stores a layer's keys and values and attends to all that each row may see.
            num_logits: of the last rows, at least 1; None gives those of all.

        Returns:
            Logits (num_logits, vocabulary), fp32.
        """
        x = self._embedding(torch.tensor(list(token_ids))).numpy()
        angles = np.asarray(positions, np.float32)[:, None] * self._inverse_frequencies
        cos, sin = np.cos(angles) * self._rope_scaling, np.sin(angles) * self._rope_scaling
        for index, layer in enumerate(self._layers):
            x = x + layer.o(self._attention(index, layer, layer.before_attention(x), (cos, sin), attend))
            gate_and_up = layer.gate_and_up(layer.before_mlp(x))
            gated = np.empty((len(x), gate_and_up.shape[1] // 2), np.float32)
            self._gate(gate_and_up, gated)
            x = x + layer.down(gated)
        return torch.from_numpy(self._head(self._norm(x[-(num_logits or len(x)) :])))

    def _attention(self, index: int, layer: _Layer, h: Array, angles: tuple[Array, Array], attend: Attend) -> Array:
        """The attention of one layer, (rows, hidden) to (rows, heads * head_dim)."""
        rows, kv = len(h), layer.kv_heads
        qkv = layer.qkv(h).reshape(rows, -1, 2 * angles[0].shape[1])
        q, k, v = qkv[:, : -2 * kv], qkv[:, -2 * kv : -kv], qkv[:, -kv:]
        if layer.q_norm is not None and layer.k_norm is not None:
            q, k = layer.q_norm(q), layer.k_norm(k)
        out = attend(index, self._turned(q, angles), self._turned(k, angles), v, layer.scale)
        return out.reshape(rows, -1)

    def _turned(self, x: Array, angles: tuple[Array, Array]) -> Array:
        """Rotary positions: (rows, heads, head_dim), its halves turned by the angles (rows, head_dim / 2)."""
        out = np.empty(x.shape, np.float32)
        self._turn(x, *angles, out)
        return out


def _layer(module: Any) -> _Layer:
    attention, mlp = module.self_attn, module.mlp
    norms = [getattr(attention, name, None) for name in ("q_norm", "k_norm")]
    q_norm, k_norm = (None if norm is None else _Norm(norm) for norm in norms)
    return _Layer(
        _Norm(module.input_layernorm), _Linear(attention.q_proj, attention.k_proj, attention.v_proj), q_norm, k_norm,
        _Linear(attention.o_proj), _Norm(module.post_attention_layernorm), _Linear(mlp.gate_proj, mlp.up_proj),
        _Linear(mlp.down_proj), float(attention.scaling), attention.k_proj.out_features // attention.head_dim,
    )  # fmt: skip


def supports(model: Any) -> bool:
    """Whether a model is dense, of the Llama kind, in int8 or int4 and on a CPU."""
    config = model.config
    types = set(getattr(config, "layer_types", None) or ["full_attention"])
    return bool(
        config.model_type in _DENSE
        and types == {"full_attention"}
        and config.hidden_act == "silu"
        and config.rope_parameters["rope_type"] in _FIXED_ROPE
        and isinstance(model.lm_head, Linear)
        and next(model.lm_head.buffers()).device.type == "cpu"
    )
