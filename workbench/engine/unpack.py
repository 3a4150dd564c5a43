"""What a GGUF file holds: its metadata by type, its tensors as safetensors, some thousand rows at a time.

fp32 keeps the values exactly as the file's blocks spell them. int8 rounds every matrix to one byte a weight:
``<name>.weight`` int8 (out, in) and ``<name>.weight_scale`` fp32 (out,); vectors stay fp32. int4 keeps the codes of
linear layers that the file holds in four bits (``<name>.words``, ``.scale`` and ``.minimum``, engine.int4), and rounds
the other matrices to int8.

Not covered: config and tokenizer (engine.convert), architectures other than Llama and Qwen2, sharded files.

Source: the GGUF layout of ggml-org/ggml (Llama's rows of q and k are interleaved there and are put back here),
and the safetensors format: length of the table, the table in JSON, the bytes.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from math import prod
from pathlib import Path
from typing import NamedTuple

import gguf
import numpy as np
import torch

from workbench.engine import int4
from workbench.engine.four_bits import KINDS, unpack
from workbench.engine.int8 import quantize
from workbench.engine.kernels import WIDE
from workbench.errors import ModelLoadError

ARCHITECTURES = ("llama", "qwen2")
"""What ``general.architecture`` may say."""

_ROWS_BYTES = 64 << 20  # fp32 bytes of the rows dequantised at once
_ITEM_BYTES = {"F32": 4, "I32": 4, "F16": 2, "I8": 1}

_NAMES = {
    "token_embd": "model.embed_tokens",
    "output_norm": "model.norm",
    "output": "lm_head",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


class Tensor(NamedTuple):
    """A tensor on its way: name on the hub, shape (rows first), heads whose rows are interleaved (or 0)."""

    name: str
    source: gguf.ReaderTensor
    shape: tuple[int, ...]
    interleaved_heads: int


class GGUFFile:
    """A GGUF file's metadata and tensors.

    Args:
        path: the file.

    Raises:
        ModelLoadError: it is no GGUF file, or holds another architecture.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._reader = gguf.GGUFReader(path)
        except (ValueError, IndexError, OSError) as error:
            raise ModelLoadError(
                f"{path} cannot be read as GGUF ({error}); delete it to have it fetched again."
            ) from error
        self.architecture = self.text("general.architecture")
        if self.architecture not in ARCHITECTURES:
            raise ModelLoadError(
                f"{path} holds a {self.architecture!r} model; converted are {' and '.join(ARCHITECTURES)}."
            )

    def _value(self, key: str) -> object:
        if key not in self._reader.fields:
            raise ModelLoadError(f"{self._path} lacks the metadata {key!r} and cannot be converted.")
        return self._reader.fields[key].contents()

    def text(self, key: str) -> str:
        """A string of the metadata."""
        return str(self._value(key))

    def integer(self, key: str) -> int:
        """A whole number; a key without a dot belongs to the architecture."""
        return int(str(self._value(key)))

    def real(self, key: str) -> float:
        """A number as it was meant: 1e-6 is stored as the nearest fp32, 9.99999997e-07."""
        return float(str(np.float32(str(self._value(key)))))

    def texts(self, key: str) -> list[str]:
        """A list of strings."""
        return [str(item) for item in self._items(key)]

    def integers(self, key: str) -> list[int]:
        """A list of whole numbers."""
        return [int(str(item)) for item in self._items(key)]

    def _items(self, key: str) -> list[object]:
        value = self._value(key)
        return value if isinstance(value, list) else [value]

    def tensors(self) -> list[Tensor]:
        """Every tensor with its name and shape on the hub, its values untouched.

        Raises:
            ModelLoadError: one that such a model does not have.
        """
        heads = {"attn_q": "attention.head_count", "attn_k": "attention.head_count_kv"}
        found = []
        for source in self._reader.tensors:
            match = re.fullmatch(r"(?:blk\.(\d+)\.)?(\w+)\.(weight|bias)", source.name)
            if match is None or match[2] not in _NAMES:
                raise ModelLoadError(
                    f"{self._path} holds a tensor {source.name!r}, which a {self.architecture} model has not."
                )
            layer, part, kind = match.groups()
            prefix = f"model.layers.{layer}." if layer else ""
            interleaved = self.architecture == "llama" and part in heads
            num_heads = self.integer(f"{self.architecture}.{heads[part]}") if interleaved else 0
            shape = tuple(int(size) for size in reversed(source.shape))
            found.append(Tensor(f"{prefix}{_NAMES[part]}.{kind}", source, shape, num_heads))
        return found


