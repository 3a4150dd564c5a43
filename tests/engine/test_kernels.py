import os
import subprocess
import sys
from pathlib import Path

import numba
import numpy as np
import pytest
import torch

from workbench.engine.extents import quantize
from workbench.engine.kernels import MAX_ROWS, attend_rows, glue_kernel, multiply
from workbench.engine.kernels.cache import compile_kernel, private_folder

DTYPES = ("float32", "uint16", "int8")


@pytest.mark.parametrize(("outs", "columns"), [(7, 45), (1, 8), (40, 96), (9, 3)])
def test_products_are_the_matrix_product_and_do_not_depend_on_other_rows(outs, columns):
    rng = np.random.default_rng(0)
    weight = rng.integers(-127, 128, (outs, columns)).astype(np.int8)
    scale = rng.random(outs, dtype=np.float32)
    x = rng.standard_normal((MAX_ROWS, columns), dtype=np.float32)
    expected = x.astype(float) @ (weight * scale[:, None].astype(float)).T
    for rows in range(1, MAX_ROWS + 1):
        out = np.full((rows, outs), np.nan, np.float32)
        multiply(weight, scale, x[:rows], out)
        np.testing.assert_allclose(out, expected[:rows], rtol=1e-5, atol=1e-4 * columns**0.5)
        alone = np.empty((1, outs), np.float32)
        multiply(weight, scale, x[rows - 1 : rows], alone)
        assert alone[0].tobytes() == out[-1].tobytes()


def make_cache(dtype: str, shape: tuple[int, int, int], seed: int = 0):
    """Strided keys and values, their scales, and both in fp64."""
    rng = np.random.default_rng(seed)
    num_tokens, kv_heads, head_dim = shape
    stored = rng.standard_normal((num_tokens, 2, kv_heads, head_dim), dtype=np.float32)
    scales = None
    if dtype == "int8":
        stored = rng.integers(-127, 128, stored.shape).astype(np.int8)
        scales = rng.random((num_tokens, 2, kv_heads), dtype=np.float32) / 50
        exact = stored * scales[..., None].astype(float)
    elif dtype == "uint16":
        stored = (stored.view(np.uint32) >> 16).astype(np.uint16)
        exact = (stored.astype(np.uint32) << 16).view(np.float32).astype(float)
    else:
        exact = stored.astype(float)
    both = (None, None) if scales is None else (scales[:, 0], scales[:, 1])
    return (stored[:, 0], stored[:, 1], *both), exact[:, 0], exact[:, 1]


def define(q, keys, values, scale):
    """Attention as it is defined, in fp64."""
    group = q.shape[1] // keys.shape[1]
    keys, values = keys.repeat(group, 1), values.repeat(group, 1)
    scores = np.einsum("rhd,thd->rht", q.astype(float), keys) * scale
    lse = np.logaddexp.reduce(scores, axis=-1)
    return np.einsum("rht,thd->rhd", np.exp(scores - lse[..., None]), values), lse


def check(q, cache, keys, values, scale, tolerance=3e-6):
    out, lse = attend_rows(q, *cache, scale)
    expected, expected_lse = define(q, keys, values, scale)
    assert out.dtype == lse.dtype == np.float32
    np.testing.assert_allclose(out, expected, atol=tolerance)
    np.testing.assert_allclose(lse, expected_lse, atol=tolerance, rtol=1e-6)
    again, lse_again = attend_rows(q, *cache, scale)
    assert (again.tobytes(), lse_again.tobytes()) == (out.tobytes(), lse.tobytes())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("num_tokens", [1, 63, 64, 65, 256, 257, 1000])
@pytest.mark.parametrize("group", [1, 3])
@pytest.mark.parametrize("head_dim", [64, 80, 128, 256])
def test_attention_is_as_defined(dtype, num_tokens, group, head_dim):
    cache, keys, values = make_cache(dtype, (num_tokens, 2, head_dim))
    for rows in (1, 3, 8):
        q = np.random.default_rng(rows).standard_normal((rows, 2 * group, head_dim), dtype=np.float32)
        check(q, cache, keys, values, head_dim**-0.5)


@pytest.mark.parametrize("sign", [1, -1])
def test_scores_of_two_hundred_neither_overflow_nor_vanish(sign):
    cache, keys, values = make_cache("float32", (600, 1, 64))
    q = np.random.default_rng(1).standard_normal((2, 1, 64), dtype=np.float32)
    keys *= 200 / np.abs(define_scores(q, keys)).max()
    stored = (keys + sign * 200 * q[0, 0] / (q[0, 0] @ q[0, 0])).astype(np.float32)
    # fp32 scores of 400 are off by 1e-4 at most, and weights with them.
    check(q[:1], (stored, cache[1], None, None), stored.astype(float), values, 1.0, tolerance=5e-4)


