"""The one primitive of attention, ``attend(q, k, v) -> (out, lse)``, and how its results are put together.

Not covered: what a query may see (engine.attention), a few rows over the cache as it is stored (engine.kernels).

Source: log-sum-exp merging as in FlashAttention (Dao et al. 2022, section 3.1).
"""

from collections.abc import Callable

import torch

from workbench.engine import flash

Part = tuple[torch.Tensor, torch.Tensor]
"""Attention over some tokens, (..., head_dim), and its log-sum-exp, (...)."""

Mask = torch.Tensor | None


def attend(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float, *, causal: bool = False, visible: Mask = None
) -> Part:
    """Softmax attention and its log-sum-exp.

    Args:
        q: (batch, heads, rows, head_dim).
        k: (batch, kv_heads, num_tokens, head_dim), any strides; ``heads`` is a multiple of ``kv_heads``.
        v: like k.
        scale: factor on the scores.
        causal: row i sees tokens up to i; rows and tokens are then the same in number.
        visible: bool (rows, num_tokens), what each row sees, at least one token; not together with ``causal``.

    Returns:
        out like q, and lse (batch, heads, rows) in fp32, natural logarithm.
    """
    return BACKENDS[q.device.type](q, k, v, scale, causal, visible)


def attend_eager(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float, causal: bool, visible: Mask = None
) -> Part:
    """The definition, written out: the oracle of the tests, and masks on CUDA."""
    repeat = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(repeat, 1), v.repeat_interleave(repeat, 1)
    scores = (q.float() @ k.float().transpose(-1, -2)) * scale
    if causal:
        visible = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).tril()
    if visible is not None:
        scores = scores.masked_fill(~visible, float("-inf"))
    lse = scores.logsumexp(-1)
    return ((scores - lse[..., None]).exp() @ v.float()).to(q.dtype), lse


def _attend_cpu(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float, causal: bool, visible: Mask) -> Part:
    batch, heads, rows, head_dim = q.shape
    kernel = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu
    if visible is not None:
        # The kernel takes no boolean mask, only one to add, in the queries' dtype.
        added = torch.zeros(visible.shape, dtype=q.dtype, device=q.device).masked_fill_(~visible, float("-inf"))
        out, lse = kernel(q, k, v, 0.0, False, attn_mask=added, scale=scale)
        return out, lse
    if causal or heads == k.shape[1]:
        out, lse = kernel(q, k, v, 0.0, causal, scale=scale)
        return out, lse
    # Query heads that share a KV head become rows of it, so nothing is repeated.
    folded = q.reshape(batch, k.shape[1], -1, head_dim)
    out, lse = kernel(folded, k, v, 0.0, False, scale=scale)
    return out.reshape(batch, heads, rows, head_dim), lse.reshape(batch, heads, rows)


def _attend_cuda(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float, causal: bool, visible: Mask) -> Part:
    if visible is not None:  # neither flash-attn nor torch's flash op takes a mask
        return attend_eager(q, k, v, scale, causal, visible)
    if flash.usable(q):
        return flash.attend(q, k, v, scale, causal=causal)
    batch, heads, rows, head_dim = q.shape
    if causal:
        repeat = heads // k.shape[1]
        return _torch_flash(q, k.repeat_interleave(repeat, 1), v.repeat_interleave(repeat, 1), scale, causal)
    # As on a CPU: where all rows see the same, query heads that share a KV head become rows of it.
    out, lse = _torch_flash(q.reshape(batch, k.shape[1], -1, head_dim), k, v, scale, causal)
    return out.reshape(batch, heads, rows, head_dim), lse.reshape(batch, heads, rows)


def _torch_flash(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float, causal: bool) -> Part:
    """Torch's own CUDA kernels; as many heads in k and v as in q."""
    if q.dtype == torch.float32:  # the flash kernel has no fp32, the memory-efficient one has; it pads the lse
        out, lse, *_ = torch.ops.aten._scaled_dot_product_efficient_attention(
            q, k, v, None, True, 0.0, causal, scale=scale
        )
        return out, lse[..., : q.shape[2]]
    out, lse, *_ = torch.ops.aten._scaled_dot_product_flash_attention(q, k, v, 0.0, causal, False, scale=scale)
    return out, lse


Backend = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, float, bool, Mask], Part]
BACKENDS: dict[str, Backend] = {"cpu": _attend_cpu, "cuda": _attend_cuda}


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
