"""The one room of the engine that knows text: tokenizers, and chat templates taken apart into token ids.

Documents and questions are encoded by a tokenizer stripped of every added token, so that ``<|im_end|>`` or
``<think>`` in a text is spelled out letter by letter and never controls anything. A chat template is rendered once
with sentinels for the contents, split at them, and its pieces are encoded: nothing is ever rendered around a text.

Not covered: prompts (analysis.prompts), counting without a checkpoint (workbench.vocabulary); slow tokenizers without
a ``tokenizer.json``.
"""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import tokenizers
from tokenizers.decoders import DecodeStream
from transformers import AutoTokenizer, GenerationConfig

from workbench.engine.pieces import token_bytes
from workbench.errors import ModelLoadError
from workbench.types import ChatFrame, Span
from workbench.vocabulary import composed

SENTINELS = ("WBSENTINELSYSTEM", "WBSENTINELUSER", "WBSENTINELANSWER", "WBSENTINELNEXT")


class HubTokenizer:
    """The tokenizer of a checkpoint folder.

    Args:
        folder: holds ``tokenizer.json`` and a chat template.

    Raises:
        ModelLoadError: the files are missing, an added token survives in plain text, or the template cannot be
            taken apart.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self._full = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            backend: tokenizers.Tokenizer = self._full.backend_tokenizer
        except (OSError, ValueError, AttributeError) as error:
            raise ModelLoadError(
                f"{folder} has no tokenizer that can be read ({error}). It needs tokenizer.json and "
                "tokenizer_config.json as on the hub."
            ) from error
        self._folder = folder
        self._backend = backend
        self._plain = _without_added_tokens(backend)
        self._composes = '"NFC"' in json.dumps(json.loads(backend.to_str())["normalizer"])
        self._check_added_tokens()

    def _check_added_tokens(self) -> None:
        for token_id, token in self._backend.get_added_tokens_decoder().items():
            if token_id in self._plain.encode(token.content, add_special_tokens=False).ids:
                raise ModelLoadError(
                    f"The tokenizer of {self._folder} turns the text {token.content!r} into its control token even "
                    "without added tokens, so a document could control the model. This checkpoint is not supported."
                )

    @cached_property
    def fingerprint(self) -> str:
        """blake2b (hex, 16 characters) of vocabulary, rules and chat template."""
        content = self._backend.to_str() + str(self._full.chat_template)
        return hashlib.blake2b(content.encode(), digest_size=8).hexdigest()

    @cached_property
    def added_tokens(self) -> tuple[str, ...]:
        """The text of every added token."""
        return tuple(token.content for token in self._backend.get_added_tokens_decoder().values())

    @cached_property
    def end_token_ids(self) -> frozenset[int]:
        """The tokenizer's end token, the generation config's, and the one that ends a turn in the template."""
        ends = {self._full.eos_token_id, self.frame.between_turns[0] if self.frame.between_turns else None}
        if (self._folder / "generation_config.json").exists():
            named = GenerationConfig.from_pretrained(self._folder, local_files_only=True).eos_token_id
            ends |= set(named) if isinstance(named, list) else {named}
        special = self._backend.get_added_tokens_decoder()
        return frozenset(end for end in ends if end is not None and end in special)

    @cached_property
    def frame(self) -> ChatFrame:
        """The chat template's pieces as ids."""
        system, user, answer, following = SENTINELS
        first = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        second = [*first, {"role": "assistant", "content": answer}, {"role": "user", "content": following}]
        head, middle, tail = self._pieces(first, (system, user), thinking=False)
        thinking = self._pieces(first, (system, user), thinking=True)[2]
        between = self._pieces(second, (system, user, answer, following), thinking=False)[3]
        return ChatFrame(*(self._control_ids(text) for text in (head, middle, tail, thinking, between)))

    def _pieces(self, messages: list[dict[str, str]], sentinels: tuple[str, ...], *, thinking: bool) -> list[str]:
        if not self._full.chat_template:
            raise ModelLoadError(f"{self._folder} has no chat template; an instruct checkpoint is needed.")
        rendered = str(
            self._full.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=True, enable_thinking=thinking
            )
        )
        pieces, rest = [], rendered
        for sentinel in sentinels:
            before, found, rest = rest.partition(sentinel)
            if not found:
                raise ModelLoadError(
                    f"The chat template of {self._folder} drops or moves a message, so prompts cannot be put "
                    "together from token ids. This checkpoint is not supported."
                )
            pieces.append(before)
        return [*pieces, rest]

    def _control_ids(self, text: str) -> tuple[int, ...]:
        return tuple(self._backend.encode(text, add_special_tokens=False).ids)

    @cached_property
    def token_bytes(self) -> tuple[bytes, ...]:
        """UTF-8 bytes that each id stands for, perhaps a part of a character; empty for added tokens."""
        return token_bytes(self._backend)

    def encode(self, text: str) -> list[int]:
        """Ids of plain text."""
        return list(self._plain.encode(text, add_special_tokens=False).ids)

    def encode_with_spans(self, text: str) -> tuple[list[int], list[Span]]:
        """Ids and the characters each stands for."""
        if not self._composes or unicodedata.is_normalized("NFC", text):
            encoding = self._plain.encode(text, add_special_tokens=False)
            return list(encoding.ids), [Span(*offsets) for offsets in encoding.offsets]
        # Its own offsets lose the marks that were composed: the text is composed here, and its places are known.
        normal, first, last = composed(text)
        encoding = self._plain.encode(normal, add_special_tokens=False)
        return list(encoding.ids), [Span(int(first[start]), int(last[end - 1])) for start, end in encoding.offsets]

    def decode(self, token_ids: Sequence[int]) -> str:
        """Text of ids, control tokens left out."""
        return str(self._backend.decode(list(token_ids), skip_special_tokens=True))

    def stream(self) -> HubTextStream:
        """A decoder for tokens that come one by one."""
        return HubTextStream(self._backend)


class HubTextStream:
    """Text of tokens as they come; halves of characters are held back."""

    def __init__(self, backend: tokenizers.Tokenizer) -> None:
        self._backend = backend
        self._decoder = DecodeStream(skip_special_tokens=True)
        self._ids: list[int] = []
        self._num_chars = 0

    def step(self, token_id: int) -> str:
        """The text that this token completes."""
        self._ids.append(token_id)
        text = self._decoder.step(self._backend, token_id) or ""
        self._num_chars += len(text)
        return text

    def flush(self) -> str:
        """What was held back."""
        return str(self._backend.decode(self._ids, skip_special_tokens=True))[self._num_chars :]


def _without_added_tokens(backend: tokenizers.Tokenizer) -> tokenizers.Tokenizer:
    rules = json.loads(backend.to_str())
    rules["added_tokens"] = []
    # The post-processor would trim offsets and may name added tokens, which are gone.
    rules["post_processor"] = None
    rules["truncation"] = rules["padding"] = None
    return tokenizers.Tokenizer.from_str(json.dumps(rules))
