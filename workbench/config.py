"""What may be set, and what it is when it is not: options as frozen dataclasses, environment variables in one table.

| variable | meaning | default |
| --- | --- | --- |
| ``WORKBENCH_MODEL`` | the model of ``Workbench()``: a registry name, a hub id or a folder | by machine |
| ``WORKBENCH_HOME`` | where models and readings are kept | the user's cache folder |
| ``WORKBENCH_OFFLINE`` | ``1`` forbids every download | off |
| ``WORKBENCH_STORE`` | where readings are kept; ``off`` keeps none on disk | ``readings`` in ``WORKBENCH_HOME`` |
| ``WORKBENCH_STORE_GB`` | gigabytes that readings may take together | half of what the disk has free |
| ``WORKBENCH_DOCUMENTS_GB`` | gigabytes that parsed documents may take beside them | 2 |
| ``WORKBENCH_PARSE_GB`` | gigabytes of memory that parsing a file may take, above the file's size | 2 |
| ``WORKBENCH_PARSE_S`` | seconds that parsing may take from one page to the next; thirty times that in all | 120 |
| ``WORKBENCH_ISOLATION`` | ``off`` parses in this process: a file that crashes its reader crashes the kernel | on |
| ``WORKBENCH_AUDIT`` | the file that logs every question and answer (SQLite); ``off`` logs nothing | off |

Not covered: what fits a machine (engine.budget), which models there are (engine.registry).
"""

import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from platformdirs import user_cache_path

from workbench.errors import ConfigError, nearest

Weights = Literal["auto", "fp32", "bf16", "int8", "int4"]
KV = Literal["auto", "fp32", "bf16", "int8"]

NATIVE_WINDOW_LIMIT = 131_072
"""Tokens: the most that ``window=None`` takes; more by asking."""

DEFAULT_RESERVE = 2_048
"""Tokens that ``fit`` keeps for the question and its answer."""


def home() -> Path:
    """The folder that holds models and readings (created when first written to)."""
    named = os.environ.get("WORKBENCH_HOME")
    return Path(named).expanduser() if named else user_cache_path("qwen-workbench", appauthor=False)


def offline() -> bool:
    """Whether downloads are forbidden (``WORKBENCH_OFFLINE`` or ``HF_HUB_OFFLINE`` set to 1)."""
    return any(os.environ.get(name, "0") not in ("", "0") for name in ("WORKBENCH_OFFLINE", "HF_HUB_OFFLINE"))


def store_folder(store: str | os.PathLike[str] | Literal[False] | None) -> Path | None:
    """Where readings are kept: a folder, the user's own (None), or nowhere (False), which gives None."""
    named = os.environ.get("WORKBENCH_STORE", "") if store is None else store
    if named is False or named == "off":
        return None
    # Absolute now: a later change of directory must not move it.
    return Path(named).expanduser().absolute() if named else home() / "readings"


def audit_file(audit: str | os.PathLike[str] | Literal[False] | None) -> Path | None:
    """The file that logs what is asked: a path, the user's own (None), or none (False)."""
    named = os.environ.get("WORKBENCH_AUDIT", "off") if audit is None else audit
    if named is False or named in ("off", ""):
        return None
    return Path(named).expanduser().absolute()


def store_bytes() -> int | None:
    """Bytes that readings may take together; None leaves it to the disk.

    Raises:
        ConfigError: ``WORKBENCH_STORE_GB`` is not a number above 0.
    """
    gigabytes = _number("WORKBENCH_STORE_GB", "gigabytes", 20)
    return None if gigabytes is None else int(gigabytes * 1e9)


def documents_folder() -> Path | None:
    """Where parsed documents are kept: beside the readings of the user, or nowhere (None)."""
    readings = store_folder(None)
    if readings is None:
        return None
    return readings / "documents" if os.environ.get("WORKBENCH_STORE") else home() / "documents"


def names_store() -> bool:
    """Whether somebody said where things are kept, and so knows it."""
    return any(os.environ.get(name) for name in ("WORKBENCH_STORE", "WORKBENCH_HOME"))


