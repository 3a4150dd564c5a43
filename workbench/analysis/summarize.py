"""A summary of everything that was read.

Not covered: length held to the word, coverage by page.
"""

from workbench.analysis import prompts
from workbench.analysis.ask import task_ids
from workbench.errors import ConfigError
from workbench.types import Tokenizer

TOKENS_PER_WORD = 2.5
"""Room for ``words`` words and their quotes; a bound, not an aim."""


def summary_ids(tokenizer: Tokenizer, words: int) -> tuple[tuple[int, ...], int]:
    """The ids that ask for a summary, and the tokens it may take.

    Raises:
        ConfigError: fewer than 10 words.
    """
    if words < 10:
        raise ConfigError(f"words={words}: a summary needs at least 10.")
    return task_ids(tokenizer, prompts.summarize(words), thinking=False), int(words * TOKENS_PER_WORD) + 128
