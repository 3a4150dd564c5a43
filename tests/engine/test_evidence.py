"""Shares of attention: those that the model's own attention weights add up to."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.engine.test_oracles import NO_END, QUESTION, document, make_engine, read
from workbench.config import SamplingParams
from workbench.engine.blocks import BLOCK_SIZE

NUM_TOKENS = 2 * BLOCK_SIZE + 70


@pytest.mark.parametrize("kind", ["llama", "qwen3", "qwen3.5"])
def test_shares_are_sums_of_the_attention_weights(kind: str, checkpoint: Callable[[str], Path]):
    folder, ids = checkpoint(kind), document(NUM_TOKENS)
    engine = make_engine(folder)
    plain = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    prefix = read(engine, ids)
    branch = engine.fork(prefix)
    steps = list(engine.generate(branch, QUESTION, SamplingParams(max_tokens=4), NO_END, watched_tokens=NUM_TOKENS))[
        :-1
    ]
    assert steps[0].shares == ()
    said = [step.token_id for step in steps]
    with torch.inference_mode():
        weights = plain(torch.tensor([[*ids, *QUESTION, *said[:-1]]]), output_attentions=True).attentions
    for back, step in enumerate(reversed(steps[1:]), 1):
        rows = torch.stack([layer[0, :, -back] for layer in weights if layer is not None]).mean((0, 1))
        expected = [
            rows[start : min(start + BLOCK_SIZE, NUM_TOKENS)].sum() for start in range(0, NUM_TOKENS, BLOCK_SIZE)
        ]
        torch.testing.assert_close(torch.tensor(step.shares), torch.stack(expected), atol=1e-5, rtol=1e-4)
    assert branch.sequence.watch is None
    engine.close()


def test_watching_changes_no_token_of_an_int8_model(checkpoint: Callable[[str], Path]):
    engine = make_engine(checkpoint("llama"), weights="int8", kv=torch.int8)
    prefix = read(engine, document(NUM_TOKENS))
    answers = []
    for watched in (0, NUM_TOKENS):
        branch = engine.fork(prefix)
        params = SamplingParams(max_tokens=6)
        answers.append(list(engine.generate(branch, QUESTION, params, NO_END, watched_tokens=watched))[:-1])
    assert [step.token_id for step in answers[0]] == [step.token_id for step in answers[1]]
    assert all(len(step.shares) == 3 and 0 < sum(step.shares) <= 1 for step in answers[1][1:])
    engine.close()
