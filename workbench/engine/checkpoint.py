"""From a folder in the hub's layout to a model in memory, in the precision this machine wants.

fp32 and bf16 go through transformers' own loader. int8 is filled tensor by tensor, so that the fp32 weights never
stand in memory at once; a folder that holds int8 or int4 already (engine.convert) is taken as it is. Experts are no
linear layers and stay in float.

Not covered: finding and fetching (engine.registry, engine.fetch), rounding to int4, experts in int8, running MXFP4 as
it is.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
import transformers
from safetensors import SafetensorError, safe_open
from torch import nn
from transformers import AttentionInterface, AutoConfig, AutoModelForCausalLM

from workbench.engine import int4
from workbench.engine.attention import ATTENTION_NAME, paged_attention
from workbench.engine.budget import Architecture, state_bytes
from workbench.engine.extents import KVLayout
from workbench.engine.int8 import Int8Embedding, Int8Linear, convert_modules, quantize, row_kernel
from workbench.engine.quantized import loader_options
from workbench.errors import ModelLoadError

_log = logging.getLogger(__name__)

SUPPORTED = ("llama", "qwen2", "qwen3", "qwen3_5_text", "gemma3_text", "gpt_oss")
"""Text architectures, by ``model_type``; the tests hold each against plain transformers."""

_LAYER_TYPES = {"full_attention", "sliding_attention", "linear_attention"}
_NOT_TEXT = ("model.visual.", "visual.", "mtp.", "model.mtp.", "vision_tower.", "multi_modal_projector.")
_GEMMA3_PREFIXES = {r"^language_model\.model\.": "model.", r"^language_model\.lm_head": "lm_head"}

AttentionInterface.register(ATTENTION_NAME, paged_attention)


def text_config(folder: Path) -> transformers.PreTrainedConfig:
    """The text model's config; of a vision-language checkpoint, its text part.

    Raises:
        ModelLoadError: no config, or an architecture that is not supported.
    """
    if not (folder / "config.json").exists():
        raise ModelLoadError(f"{folder} holds no config.json; give a folder in the hub's layout.")
    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise ModelLoadError(
            f"{folder}/config.json cannot be read ({error}). Supported: {', '.join(SUPPORTED)}."
        ) from error
    text = config.get_text_config(decoder=True)
    kinds = set(getattr(text, "layer_types", None) or ["full_attention"]) - _LAYER_TYPES
    if getattr(text, "use_bidirectional_attention", None):
        kinds.add("attention in both directions")
    if text.model_type not in SUPPORTED or kinds:
        raise ModelLoadError(
            f"{folder} is a {text.model_type!r} model with layers of {', '.join(sorted(kinds)) or 'its own kind'}, "
            f"which this workbench does not run. Supported: {', '.join(SUPPORTED)}, with full attention, "
            "sliding-window attention and Gated DeltaNet layers."
        )
    return text


def layer_types(config: transformers.PreTrainedConfig) -> tuple[str, ...]:
    """``full_attention``, ``sliding_attention`` or ``linear_attention`` for each layer."""
    return tuple(getattr(config, "layer_types", None) or ["full_attention"] * config.num_hidden_layers)


def head_dim(config: transformers.PreTrainedConfig) -> int:
    """Elements of an attention head."""
    return int(getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)


def kv_layout(config: transformers.PreTrainedConfig, dtype: torch.dtype, device: torch.device) -> KVLayout:
    """How this model's keys and values lie in memory."""
    return KVLayout(layer_types(config), config.num_key_value_heads, head_dim(config), dtype, device)