@pytest.mark.parametrize("last", [299, 10])
def test_one_token_far_above_all_others_takes_everything_wherever_it_is(last):
    keys, values = np.zeros((300, 1, 8), np.float32), np.zeros((300, 1, 8), np.float32)
    keys[last], values[last] = 25, 1
    out, lse = attend_rows(np.ones((1, 1, 8), np.float32), keys, values, None, None, 1.0)
    assert (out == 1).all()
    assert (lse == 200).all()


def define_scores(q, keys):
    return np.einsum("rhd,thd->rht", q.astype(float), keys)


def test_exp_is_exact_to_a_millionth_and_zero_far_below():
    # Two tokens with scores 0 and x: the second one's share of the value 1 is exp(x) / (1 + exp(x)).
    for x in np.linspace(-80, 0, 501):
        keys = np.zeros((2, 1, 8), np.float32)
        keys[1] = x / 8
        values = np.zeros_like(keys)
        values[1] = 1
        out, _ = attend_rows(np.ones((1, 1, 8), np.float32), keys, values, None, None, 1.0)
        exact = np.float32(x / 8) * 8.0
        np.testing.assert_allclose(out, np.exp(exact) / (1 + np.exp(exact)), rtol=1e-6)
    keys[1] = -1e30
    out, lse = attend_rows(np.ones((1, 1, 8), np.float32), keys, values, None, None, 1.0)
    assert (out == 0).all()
    assert (lse == 0).all()


