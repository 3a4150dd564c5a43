import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from tests.checkpoints import COMMON
from workbench.engine import checkpoint as checkpoints
from workbench.engine.int8 import quantize
from workbench.errors import ModelLoadError

CPU = torch.device("cpu")


def change_config(folder: Path, **settings: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))


@pytest.fixture
def copy(checkpoint: Callable[[str], Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoint("qwen3.5"), tmp_path / "model"))


def test_the_text_tower_is_taken_out_of_a_sharded_vision_language_checkpoint(checkpoint: Callable[[str], Path]):
    folder = checkpoint("qwen3.5")
    assert len(list(folder.glob("model-*.safetensors"))) > 1
    config = checkpoints.text_config(folder)
    assert config.model_type == "qwen3_5_text"
    assert type(checkpoints.load(folder, "fp32", CPU)).__name__ == "Qwen3_5ForCausalLM"


@pytest.mark.parametrize("kind", ["llama", "qwen3", "qwen3.5", "gemma3"])
def test_int8_is_loaded_tensor_by_tensor_and_stays_close_to_fp32(checkpoint: Callable[[str], Path], kind: str):
    folder = checkpoint(kind)
    ids = torch.arange(1, 60)[None]
    with torch.inference_mode():
        model = checkpoints.load(folder, "int8", CPU)
        model.set_attn_implementation("eager")
        rounded = model(ids).logits
        exact = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)(ids).logits
    assert model.get_output_embeddings().weight.dtype == torch.int8
    assert (rounded - exact).norm() < 0.05 * exact.norm()


def test_parameters_are_counted_without_loading_any(checkpoint: Callable[[str], Path]):
    for kind in ("llama", "qwen3", "gemma3", "gpt-oss"):
        folder = checkpoint(kind)
        model = AutoModelForCausalLM.from_pretrained(folder)
        assert checkpoints.architecture(checkpoints.text_config(folder)).num_params == model.num_parameters()


def test_an_unsupported_architecture_is_named_with_what_is_supported(copy: Path):
    settings = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}
    (copy / "config.json").write_text(json.dumps(settings))
    with pytest.raises(ModelLoadError, match=r"'gpt2'.*Supported: llama, qwen2"):
        checkpoints.text_config(copy)


def test_layers_with_a_window_count_as_attention_layers(checkpoint: Callable[[str], Path]):
    for kind in ("gemma3", "gpt-oss"):
        config = checkpoints.text_config(checkpoint(kind))
        layout = checkpoints.kv_layout(config, torch.float32, CPU)
        assert "sliding_attention" in layout.layer_types
        assert checkpoints.architecture(config).full_layers == layout.num_attention_layers == config.num_hidden_layers


def test_experts_stay_in_float_when_the_rest_is_int8(checkpoint: Callable[[str], Path]):
    model = checkpoints.load(checkpoint("gpt-oss"), "int8", CPU)
    layer = model.model.layers[0]
    model.set_attn_implementation("eager")
    # Rounding may send a token to another expert, which no tolerance covers: compare with the rounded weights in fp32.
    rounded = AutoModelForCausalLM.from_pretrained(checkpoint("gpt-oss"), dtype=torch.float32)
    ids = torch.arange(1, 60)[None]
    with torch.inference_mode():
        for module in rounded.modules():
            if isinstance(module, torch.nn.Linear | torch.nn.Embedding):
                weight, scale = quantize(module.weight)
                module.weight.copy_(weight * scale[:, None])
        torch.testing.assert_close(model(ids).logits, rounded(ids).logits, atol=1e-4, rtol=0)
    assert layer.mlp.experts.down_proj.dtype == layer.mlp.router.weight.dtype == torch.float32
    assert layer.self_attn.q_proj.weight.dtype == torch.int8


def test_a_model_that_attends_in_both_directions_is_refused(checkpoint: Callable[[str], Path], tmp_path: Path):
    folder = Path(shutil.copytree(checkpoint("gemma3"), tmp_path / "model"))
    change_config(folder, use_bidirectional_attention=True)
    with pytest.raises(ModelLoadError, match=r"both directions.*sliding-window"):
        checkpoints.text_config(folder)


