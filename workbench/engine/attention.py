"""Attention over a paged cache, as transformers calls it: ``paged_attention``, registered under ``ATTENTION_NAME``.

A query attends to each segment of its sequence on its own, and log-sum-exps merge the parts (engine.attend): that
serves paging, forks, shared prefixes, several sequences at once and chunked prefill alike, and the share of attention
on a segment is ``exp(lse_segment - lse)``, for nothing.

Layers with a sliding window take their few tokens out of the segments and attend once; attention sinks are one
factor on the merged result. Transformers builds no mask for us, so both are applied here.

Not covered: freeing what fell out of a window.

Source: FlashInfer's cascade attention (Ye et al. 2025); sinks as in gpt-oss (OpenAI 2025), a logit per head that takes
its share of the softmax and has no value.
"""

from dataclasses import dataclass

import numpy as np
import torch

from workbench.engine import flash
from workbench.engine.attend import Part, attend, merge
from workbench.engine.evidence import Watch
from workbench.engine.extents import Extent, Scattered, contiguous, joined
from workbench.engine.kernels import attend_rows

ATTENTION_NAME = "workbench_paged"

KERNEL_ROWS, KERNEL_ROWS_WIDENING = 16, 48
"""Up to so many query rows, attention on a CPU runs over the cache as it is stored (engine.kernels): measured against
torch's kernel, without and with widening the cache first."""

SPLIT_TOKENS, SPLIT_ROWS = 1_024, 128
"""Tokens of a part, up to so many rows: torch's CPU kernel runs in parallel over batch and heads only."""

WIDEN_TOKENS = 4_096
"""Tokens widened at once when the cache's dtype is not the model's: bounds the scratch memory."""


@dataclass(frozen=True, slots=True)
class View:
    """What one attention layer may see.

    Attributes:
        past: each segment that all rows see.
        own: (keys, values) of this chunk, of which each row sees those up to its own, in the model's dtype but as
            the cache holds them; None for a single token, which is then the last of ``past``.
    """

    past: list[Extent | Scattered]
    own: tuple[torch.Tensor, torch.Tensor] | None


@dataclass(frozen=True, slots=True)
class BatchView:
    """What one attention layer may see of several sequences that are each at a single token.

    Attributes:
        shared: segments that all have in common.
        tails: each one's others, its newest token the last.
        watch: gets the shares of attention; only of a single sequence.
    """

    shared: list[Extent | Scattered]
    tails: list[list[Extent | Scattered]]
    watch: Watch | None = None


def _attend_extent(q: torch.Tensor, extent: Extent | Scattered, scale: float) -> list[Part]:
    """Parts of one extent that all rows of ``q`` (1, heads, rows, head_dim) see."""
    if isinstance(extent, Scattered):
        if flash.usable(q) and extent.pages.keys.dtype == q.dtype:
            return [flash.attend_scattered(q, extent, scale)]
        extent = extent.joined()
    rows, widen = q.shape[2], extent.keys.dtype != q.dtype
    if q.device.type == "cpu" and rows <= (KERNEL_ROWS_WIDENING if widen else KERNEL_ROWS):
        return [_attend_rows(q[0].transpose(0, 1), extent, scale)]
    step = WIDEN_TOKENS if widen else len(extent)
    parts: list[Part] = []
    for start in range(0, len(extent), step):
        k, v = extent.part(start, start + step).widened(q.dtype)
        parts += _attend_split(q, k, v, scale)
    return parts


def _attend_split(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float) -> list[Part]:
    """Parts over keys and values (num_tokens, kv_heads, head_dim), cut where that keeps all threads busy."""
    num_splits = len(k) // SPLIT_TOKENS if q.device.type == "cpu" and q.shape[2] <= SPLIT_ROWS else 0
    even, parts = num_splits * SPLIT_TOKENS, []
    if num_splits:
        cut = (num_splits, SPLIT_TOKENS, *k.shape[1:])
        pieces = [each[:even].view(cut).transpose(1, 2) for each in (k, v)]
        out, lse = attend(q.expand(num_splits, -1, -1, -1), pieces[0], pieces[1], scale)
        parts = [(out[i : i + 1], lse[i : i + 1]) for i in range(num_splits)]
    if even < len(k):
        parts.append(attend(q, k[even:].transpose(0, 1)[None], v[even:].transpose(0, 1)[None], scale))
    return parts


def _attend_rows(q: torch.Tensor, extent: Extent, scale: float) -> Part:
    """A few rows (rows, heads, head_dim) over an extent as it is stored; out (1, heads, rows, head_dim) and its lse."""
    out, lse = _attend_arrays(q.float().contiguous().numpy(), extent, scale)
    return torch.from_numpy(out).transpose(0, 1)[None].to(q.dtype), torch.from_numpy(lse).transpose(0, 1)[None]