def write_safetensors(tensors: list[Tensor], path: Path, *, weights: str, report: Callable[[int, int], None]) -> None:
    """Write tensors as a stream: the table first, for every size is known, then rows as they are dequantised.

    Args:
        tensors: what to write.
        path: the file.
        weights: ``fp32``, ``int8`` or ``int4``.
        report: told bytes done and bytes in all.

    Raises:
        OSError: the disk is full; found out before the first row.
    """
    head, places, end = _table(tensors, weights)
    done = 0
    with path.open("wb") as out:
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(out.fileno(), 0, len(head) + end)
        out.write(head)
        for name, offset, values in _stream(tensors, weights):
            out.seek(len(head) + places[name] + offset)
            out.write(values.tobytes())
            done += values.nbytes
            report(done, end)
        out.flush()
        os.fsync(out.fileno())


def _table(tensors: list[Tensor], weights: str) -> tuple[bytes, dict[str, int], int]:
    """The file's first bytes, where each tensor begins after them, and where the last ends."""
    table: dict[str, object] = {"__metadata__": {"format": "pt"}}
    places: dict[str, int] = {}
    end = 0
    # The widest first, so that all stay aligned.
    for name, dtype, shape in sorted(_layout(tensors, weights), key=lambda row: -_ITEM_BYTES[row[1]]):
        places[name], end = end, end + prod(shape) * _ITEM_BYTES[dtype]
        table[name] = {"dtype": dtype, "shape": shape, "data_offsets": [places[name], end]}
    content = json.dumps(table).encode()
    content += b" " * (-len(content) % 8)
    return len(content).to_bytes(8, "little") + content, places, end


def _form(tensor: Tensor, weights: str) -> str:
    """How a tensor is stored when ``weights`` are wanted: ``fp32``, ``int8`` or ``int4``."""
    if weights == "fp32" or len(tensor.shape) != 2:
        return "fp32"
    # An embedding is looked up row by row, and rows lie side by side in int4.
    packed = tensor.source.tensor_type in KINDS and int4.fits(tensor.shape) and "embed_tokens" not in tensor.name
    return "int4" if weights == "int4" and packed else "int8"


def _layout(tensors: list[Tensor], weights: str) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """Name, dtype and shape of everything stored."""
    for tensor in tensors:
        form = _form(tensor, weights)
        if form == "int4":
            words, groups = int4.shapes(*tensor.shape)
            for name, dtype, shape in zip(int4.PARTS, ("I32", "F16", "F16"), (words, groups, groups), strict=True):
                yield f"{tensor.name.removesuffix('weight')}{name}", dtype, shape
        elif form == "int8":
            yield tensor.name, "I8", tensor.shape
            yield f"{tensor.name}_scale", "F32", tensor.shape[:1]
        else:
            yield tensor.name, "F32", tensor.shape


def _stream(tensors: list[Tensor], weights: str) -> Iterator[tuple[str, int, np.ndarray]]:
    """Name, byte offset within the stored tensor, and values."""
    for tensor in tensors:
        form, kind = _form(tensor, weights), tensor.source.tensor_type
        for row, data in _rows(tensor):
            if form == "int4":
                parts = int4.pack(*map(torch.from_numpy, unpack(data, kind)))
                for name, part in zip(int4.PARTS, parts, strict=True):
                    yield f"{tensor.name.removesuffix('weight')}{name}", row // WIDE * part[0].nbytes, part.numpy()
                continue
            values = np.array(gguf.dequantize(data, kind), dtype=np.float32)
            if form == "int8":
                rounded, scale = quantize(torch.from_numpy(values))
                yield tensor.name, row * values.shape[1], rounded.numpy()
                yield f"{tensor.name}_scale", row * 4, scale.numpy()
            else:
                yield tensor.name, row * values[:1].nbytes, values


def _rows(tensor: Tensor) -> Iterator[tuple[int, np.ndarray]]:
    """First row and the file's blocks of some rows, or those of a vector."""
    data = tensor.source.data
    if len(tensor.shape) == 1:
        yield 0, data
        return
    if tensor.interleaved_heads:
        # Only rows change places, so the blocks within a row stay as they are.
        pairs = data.reshape(tensor.interleaved_heads, -1, 2, data.shape[-1])
        data = pairs.swapaxes(1, 2).reshape(data.shape)
    step = max(1, _ROWS_BYTES // (tensor.shape[1] * 4 * WIDE)) * WIDE
    for row in range(0, tensor.shape[0], step):
        yield row, data[row : row + step]