def test_what_does_not_fit_is_refused():
    q = np.ones((1, 3, 8), np.float32)
    keys = np.ones((4, 1, 8), np.float32)
    scales = np.ones((4, 1), np.float32)
    with pytest.raises(ValueError, match="scales"):
        attend_rows(q, keys, keys, scales, scales, 1.0)
    with pytest.raises(ValueError, match="scales"):
        attend_rows(q, keys.astype(np.int8), keys.astype(np.int8), None, None, 1.0)
    with pytest.raises(ValueError, match="cannot attend"):
        attend_rows(q, keys[:0], keys[:0], None, None, 1.0)
    with pytest.raises(ValueError, match="cannot attend"):
        attend_rows(q, keys, keys[:3], None, None, 1.0)
    with pytest.raises(ValueError, match="cannot attend"):
        attend_rows(q[..., :7], keys[..., :7], keys[..., :7], None, None, 1.0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cut", [1, 255, 256, 600])
def test_attention_goes_on_over_more_tokens(dtype: str, cut: int):
    q = np.random.default_rng(5).standard_normal((3, 4, 64), dtype=np.float32)
    cache, keys, values = make_cache(dtype, (700, 2, 64))
    so_far = attend_rows(q, *(each if each is None else each[:cut] for each in cache), 0.125)
    out, lse = attend_rows(q, *(each if each is None else each[cut:] for each in cache), 0.125, so_far)
    assert out is so_far[0]
    expected, expected_lse = define(q, keys, values, 0.125)
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(lse, expected_lse, rtol=1e-5, atol=1e-5)


def rows_of(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(7).standard_normal(shape, dtype=np.float32) * 30


@pytest.mark.parametrize("features", [3, 8, 64, 77])
def test_norms_are_as_defined_and_do_not_depend_on_other_rows(features: int):
    x, weight, out = rows_of((5, features)), rows_of((features,)), np.empty((5, features), np.float32)
    glue_kernel("norm")(x, weight, np.float32(1e-6), out)
    exact = x.astype(float)
    expected = exact / np.sqrt((exact**2).mean(-1, keepdims=True) + 1e-6) * weight
    np.testing.assert_allclose(out, expected, rtol=1e-5)
    alone = np.empty((1, features), np.float32)
    glue_kernel("norm")(x[3:4], weight, np.float32(1e-6), alone)
    assert alone[0].tobytes() == out[3].tobytes()


def test_heads_are_turned_by_halves():
    x, angles = rows_of((2, 6, 16))[:, 1:4], rows_of((2, 8))
    cos, sin, out = np.cos(angles), np.sin(angles), np.empty((2, 3, 16), np.float32)
    glue_kernel("turn")(x, cos, sin, out)
    turned = (x[..., :8] + 1j * x[..., 8:]) * np.exp(1j * angles.astype(float))[:, None]
    np.testing.assert_allclose(out, np.concatenate([turned.real, turned.imag], -1), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("features", [3, 8, 77])
def test_gates_are_silu_times_the_other_half_and_never_overflow(features: int):
    x, out = rows_of((4, 2 * features)), np.empty((4, features), np.float32)
    x[0, :3] = -200, 0, 200
    glue_kernel("gate")(x, out)
    gate, up = np.split(x.astype(float), 2, axis=1)
    np.testing.assert_allclose(out, gate / (1 + np.exp(-gate)) * up, rtol=1e-5, atol=1e-6)


def test_int8_is_rounded_bit_for_bit_as_torch_does():
    x = rows_of((50, 3, 64))
    x[0], x[1] = 0, np.where(np.arange(64) % 2, 127, 0.5)  # nothing to scale by, and halves
    values, scales = np.empty((50, 2, 3, 64), np.int8), np.empty((50, 2, 3), np.float32)
    glue_kernel("round_int8")(x, values[:, 1], scales[:, 1])
    expected = quantize(torch.from_numpy(x))
    assert np.array_equal(values[:, 1], expected[0].numpy())
    assert scales[:, 1].tobytes() == expected[1].numpy().tobytes()


@pytest.mark.parametrize("dtype", DTYPES)
def test_any_layout_gives_the_bits_of_the_contiguous_one(dtype):
    (keys, values, *scales), _, _ = make_cache(dtype, (300, 2, 64))
    q = np.random.default_rng(0).standard_normal((2, 4, 64), dtype=np.float32)
    whole = [None if each is None else each.copy() for each in (keys, values, *scales)]
    expected, _ = attend_rows(q, *whole, 0.1)
    whole[0].flags.writeable = False
    turned = [None if each is None else np.asfortranarray(each) for each in whole]
    for cache in ((keys, values, *scales), whole, turned):
        out, _ = attend_rows(np.asfortranarray(q), *cache, 0.1)
        assert out.tobytes() == expected.tobytes()


def run_python(code: str) -> list[str]:
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, check=True, capture_output=True, text=True, timeout=300
    )
    return done.stdout.split()


def test_a_second_process_loads_what_the_first_compiled():
    code = (
        "from workbench.engine import kernels as k\n"
        "import numpy as np\n"
        "attend = [k.attend_kernel(np.dtype(name)) for name in ('float32', 'uint16', 'int8')]\n"
        "glue = [k.glue_kernel(name) for name in ('norm', 'turn', 'gate', 'round_int8')]\n"
        "int4 = [k.int4_kernel(name) for name in ('multiply', 'widen', 'widen_bf16')]\n"
        "for each in (k.row_kernel(), *attend, *glue, *int4):\n"
        "    print(each.stats.cache_hits.total(), each.stats.cache_misses.total())"
    )
    run_python(code)
    assert run_python(code) == ["1", "0"] * 11


def test_importing_the_kernels_does_not_import_numba():
    code = "import sys, workbench.engine.kernels as k\nprint(k.LANES, 'numba' in sys.modules)"
    assert run_python(code) == ["8", "False"]


def double(x, out):
    """A kernel that takes a moment to compile."""
    for i in numba.prange(len(x)):
        out[i] = 2 * x[i]


def make_double():
    """Compiled or loaded; whether it was loaded."""
    kernel = compile_kernel(double, "void(int64[::1], int64[::1])")
    out = np.zeros(3, np.int64)
    kernel(np.arange(3), out)
    assert out.tolist() == [0, 2, 4]
    return kernel.stats.cache_hits.total() == 1


def files_in(folder: Path) -> list[Path]:
    return [each for each in folder.rglob("*.nb*") if each.is_file()]


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_kernels_are_kept_in_a_folder_for_us_alone_and_the_users_settings_stay(home, monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", "theirs")
    assert [make_double(), make_double()] == [False, True]
    assert numba.config.CACHE_DIR == "theirs"
    folder = private_folder()
    assert folder.parent == home / "kernels"
    assert [each.stat().st_mode & 0o777 for each in (folder, folder.parent)] == [0o700, 0o700]
    assert files_in(folder)


@pytest.mark.parametrize("level", [0, 1])
@pytest.mark.parametrize("wrong", ["open", "readable", "linked", "of another user", "a file"])
def test_a_folder_that_others_may_have_touched_is_not_used(home, tmp_path, monkeypatch, wrong, level):
    made = private_folder()
    folder = (made, made.parent)[level]
    if wrong == "of another user":
        monkeypatch.setattr(os, "getuid", lambda: os.stat(home).st_uid + 1)
    elif wrong in ("open", "readable"):
        folder.chmod(0o777 if wrong == "open" else 0o740)
    else:
        folder.rename(tmp_path / "elsewhere")
        folder.symlink_to(tmp_path / "elsewhere") if wrong == "linked" else folder.touch(0o700)
    assert private_folder() is None
    if level == 0 and wrong == "open":
        assert [make_double(), make_double()] == [False, False]
        assert not files_in(tmp_path)
        assert not list(Path(__file__).parent.rglob("*.nb[ic]"))


def test_torn_files_are_replaced(home):
    assert [make_double(), make_double()] == [False, True]
    for each in files_in(home):
        if each.suffix == ".nbc":
            each.write_bytes(each.read_bytes()[:1000])
    assert [make_double(), make_double(), make_double()] == [False, False, True]
