"""flash-attn's paged call on CUDA, with the parts that our log-sum-exps merge: ``attend`` and ``attend_scattered``.

A slab's layer is ``(num_blocks, BLOCK_SIZE, kv_heads, head_dim)``, which is flash-attn's paged cache: blocks that lie
apart are read through a block table, where they are; consecutive ones are one contiguous cache and need none.

Not covered: whether it is right on this machine (engine.selftest, which chooses it). Written against flash-attn's
documented interface and run on CPU against a reference of that; the package itself has not been run here.

Source: ``flash_attn_with_kvcache`` of flash-attn 2 (Dao 2023), grouped-query heads as documented there.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Protocol

import torch

from workbench.engine.blocks import BLOCK_SIZE
from workbench.errors import EngineError

if TYPE_CHECKING:
    from workbench.engine.attend import Part
    from workbench.engine.extents import Scattered

DTYPES = (torch.float16, torch.bfloat16)
"""What flash-attn computes in."""

MAX_HEAD_DIM = 256


class PagedCall(Protocol):
    """The part of ``flash_attn_with_kvcache`` that is used here."""

    def __call__(
        self,
        q: torch.Tensor,
        k_cache: torch.Tensor,
        v_cache: torch.Tensor,
        *,
        cache_seqlens: torch.Tensor | None = None,
        block_table: torch.Tensor | None = None,
        softmax_scale: float | None = None,
        causal: bool = False,
        return_softmax_lse: bool = False,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Attention of q (batch, rows, heads, head_dim); out like q, and lse (batch, heads, rows) in fp32."""


_call: PagedCall | None = None  # nothing, until the self-test has seen it give the right numbers


def installed() -> PagedCall | None:
    """flash-attn's call; None without a CUDA device or the package."""
    if not torch.cuda.is_available():
        return None
    try:
        from flash_attn import flash_attn_with_kvcache
    except ImportError:  # also of a package that was built for another torch
        return None
    call: PagedCall = flash_attn_with_kvcache
    return call


def choose(call: PagedCall | None) -> None:
    """Use this call from now on; None leaves everything to torch."""
    global _call
    _call = call


def name() -> str:
    """What computes attention on CUDA now."""
    if _call is None:
        return "torch's flash attention"
    try:
        return f"flash-attn {version('flash-attn')}"
    except PackageNotFoundError:
        return "flash-attn"


def usable(q: torch.Tensor) -> bool:
    """Whether the chosen call takes queries of this dtype and head size."""
    return _call is not None and q.dtype in DTYPES and q.shape[-1] <= MAX_HEAD_DIM and q.shape[-1] % 8 == 0


def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float, *, causal: bool = False) -> Part:
    """Attention over contiguous keys, as ``engine.attend.attend`` takes them; nothing is copied or repeated.

    Args:
        q: (batch, heads, rows, head_dim), fp16 or bf16.
        k: (batch, kv_heads, num_tokens, head_dim), a transposed view of (batch, num_tokens, kv_heads, head_dim).
        v: like k.
        scale: factor on the scores.
        causal: row i sees tokens up to i; rows and tokens are then the same in number.

    Raises:
        EngineError: a dtype or head size that flash-attn does not take.
    """
    out, lse = _checked(q)(
        q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), softmax_scale=scale, causal=causal,
        return_softmax_lse=True,
    )  # fmt: skip
    return out.transpose(1, 2), lse


def attend_scattered(q: torch.Tensor, tokens: Scattered, scale: float) -> Part:
    """Attention over blocks that lie apart, through a block table.

    Args:
        q: (1, heads, rows, head_dim) in the cache's dtype; each row sees all tokens.
        tokens: blocks of one slab.
        scale: factor on the scores.

    Raises:
        EngineError: a dtype or head size that flash-attn does not take.
    """
    pages = [side.view(-1, BLOCK_SIZE, *side.shape[1:]) for side in (tokens.pages.keys, tokens.pages.values)]
    out, lse = _checked(q)(
        q.transpose(1, 2), *pages, softmax_scale=scale, return_softmax_lse=True,
        cache_seqlens=torch.tensor([len(tokens)], dtype=torch.int32, device=q.device),
        block_table=torch.tensor([tokens.blocks], dtype=torch.int32, device=q.device),
    )  # fmt: skip
    return out.transpose(1, 2), lse


def _checked(q: torch.Tensor) -> PagedCall:
    if _call is None or not usable(q):
        raise EngineError(
            f"flash-attn takes fp16 or bf16 and head sizes up to {MAX_HEAD_DIM}, a multiple of 8, not {q.dtype} and "
            f"{q.shape[-1]}{'' if _call else '; and it was not chosen'}. This is a fault of ours."
        )
    return _call
