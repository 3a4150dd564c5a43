"""Answers again by plain transformers: nothing of ours but the ids."""

from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel

import workbench as wb
from workbench.engine.memory import BlockMemory


def plain_model(folder: Path) -> PreTrainedModel:
    # Sinks are in transformers' eager attention only.
    kind = "eager" if AutoConfig.from_pretrained(folder).model_type == "gpt_oss" else "sdpa"
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation=kind).eval()


def replayed(plain: PreTrainedModel, answer: wb.Answer) -> tuple[int, ...]:
    """As many greedy ids as the answer has."""
    prompt = torch.tensor([answer.prompt_token_ids])
    with torch.inference_mode():
        out = plain.generate(
            prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=len(answer.token_ids), do_sample=False,
            eos_token_id=None, pad_token_id=0,
        )  # fmt: skip
    return tuple(out[0, prompt.shape[1] :].tolist())


def logits(plain: PreTrainedModel, answer: wb.Answer) -> torch.Tensor:
    """Logits that each token of the answer was chosen from, (tokens, vocabulary)."""
    ids = (*answer.prompt_token_ids, *answer.token_ids[:-1])
    with torch.inference_mode():
        return plain(torch.tensor([ids])).logits[0, len(answer.prompt_token_ids) - 1 :]


def our_logits(reading: wb.Reading, answer: wb.Answer) -> torch.Tensor:
    """The same from our engine, over the reading's blocks."""
    sequence = reading._shared.prefix.sequence.fork()
    runner = reading._engine._runner
    *_, last = runner.prefill(sequence, answer.prompt_token_ids[reading.num_tokens :])
    rows = [last, *(runner.forward(sequence, [token]) for token in answer.token_ids[:-1])]
    sequence.close()
    return torch.stack(rows)


def memory(bench: wb.Workbench) -> BlockMemory:
    return bench._model.load().engine.memory


def all_free(blocks: BlockMemory) -> bool:
    return blocks.pool.num_used == blocks.num_bytes == 0
