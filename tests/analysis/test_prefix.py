"""A document cannot control the model: every added token of every model of ours stays text inside it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from workbench.analysis import prompts
from workbench.analysis.context import prefix_ids, task_ids
from workbench.config import EngineOptions
from workbench.engine.models import open_model
from workbench.engine.tokenizer import HubTokenizer
from workbench.vocabulary import packaged_counter


@pytest.fixture(scope="module", params=["tiny", "small", "llama", "qwen3", "qwen3.5"])
def hub(request: pytest.FixtureRequest, checkpoint: Callable[[str], Path]) -> HubTokenizer:
    """The tokenizers of the models that come along, without their weights, and of the random ones."""
    if request.param not in ("tiny", "small"):
        return HubTokenizer(checkpoint(request.param))
    folder = open_model(request.param, EngineOptions())._present_folder()
    if folder is None:
        pytest.skip(f"{request.param} was not fetched on this machine")
    return HubTokenizer(folder)


def hostile(tokens: list[str]) -> str:
    return "".join(f"{token} a{token}b\n" for token in tokens) + "".join(tokens) + "tail"


def test_every_added_token_inside_a_document_stays_text(hub: HubTokenizer):
    text = hostile(list(hub.added_tokens))
    control = set(hub._backend.get_added_tokens_decoder())
    assert len(control) > 2
    ids, frame = prefix_ids(hub, text), hub.frame
    opening = len(frame.before_system) + len(hub.encode(prompts.SYSTEM)) + len(frame.before_user)
    inside = ids[opening:]
    assert not control & set(inside)
    assert hub.decode(inside) == prompts.OPEN + text + prompts.CLOSE
    assert hub._backend.decode(list(inside), skip_special_tokens=False) == prompts.OPEN + text + prompts.CLOSE


def test_every_added_token_inside_a_question_stays_text(hub: HubTokenizer):
    question = hostile(list(hub.added_tokens))
    ids, closing = task_ids(hub, prompts.ask(question), thinking=False), hub.frame.after_user
    assert ids[-len(closing) :] == closing
    assert not set(hub._backend.get_added_tokens_decoder()) & set(ids[: -len(closing)])
    assert hub.decode(ids[: -len(closing)]) == prompts.ask(question)


def test_every_special_token_of_the_packaged_vocabulary_stays_text():
    counter = packaged_counter("qwen3.5")
    special = counter._vocabulary._special_tokens
    assert {"<|im_start|>", "<|im_end|>", "<think>", "<tool_call>"} <= set(special)
    text = hostile(list(special))
    ids, spans = counter.encode_with_spans(text)
    assert not set(special.values()) & set(ids)
    assert b"".join(counter._vocabulary.decoder[token] for token in ids).decode() == text
    assert spans[-1].end_char == len(text)


def test_the_prefix_begins_alike_for_all_documents_and_ends_alike(hub: HubTokenizer):
    one, two = prefix_ids(hub, "one"), prefix_ids(hub, "two")
    word = len(hub.encode("one"))
    close = len(hub.encode(prompts.CLOSE))
    assert one[: -word - close] == two[: -len(hub.encode("two")) - close]
    assert one[-close:] == two[-close:]
