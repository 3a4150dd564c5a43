"""flash-attn's ``flash_attn_with_kvcache`` as its documentation has it, written to be read, in plain torch on a CPU.

What it documents: signature, layouts ``(batch, tokens, heads, head_dim)`` and, with a block table,
``(num_blocks, page_block_size, kv_heads, head_dim)``; pages of a multiple of 256 tokens; int32 lengths and tables;
query heads 0 to n-1 attend to KV head 0, and so on; a causal mask aligned to the bottom right; log-sum-exps of scaled
scores in fp32, ``(batch, heads, rows)``. Refused as the package refuses: other dtypes, head sizes over 256.

Not covered: writing new keys, rotary embedding, windows, capped scores, slopes; none is used by engine.flash.
"""

import torch


def flash_attn_with_kvcache(
    q: torch.Tensor,
    k_cache: torch.Tensor,
    v_cache: torch.Tensor,
    k: None = None,
    v: None = None,
    rotary_cos: None = None,
    rotary_sin: None = None,
    cache_seqlens: int | torch.Tensor | None = None,
    cache_batch_idx: None = None,
    cache_leftpad: None = None,
    block_table: torch.Tensor | None = None,
    softmax_scale: float | None = None,
    causal: bool = False,
    window_size: tuple[int, int] = (-1, -1),
    softcap: float = 0.0,
    rotary_interleaved: bool = True,
    alibi_slopes: None = None,
    num_splits: int = 0,
    return_softmax_lse: bool = False,
) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
    """Attention of q (batch, rows, heads, head_dim) over a cache, paged where there is a block table."""
    unused = (k, v, rotary_cos, rotary_sin, cache_batch_idx, cache_leftpad, alibi_slopes)
    assert unused == (None,) * 7
    assert (window_size, softcap) == ((-1, -1), 0.0)
    _check(q, k_cache, v_cache, block_table)
    scale = q.shape[-1] ** -0.5 if softmax_scale is None else softmax_scale
    outs, lses = [], []
    for index in range(len(q)):
        keys, values = (_tokens(cache, index, block_table, cache_seqlens) for cache in (k_cache, v_cache))
        out, lse = _attend(q[index], keys, values, scale, causal)
        outs.append(out)
        lses.append(lse)
    return (torch.stack(outs), torch.stack(lses)) if return_softmax_lse else torch.stack(outs)


def _check(q: torch.Tensor, k_cache: torch.Tensor, v_cache: torch.Tensor, block_table: torch.Tensor | None) -> None:
    if q.dtype not in (torch.float16, torch.bfloat16):
        raise RuntimeError("FlashAttention only support fp16 and bf16 data type")
    if k_cache.dtype != q.dtype or v_cache.dtype != q.dtype:
        raise RuntimeError("query and key must have the same dtype")
    if q.shape[-1] > 256 or q.shape[2] % k_cache.shape[2]:
        raise RuntimeError("head dimension at most 256; query heads a multiple of key heads")
    if any(tensor.stride(-1) != 1 for tensor in (q, k_cache, v_cache)):
        raise RuntimeError("Input tensor must have contiguous last dimension")
    if block_table is not None and (block_table.dtype != torch.int32 or k_cache.shape[1] % 256):
        raise RuntimeError("block_table must be int32; page_block_size a multiple of 256")


def _tokens(
    cache: torch.Tensor, index: int, block_table: torch.Tensor | None, cache_seqlens: int | torch.Tensor | None
) -> torch.Tensor:
    """The tokens that one sequence of the batch sees, (num_tokens, kv_heads, head_dim)."""
    tokens = cache[index] if block_table is None else torch.cat([cache[page] for page in block_table[index].tolist()])
    if isinstance(cache_seqlens, torch.Tensor):
        assert cache_seqlens.dtype == torch.int32
        return tokens[: int(cache_seqlens[index])]
    return tokens[:cache_seqlens]


def _attend(
    q: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, scale: float, causal: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """q (rows, heads, head_dim) over keys (num_tokens, kv_heads, head_dim): out like q, lse (heads, rows)."""
    rows, heads, _ = q.shape
    num_tokens, kv_heads, _ = keys.shape
    out, lse = torch.empty_like(q), torch.empty(heads, rows)
    for head in range(heads):
        group = head // (heads // kv_heads)
        scores = q[:, head].float() @ keys[:, group].float().T * scale
        if causal:
            scores.masked_fill_(torch.ones(rows, num_tokens).triu(num_tokens - rows + 1).bool(), float("-inf"))
        lse[head] = scores.logsumexp(-1)
        out[:, head] = (scores.softmax(-1) @ values[:, group].float()).to(q.dtype)
    return out, lse
