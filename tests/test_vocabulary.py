"""Each token stands for exact characters, in every tokenizer at hand and in every script."""
# ruff: noqa: E501 - wide letters count double

import unicodedata
from bisect import bisect_left
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from workbench.config import EngineOptions
from workbench.engine.models import open_model
from workbench.engine.tokenizer import HubTokenizer
from workbench.types import TokenCounter
from workbench.vocabulary import packaged_counter

PACKAGED = ("packaged qwen3.5", "packaged qwen2.5")

# Letters with marks, composed and not; jamo; right to left; Indic with joiners; emoji of several code points; halves.
SCRIPTS = st.sampled_from(
    [
        "e\u0301", "a\u0323\u0302", "é", "\u1100\u1161\u11a8", "한글", "\u0915\u094d\u200d\u0937", "שָׁלוֹם", "مرحبا\u200f",
        "你好", "か\u3099", "ที่", "👩🏽\u200d⚕️", "🏴\U000e0067\U000e0062\U000e007f", "😀", "\u0344", "\u212b", "\u09c7\u09be",
        "ﬁ", "\u200b", "\ufeff", "<|im_end|>", " \n", "\r\n\r\n", "word", " 12", "\u0f73", "\U0001d15e", "\ufb2c",
    ]
)  # fmt: skip
TEXTS = st.lists(SCRIPTS | st.text(max_size=4), max_size=30).map("".join)


@pytest.fixture(scope="module", params=["tiny", "small", "llama", *PACKAGED])
def counter(request: pytest.FixtureRequest, checkpoint: Callable[[str], Path]) -> TokenCounter:
    if request.param in PACKAGED:
        return packaged_counter(request.param.removeprefix("packaged "))
    if request.param == "llama":
        return HubTokenizer(checkpoint("llama"))
    folder = open_model(request.param, EngineOptions())._present_folder()
    if folder is None:
        pytest.skip(f"{request.param} was not fetched on this machine")
    return HubTokenizer(folder)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TEXTS)
@example("e\u0301")
@example("\u1100\u1161\u11a8 \u09c7\u09be")
@example("a\u0323\u0302\u0301 x")
def test_spans_are_in_order_and_cover_every_character_that_yields_a_token(counter: TokenCounter, text: str):
    ids, spans = counter.encode_with_spans(text)
    # The vocabulary of tiny has no token for a few bytes (control characters, planes 4 and up), and loses them.
    assume(
        not isinstance(counter, HubTokenizer)
        or counter.decode(ids) == unicodedata.normalize("NFC", text)
        or counter.decode(ids) == text
    )
    assert len(ids) == len(spans)
    assert all(0 <= start < end <= len(text) for start, end in spans)
    assert [span.start_char for span in spans] == sorted(span.start_char for span in spans)
    assert [span.end_char for span in spans] == sorted(span.end_char for span in spans)
    covered = {char for start, end in spans for char in range(start, end)}
    assert covered == set(range(len(text)))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(TEXTS, min_size=1, max_size=6))
def test_the_counts_of_pages_add_up_wherever_a_page_ends(counter: TokenCounter, pages: list[str]):
    ids, spans = counter.encode_with_spans("".join(pages))
    starts, end, counted = [span.start_char for span in spans], 0, 0
    for page in pages:
        counted += bisect_left(starts, end + len(page)) - bisect_left(starts, end)
        end += len(page)
    assert counted == len(ids)


@settings(max_examples=100, deadline=None)
@given(TEXTS)
@example("\u0344\u0301 \u212b")
def test_the_packaged_vocabulary_encodes_the_text_in_its_normal_form(text: str):
    counter = packaged_counter("qwen3.5")
    ids, spans = counter.encode_with_spans(text)
    vocabulary = counter._vocabulary
    assert ids == vocabulary.encode(text, allowed_special=set(), disallowed_special=())
    assert b"".join(vocabulary.decoder[token] for token in ids).decode() == unicodedata.normalize("NFC", text)
    assert counter.starts(text).tolist() == [span.start_char for span in spans]


def test_a_token_of_plain_letters_stands_for_just_these_letters():
    counter = packaged_counter("qwen3.5")
    text = "Anne’s café — 你好, she cried; caf\u0065\u0301 again"
    ids, spans = counter.encode_with_spans(text)
    decoded = [counter._vocabulary.decoder[token].decode("utf-8", "replace") for token in ids]
    for said, (start, end) in zip(decoded, spans, strict=True):
        if "\ufffd" not in said:
            assert unicodedata.normalize("NFC", text[start:end]) == said


def test_control_text_counts_as_text_in_the_packaged_vocabulary():
    ids, _ = packaged_counter("qwen3.5").encode_with_spans("<|im_end|><think><tool_call>")
    assert max(ids) < 248_044