def architecture(config: transformers.PreTrainedConfig) -> Architecture:
    """The numbers that decide what the model costs; parameters are counted without allocating any."""
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    num_params = sum(p.numel() for p in model.parameters())
    rounded = {p for m in model.modules() if isinstance(m, nn.Linear | nn.Embedding) for p in m.parameters()}
    types = layer_types(config)
    num_gdn = types.count("linear_attention")
    states = 0
    if num_gdn:
        states = state_bytes(
            num_gdn, config.linear_num_key_heads, config.linear_num_value_heads, config.linear_key_head_dim,
            config.linear_value_head_dim, config.linear_conv_kernel_dim, 4,
        )  # fmt: skip
    return Architecture(
        num_params=num_params, vocab_size=config.vocab_size, hidden_size=config.hidden_size,
        full_layers=len(types) - num_gdn, heads=config.num_attention_heads,
        kv_heads=config.num_key_value_heads, head_dim=head_dim(config), gdn_layers=num_gdn, state_bytes=states,
        window=config.max_position_embeddings, float_params=num_params - sum(p.numel() for p in rounded),
    )  # fmt: skip


def load(folder: Path, weights: str, device: torch.device) -> transformers.PreTrainedModel:
    """The model, ready to run with our attention.

    Args:
        folder: in the hub's layout, safetensors only.
        weights: ``fp32``, ``bf16``, ``int8``, ``int4``; the last on CUDA, or from a folder that holds it.
        device: where to.

    Raises:
        ModelLoadError: files are missing or damaged, or tensors are, or they are quantised in a way not run here.
    """
    if not list(folder.glob("*.safetensors")):
        raise ModelLoadError(
            f"{folder} holds no .safetensors file. Pickled weights (.bin, .pt) are not loaded; convert them with "
            "transformers' save_pretrained, which writes safetensors."
        )
    config = text_config(folder)
    packed = quantization(folder)
    _check_quantization(folder, packed, weights)
    held = rounded_to(folder)
    ours = held == weights or (weights == "int8" and device.type == "cpu" and held is None)
    options: dict[str, object] = {}
    if weights in ("int8", "int4") and not ours and held is None:
        options = loader_options(weights, device, tied=bool(config.tie_word_embeddings))
    elif packed:  # left to itself, transformers runs MXFP4 in kernels it fetches: other numbers on other machines
        options = {"quantization_config": transformers.Mxfp4Config(dequantize=True)}
    try:
        with quiet_transformers():
            model = _load_rounded(folder, config) if ours else _load_float(folder, config, weights, options)
    except (OSError, SafetensorError, RuntimeError, KeyError) as error:
        raise ModelLoadError(f"The weights in {folder} cannot be loaded: {error}") from error
    # What bitsandbytes rounded lies on its device already, and may not be moved.
    model = model if "device_map" in options else model.to(device)
    model.eval().requires_grad_(False)
    model.set_attn_implementation(ATTENTION_NAME)
    return model


def quantization(folder: Path) -> str | None:
    """How the checkpoint's own tensors are quantised, as its config names it; of a text part, what the whole says."""
    settings = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    for part in (settings, settings.get("text_config") or {}):
        if part.get("quantization_config"):
            return str(part["quantization_config"].get("quant_method", "an unnamed method"))
    return None


def _check_quantization(folder: Path, packed: str | None, weights: str) -> None:
    if packed not in (None, "mxfp4"):
        raise ModelLoadError(
            f"The weights in {folder} are quantised with {packed!r}, which cannot be widened here: only MXFP4 can. "
            "Give the checkpoint that was not quantised; weights='int8' makes it small."
        )
    if packed and weights in ("int8", "int4"):
        raise ModelLoadError(
            f"The weights in {folder} are MXFP4, nearly all of them experts, which weights={weights!r} leaves in "
            "float: it would need more memory, not less. Use weights='bf16' (4 times the size of the files) or 'fp32'."
        )


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """No progress bars and no advice on CUDA kernels while a model is loaded; the user's settings come back."""
    settings = transformers.logging
    level, bars = settings.get_verbosity(), settings.is_progress_bar_enabled()
    settings.set_verbosity_error()
    settings.disable_progress_bar()
    try:
        yield
    finally:
        settings.set_verbosity(level)
        if bars:
            settings.enable_progress_bar()


