"""What must be equal for two runs to give the same bits: weights, precision, grid, kernels, machine.

Not covered: the document and the prompt, which have hashes of their own.
"""

import hashlib
import json
from collections.abc import Mapping

FORMAT_VERSION = 1
"""Of everything the engine would store; raised when its meaning changes."""


def fingerprint(parts: Mapping[str, object]) -> str:
    """blake2b (hex, 32 characters) of named parts, whatever their order."""
    content = json.dumps({**parts, "format": FORMAT_VERSION}, sort_keys=True, default=str)
    return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()