@pytest.mark.parametrize("weights", ["fp32", "int8"])
def test_the_text_tower_of_a_gemma_that_sees(tmp_path: Path, weights: str):
    vision = {
        "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2,
        "image_size": 28, "patch_size": 14,
    }  # fmt: skip
    text = {
        **COMMON, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
        "sliding_window": 24,
    }  # fmt: skip
    torch.manual_seed(0)
    whole = transformers.Gemma3ForConditionalGeneration(
        transformers.Gemma3Config(text_config=text, vision_config=vision, mm_tokens_per_image=4, image_token_index=500)
    ).eval()
    whole.save_pretrained(tmp_path)
    model = checkpoints.load(tmp_path, weights, CPU)
    model.set_attn_implementation("sdpa")
    ids = torch.arange(1, 60)[None]
    with torch.inference_mode():
        ours, theirs = model(ids).logits, whole(input_ids=ids).logits
    assert (ours - theirs).norm() < (0.05 if weights == "int8" else 1e-6) * theirs.norm()


@pytest.fixture
def mxfp4(checkpoint: Callable[[str], Path], tmp_path: Path) -> Path:
    """A gpt-oss whose experts are packed as in the published ones: 16 bytes for 32 weights, and an exponent."""
    folder = tmp_path / "mxfp4"
    model = AutoModelForCausalLM.from_pretrained(checkpoint("gpt-oss"), dtype=torch.float32)
    model.save_pretrained(folder)
    tensors = load_file(folder / "model.safetensors")
    for name in [name for name in tensors if name.endswith(("gate_up_proj", "down_proj"))]:
        experts, columns, rows = tensors.pop(name).shape
        tensors[f"{name}_blocks"] = torch.randint(0, 256, (experts, rows, columns // 32, 16), dtype=torch.uint8)
        tensors[f"{name}_scales"] = torch.randint(118, 122, (experts, rows, columns // 32), dtype=torch.uint8)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    change_config(folder, quantization_config={"quant_method": "mxfp4"})
    return folder


def test_mxfp4_is_widened_and_not_to_be_had_in_int8(mxfp4: Path):
    packed = load_file(mxfp4 / "model.safetensors")
    name = "model.layers.1.mlp.experts.down_proj"
    blocks, scales = packed[f"{name}_blocks"], packed[f"{name}_scales"]
    steps = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6])
    nibbles = torch.stack([blocks & 15, blocks >> 4], -1).flatten(-2).long()
    values = torch.cat([steps, -steps])[nibbles] * 2.0 ** (scales.float() - 127)[..., None]
    widened = checkpoints.load(mxfp4, "fp32", CPU).model.layers[1].mlp.experts.down_proj
    assert torch.equal(widened, values.flatten(-2).transpose(1, 2))
    with pytest.raises(ModelLoadError, match=r"MXFP4.*weights='bf16'"):
        checkpoints.load(mxfp4, "int8", CPU)


def test_other_quantised_checkpoints_are_refused_by_the_name_of_their_method(copy: Path):
    change_config(copy, quantization_config={"quant_method": "gptq", "bits": 4})
    with pytest.raises(ModelLoadError, match=r"'gptq'.*not quantised"):
        checkpoints.load(copy, "bf16", CPU)


def test_a_missing_tensor_is_named(copy: Path):
    (sorted(copy.glob("model-*.safetensors"))[-2]).unlink()
    for weights in ("fp32", "int8"):
        with pytest.raises(ModelLoadError, match=r"cannot be loaded"):
            checkpoints.load(copy, weights, CPU)


def test_a_damaged_shard_is_an_error_of_ours(copy: Path):
    shard = max(copy.glob("model-*.safetensors"), key=lambda path: path.stat().st_size)
    shard.write_bytes(shard.read_bytes()[:1_000])
    for weights in ("fp32", "int8"):
        with pytest.raises(ModelLoadError, match=r"cannot be loaded"):
            checkpoints.load(copy, weights, CPU)


def test_pickled_weights_are_not_touched(copy: Path):
    for shard in copy.glob("*.safetensors"):
        shard.unlink()
    (copy / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(ModelLoadError, match=r"Pickled"):
        checkpoints.load(copy, "fp32", CPU)
