"""What an answer cost, in tokens, seconds and bytes.

Not covered: showing it (workbench.views).
"""

from __future__ import annotations

import sys

import psutil

from workbench.results import Usage
from workbench.types import Step


def usage(prompt_tokens: int, completion_tokens: int, last: Step) -> Usage:
    """The counts of an answer, from its last step."""
    decoded = completion_tokens - 1
    return Usage(
        prompt_tokens=prompt_tokens,
        reused_tokens=prompt_tokens - last.computed_tokens,
        completion_tokens=completion_tokens,
        ttft_s=last.ttft_s,
        tokens_per_s=decoded / last.decode_s if decoded > 0 and last.decode_s > 0 else 0.0,
        peak_bytes=peak_bytes(),
    )


def peak_bytes() -> int:
    """Peak resident set of this process."""
    if sys.platform == "win32":
        return int(psutil.Process().memory_info().peak_wset)
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
