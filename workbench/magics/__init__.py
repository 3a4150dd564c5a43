"""The magics: ``%qwen`` for what is done with a document, ``%%qwen`` for a question about it.

Not covered: what the objects do that they return (workbench.session).
"""

from typing import Any

from workbench.magics.qwen import QwenMagics

__all__ = ["QwenMagics", "load_ipython_extension"]


def load_ipython_extension(shell: Any) -> None:
    """Make ``%qwen`` and ``%%qwen`` known to a shell."""
    shell.register_magics(QwenMagics)
