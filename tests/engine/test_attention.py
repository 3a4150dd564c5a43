import pytest
import torch

from workbench.engine.attend import BACKENDS, attend, attend_eager, merge
from workbench.engine.attention import View, paged_attention
from workbench.engine.extents import Extent


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


@pytest.mark.parametrize("backend", sorted(BACKENDS))  # of CUDA, the masked path runs anywhere
def test_a_mask_equals_a_softmax_over_what_each_row_sees(backend: str):
    q = torch.randn(1, 6, 5, 16)
    k, v = torch.randn(2, 1, 2, 40, 16)
    visible = torch.randint(0, 2, (5, 40)).bool()
    visible[:, 3] = True
    out, lse = BACKENDS[backend](q, k, v, 0.25, False, visible)
    for row in range(5):
        seen = visible[row]
        expected, expected_lse = attend_eager(q[:, :, row : row + 1], k[:, :, seen], v[:, :, seen], 0.25, False)
        torch.testing.assert_close(out[:, :, row : row + 1], expected, atol=2e-6, rtol=1e-5)
        torch.testing.assert_close(lse[:, :, row : row + 1], expected_lse, atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize("rows", [1, 3, 40])
@pytest.mark.parametrize("past", [(), (10,), (513,), (1_500, 7, 20)])
@pytest.mark.parametrize("window", [1, 2, 24, 28, 1_200, 5_000])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_window_sees_its_last_tokens_and_sinks_take_their_share(
    rows: int, past: tuple[int, ...], window: int, dtype: torch.dtype
):
    segments = [tuple(torch.randn(2, n, 2, 16).to(dtype)) for n in past]
    own = tuple(torch.randn(2, rows, 2, 16).to(dtype).float())
    query, sinks = torch.randn(1, 6, rows, 16), torch.randn(6)
    extents = [Extent(*segment) for segment in segments]
    view = View(extents, own) if rows > 1 else View([*extents, Extent(*own)], None)
    out, _ = paged_attention(torch.nn.Identity(), query, view, view, None, 0.25, sliding_window=window, s_aux=sinks)
    keys, values = (torch.cat([s[i].float() for s in segments] + [own[i]]).transpose(0, 1)[None] for i in (0, 1))
    num_tokens = keys.shape[2]
    positions = torch.arange(num_tokens - rows, num_tokens)[:, None]
    seen = (torch.arange(num_tokens) <= positions) & (torch.arange(num_tokens) > positions - window)
    scores = (query @ keys.repeat_interleave(3, 1).transpose(-1, -2) * 0.25).masked_fill(~seen, float("-inf"))
    with_sinks = torch.cat([scores, sinks[None, :, None, None].expand(1, 6, rows, 1)], -1).softmax(-1)
    expected = with_sinks[..., :-1] @ values.repeat_interleave(3, 1)
    torch.testing.assert_close(out, expected.transpose(1, 2), atol=3e-6, rtol=1e-5)


@pytest.mark.parametrize("rows", [1, 30])
@pytest.mark.parametrize("window", [24, 1_300])
def test_how_the_past_is_cut_changes_no_bit_of_a_windowed_layer(rows: int, window: int):
    keys, values = torch.randn(2, 1_400, 2, 16)
    own = tuple(torch.randn(2, rows, 2, 16)) if rows > 1 else None
    query = torch.randn(1, 6, rows, 16)
    outs = []
    for cuts in ([1_400], [256, 1_144], [1_380, 15, 5], [700, 700]):
        view = View([Extent(*pair) for pair in zip(keys.split(cuts), values.split(cuts), strict=True)], own)
        outs.append(paged_attention(torch.nn.Identity(), query, view, view, None, sliding_window=window)[0])
    assert all(torch.equal(out, outs[0]) for out in outs)


def test_sinks_take_their_share_of_a_layer_without_a_window_too():
    view = View([Extent(*torch.randn(2, 50, 2, 16))], tuple(torch.randn(2, 4, 2, 16)))
    query = torch.randn(1, 6, 4, 16)
    without, _ = paged_attention(torch.nn.Identity(), query, view, view, None)
    small, _ = paged_attention(torch.nn.Identity(), query, view, view, None, s_aux=torch.full((6,), -100.0))
    large, _ = paged_attention(torch.nn.Identity(), query, view, view, None, s_aux=torch.full((6,), 100.0))
    torch.testing.assert_close(small, without)
    assert large.abs().max() < 1e-6 < without.abs().max()


def test_a_layer_that_wants_capped_scores_is_refused():
    view = View([], tuple(torch.randn(2, 4, 2, 16)))
    with pytest.raises(NotImplementedError, match="capped"):
        paged_attention(torch.nn.Identity(), torch.randn(1, 2, 4, 16), view, view, None, softcap=50.0)
