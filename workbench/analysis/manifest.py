"""What must be known to run an answer again and compare, as plain JSON values; and what has changed since.

Not covered: running it again (session.replay), comparing what was said (analysis.replay).
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING

from workbench.analysis import prompts
from workbench.config import SamplingParams
from workbench.documents.document import Document
from workbench.results import Citation
from workbench.types import Engine

if TYPE_CHECKING:
    from workbench.analysis.context import Context

FORMAT = 1
"""Of the manifest; raised when the meaning of its entries changes."""

TURN = "turn of a summary"
"""The kind of request that is a part of another."""

_PARTS = {
    "config": "the model's configuration", "weights": "the model's weights or their precision",
    "kv": "the precision of keys and values", "threads": "the number of threads",
    "grid": "the tokens of a chunk", "device": "the device", "cpu": "the kind of CPU",
}  # fmt: skip
_LOOKED = {
    True: "Its passages were read alone then; now they were not, for want of room or because it was stopped.",
    False: "Its passages were read alone now; then they were not, for want of room or because it was stopped.",
}
_VERSIONS = {name: f"the version of {name}" for name in ("workbench", "torch", "transformers", "python")}


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for.

    Attributes:
        kind: the method of ``Reading`` that answers it: ``ask``, ``ask_many``, ``summarize`` ...; ``chat`` for a turn.
        arguments: those of the method beside sampling, as plain JSON values.
    """

    kind: str
    arguments: Mapping[str, object]


def manifest(
    context: Context,
    request: Request,
    *,
    params: SamplingParams | None = None,
    prompt_token_ids: tuple[int, ...] = (),
    token_ids: tuple[int, ...] = (),
    citations: Sequence[Citation] = (),
    cells: str | None = None,
    finish_reason: str = "",
    looked: bool = False,
    withdrawn: str = "",
) -> dict[str, object]:
    """Model, document, prompt, request, sampling, versions and digests of one answer.

    Args:
        context: the reading's.
        request: what was asked for.
        params: sampling; None for what samples in ways of its own.
        prompt_token_ids: in front of the answer.
        token_ids: of the answer.
        citations: of the answer.
        cells: of a table, as JSON, which has them instead of citations.
        finish_reason: of the answer.
        looked: whether the passages behind the answer were read alone.
        withdrawn: what was said, where that withdrew it.
    """
    document, seed = context.document, context.seed
    sampling = {} if params is None else asdict(params) | {"seed": seed if params.seed is None else params.seed}
    return plain({
        **ran(context.model, context.opened, context.engine, request),
        "document": identity(document),
        "prefix_ids_hash": ids_hash(context.prefix_ids),
        "prompt_ids_hash": ids_hash(prompt_token_ids),
        "sampling": sampling,
        "finish_reason": finish_reason,
        "token_ids": token_ids,
        "answer_ids_hash": ids_hash(token_ids),
        "looked": looked,
        "withdrawn": withdrawn,
        "citations_hash": citations_hash(citations) if cells is None else digest(cells),
    })  # fmt: skip


def ran(model: str, opened: Mapping[str, object], engine: Engine, request: Request) -> dict[str, object]:
    """What every manifest begins with: what computed, and what was asked for.

    Args:
        model: its name.
        opened: how the workbench was opened.
        engine: computed.
        request: what was asked for.
    """
    return {
        "format": FORMAT,
        "model": model,
        "workbench": dict(opened),
        "fingerprint": engine.fingerprint,
        "fingerprint_parts": dict(engine.fingerprint_parts),
        "prompts_version": prompts.VERSION,
        "versions": versions(),
        "request": {"kind": request.kind, "arguments": dict(request.arguments)},
    }


def identity(document: Document) -> dict[str, object]:
    """A document's name, the hash of its text, and that of its file."""
    return {"name": document.name, "hash": document.hash, "source_sha256": document.source.sha256}