def _load_float(
    folder: Path, config: transformers.PreTrainedConfig, weights: str, options: dict[str, object]
) -> transformers.PreTrainedModel:
    if held := rounded_to(folder):
        raise KeyError(f"they are {held} already and cannot be had in {weights}; use weights={held!r}")
    dtype = torch.float32 if weights == "fp32" else torch.bfloat16
    renamed = {"key_mapping": _GEMMA3_PREFIXES} if config.model_type == "gemma3_text" else {}
    model, info = AutoModelForCausalLM.from_pretrained(
        folder, config=config, dtype=dtype, local_files_only=True, trust_remote_code=False, use_safetensors=True,
        output_loading_info=True, **options, **renamed,
    )  # fmt: skip
    if info["missing_keys"] or info["mismatched_keys"]:
        broken = sorted(info["missing_keys"]) or sorted(str(key) for key in info["mismatched_keys"])
        raise KeyError(f"{len(broken)} tensors are missing or of another shape, {broken[0]} first")
    return model


def rounded_to(folder: Path) -> str | None:
    """``int8`` or ``int4`` if engine.convert wrote the folder with such weights."""
    record = folder / "workbench.json"
    weights = json.loads(record.read_text()).get("weights") if record.exists() else None
    return weights if weights in ("int8", "int4") else None


def _load_rounded(folder: Path, config: transformers.PreTrainedConfig) -> transformers.PreTrainedModel:
    from accelerate import init_empty_weights

    # Buffers (rotary frequencies) are computed; parameters stay without memory until they are filled.
    with init_empty_weights(include_buffers=False):
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    factor = getattr(model.get_input_embeddings(), "scalar_embed_scale", None)
    convert_modules(model)
    packed = [name.removesuffix(".words") for name in _names(folder) if name.endswith(".words")]
    if packed:
        int4.convert_modules(model, packed)
    if factor is not None:  # Gemma's embedding multiplies what it looks up, and the int8 one does not
        model.get_input_embeddings().register_forward_hook(lambda _module, _ids, rows: rows * factor)
    for name, tensor in _tensors(folder):
        _assign(model, name, tensor)
    if config.tie_word_embeddings and model.lm_head.weight.is_meta:
        embedding = model.get_input_embeddings()
        model.lm_head.weight, model.lm_head.weight_scale = embedding.weight, embedding.weight_scale
    empty = [name for name, tensor in model.state_dict().items() if tensor.is_meta]
    if empty:
        raise KeyError(f"{len(empty)} tensors are missing, {empty[0]} first")
    row_kernel()
    return model


def _names(folder: Path) -> Iterator[str]:
    """Names of the tensors in the files."""
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as tensors:
            yield from tensors.keys()


def _tensors(folder: Path) -> Iterator[tuple[str, torch.Tensor]]:
    """Name and values of every tensor of the text model, one at a time."""
    for path in sorted(folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118 - safe_open is no mapping
                if not name.startswith(_NOT_TEXT):
                    text_name = name.replace("model.language_model.", "model.", 1)
                    for prefix, replacement in _GEMMA3_PREFIXES.items():
                        text_name = re.sub(prefix, replacement, text_name)
                    yield text_name, tensors.get_tensor(name)


def _assign(model: nn.Module, name: str, tensor: torch.Tensor) -> None:
    parent, _, attribute = name.rpartition(".")
    module = model.get_submodule(parent)
    if isinstance(module, int4.Int4Linear):
        setattr(module, attribute, tensor)
    elif isinstance(module, Int8Linear | Int8Embedding):
        if attribute == "weight" and tensor.dtype != torch.int8:
            tensor, module.weight_scale = quantize(tensor)
        elif attribute == "bias":
            tensor = tensor.float()
        setattr(module, attribute, tensor)
    else:
        expected = getattr(module, attribute)
        if expected.shape != tensor.shape:
            raise KeyError(f"{name} has shape {tuple(tensor.shape)}, not {tuple(expected.shape)}")
        setattr(module, attribute, nn.Parameter(tensor.float(), requires_grad=False))
