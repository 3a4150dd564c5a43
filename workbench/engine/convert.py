"""A GGUF file becomes a folder in the hub's layout, once: config, tokenizer, chat template, safetensors.

The folder stands in the user's cache folder and is loaded from then on. The GGUF file stays beside it, so
that another precision needs no second download.

Not covered: the tensors (engine.unpack), fetching (engine.fetch), tokenizers other than byte-level BPE.
"""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Literal

import transformers
from filelock import FileLock
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from workbench import config
from workbench.engine.fetch import FetchProgress, ProgressCallback, fetch
from workbench.engine.registry import Entry
from workbench.engine.unpack import GGUFFile, Tensor, write_safetensors
from workbench.errors import ModelLoadError

_log = logging.getLogger(__name__)

StoredWeights = Literal["fp32", "int8", "int4"]

FORMAT_VERSION = 1
"""Of the folders written here; a folder of another version is written anew."""

RECORD = "workbench.json"
"""The file of a converted folder that says what it was made from."""

_CONFIGS = {
    "llama": (transformers.LlamaConfig, "LlamaForCausalLM"),
    "qwen2": (transformers.Qwen2Config, "Qwen2ForCausalLM"),
}

# How Qwen2 cuts a text before byte pairs are merged (its published tokenizer.json).
_QWEN2_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)

_CONTROL, _USER_DEFINED, _UNUSED = 3, 4, 5  # token types of GGUF


def ensure(entry: Entry, weights: StoredWeights, progress: ProgressCallback | None = None) -> Path:
    """The folder of ``entry`` with these weights: as it is, else converted, else fetched and converted.

    Raises:
        ModelLoadError: the bytes cannot be had or are not of a kind converted here, or the disk is full.
    """
    return converted(entry, weights) or convert(entry, fetch(entry, progress), weights, progress)