def documents_bytes() -> int:
    """Bytes that parsed documents may take together on the disk.

    Raises:
        ConfigError: ``WORKBENCH_DOCUMENTS_GB`` is not a number above 0.
    """
    return int((_number("WORKBENCH_DOCUMENTS_GB", "gigabytes", 2) or 2) * 1e9)


def parse_bytes() -> int:
    """Bytes of memory that parsing one file may take, above its size.

    Raises:
        ConfigError: ``WORKBENCH_PARSE_GB`` is not a number above 0.
    """
    return int((_number("WORKBENCH_PARSE_GB", "gigabytes", 4) or 2) * 2**30)


def parse_s() -> float:
    """Seconds that parsing may take without progress.

    Raises:
        ConfigError: ``WORKBENCH_PARSE_S`` is not a number above 0.
    """
    return _number("WORKBENCH_PARSE_S", "seconds", 240) or 120.0


def isolation() -> bool:
    """Whether what may crash, hang or swell is parsed in a process of its own (``WORKBENCH_ISOLATION`` not ``off``)."""
    return os.environ.get("WORKBENCH_ISOLATION", "") != "off"


def _number(variable: str, unit: str, example: int) -> float | None:
    """A number above 0 from the environment; None when it says nothing."""
    named = os.environ.get(variable)
    if not named:
        return None
    try:
        number = float(named)
    except ValueError:
        number = 0.0
    if not 0 < number < math.inf:
        raise ConfigError(f"{variable}={named!r} is not a number of {unit} above 0; try {example}.")
    return number


def default_model() -> str | None:
    """The model named by ``WORKBENCH_MODEL``, or None."""
    return os.environ.get("WORKBENCH_MODEL") or None


def _choice(option: str, value: str, valid: tuple[str, ...]) -> None:
    if value not in valid:
        names = ", ".join(valid)
        raise ConfigError(f"{option}={value!r} is not known; valid: {names}.{nearest(str(value), list(valid))}")


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How a model is held in memory.

    Raises:
        ConfigError: an unknown choice, or a window that is not a positive number.
    """

    weights: Weights = "auto"
    kv: KV = "auto"
    device: str = "auto"
    seed: int = 0
    window: int | None = None
    store: Path | None = None

    def __post_init__(self) -> None:
        _choice("weights", self.weights, get_args(Weights))
        _choice("kv", self.kv, get_args(KV))
        if self.device != "auto" and self.device.split(":")[0] not in ("cpu", "cuda"):
            raise ConfigError(f"device={self.device!r} is not known; valid: auto, cpu, cuda, cuda:N.")
        if self.window is not None and self.window < 1:
            raise ConfigError(f"window={self.window} holds nothing; give a number of tokens, or None.")


def _strings(value: object) -> tuple[str, ...]:
    """Strings given as one, a list or a tuple."""
    given = (value,) if isinstance(value, str) else value
    if not isinstance(given, list | tuple) or not all(isinstance(item, str) for item in given):
        raise ConfigError(f"stop={value!r}: give a string, or several as ('one', 'two').")
    return tuple(given)


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How tokens are chosen; ``temperature=0`` is greedy.

    Raises:
        ConfigError: a value out of its range.
    """

    max_tokens: int = 1_024
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int | None = None
    stop: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "stop", _strings(self.stop))
        if self.max_tokens < 1:
            raise ConfigError(f"max_tokens={self.max_tokens}: an answer needs at least 1 token.")
        if self.temperature < 0:
            raise ConfigError(f"temperature={self.temperature} is below 0; use 0 for greedy decoding.")
        if not 0 < self.top_p <= 1:
            raise ConfigError(f"top_p={self.top_p} is outside (0, 1]; 1 keeps every token.")
        if self.top_k < 0:
            raise ConfigError(f"top_k={self.top_k} is below 0; 0 keeps every token.")
        if not all(self.stop):
            raise ConfigError("stop holds an empty string, which would end every answer at once.")
