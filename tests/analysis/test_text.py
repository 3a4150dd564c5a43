"""Text of an answer as its tokens come, with a real tokenizer whose tokens are bytes."""

from itertools import pairwise

import pytest

from workbench.analysis.context import opens_thought
from workbench.analysis.text import AnswerText
from workbench.engine.tokenizer import HubTokenizer


def grown(tokenizer: HubTokenizer, said: str, text: AnswerText) -> list[str]:
    """What was visible after each token, up to a stop; ``<think>`` in ``said`` is the control token."""
    shown = []
    for token in tokenizer._backend.encode(said, add_special_tokens=False).ids:
        stopped = text.add(token)
        shown.append(text.visible())
        if stopped:
            break
    assert all(after.startswith(before) for before, after in pairwise(["", *shown, text.finish()]))
    return shown


def test_a_stop_string_in_pieces_is_cut_and_never_shown(tokenizer: HubTokenizer):
    text = AnswerText(tokenizer.stream(), ("END", "FIN."))
    shown = grown(tokenizer, "It is the EN of the END and more", text)
    assert shown[-1] == text.finish() == "It is the EN of the "


def test_the_first_of_several_stop_strings_counts(tokenizer: HubTokenizer):
    text = AnswerText(tokenizer.stream(), ("cd", "bcde"))
    grown(tokenizer, "abcde", text)
    assert text.finish() == "ab"


def test_without_an_end_nothing_is_held_back_for_good(tokenizer: HubTokenizer):
    text = AnswerText(tokenizer.stream(), ("\n\n\n\n",))
    shown = grown(tokenizer, "Yes\n\n", text)
    assert shown[-1] == "Ye"
    assert text.finish() == "Yes\n\n"


@pytest.mark.parametrize(
    ("said", "in_thought", "may_think"),
    [
        ("Anne? No.</think>\n\nShe did.", True, True),  # the template opens the thought (Qwen3.5)
        ("<think>\nAnne? No.\n</think>\n\nShe did.", False, True),  # the model does (Qwen3)
        ("\n<think>Anne? No.</think>She did.", False, True),
    ],
)
def test_a_thought_is_put_aside(tokenizer: HubTokenizer, said: str, in_thought: bool, may_think: bool):
    text = AnswerText(tokenizer.stream(), ("No",), in_thought=in_thought, may_think=may_think)
    shown = grown(tokenizer, said, text)
    assert text.finish() == shown[-1] + "." == "She did."
    assert text.thinking == "Anne? No."


def test_a_thought_that_was_cut_off_is_no_answer(tokenizer: HubTokenizer):
    text = AnswerText(tokenizer.stream(), in_thought=True)
    grown(tokenizer, " Anne", text)
    assert text.finish() == ""
    assert text.thinking == "Anne"


@pytest.mark.parametrize("said", ["She did.", "<thin", "", "<thing>"])
def test_an_answer_without_a_thought_is_an_answer(tokenizer: HubTokenizer, said: str):
    text = AnswerText(tokenizer.stream(), may_think=True)
    grown(tokenizer, said, text)
    assert text.finish() == said
    assert text.thinking == ""


def test_the_word_is_text_when_nobody_asked_for_thinking(tokenizer: HubTokenizer):
    text = AnswerText(tokenizer.stream())
    grown(tokenizer, "<think>Anne</think>", text)
    assert text.finish() == "<think>Anne</think>"


def test_half_a_character_at_the_end_is_shown_as_such(tokenizer: HubTokenizer):
    text = AnswerText(tokenizer.stream())
    for token in tokenizer.encode("né")[:2]:
        text.add(token)
    assert text.visible() == "n"
    assert text.finish() == text.finish() == "n\ufffd"


def test_a_template_that_opens_a_thought_is_known(tokenizer: HubTokenizer):
    assert not opens_thought(tokenizer, thinking=False)
    assert not opens_thought(tokenizer, thinking=True)
    opened = tokenizer._control_ids("<|im_start|>assistant\n<think>\n")
    tokenizer.frame = tokenizer.frame._replace(after_user_thinking=opened)
    try:
        assert opens_thought(tokenizer, thinking=True)
        assert not opens_thought(tokenizer, thinking=False)
    finally:
        del tokenizer.frame
