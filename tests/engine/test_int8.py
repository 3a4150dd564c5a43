import torch

from workbench.engine.int8 import Int8Embedding, Int8Linear, Scratch, quantize
from workbench.engine.kernels import MAX_ROWS


def test_rounding_is_off_by_half_a_step_at_most():
    torch.manual_seed(0)
    weight = torch.randn(40, 30)
    rounded, scale = quantize(weight)
    assert rounded.dtype == torch.int8
    assert ((rounded * scale[:, None] - weight).abs() <= scale[:, None] / 2 + 1e-7).all()


def test_a_row_of_zeros_stays_zero():
    rounded, scale = quantize(torch.zeros(2, 4))
    assert (rounded * scale[:, None] == 0).all()


def make_linear(bias: bool) -> tuple[Int8Linear, torch.Tensor]:
    torch.manual_seed(0)
    layer = Int8Linear(48, 20, bias=bias, scratch=Scratch())
    layer.weight, layer.weight_scale = quantize(torch.randn(20, 48))
    if bias:
        layer.bias = torch.randn(20)
    return layer, layer.weight.float() * layer.weight_scale[:, None]


def test_one_row_and_many_rows_compute_the_same_product():
    for bias in (False, True):
        layer, weight = make_linear(bias)
        x = torch.randn(7, 48)
        expected = torch.nn.functional.linear(x, weight, layer.bias)
        torch.testing.assert_close(layer(x[None])[0], expected, atol=1e-5, rtol=1e-5)
        for row, wanted in zip(x, expected, strict=True):
            torch.testing.assert_close(layer(row[None, None])[0, 0], wanted, atol=1e-5, rtol=1e-5)


def test_few_rows_leave_the_scratch_buffer_alone():
    layer, weight = make_linear(bias=False)
    for rows, widened in ((MAX_ROWS, 0), (MAX_ROWS + 1, 20 * 48)):
        x = torch.randn(1, rows, 48)
        torch.testing.assert_close(layer(x), x @ weight.T, atol=1e-5, rtol=1e-5)
        assert layer.scratch._buffer.numel() == widened


def test_an_embedding_gives_the_rounded_rows():
    torch.manual_seed(0)
    table = torch.randn(9, 6)
    layer = Int8Embedding(9, 6)
    layer.weight, layer.weight_scale = quantize(table)
    torch.testing.assert_close(layer(torch.tensor([[3, 8]]))[0], table[[3, 8]], atol=0.02, rtol=0)
