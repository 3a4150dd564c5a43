"""Every error the workbench raises on purpose.

    WorkbenchError
    ├── ConfigError        an option or a name that is not valid (also a ValueError)
    ├── ModelLoadError     a checkpoint that is missing, damaged or not supported
    ├── ContextTooLong     more tokens than the window holds; lists the choices
    ├── CacheFull          no memory left for another block
    ├── CacheCorrupt       a stored reading that does not match its record
    ├── DocumentError      a document that cannot be read
    ├── AnswerParseError   an answer that is not in the form asked for
    └── EngineError        the engine failed while it worked

A message says what happened with the numbers, why, and what to type next.

Not covered: mistyped magic lines, which are IPython's ``UsageError``.
"""

import logging
from difflib import get_close_matches

_log = logging.getLogger(__name__)


class WorkbenchError(Exception):
    """The root: ``except WorkbenchError`` catches all of ours and nothing else."""

    def _render_traceback_(self) -> list[str]:
        """Give IPython one line to show; the traceback goes to the log at DEBUG."""
        _log.debug("%s", self, exc_info=(type(self), self, self.__traceback__))
        return [f"{type(self).__name__}: {self}"]


class ConfigError(WorkbenchError, ValueError):
    """An option, a name or a value that is not valid."""


class ModelLoadError(WorkbenchError):
    """A checkpoint is missing, damaged, or of a kind that is not supported."""


class ContextTooLong(WorkbenchError):
    """The prompt holds more tokens than the window.

    Attributes:
        num_tokens: tokens asked for, the reserve included.
        window: tokens the model holds.
        choices: what can be done, a sentence each.
    """

    def __init__(self, message: str, *, num_tokens: int = 0, window: int = 0, choices: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.num_tokens = num_tokens
        self.window = window
        self.choices = choices


class CacheFull(WorkbenchError):
    """Memory holds no further block; what was read stays valid."""


class CacheCorrupt(WorkbenchError):
    """A stored reading does not match its record."""


class DocumentError(WorkbenchError):
    """A document cannot be read: missing, empty, binary, damaged or locked."""


class AnswerParseError(WorkbenchError):
    """An answer is not in the form that was asked for.

    Attributes:
        partial: what there was of it, in that form; None when there was nothing.
    """

    def __init__(self, message: str, *, partial: object = None) -> None:
        super().__init__(message)
        self.partial = partial


class EngineError(WorkbenchError):
    """The engine failed while it worked; the workbench stays usable."""


def nearest(name: str, valid: list[str]) -> str:
    """The valid name closest to a mistyped one, as `` Did you mean 'x'?``, or nothing."""
    close = get_close_matches(name, valid, n=1)
    return f" Did you mean {close[0]!r}?" if close else ""
