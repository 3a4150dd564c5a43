"""Names, numbers and the choice of a model."""

import pytest
import torch
import transformers

from workbench.engine import registry
from workbench.engine.registry import LADDER, choose, entries, find
from workbench.errors import ConfigError

GB = 10**9


def test_every_model_is_found_by_name_and_by_hub_id() -> None:
    for entry in entries():
        assert find(entry.name) is entry
        assert find(entry.name.upper()) is entry
        assert find(entry.hub_id) is entry


def test_an_unknown_name_lists_all_names_and_the_nearest() -> None:
    with pytest.raises(ConfigError) as caught:
        find("smal")
    assert "Did you mean 'small'?" in str(caught.value)
    assert all(entry.name in str(caught.value) for entry in entries())


def test_what_is_packed_as_one_file_has_size_hash_and_a_source() -> None:
    for entry in entries():
        if entry.packed_as == "gguf":
            assert entry.num_bytes > 0
            assert len(bytes.fromhex(entry.sha256)) == 32
            assert entry.sources
        else:
            assert not entry.sources


def test_the_pieces_of_small_are_in_number_order() -> None:
    wheels = find("small").sources[-1]
    assert isinstance(wheels, registry.Wheels)
    assert [member[-6:-4] for _, member in wheels.members] == [f"{part:02}" for part in range(1, 23)]


def test_the_numbers_of_qwen3_5_are_those_of_the_model_itself() -> None:
    ffn = {"qwen3.5-9b": 12_288, "qwen3.5-4b": 9_216, "qwen3.5-2b": 6_144, "qwen3.5-0.8b": 3_584}
    for entry in LADDER:
        numbers = entry.architecture
        config = transformers.Qwen3_5TextConfig(
            vocab_size=numbers.vocab_size,
            hidden_size=numbers.hidden_size,
            intermediate_size=ffn[entry.name],
            num_hidden_layers=numbers.full_layers + numbers.gdn_layers,
            num_attention_heads=numbers.heads,
            num_key_value_heads=numbers.kv_heads,
            head_dim=numbers.head_dim,
            linear_num_value_heads=32 if numbers.full_layers == 8 else 16,
            tie_word_embeddings=entry.name != "qwen3.5-9b",
        )
        with torch.device("meta"):
            model = transformers.AutoModelForCausalLM.from_config(config)
        assert sum(parameter.numel() for parameter in model.parameters()) == entry.num_params
        assert config.layer_types.count("full_attention") == numbers.full_layers


def test_the_cache_of_qwen3_5_costs_what_the_paper_figures_say() -> None:
    per_token = [entry.architecture.kv_bytes(1, 2) - entry.architecture.state_bytes for entry in LADDER]
    assert per_token == [32 * 1_024, 32 * 1_024, 12 * 1_024, 12 * 1_024]


def test_a_name_comes_before_the_default_and_the_gpu() -> None:
    choice = choose("tiny", "small", 80 * GB)
    assert (choice.model, choice.entry) == ("tiny", find("tiny"))


def test_the_default_comes_before_the_gpu() -> None:
    choice = choose(None, "tiny", 80 * GB)
    assert choice.entry is find("tiny")
    assert "WORKBENCH_MODEL" in choice.reason


def test_a_folder_or_hub_id_without_an_entry_is_passed_on() -> None:
    choice = choose("./my-checkpoint", None, 0)
    assert (choice.model, choice.entry) == ("./my-checkpoint", None)


@pytest.mark.parametrize(
    ("free", "model"),
    [
        (80 * GB, "qwen3.5-9b"),
        (24 * GB, "qwen3.5-4b"),
        (12 * GB, "qwen3.5-2b"),
        (6 * GB, "qwen3.5-0.8b"),
        (2 * GB, "small"),
        (0, "small"),
    ],
)
def test_the_largest_that_fits_the_gpu_is_chosen(free: int, model: str) -> None:
    choice = choose(None, None, free)
    assert choice.model == model
    assert ("would run qwen3.5-9b" in choice.reason) == (model != "qwen3.5-9b")


def test_without_a_gpu_the_reason_says_so() -> None:
    assert "no GPU" in choose(None, None, 0).reason
    assert "only 2.0 GB free" in choose(None, None, 2 * GB).reason
