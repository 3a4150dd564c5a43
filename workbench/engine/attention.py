"""Attention over a paged cache: one primitive, ``attend(q, k, v) -> (out, lse)``, and how its results are put together.

A query attends to each segment of its sequence on its own; log-sum-exps merge the parts into exactly what one
softmax over everything would give. That serves paging, forks, shared prefixes and chunked prefill alike, and the
share of attention on a segment is ``exp(lse_segment - lse)``, for nothing.

``paged_attention`` is registered with transformers under ``ATTENTION_NAME``; the cache hands it a ``View``.

Not covered: sliding windows and attention sinks (refused by engine.checkpoint); flash-attn's paged calls.

Source: log-sum-exp merging as in FlashAttention (Dao et al. 2022, section 3.1) and FlashInfer's cascade attention.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from workbench.engine.memory import Extent

ATTENTION_NAME = "workbench_paged"

SPLIT_TOKENS = 512
"""Tokens per part when few rows attend to many: torch's CPU kernel runs in parallel over batch and heads only."""

SPLIT_ROWS = 16
"""Up to this many query tokens a segment is split."""

WIDEN_TOKENS = 4_096
"""Tokens widened at once when the cache's dtype is not the model's: bounds the scratch memory."""

Part = tuple[torch.Tensor, torch.Tensor]


@dataclass(frozen=True, slots=True)
class View:
    """What one attention layer may see.

    Attributes:
        past: each segment that all rows see.
        own: (keys, values) of this chunk, of which each row sees those up to its own, in the model's dtype but as
            the cache holds them; None for a single token, which is then the last of ``past``.
    """

    past: list[Extent]
    own: tuple[torch.Tensor, torch.Tensor] | None


def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float, *, causal: bool = False) -> Part:
    """Softmax attention and its log-sum-exp.

    Args:
        q: (batch, heads, rows, head_dim).
        k: (batch, kv_heads, num_tokens, head_dim), any strides; ``heads`` is a multiple of ``kv_heads``.
        v: like k.
        scale: factor on the scores.
        causal: row i sees tokens up to i; rows and tokens are then the same in number.

    Returns:
        out like q, and lse (batch, heads, rows) in fp32, natural logarithm.
    """
    return BACKENDS[q.device.type](q, k, v, scale, causal)


def attend_eager(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float, causal: bool) -> Part:
    """The definition, written out: the oracle of the tests."""
    repeat = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(repeat, 1), v.repeat_interleave(repeat, 1)
    scores = (q.float() @ k.float().transpose(-1, -2)) * scale
    if causal:
        hidden = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).triu(1)
        scores = scores.masked_fill(hidden, float("-inf"))
    lse = scores.logsumexp(-1)
    return ((scores - lse[..., None]).exp() @ v.float()).to(q.dtype), lse


def _attend_cpu(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float, causal: bool) -> Part:
    batch, heads, rows, head_dim = q.shape
    kernel = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    if causal or heads == k.shape[1]:
        out, lse = kernel(q, k, v, 0.0, causal, scale=scale)
        return out, lse
    # Query heads that share a KV head become rows of it, so nothing is repeated.
    folded = q.reshape(batch, k.shape[1], -1, head_dim)
    out, lse = kernel(folded, k, v, 0.0, False, scale=scale)
    return out.reshape(batch, heads, rows, head_dim), lse.reshape(batch, heads, rows)


def _attend_cuda(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float, causal: bool) -> Part:
    repeat = q.shape[1] // k.shape[1]
    if repeat > 1:
        k, v = k.repeat_interleave(repeat, 1), v.repeat_interleave(repeat, 1)
    out, lse, *_ = torch.ops.aten._scaled_dot_product_flash_attention(q, k, v, 0.0, causal, False, scale=scale)
    return out, lse


BACKENDS: dict[str, Callable[[torch.Tensor, torch.Tensor, torch.Tensor, float, bool], Part]] = {
    "cpu": _attend_cpu,
    "cuda": _attend_cuda,
}


def merge(parts: list[Part]) -> Part:
    """Attention over all parts together, from the attention over each.

    Args:
        parts: (out (..., head_dim), lse (...)) of the same queries over different tokens; at least one.

    Returns:
        out and lse of one softmax over all of them.
    """
    if len(parts) == 1:
        return parts[0]
    lses = torch.stack([lse for _, lse in parts])
    lse = lses.logsumexp(0)
    weights = (lses - lse).exp()
    out = sum(weight[..., None] * part.float() for weight, (part, _) in zip(weights, parts, strict=True))
    if not isinstance(out, torch.Tensor):
        raise TypeError("nothing to merge")
    return out.to(parts[0][0].dtype), lse


def _attend_segment(q: torch.Tensor, segment: Extent, scale: float) -> list[Part]:
    """Parts of one segment; ``q`` is (1, heads, rows, head_dim)."""
    step = len(segment) if segment.keys.dtype == q.dtype else WIDEN_TOKENS
    parts: list[Part] = []
    for start in range(0, len(segment), step):
        parts += _attend_run(q, *segment.part(start, start + step).widened(q.dtype), scale)
    return parts


def _attend_run(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float) -> list[Part]:
    num_splits = len(k) // SPLIT_TOKENS
    if q.shape[2] > SPLIT_ROWS or num_splits < 2:
        return [attend(q, k.transpose(0, 1)[None], v.transpose(0, 1)[None], scale)]
    even = num_splits * SPLIT_TOKENS
    shape = (num_splits, SPLIT_TOKENS, *k.shape[1:])
    out, lse = attend(
        q.expand(num_splits, -1, -1, -1),
        k[:even].view(shape).transpose(1, 2),
        v[:even].view(shape).transpose(1, 2),
        scale,
    )
    total = lse.logsumexp(0, keepdim=True)
    merged = ((lse - total).exp()[..., None] * out).sum(0, keepdim=True)
    parts = [(merged, total)]
    if even < len(k):
        parts.append(attend(q, k[even:].transpose(0, 1)[None], v[even:].transpose(0, 1)[None], scale))
    return parts


def paged_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: View,
    value: View,  # noqa: ARG001 - the same view; transformers passes both
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,  # noqa: ARG001 - inference only
    **kwargs: object,
) -> tuple[torch.Tensor, None]:
    """The attention function that transformers calls.

    Args:
        module: the attention layer.
        query: (1, heads, num_tokens, head_dim).
        key: what the cache's ``update`` returned.
        value: the same.
        attention_mask: must be None: the mask is ours.
        scaling: factor on the scores; 1/sqrt(head_dim) when None.
        dropout: ignored.
        kwargs: must ask for neither sliding window nor sinks.

    Returns:
        (1, num_tokens, heads, head_dim), and None for the weights.
    """
    if attention_mask is not None or kwargs.get("sliding_window") is not None or kwargs.get("s_aux") is not None:
        raise NotImplementedError(f"{type(module).__name__} asks for a mask, a sliding window or sinks")
    scale = scaling if scaling is not None else query.shape[-1] ** -0.5
    parts: list[Part] = []
    for segment in key.past:
        parts += _attend_segment(query, segment, scale)
    if key.own is not None:
        own_keys, own_values = (own.transpose(0, 1)[None] for own in key.own)
        parts.append(attend(query, own_keys, own_values, scale, causal=True))
    out, _ = merge(parts)
    return out.transpose(1, 2).contiguous(), None
