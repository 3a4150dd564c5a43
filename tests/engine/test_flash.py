"""engine.flash against the definition, with flash-attn's documented call written out in flash_reference."""

from collections.abc import Iterator

import pytest
import torch

from tests.engine.flash_reference import flash_attn_with_kvcache
from workbench.engine import attend as attending
from workbench.engine import attention, flash
from workbench.engine.attend import Part, attend_eager
from workbench.engine.attention import BatchView, View, paged_attention
from workbench.engine.blocks import BLOCK_SIZE, Slots
from workbench.engine.extents import Extent, KVLayout, Scattered, quantize
from workbench.engine.memory import BlockMemory
from workbench.errors import EngineError

BF16 = torch.bfloat16
CLOSE = {"atol": 2e-2, "rtol": 2e-2}


@pytest.fixture(autouse=True)
def as_on_cuda(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """This CPU takes CUDA's way, with the reference in flash-attn's place; lists its calls."""
    torch.manual_seed(0)
    calls: list[str] = []

    def counted(*args: object, **kwargs: object) -> object:
        calls.append("table" if kwargs.get("block_table") is not None else "run")
        return flash_attn_with_kvcache(*args, **kwargs)

    monkeypatch.setitem(attending.BACKENDS, "cpu", attending.BACKENDS["cuda"])
    monkeypatch.setattr(attention, "KERNEL_ROWS", 0)
    monkeypatch.setattr(attention, "KERNEL_ROWS_WIDENING", 0)
    monkeypatch.setattr(attention, "SPLIT_ROWS", 0)
    flash.choose(counted)
    yield calls
    flash.choose(None)


def keys_and_values(num_tokens: int, kv_heads: int = 2, head_dim: int = 32) -> tuple[torch.Tensor, torch.Tensor]:
    keys, values = torch.randn(2, num_tokens, kv_heads, head_dim).to(BF16)
    return keys, values


def expected(q: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, *, causal: bool = False) -> Part:
    return attend_eager(q, keys.transpose(0, 1)[None], values.transpose(0, 1)[None], 0.2, causal)


def same(part: Part, other: Part) -> None:
    torch.testing.assert_close(part[0], other[0], **CLOSE)
    torch.testing.assert_close(part[1], other[1], atol=1e-4, rtol=1e-4)
    assert part[1].dtype == torch.float32


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize(("heads", "kv_heads"), [(2, 2), (6, 2), (9, 3)])
@pytest.mark.parametrize("rows", [1, 5, 70])
def test_contiguous_keys_equal_the_definition(rows: int, heads: int, kv_heads: int, causal: bool, as_on_cuda):
    keys, values = keys_and_values(rows if causal else 300, kv_heads)
    q = torch.randn(1, heads, rows, 32).to(BF16)
    k, v = keys.transpose(0, 1)[None], values.transpose(0, 1)[None]
    same(attending.attend(q, k, v, 0.2, causal=causal), expected(q, keys, values, causal=causal))
    assert as_on_cuda == ["run"]


@pytest.mark.parametrize("num_tokens", [300, 512, 1_000])
@pytest.mark.parametrize("rows", [1, 5])
def test_blocks_that_lie_apart_are_read_through_a_table(rows: int, num_tokens: int, as_on_cuda):
    slab = Extent(*keys_and_values(6 * BLOCK_SIZE))
    blocks = (4, 0, 5, 2)[: -(-num_tokens // BLOCK_SIZE)]
    places = torch.cat([torch.arange(b * BLOCK_SIZE, (b + 1) * BLOCK_SIZE) for b in blocks])[:num_tokens]
    q = torch.randn(1, 6, rows, 32).to(BF16)
    scattered = Scattered(slab, blocks, num_tokens)
    same(flash.attend_scattered(q, scattered, 0.2), expected(q, slab.keys[places], slab.values[places]))
    assert as_on_cuda == ["table"]
    joined = scattered.joined()
    assert torch.equal(joined.keys, slab.keys[places])
    assert torch.equal(joined.values, slab.values[places])


def test_the_memory_hands_out_a_table_only_for_runs_that_lie_apart_in_one_slab():
    layout = KVLayout(("full_attention",), 2, 32, BF16, torch.device("cpu"))
    memory = BlockMemory(layout)
    memory.paged = True
    slabs = [memory.add_slab(5, shared=True) for _ in range(2)]
    keys, values = keys_and_values(600)
    runs = [Slots(slabs[0], 3 * BLOCK_SIZE, 512), Slots(slabs[0], 0, 88)]
    memory.write(0, runs, keys, values)
    found = memory.read(0, runs)
    assert isinstance(found, Scattered)
    assert found.blocks == (3, 4, 0)
    assert torch.equal(found.joined().keys, keys)
    assert torch.equal(found.joined().values, values)
    assert isinstance(memory.read(0, runs[:1]), Extent)
    apart = [runs[0], Slots(slabs[1], 0, 88)]
    memory.write(0, apart, keys, values)
    read = memory.read(0, apart)
    assert isinstance(read, Extent)
    assert torch.equal(read.keys, keys)


@pytest.mark.parametrize("window", [None, 40])
@pytest.mark.parametrize("chosen", [True, False])
def test_a_chunk_and_a_batch_see_scattered_segments_as_they_see_joined_ones(
    window: int | None, chosen: bool, monkeypatch: pytest.MonkeyPatch, as_on_cuda
):
    if not chosen:  # torch's own kernels do not run on a CPU: the definition stands in for them
        flash.choose(None)
        monkeypatch.setattr(
            attending, "_torch_flash", lambda q, k, v, scale, causal: attend_eager(q, k, v, scale, causal)
        )
    slab = Extent(*keys_and_values(4 * BLOCK_SIZE))
    scattered, document = Scattered(slab, (3, 1), 300), Extent(*keys_and_values(500))
    joined, module = scattered.joined(), torch.nn.Identity()
    own = keys_and_values(7)
    q = torch.randn(1, 6, 7, 32).to(BF16)
    views = [View([document, each], own) for each in (scattered, joined)]
    outs = [paged_attention(module, q, view, view, None, 0.2, sliding_window=window)[0] for view in views]
    torch.testing.assert_close(*outs, **CLOSE)
    everything = [torch.cat([document.arrays[i], joined.arrays[i], own[i]]) for i in (0, 1)]
    seen = torch.ones(7, 807).tril(800).bool().triu(800 - (window or 807) + 1)
    truth, _ = attend_eager(q, *(t.transpose(0, 1)[None] for t in everything), 0.2, False, seen)
    torch.testing.assert_close(outs[0], truth.transpose(1, 2), **CLOSE)
    token = torch.randn(2, 6, 1, 32).to(BF16)
    batches = [BatchView([document], [[each], [joined]]) for each in (scattered, joined)]
    pair = [paged_attention(module, token, view, view, None, 0.2, sliding_window=window)[0] for view in batches]
    torch.testing.assert_close(*pair, **CLOSE)
    assert ("table" in as_on_cuda) == (chosen and window is None)


def test_int8_is_widened_run_by_run(monkeypatch: pytest.MonkeyPatch, as_on_cuda):
    monkeypatch.setattr(attention, "WIDEN_TOKENS", 100)
    keys, values = keys_and_values(250)
    (k8, ks), (v8, vs) = quantize(keys), quantize(values)
    q = torch.randn(1, 6, 3, 32).to(BF16)
    view = View([Extent(k8, v8, ks, vs)], keys_and_values(3))
    out, _ = paged_attention(torch.nn.Identity(), q, view, view, None, 0.2)
    assert as_on_cuda == ["run"] * 4  # 100, 100, 50, and the chunk itself
    own = view.own
    plain = View([Extent(keys, values)], own)
    truth, _ = paged_attention(torch.nn.Identity(), q, plain, plain, None, 0.2)
    torch.testing.assert_close(out, truth, atol=5e-2, rtol=5e-2)


def test_what_flash_attn_does_not_take_is_refused_and_left_to_torch():
    keys, values = (each.float() for each in keys_and_values(30))
    q = torch.randn(1, 6, 3, 32)
    assert not flash.usable(q)
    assert not flash.usable(torch.randn(1, 6, 3, 512).to(BF16))
    assert flash.usable(q.half())
    with pytest.raises(EngineError, match="fp16 or bf16"):
        flash.attend(q, keys.transpose(0, 1)[None], values.transpose(0, 1)[None], 0.2)
    with pytest.raises(RuntimeError, match="fp16 and bf16"):
        flash_attn_with_kvcache(q.transpose(1, 2), keys[None], values[None])
    with pytest.raises(RuntimeError, match="same dtype"):
        flash_attn_with_kvcache(q.to(BF16).transpose(1, 2), keys[None], values[None])


def test_without_a_gpu_nothing_is_imported():
    assert flash.installed() is None
    flash.choose(None)
    assert flash.name() == "torch's flash attention"
    with pytest.raises(EngineError, match="not chosen"):
        flash.attend(*[torch.randn(1, 2, 3, 32).to(BF16)] * 3, 0.2)
