from pathlib import Path

import gguf
import numpy as np
import pytest
import torch

from workbench.engine import checkpoint, convert, registry
from workbench.engine.four_bits import KINDS, unpack
from workbench.engine.int4 import BF16_ROWS, Int4Linear, arrays, pack
from workbench.engine.int8 import Scratch
from workbench.engine.kernels import GROUP, MAX_ROWS, multiply_int4, widen_int4
from workbench.engine.rows import RowModel, supports
from workbench.errors import ModelLoadError


def make_matrix(outs: int, columns: int) -> tuple[tuple[torch.Tensor, ...], np.ndarray]:
    """Parts of a packed matrix, and its values in fp64."""
    torch.manual_seed(outs + columns)
    codes = torch.randint(0, 16, (outs, columns), dtype=torch.uint8)
    scale, minimum = torch.rand(outs, columns // GROUP).half(), -torch.rand(outs, columns // GROUP).half()
    exact = codes.double() * scale.double().repeat_interleave(GROUP, 1) + minimum.double().repeat_interleave(GROUP, 1)
    return pack(codes, scale.float(), minimum.float()), exact.numpy()


@pytest.mark.parametrize(("outs", "columns"), [(16, 32), (48, 96), (160, 1536)])
def test_products_are_the_matrix_product_and_do_not_depend_on_other_rows(outs: int, columns: int):
    parts, exact = make_matrix(outs, columns)
    x = np.random.default_rng(0).standard_normal((MAX_ROWS, columns), dtype=np.float32)
    expected = x.astype(float) @ exact.T
    for rows in (1, 2, 3, 8, MAX_ROWS - 1, MAX_ROWS):
        out, alone = np.full((rows, outs), np.nan, np.float32), np.empty((1, outs), np.float32)
        multiply_int4(*arrays(*parts), x[:rows], out)
        np.testing.assert_allclose(out, expected[:rows], rtol=1e-5, atol=1e-5 * columns**0.5)
        multiply_int4(*arrays(*parts), x[rows - 1 : rows], alone)
        assert alone[0].tobytes() == out[-1].tobytes()


def test_widened_weights_are_scale_times_code_plus_minimum():
    parts, exact = make_matrix(48, 96)
    for first, rows in ((0, 48), (1, 16), (2, 16)):
        out = np.empty((96, rows), np.float32)
        widen_int4(*arrays(*parts), first, out)
        assert np.array_equal(out.T, exact[16 * first :][:rows].astype(np.float32))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_blocks_of_a_file_are_taken_apart_as_they_are_meant(kind: gguf.GGMLQuantizationType):
    columns, size = gguf.GGML_QUANT_SIZES[kind]
    data = np.random.default_rng(0).integers(0, 256, (6, 3 * size), dtype=np.uint8)
    halves = np.array([0.01, 0.5], np.float16).view(np.uint8)  # random ones may be NaN
    data.reshape(-1, size)[:, :4] = halves
    codes, scale, minimum = unpack(data, kind)
    assert codes.shape == (6, 3 * columns)
    assert codes.max() == 15
    values = codes * scale.repeat(32, axis=1) + minimum.repeat(32, axis=1)
    assert np.array_equal(values, gguf.dequantize(data, kind))


@pytest.mark.parametrize("bias", [False, True])
def test_few_rows_and_many_compute_the_same_product(bias: bool):
    layer = Int4Linear(96, 48, bias=bias, scratch=Scratch())
    (layer.words, layer.scale, layer.minimum), exact = make_matrix(48, 96)
    if bias:
        layer.bias = torch.randn(48)
    for rows in (1, 5, MAX_ROWS + 1):
        x = torch.randn(1, rows, 96)
        expected = torch.nn.functional.linear(x, torch.from_numpy(exact).float(), layer.bias)
        torch.testing.assert_close(layer(x), expected, atol=1e-4, rtol=1e-4)


def test_many_rows_may_be_multiplied_in_bf16():
    layer = Int4Linear(96, 48, bias=False, scratch=Scratch())
    (layer.words, layer.scale, layer.minimum), exact = make_matrix(48, 96)
    layer.scratch.dtype = torch.bfloat16
    for rows, off in ((BF16_ROWS, 1e-6), (BF16_ROWS + 1, 1e-2)):
        x = torch.randn(rows, 96)
        expected = x @ torch.from_numpy(exact).float().T
        out = layer(x)
        assert out.dtype == torch.float32
        assert off / 100 < (out - expected).norm() / expected.norm() < off


@pytest.fixture(scope="module")
def tiny() -> Path:
    return convert.ensure(registry.find("tiny"), "int4")


@torch.inference_mode()
def test_a_packaged_model_has_the_very_weights_of_its_file(tiny: Path):
    model = checkpoint.load(tiny, "int4", torch.device("cpu"))
    exact = checkpoint.load(convert.ensure(registry.find("tiny"), "fp32"), "fp32", torch.device("cpu"))
    packed = {name: module for name, module in model.named_modules() if isinstance(module, Int4Linear)}
    assert len(packed) == 7 * 30
    for name, module in packed.items():
        out = np.empty((module.in_features, module.out_features), np.float32)
        widen_int4(*arrays(module.words, module.scale, module.minimum), 0, out)
        assert np.array_equal(out.T, exact.get_submodule(name).weight.numpy()), name
    assert supports(model)
    ids = torch.arange(100, 180)[None]
    for each in (model, exact):
        each.set_attn_implementation("sdpa")
    ours, theirs = model(ids).logits, exact(ids).logits
    assert (ours - theirs).norm() < 0.03 * theirs.norm()  # the embedding, which is the head too, is in int8
    before = {name: module.scale.clone() for name, module in packed.items()}
    RowModel(model)  # puts weights together in memory
    assert all(torch.equal(module.scale, before[name]) for name, module in packed.items())


def test_the_bytes_in_the_budget_are_those_of_the_file_or_a_little_more(tiny: Path):
    expected = registry.find("tiny").architecture.weights_bytes("int4", on_gpu=False)
    assert 0.8 * expected < (tiny / "model.safetensors").stat().st_size < expected


def test_int4_weights_are_not_to_be_had_otherwise(tiny: Path):
    for weights in ("fp32", "int8"):
        with pytest.raises(ModelLoadError, match="weights='int4'"):
            checkpoint.load(tiny, weights, torch.device("cpu"))
