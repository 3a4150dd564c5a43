"""The self-test: it passes here, sees a broken attention, and falls back as it says."""

import logging
from collections.abc import Callable, Iterator

import pytest
import torch

from tests.engine.flash_reference import flash_attn_with_kvcache
from workbench.engine import attend as attending
from workbench.engine import attention, flash, selftest
from workbench.engine.attend import attend_eager
from workbench.engine.memory import BlockMemory
from workbench.errors import EngineError

CPU = torch.device("cpu")
BF16 = torch.bfloat16
Call = Callable[..., tuple[torch.Tensor, torch.Tensor]]


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    selftest.verify.cache_clear()
    yield
    selftest.verify.cache_clear()
    flash.choose(None)


@pytest.fixture
def as_on_cuda(monkeypatch: pytest.MonkeyPatch) -> Callable[[Call | None], torch.device]:
    """A device that takes CUDA's way through the code and CPU's memory, with this call in flash-attn's place."""

    class Device:
        type = "cuda"

    def install(call: Call | None) -> torch.device:
        monkeypatch.setattr(flash, "installed", lambda: call)
        monkeypatch.setattr(selftest, "_attempt", lambda _, attempt=selftest._attempt: attempt(CPU))
        monkeypatch.setitem(selftest.TOLERANCES, torch.float32, selftest.TOLERANCES[BF16])
        real = selftest.deviation
        monkeypatch.setattr(selftest, "deviation", lambda device, _: real(device, BF16))
        monkeypatch.setitem(attending.BACKENDS, "cpu", attending.BACKENDS["cuda"])
        monkeypatch.setattr(attention, "KERNEL_ROWS", 0)
        monkeypatch.setattr(attending, "_torch_flash", lambda q, k, v, s, causal: attend_eager(q, k, v, s, causal))
        plain = BlockMemory.__init__

        def paged(self: BlockMemory, layout: object) -> None:
            plain(self, layout)
            self.paged = True

        monkeypatch.setattr(BlockMemory, "__init__", paged)
        return Device()

    return install


def base_2(*args: object, **kwargs: object) -> tuple[torch.Tensor, torch.Tensor]:
    """As if it gave its log-sum-exps to another base."""
    out, lse = flash_attn_with_kvcache(*args, **kwargs)
    return out, lse / 0.6931


def in_order(*args: object, **kwargs: object) -> tuple[torch.Tensor, torch.Tensor]:
    """As if it took blocks in the order they lie in."""
    table = kwargs.get("block_table")
    if table is not None:
        kwargs["block_table"] = torch.arange(table.shape[1], dtype=torch.int32)[None]
    return flash_attn_with_kvcache(*args, **kwargs)


def other_heads(q: torch.Tensor, *args: object, **kwargs: object) -> tuple[torch.Tensor, torch.Tensor]:
    """As if heads were shared in turn instead of in groups."""
    turned = [0, 2, 1, 3]
    out, lse = flash_attn_with_kvcache(q[:, :, turned], *args, **kwargs)
    return out[:, :, turned], lse[:, turned]


def no_number(*args: object, **kwargs: object) -> tuple[torch.Tensor, torch.Tensor]:
    out, lse = flash_attn_with_kvcache(*args, **kwargs)
    return out * float("nan"), lse


def not_built(*_: object, **__: object) -> tuple[torch.Tensor, torch.Tensor]:
    raise RuntimeError("CUDA error: no kernel image is available\nfor execution on the device")


def test_our_engine_gives_the_logits_of_transformers_here():
    assert selftest.deviation(CPU, torch.float32) < selftest.TOLERANCES[torch.float32] / 100
    assert "CPU" in selftest.verify(CPU)
    assert selftest.verify.cache_info().currsize == 1


def test_it_leaves_the_random_numbers_of_others_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    selftest.tiny_model(CPU, torch.float32)
    assert torch.equal(torch.rand(3), expected)


def test_flash_attn_that_passes_is_used(as_on_cuda, caplog: pytest.LogCaptureFixture):
    seen: list[str] = []

    def counted(*args: object, **kwargs: object) -> object:
        seen.append("table" if kwargs.get("block_table") is not None else "run")
        return flash_attn_with_kvcache(*args, **kwargs)

    device = as_on_cuda(counted)
    assert "flash-attn" in selftest.verify(device)
    assert flash.usable(torch.zeros(1, 1, 1, 64, dtype=BF16))
    assert set(seen) == {"table", "run"}
    assert not caplog.records
    num_calls = len(seen)
    selftest.verify(device)
    assert len(seen) == num_calls


@pytest.mark.parametrize("broken", [base_2, in_order, other_heads, no_number, not_built])
def test_a_broken_flash_attn_is_seen_and_torch_takes_over_with_one_line(
    broken: Call, as_on_cuda, caplog: pytest.LogCaptureFixture
):
    device = as_on_cuda(broken)
    with caplog.at_level(logging.WARNING):
        assert selftest.verify(device).startswith("torch's flash attention (flash-attn does not pass")
    assert len(caplog.records) == 1
    assert "\n" not in caplog.text.strip()
    assert "torch's attention is used instead" in caplog.text
    assert ("no kernel image" if broken is not_built else "off by") in caplog.text
    assert not flash.usable(torch.zeros(1, 1, 1, 64, dtype=BF16))


def test_when_torch_is_wrong_as_well_nothing_starts(as_on_cuda, monkeypatch: pytest.MonkeyPatch):
    device = as_on_cuda(None)
    monkeypatch.setattr(attending, "_torch_flash", lambda q, k, v, s, causal: attend_eager(q, k, v, 2 * s, causal))
    with pytest.raises(EngineError, match=r"off by .*Nothing is loaded.*device='cpu'"):
        selftest.verify(device)
