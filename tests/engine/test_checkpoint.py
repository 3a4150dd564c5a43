import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from workbench.engine import checkpoint as checkpoints
from workbench.errors import ModelLoadError

CPU = torch.device("cpu")


@pytest.fixture
def copy(checkpoint: Callable[[str], Path], tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoint("qwen3.5"), tmp_path / "model"))


def test_the_text_tower_is_taken_out_of_a_sharded_vision_language_checkpoint(checkpoint: Callable[[str], Path]):
    folder = checkpoint("qwen3.5")
    assert len(list(folder.glob("model-*.safetensors"))) > 1
    config = checkpoints.text_config(folder)
    assert config.model_type == "qwen3_5_text"
    assert type(checkpoints.load(folder, "fp32", CPU)).__name__ == "Qwen3_5ForCausalLM"


@pytest.mark.parametrize("kind", ["llama", "qwen3", "qwen3.5"])
def test_int8_is_loaded_tensor_by_tensor_and_stays_close_to_fp32(checkpoint: Callable[[str], Path], kind: str):
    folder = checkpoint(kind)
    ids = torch.arange(1, 60)[None]
    with torch.inference_mode():
        model = checkpoints.load(folder, "int8", CPU)
        model.set_attn_implementation("sdpa")
        rounded = model(ids).logits
        exact = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)(ids).logits
    assert model.get_output_embeddings().weight.dtype == torch.int8
    assert (rounded - exact).norm() < 0.05 * exact.norm()


def test_parameters_are_counted_without_loading_any(checkpoint: Callable[[str], Path]):
    for kind in ("llama", "qwen3"):
        folder = checkpoint(kind)
        model = AutoModelForCausalLM.from_pretrained(folder)
        assert checkpoints.architecture(checkpoints.text_config(folder)).num_params == model.num_parameters()


def test_an_unsupported_architecture_is_named_with_what_is_supported(copy: Path):
    settings = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}
    (copy / "config.json").write_text(json.dumps(settings))
    with pytest.raises(ModelLoadError, match=r"'gpt2'.*Supported: llama, qwen2"):
        checkpoints.text_config(copy)


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
