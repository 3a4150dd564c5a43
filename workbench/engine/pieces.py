"""The bytes behind each token id, for both families of vocabularies.

Byte-level BPE writes every byte as a printable character; sentencepiece writes a space as ``▁`` and a byte that is in
no piece as ``<0x0A>``.

Not covered: WordPiece and other vocabularies whose pieces do not join to the text.

Source: ``bytes_to_unicode`` of GPT-2 (Radford et al. 2019); byte fallback of sentencepiece.
"""

from __future__ import annotations

import json
import re

import tokenizers

from workbench.errors import ModelLoadError

_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")


def token_bytes(backend: tokenizers.Tokenizer) -> tuple[bytes, ...]:
    """UTF-8 bytes by id, perhaps a part of a character; empty for added tokens and ids that name nothing.

    Raises:
        ModelLoadError: the vocabulary is of neither family.
    """
    decoder = json.dumps(json.loads(backend.to_str())["decoder"])
    byte_level = '"ByteLevel"' in decoder
    if not byte_level and "\\u2581" not in decoder:
        raise ModelLoadError(
            "This model's vocabulary is neither byte-level BPE nor sentencepiece, so answers cannot be held to a "
            "document or a schema. Ask with quotes=False, or use a model of `workbench models`."
        )
    pieces = backend.get_vocab(with_added_tokens=True)
    found = [b""] * (max(pieces.values()) + 1)
    added = backend.get_added_tokens_decoder()
    for piece, token_id in pieces.items():
        if token_id not in added:
            found[token_id] = _byte_level(piece) if byte_level else _sentencepiece(piece)
    return tuple(found)


def _alphabet() -> dict[str, int]:
    """The byte behind each character of byte-level BPE."""
    shown = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    hidden = [byte for byte in range(256) if byte not in shown]
    return {chr(byte): byte for byte in shown} | {chr(256 + index): byte for index, byte in enumerate(hidden)}


_ALPHABET = _alphabet()


def _byte_level(piece: str) -> bytes:
    return bytes(_ALPHABET[char] for char in piece)


def _sentencepiece(piece: str) -> bytes:
    byte = _BYTE.fullmatch(piece)
    return bytes([int(byte[1], 16)]) if byte else piece.replace("\u2581", " ").encode()
