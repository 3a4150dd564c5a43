"""Who is measured on what: engines with their precisions, models with their documents, the same token ids for all."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from workbench import config
from workbench.engine import convert, registry
from workbench.engine.fetch import fetch
from workbench.engine.tokenizer import HubTokenizer

ROOT = Path(__file__).parents[1]
LLAMA_PYTHON = ROOT / "build" / "bench-venv" / "bin" / "python"
"""Made by ``make bench``."""

QUESTION_TOKENS = 30
ANSWER_TOKENS = 64
TOGETHER = 8
"""Questions that are asked at once."""

LLAMA_CAN = frozenset({"disk", "reopened"})
OURS_CAN = LLAMA_CAN | {"together"}
PROFILED = frozenset({"profile"})
"""Ours with int8 or int4 weights: a decoded token goes through two kernels that can be told apart."""


@dataclass(frozen=True)
class Setup:
    """An engine in one precision.

    Attributes:
        engine: its name in the tables.
        worker: module that runs it.
        weights: precision of the weights; llama.cpp's is its file's.
        kv: precision of keys and values.
        load: what the worker's load request holds beside threads, window, precisions and store.
        can: measures it has beside those of every engine.
        python: that runs the worker.
        missing: why it cannot be measured here.
    """

    engine: str
    worker: str
    weights: str
    kv: str
    load: dict[str, Any] = field(default_factory=dict)
    can: frozenset[str] = frozenset()
    python: Path = Path(sys.executable)
    missing: str = ""

    @property
    def label(self) -> str:
        """For file names."""
        return f"{self.engine}-{self.weights}-{self.kv}".replace(", ", "-").replace(" ", "-")


@dataclass(frozen=True)
class Subject:
    """A model, what it reads, and who runs it.

    Attributes:
        name: in the registry.
        ids: of the document, as many as the deepest reading takes.
        depths: tokens to read, rising.
        questions: token ids of ``TOGETHER`` questions.
        setups: who is measured.
    """

    name: str
    ids: list[int]
    depths: list[int]
    questions: list[list[int]]
    setups: list[Setup]

    @property
    def window(self) -> int:
        """Tokens that an engine must hold: reading, question and answer, in blocks of 256."""
        return -(-(self.depths[-1] + QUESTION_TOKENS + ANSWER_TOKENS) // 256) * 256


def subject(name: str, depths: list[int]) -> Subject:
    """``tiny`` reads the beginning of a novel at every depth, others the opinion, as far as the greatest depth."""
    entry = registry.find(name)
    tiny = name == "tiny"
    folder = convert.ensure(entry, "fp32" if tiny else "int8")
    document = ROOT / "sample_data" / ("persuasion.txt" if tiny else "abouammo-v-united-states.txt")
    room = entry.window - QUESTION_TOKENS - ANSWER_TOKENS
    ids = HubTokenizer(folder).encode(document.read_text(encoding="utf-8"))[: min(max(depths), room)]
    reached = sorted({min(depth, len(ids)) for depth in depths}) if tiny else [len(ids)]
    # Slices of the document stand for questions: what they say is of no matter, that they differ is.
    questions = [
        ids[start : start + QUESTION_TOKENS] for start in range(0, TOGETHER * QUESTION_TOKENS, QUESTION_TOKENS)
    ]
    return Subject(name, ids, reached, questions, _setups(name, folder))


def _setups(name: str, folder: Path) -> list[Setup]:
    precisions = (
        [("fp32", "fp32"), ("fp32", "bf16"), ("int8", "int8"), ("int4", "int8")]
        if name == "tiny"
        else [("int8", "bf16"), ("int4", "int8")]
    )
    # As the workbench does: rounded weights come from a folder that holds them so.
    folders = {weights: str(convert.ensure(registry.find(name), weights)) for weights, _ in precisions}
    ours = [_ours(weights, kv, folders[weights]) for weights, kv in precisions]
    fp32_bytes = 4 * registry.find(name).num_params
    too_large = "" if name == "tiny" else f"its weights in fp32 take {fp32_bytes / 1e9:.1f} GB"
    stock = Setup("transformers", "stock", "fp32", "fp32", {"folder": str(folder)}, missing=too_large)
    return [*ours, stock, *_llama_setups(name)]


def _ours(weights: str, kv: str, folder: str) -> Setup:
    can = OURS_CAN | PROFILED if weights in ("int8", "int4") else OURS_CAN
    return Setup("ours", "ours", weights, kv, {"folder": folder}, can)


def _llama_setups(name: str) -> list[Setup]:
    missing = "" if LLAMA_PYTHON.exists() else "llama-cpp-python is not built; make bench builds it"
    load = {} if missing else {"gguf": str(gguf(name))}
    return [
        Setup(engine, "llamacpp", "GGUF", "fp16", {**load, "flash_attn": flash}, LLAMA_CAN, LLAMA_PYTHON, missing)
        for engine, flash in (("llama.cpp", False), ("llama.cpp, flash attention", True))
    ]


def gguf(name: str) -> Path:
    """The file that our weights were converted from, kept for benchmarks even where the engine drops its own."""
    entry = registry.find(name)
    target = config.home() / "benchmarks" / f"{name}-{entry.sha256[:12]}.gguf"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.link(fetch(entry), target)  # a second name for the same bytes: fetch checked their hash
    return target
