"""One of the replies, whole, and nothing else; whatever a model would choose among what is allowed."""

import pytest

from workbench.analysis.absent import Absent, Wording
from workbench.analysis.replies import Replies
from workbench.engine.tokenizer import HubTokenizer


def said(constraint: Replies, tokenizer: HubTokenizer, wish: str) -> str:
    """What is said by a model that wants to say something, and else takes the first that is allowed."""
    ids, wanted = [], tokenizer.encode(wish)
    while True:
        allowed = list(constraint.allowed() or ())
        following = wanted[len(ids) : len(ids) + 1]
        chosen = following[0] if following and following[0] in allowed else allowed[0]
        if not following and tokenizer.end_token_ids & set(allowed):
            chosen = min(tokenizer.end_token_ids)
        constraint.advance(chosen)
        if chosen in tokenizer.end_token_ids:
            return tokenizer.decode(ids)
        ids.append(chosen)
        assert not (rest := list(constraint.draft())) or rest[0] in (constraint.allowed() or ())


@pytest.mark.parametrize(("wish", "reply"), [("no", "no"), ("none", "none"), ("yes, and", "yes"), ("É", "no")])
def test_an_answer_is_one_of_the_replies(tokenizer: HubTokenizer, wish: str, reply: str):
    assert said(Replies(("no", "none", "yes"), tokenizer, None), tokenizer, wish) == reply


@pytest.mark.parametrize(("probability", "reply"), [(0.1, "yes"), (0.9, "Not there.")])
def test_what_is_not_there_is_said_where_it_is_probable(tokenizer: HubTokenizer, probability: float, reply: str):
    sentence = tuple(tokenizer.encode("Not there."))
    absent = Absent(Wording((), (), ((), ()), sentence, tokenizer.end_token_ids), 0.5)
    absent.probability = probability
    assert said(Replies(("no", "yes"), tokenizer, absent), tokenizer, "yes" if probability < 0.5 else reply) == reply
