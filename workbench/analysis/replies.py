"""An answer that is one of a few replies, word for word; which of them is the model's choice.

Not covered: what a reply means (analysis.columns), that the document does not say it (analysis.absent).
"""

from __future__ import annotations

from collections.abc import Sequence

from workbench.analysis.absent import Absent
from workbench.types import Tokenizer


class Replies:
    """A constraint: one of the replies, or that the document does not say it. See ``types.Constraint``.

    Args:
        replies: what may be said.
        tokenizer: of the model.
        absent: weighs whether the document says it, and has it said; None does not.
    """

    def __init__(self, replies: Sequence[str], tokenizer: Tokenizer, absent: Absent | None) -> None:
        self._left = [tuple(tokenizer.encode(reply)) for reply in replies]
        self._ends, self._absent, self._at = tokenizer.end_token_ids, absent, 0

    def allowed(self) -> Sequence[int] | None:
        """What goes on with a reply, and an end behind a whole one; what has to be said where it is not there."""
        forced = self._absent.allowed() if self._absent is not None else None
        if forced is not None:
            return forced
        following = {ids[self._at] for ids in self._left if len(ids) > self._at}
        whole = any(len(ids) == self._at for ids in self._left)
        return sorted(following | (self._ends if whole else frozenset()))

    def advance(self, token_id: int) -> None:
        """A token was chosen."""
        if self._absent is not None:
            self._absent.advance(token_id)
        self._left = [ids for ids in self._left if ids[self._at : self._at + 1] == (token_id,)]
        self._at += 1

    def draft(self) -> Sequence[int]:
        """The rest, where only one is left."""
        forced = self._absent.draft() if self._absent is not None else ()
        return forced or (self._left[0][self._at :] if len(self._left) == 1 else ())
