"""What must be known to run an answer again and compare.

Not covered: running it again.
"""

import hashlib
import platform
from dataclasses import asdict
from functools import cache
from importlib.metadata import version

from workbench.analysis import prompts
from workbench.config import SamplingParams
from workbench.documents.document import Document


def manifest(
    *,
    model: str,
    fingerprint: str,
    document: Document,
    prompt_token_ids: tuple[int, ...],
    params: SamplingParams,
    seed: int,
) -> dict[str, object]:
    """Model, document, prompt, sampling and versions of one answer, as plain values."""
    return {
        "model": model,
        "fingerprint": fingerprint,
        "document": {"name": document.name, "hash": document.hash, "source_sha256": document.source.sha256},
        "prompts_version": prompts.VERSION,
        "prompt_ids_hash": ids_hash(prompt_token_ids),
        "sampling": asdict(params) | {"seed": params.seed if params.seed is not None else seed},
        "versions": dict(versions()),
    }


def ids_hash(token_ids: tuple[int, ...]) -> str:
    """blake2b (hex, 32 characters) of token ids."""
    return hashlib.blake2b(" ".join(map(str, token_ids)).encode(), digest_size=16).hexdigest()


@cache
def versions() -> dict[str, str]:
    """Versions of what computes."""
    names = {"workbench": "qwen-workbench", "torch": "torch", "transformers": "transformers"}
    return {"python": platform.python_version()} | {key: version(name) for key, name in names.items()}
