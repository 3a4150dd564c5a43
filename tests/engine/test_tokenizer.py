import json
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import tokenizers
from tokenizers import decoders, models

from tests.checkpoints import CONTROL, WORDS
from workbench.engine.pieces import token_bytes
from workbench.engine.tokenizer import HubTokenizer
from workbench.errors import ModelLoadError


@pytest.fixture(scope="module")
def folder(checkpoint: Callable[[str], Path]) -> Path:
    return checkpoint("llama")


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> HubTokenizer:
    return HubTokenizer(folder)


@pytest.mark.parametrize("token", [*CONTROL, *WORDS])
def test_an_added_token_in_a_text_stays_text(tokenizer: HubTokenizer, token: str):
    text = f"a {token} b{token}"
    ids = tokenizer.encode(text)
    assert max(ids) < 256
    assert bytes_of(tokenizer, ids) == text


def bytes_of(tokenizer: HubTokenizer, ids: list[int]) -> str:
    return tokenizer.decode(ids)


def test_the_frame_is_the_template_with_nothing_in_it(tokenizer: HubTokenizer):
    frame = tokenizer.frame
    start, end = tokenizer._backend.token_to_id("<|im_start|>"), tokenizer._backend.token_to_id("<|im_end|>")
    assert frame.before_system[0] == start
    assert frame.before_user[0] == end
    assert frame.between_turns == frame.before_user
    assert frame.after_user[: len(frame.after_user_thinking)] == frame.after_user_thinking
    assert tokenizer.decode(frame.after_user).endswith("</think>\n\n")
    assert "</think>" not in tokenizer.decode(frame.after_user_thinking)
    assert end in tokenizer.end_token_ids


def test_the_pieces_together_are_what_the_template_renders(tokenizer: HubTokenizer):
    frame, encode = tokenizer.frame, tokenizer.encode
    pieces = [*frame.before_system, *encode("Sys"), *frame.before_user, *encode("Hi {x}"), *frame.after_user]
    rendered = tokenizer._full.apply_chat_template(
        [{"role": "system", "content": "Sys"}, {"role": "user", "content": "Hi {x}"}],
        add_generation_prompt=True, enable_thinking=False, return_dict=False,
    )  # fmt: skip
    assert pieces == rendered


def test_spans_cover_the_text_in_order(tokenizer: HubTokenizer):
    text = "naïve — 你好 😀 end"
    ids, spans = tokenizer.encode_with_spans(text)
    assert ids == tokenizer.encode(text)
    assert len(ids) == len(spans)
    assert spans[0].start_char == 0
    assert spans[-1].end_char == len(text)
    assert all(a.end_char >= b.start_char for a, b in pairwise(spans))


def test_a_stream_never_shows_half_a_character(tokenizer: HubTokenizer):
    text = "né 😀!"
    stream = tokenizer.stream()
    shown = [stream.step(token) for token in tokenizer.encode(text)]
    assert "".join(shown) + stream.flush() == text
    assert all("\ufffd" not in piece for piece in shown)
    broken = tokenizer.stream()
    assert broken.step(tokenizer.encode("😀")[0]) == ""
    assert broken.flush() == "\ufffd"


def test_a_template_that_drops_the_system_text_is_refused(folder: Path, tmp_path: Path):
    shutil.copytree(folder, tmp_path / "model")
    for name in ("chat_template.jinja", "tokenizer_config.json"):
        path = tmp_path / "model" / name
        if path.exists() and name.endswith("jinja"):
            path.write_text("{{ messages[1].content }}")
        elif path.exists():
            settings = json.loads(path.read_text())
            settings.pop("chat_template", None)
            path.write_text(json.dumps(settings))
    with pytest.raises(ModelLoadError, match="chat template"):
        _ = HubTokenizer(tmp_path / "model").frame


def test_a_folder_without_a_tokenizer_says_what_is_missing(tmp_path: Path):
    with pytest.raises(ModelLoadError, match=r"tokenizer\.json"):
        HubTokenizer(tmp_path)


def test_the_bytes_of_tokens_join_to_the_text_and_control_tokens_have_none(tokenizer: HubTokenizer):
    text = "naïve — 你好 😀 end"
    assert b"".join(tokenizer.token_bytes[token_id] for token_id in tokenizer.encode(text)) == text.encode()
    assert [tokenizer.token_bytes[tokenizer._backend.token_to_id(token)] for token in (*CONTROL, *WORDS)] == [b""] * 7


def test_a_sentencepiece_vocabulary_has_spaces_and_bytes():
    vocabulary = {"<unk>": 0, "▁so": 1, "<0xE2>": 2, "né": 3}
    backend = tokenizers.Tokenizer(models.BPE(vocab=vocabulary, merges=[], byte_fallback=True))
    backend.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    backend.add_special_tokens(["<unk>"])
    assert token_bytes(backend) == (b"", b" so", b"\xe2", "né".encode())


def test_a_vocabulary_of_another_kind_is_refused():
    backend = tokenizers.Tokenizer(models.WordPiece({"[UNK]": 0, "##a": 1}, unk_token="[UNK]"))
    backend.decoder = decoders.WordPiece()
    with pytest.raises(ModelLoadError, match="quotes=False"):
        token_bytes(backend)
