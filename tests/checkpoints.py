"""Small random checkpoints in exactly the hub's layout: the oracles' material, made in a second each."""

import json
from pathlib import Path

import torch
import transformers
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

CONTROL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
WORDS = ("<think>", "</think>", "<tool_call>", "</tool_call>")  # added, but not "special": the trap

CHATML = """{%- for message in messages %}
{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\n' }}
{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\n\n</think>\n\n' }}{%- endif %}
{%- endif %}"""

COMMON = {"vocab_size": 512, "hidden_size": 64, "intermediate_size": 128, "max_position_embeddings": 4_096}


def _qwen3_5() -> transformers.PreTrainedModel:
    text = {
        **COMMON, "num_hidden_layers": 8, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 32,
        "linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 16,
        "linear_value_head_dim": 16,
    }  # fmt: skip
    vision = {"depth": 1, "hidden_size": 32, "intermediate_size": 64, "num_heads": 2, "out_hidden_size": 64}
    config = transformers.Qwen3_5Config(text_config=text, vision_config=vision)
    return transformers.Qwen3_5ForConditionalGeneration(config)


def _qwen3() -> transformers.PreTrainedModel:
    config = transformers.Qwen3Config(
        **COMMON, num_hidden_layers=4, num_attention_heads=6, num_key_value_heads=2, head_dim=16
    )
    return transformers.Qwen3ForCausalLM(config)


def _llama() -> transformers.PreTrainedModel:
    config = transformers.LlamaConfig(
        **COMMON, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=True
    )
    return transformers.LlamaForCausalLM(config)


def _gemma3() -> transformers.PreTrainedModel:
    # The window cuts neither chunks nor blocks evenly, and every prompt of the oracles but the first is longer.
    config = transformers.Gemma3TextConfig(
        **COMMON, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2, head_dim=16,
        query_pre_attn_scalar=16, sliding_window=24, sliding_window_pattern=3,
    )  # fmt: skip
    return transformers.Gemma3ForCausalLM(config)


def _gpt_oss() -> transformers.PreTrainedModel:
    config = transformers.GptOssConfig(
        **COMMON, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2, head_dim=16, sliding_window=24,
        num_local_experts=4, num_experts_per_tok=2,
    )  # fmt: skip
    model = transformers.GptOssForCausalLM(config)
    with torch.no_grad():  # at their default size neither sinks nor router would matter
        for name, parameter in model.named_parameters():
            if name.endswith(("sinks", "router.weight")):
                parameter.normal_()
    return model


MAKERS = {"qwen3.5": _qwen3_5, "qwen3": _qwen3, "llama": _llama, "gemma3": _gemma3, "gpt-oss": _gpt_oss}


def make_checkpoint(kind: str, folder: Path, seed: int = 0) -> Path:
    """Write a random checkpoint of ``kind`` (a key of ``MAKERS``), sharded, with tokenizer and chat template."""
    torch.manual_seed(seed)
    model = MAKERS[kind]().eval()
    # Larger weights than the default make the logits of a random model differ enough for greedy ids to mean something.
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() > 1 and "conv" not in name:
                parameter.mul_(3)
    model.save_pretrained(folder, max_shard_size="200KB")
    make_tokenizer().save_pretrained(folder)
    end = CONTROL.index("<|im_end|>") + 256
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [end, 256]}))
    return folder


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Bytes as tokens, ChatML, and added tokens of both sorts."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={char: index for index, char in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in CONTROL])
    tokenizer.add_tokens([AddedToken(token, special=False) for token in WORDS])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>", chat_template=CHATML)