def _attend_arrays(
    q: np.ndarray, extent: Extent | Scattered, scale: float, before: tuple[np.ndarray, np.ndarray] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Rows (rows, heads, head_dim) fp32 over an extent, going on from ``before``: out like them, lse (rows, heads)."""
    extent = contiguous(extent)
    keys, values = _array(extent.keys), _array(extent.values)
    scales = [None if each is None else _array(each) for each in (extent.key_scales, extent.value_scales)]
    return attend_rows(q, keys, values, scales[0], scales[1], scale, before)


def attend_tokens(q: np.ndarray, view: BatchView, scale: float) -> np.ndarray:
    """Attention of a token of each sequence on a CPU, without tensors in between: (sequences, heads, head_dim) fp32."""
    out, lse = np.zeros(q.shape, np.float32), np.full(q.shape[:2], -np.inf, np.float32)
    for extent in view.shared:
        _attend_arrays(q, extent, scale, (out, lse))
    for row, tail in enumerate(view.tails):
        own = slice(row, row + 1)
        for extent in tail:
            _attend_arrays(q[own], extent, scale, (out[own], lse[own]))
    if view.watch is not None:
        view.watch.add(torch.from_numpy(q)[0], [*view.shared, *view.tails[0]], torch.from_numpy(lse)[0], scale)
    return out


def attend_chunk(q: torch.Tensor, view: View, scale: float) -> torch.Tensor:
    """Attention of a chunk's tokens, (num_tokens, heads, head_dim) fp32 to the same, contiguous."""
    out, _ = _attend_all(q.transpose(0, 1)[None], view, scale)
    return out[0].transpose(0, 1).contiguous()


def _array(tensor: torch.Tensor) -> np.ndarray:
    """A tensor's memory, bf16 as its bits."""
    return (tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor).numpy()


def _attend_all(q: torch.Tensor, view: View, scale: float) -> Part:
    """Attention of ``q`` (1, heads, rows, head_dim) over everything in ``view``."""
    parts = [part for extent in view.past for part in _attend_extent(q, extent, scale)]
    if view.own is not None:
        own_keys, own_values = (own.transpose(0, 1)[None] for own in view.own)
        parts.append(attend(q, own_keys, own_values, scale, causal=True))
    return merge(parts)


def _attend_batch(q: torch.Tensor, view: BatchView, scale: float) -> Part:
    """Attention of one token of each sequence, ``q`` (sequences, heads, 1, head_dim)."""
    # What all have in common sees the sequences as rows of one.
    rows = q.transpose(0, 2)
    common = [part for extent in view.shared for part in _attend_extent(rows, extent, scale)]
    parts = [(out.transpose(0, 2), lse.transpose(0, 2)) for out, lse in common]
    tails = [
        merge([part for extent in tail for part in _attend_extent(q[i : i + 1], extent, scale)])
        for i, tail in enumerate(view.tails)
    ]
    parts.append((torch.cat([out for out, _ in tails]), torch.cat([lse for _, lse in tails])))
    out, lse = merge(parts)
    if view.watch is not None:
        view.watch.add(q[0, :, 0], [*view.shared, *view.tails[0]], lse[0, :, 0], scale)
    return out, lse


def _attend_window(q: torch.Tensor, view: View, scale: float, window: int) -> Part:
    """As ``_attend_all``, where the row at position p sees the tokens of (p - window, p].

    The tokens are joined before anything is computed, so how the past is cut into segments changes no bit.
    """
    if view.own is None:  # one row, and its own token is the last of the past
        return merge(_attend_extent(q, joined(_last_tokens(view.past, window)), scale))
    own_keys, own_values = view.own
    rows = len(own_keys)
    if view.past and window > 1:
        before_keys, before_values = joined(_last_tokens(view.past, window - 1)).widened(q.dtype)
        own_keys, own_values = torch.cat([before_keys, own_keys]), torch.cat([before_values, own_values])
    num_before = len(own_keys) - rows
    seen = torch.ones(rows, len(own_keys), dtype=torch.bool, device=q.device)
    seen = seen.tril(num_before).triu(num_before - window + 1)
    return attend(q, own_keys.transpose(0, 1)[None], own_values.transpose(0, 1)[None], scale, visible=seen)


def _last_tokens(past: list[Extent | Scattered], num_tokens: int) -> list[Extent]:
    """The last ``num_tokens`` (at least 1) of ``past``, or all of it."""
    taken: list[Extent] = []
    for extent in reversed(past):
        if num_tokens > 0:
            extent = contiguous(extent)
            taken.insert(0, extent.part(max(len(extent) - num_tokens, 0), len(extent)))
            num_tokens -= len(extent)
    return taken


def _attend(q: torch.Tensor, view: View | BatchView, scale: float, window: int | None) -> Part:
    if isinstance(view, View):
        return _attend_all(q, view, scale) if window is None else _attend_window(q, view, scale, window)
    if window is None:
        return _attend_batch(q, view, scale)
    rows = [
        _attend_window(q[i : i + 1], View([*view.shared, *tail], None), scale, window)
        for i, tail in enumerate(view.tails)
    ]
    return torch.cat([out for out, _ in rows]), torch.cat([lse for _, lse in rows])


def paged_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: View | BatchView,
    value: View | BatchView,  # noqa: ARG001 - the same view; transformers passes both
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,  # noqa: ARG001 - inference only
    sliding_window: int | None = None,
    s_aux: torch.Tensor | None = None,
    **kwargs: object,
) -> tuple[torch.Tensor, None]:
    """The attention function that transformers calls.

    Args:
        module: the attention layer.
        query: (1, heads, num_tokens, head_dim), or of a batch (sequences, heads, 1, head_dim).
        key: what the cache's ``update`` returned.
        value: the same.
        attention_mask: must be None: the mask is ours.
        scaling: factor on the scores; 1/sqrt(head_dim) when None.
        dropout: ignored.
        sliding_window: tokens a row sees, itself included; all before it when None.
        s_aux: attention sinks, a logit for each head, (heads,).
        kwargs: what other implementations need; must not ask for capped scores.

    Returns:
        Like the query, tokens before heads, and None for the weights.
    """
    if attention_mask is not None or kwargs.get("softcap") is not None:
        raise NotImplementedError(f"{type(module).__name__} asks for a mask or for capped scores")
    scale = scaling if scaling is not None else query.shape[-1] ** -0.5
    out, lse = _attend(query, key, scale, sliding_window)
    if s_aux is not None:
        out = out * (lse - s_aux.float()[:, None]).sigmoid()[..., None].to(out.dtype)
    return out.transpose(1, 2).contiguous(), None