def converted(entry: Entry, weights: StoredWeights) -> Path | None:
    """The converted folder if it is there, whole, and made from the bytes the registry names."""
    path = _folder(entry, weights)
    try:
        record = json.loads((path / RECORD).read_text(encoding="utf-8"))
        sizes = {name: (path / name).stat().st_size for name in record["num_bytes"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return path if record == _record(entry, weights, sizes) else None


def convert(entry: Entry, gguf_path: Path, weights: StoredWeights, progress: ProgressCallback | None = None) -> Path:
    """The folder of ``entry`` with these weights, written if it is not there.

    Args:
        entry: a model that is packed as GGUF.
        gguf_path: its file, as engine.fetch left it.
        weights: ``fp32``, ``int8`` or ``int4``.
        progress: told the bytes written.

    Raises:
        ModelLoadError: the file is of a kind that is not converted here, or the disk is full.
    """
    target = _folder(entry, weights)
    partial = target.with_name(f"{weights}.partial")
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with FileLock(target.with_name(f"{weights}.lock"), mode=0o600):
        if converted(entry, weights):
            return target
        for left_over in (partial, target):
            shutil.rmtree(left_over, ignore_errors=True)
        partial.mkdir(mode=0o700)
        try:
            _write(entry, gguf_path, weights, partial, progress)
        except OSError as error:
            shutil.rmtree(partial, ignore_errors=True)
            raise ModelLoadError(
                f"{entry.name} could not be converted in {target.parent}: {error}. Make room there, or set "
                "WORKBENCH_HOME to a folder on another disk, and try again."
            ) from error
        partial.rename(target)
    _log.info("%s converted to %s in %s", entry.name, weights, target)
    return target


def _folder(entry: Entry, weights: StoredWeights) -> Path:
    return config.home() / "models" / entry.name / weights


def _record(entry: Entry, weights: StoredWeights, sizes: dict[str, int]) -> dict[str, object]:
    return {
        "format": FORMAT_VERSION,
        "model": entry.name,
        "source_sha256": entry.sha256,
        "weights": weights,
        "num_bytes": sizes,
    }


def _write(entry: Entry, gguf_path: Path, weights: StoredWeights, to: Path, progress: ProgressCallback | None) -> None:
    def report(done: int, total: int) -> None:
        if progress is not None:
            progress(FetchProgress(entry.name, "convert", done, total))

    source = GGUFFile(gguf_path)
    tensors = source.tensors()
    _write_config(source, tensors, to)
    _write_tokenizer(source, to)
    write_safetensors(tensors, to / "model.safetensors", weights=weights, report=report)
    sizes = {path.name: path.stat().st_size for path in sorted(to.iterdir())}
    (to / RECORD).write_text(json.dumps(_record(entry, weights, sizes), indent=1), encoding="utf-8")
    for path in to.iterdir():
        path.chmod(0o600)


def _write_config(source: GGUFFile, tensors: list[Tensor], to: Path) -> None:
    kind = source.architecture
    shapes = {tensor.name: tensor.shape for tensor in tensors}
    vocab_size, hidden_size = shapes["model.embed_tokens.weight"]
    special = {name: source.integer(f"tokenizer.ggml.{key}_token_id") for name, key in _SPECIAL.items()}
    make, architecture = _CONFIGS[kind]
    make(
        architectures=[architecture],
        vocab_size=vocab_size,
        hidden_size=hidden_size,
        intermediate_size=source.integer(f"{kind}.feed_forward_length"),
        num_hidden_layers=source.integer(f"{kind}.block_count"),
        num_attention_heads=source.integer(f"{kind}.attention.head_count"),
        num_key_value_heads=source.integer(f"{kind}.attention.head_count_kv"),
        max_position_embeddings=source.integer(f"{kind}.context_length"),
        rms_norm_eps=source.real(f"{kind}.attention.layer_norm_rms_epsilon"),
        rope_parameters={"rope_type": "default", "rope_theta": source.real(f"{kind}.rope.freq_base")},
        tie_word_embeddings="lm_head.weight" not in shapes,
        dtype="float32",
        **special,
    ).save_pretrained(to)
    # One token ends a turn and another a text; either ends an answer.
    ends = [special["eos_token_id"], source.texts("tokenizer.ggml.tokens").index("<|endoftext|>")]
    transformers.GenerationConfig(**{**special, "eos_token_id": ends}).save_pretrained(to)


_SPECIAL = {"bos_token_id": "bos", "eos_token_id": "eos", "pad_token_id": "padding"}


def _write_tokenizer(source: GGUFFile, to: Path) -> None:
    tokens, kinds = source.texts("tokenizer.ggml.tokens"), source.integers("tokenizer.ggml.token_type")
    merges = [_pair(merge) for merge in source.texts("tokenizer.ggml.merges")]
    typed = list(zip(tokens, kinds, strict=True))
    vocab = {token: index for index, (token, kind) in enumerate(typed) if kind != _UNUSED}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    tokenizer.decoder = decoders.ByteLevel()
    _set_rules(tokenizer, source.text("tokenizer.ggml.pre"))
    for token, kind in typed:
        if kind in (_CONTROL, _USER_DEFINED):
            tokenizer.add_tokens([AddedToken(token, special=kind == _CONTROL, normalized=False)])
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        chat_template=source.text("tokenizer.chat_template"),
        eos_token=tokens[source.integer("tokenizer.ggml.eos_token_id")],
        pad_token=tokens[source.integer("tokenizer.ggml.padding_token_id")],
        model_max_length=source.integer(f"{source.architecture}.context_length"),
        clean_up_tokenization_spaces=False,
    ).save_pretrained(to, save_jinja_files=False)


def _pair(merge: str) -> tuple[str, str]:
    left, _, right = merge.partition(" ")
    return left, right


def _set_rules(tokenizer: Tokenizer, rules: str) -> None:
    """How a text is cut before byte pairs are merged, by the name llama.cpp gives it."""
    steps: list[pre_tokenizers.PreTokenizer]
    if rules == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
        steps = [
            pre_tokenizers.Split(Regex(_QWEN2_SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    elif rules == "smollm":
        steps = [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    else:
        raise ModelLoadError(f"The tokenizer cuts text by rules named {rules!r}; known are qwen2 and smollm.")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(steps)