def plain(record: Mapping[str, object]) -> dict[str, object]:
    """As JSON has it: lists for tuples, and nothing that is shared."""
    copied: dict[str, object] = json.loads(json.dumps(record))
    return copied


def ids_hash(token_ids: Sequence[int]) -> str:
    """``digest`` of token ids."""
    return digest(" ".join(map(str, token_ids)))


def citations_hash(citations: Sequence[Citation]) -> str:
    """``digest`` of citations: their words, places and statuses."""
    return digest(json.dumps([asdict(citation) for citation in citations], sort_keys=True))


def digest(content: str) -> str:
    """blake2b, hex, 32 characters."""
    return hashlib.blake2b(content.encode(), digest_size=16).hexdigest()


@cache
def versions() -> Mapping[str, str]:
    """Versions of what computes."""
    names = {"workbench": "qwen-workbench", "torch": "torch", "transformers": "transformers"}
    return {"python": platform.python_version()} | {key: version(name) for key, name in names.items()}


def changes(then: Mapping[str, object], now: Mapping[str, object]) -> tuple[str, ...]:
    """What differs between two manifests that an answer hangs on, a sentence each; the likeliest reasons first."""
    parts = _differing(then, now, "fingerprint_parts", _PARTS)
    # The option is a reason only where other bits came of it: "auto" may well mean what was named.
    options = {"window": "the window"} | ({"weights": "the option weights"} if parts else {})
    found = [
        *_documents(then, now),
        *_sentences(then, now, {"model": "the model"}),
        *parts,
        *_differing(then, now, "workbench", options),
        *_sentences(then, now, {"prompts_version": "the version of the prompts"}),
    ]
    if not found and then.get("prompt_ids_hash") != now.get("prompt_ids_hash"):
        found = ["The prompt has other tokens."]
    looked = then.get("looked")
    # Of another answer, a look is no reason: there may have been no doubt.
    if not found and then.get("answer_ids_hash") == now.get("answer_ids_hash"):
        found = [_LOOKED[looked]] if isinstance(looked, bool) and looked != now.get("looked") else []
    return (*found, *_differing(then, now, "versions", _VERSIONS))


def _documents(then: Mapping[str, object], now: Mapping[str, object]) -> list[str]:
    """A sentence for each document that has changed, the one of an answer or those of a matrix."""
    found = []
    for theirs, ours in zip(documents(then), documents(now), strict=False):
        if ours.get("hash") and theirs.get("hash") != ours.get("hash"):
            was, is_now = (f"{each.get('name')} ({_short(each.get('hash'))})" for each in (theirs, ours))
            found.append(f"The document has changed: {was} then, {is_now} now.")
    return found


def documents(record: Mapping[str, object]) -> list[Mapping[str, object]]:
    """What a manifest says of its document, or of those of a matrix."""
    several = record.get("documents")
    if not isinstance(several, list):
        return [part(record, "document")]
    return [each if isinstance(each, Mapping) else {} for each in several]


def _differing(
    then: Mapping[str, object], now: Mapping[str, object], entry: str, names: Mapping[str, str]
) -> list[str]:
    return _sentences(part(then, entry), part(now, entry), names)


def _sentences(then: Mapping[str, object], now: Mapping[str, object], names: Mapping[str, str]) -> list[str]:
    """One for each of the named entries that differs."""
    return [
        f"{said[0].upper()}{said[1:]}: {_short(then.get(key))} then, {_short(now.get(key))} now."
        for key, said in names.items()
        if then.get(key) != now.get(key)
    ]


def part(record: Mapping[str, object], name: str) -> Mapping[str, object]:
    """An entry that is a mapping; empty where it is missing or something else."""
    found = record.get(name)
    return found if isinstance(found, Mapping) else {}


def _short(value: object) -> str:
    """A value for a sentence; of a digest its beginning."""
    said = str(value)
    return said[:12] if len(said) >= 32 and " " not in said else said
