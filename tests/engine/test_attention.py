import pytest
import torch

from workbench.engine.attention import View, attend, attend_eager, merge, paged_attention
from workbench.engine.memory import Extent


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("heads", "kv_heads"), [(4, 4), (6, 2), (9, 3)])
def test_the_kernel_equals_the_definition(heads: int, kv_heads: int, causal: bool):
    q = torch.randn(1, heads, 70, 32)
    k, v = torch.randn(2, 1, kv_heads, 70, 32)
    out, lse = attend(q, k, v, 0.2, causal=causal)
    expected, expected_lse = attend_eager(q, k, v, 0.2, causal)
    torch.testing.assert_close(out, expected, atol=2e-6, rtol=1e-5)
    torch.testing.assert_close(lse, expected_lse, atol=2e-6, rtol=1e-5)


def test_merged_parts_equal_one_softmax_over_everything():
    q = torch.randn(1, 6, 5, 16)
    k, v = torch.randn(2, 1, 2, 100, 16)
    parts = [attend(q, k[:, :, a:b], v[:, :, a:b], 0.25) for a, b in ((0, 7), (7, 60), (60, 100))]
    out, lse = merge(parts)
    expected, expected_lse = attend_eager(q, k, v, 0.25, False)
    torch.testing.assert_close(out, expected, atol=2e-6, rtol=1e-5)
    torch.testing.assert_close(lse, expected_lse, atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize("rows", [1, 3, 40])
@pytest.mark.parametrize("past", [(), (10,), (513,), (1_500, 70)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_paged_attention_equals_attention_over_the_joined_tokens(rows: int, past: tuple[int, ...], dtype: torch.dtype):
    segments = [tuple(torch.randn(2, n, 2, 16).to(dtype)) for n in past]
    own = tuple(torch.randn(2, rows, 2, 16).to(dtype).float())
    query = torch.randn(1, 6, rows, 16)
    extents = [Extent(*segment) for segment in segments]
    view = View(extents, own) if rows > 1 or not past else View([*extents, Extent(*own)], None)
    out, _ = paged_attention(torch.nn.Identity(), query, view, view, None, scaling=0.25)
    keys, values = (torch.cat([s[i].float() for s in segments] + [own[i]]).transpose(0, 1)[None] for i in (0, 1))
    hidden = torch.ones(rows, keys.shape[2]).triu(keys.shape[2] - rows + 1).bool()
    expected = torch.nn.functional.scaled_dot_product_attention(
        query, keys, values, attn_mask=~hidden, scale=0.25, enable_gqa=True
    )
    torch.testing.assert_close(out, expected.transpose(1, 2), atol=3e-6, rtol=1e-5)


def test_a_layer_that_wants_a_sliding_window_is_refused():
    view = View([], tuple(torch.randn(2, 4, 2, 16)))
    with pytest.raises(NotImplementedError, match="sliding"):
        paged_attention(torch.nn.Identity(), torch.randn(1, 2, 4, 16), view, view, None, sliding_window=8)
