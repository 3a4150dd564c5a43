"""Which model a name means, what it would cost, and how it comes into memory. Nothing is fetched before ``load``.

Not covered: the list of models (engine.registry), the bytes (engine.fetch), the tensors (engine.checkpoint).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import cache, cached_property
from pathlib import Path

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

from workbench import config
from workbench.config import NATIVE_WINDOW_LIMIT, EngineOptions
from workbench.engine import checkpoint, convert, quantized, registry, selftest
from workbench.engine.budget import SPARE_BYTES, Architecture, Cost, Precision, cpu_precision, gpu_precision
from workbench.engine.fetch import FetchProgress
from workbench.engine.local import LocalEngine
from workbench.engine.memory import free_bytes
from workbench.engine.store import Store
from workbench.engine.tokenizer import HubTokenizer
from workbench.errors import ConfigError, ModelLoadError, nearest
from workbench.types import LoadedModel, TokenCounter
from workbench.vocabulary import packaged_counter

_log = logging.getLogger(__name__)

_HUB_FILES = ("*.json", "*.safetensors", "*.jinja", "*.txt")


class Model:
    """A model by name: its numbers at once, its weights on demand.

    Args:
        choice: what the name means, and why.
        options: how to hold it.

    Raises:
        ConfigError: the name is neither in the registry, nor a hub id, nor a folder.
    """

    def __init__(self, choice: registry.Choice, options: EngineOptions) -> None:
        self._choice = choice
        self._options = options
        self._loaded: LoadedModel | None = None
        entry = choice.entry
        self._folder = None if entry else local_folder(choice.model)
        if entry is None and self._folder is None and not _is_hub_id(choice.model):
            raise ConfigError(unknown_model(choice.model))
        if options.weights == "int4" and self.device.type != "cuda" and not (entry and entry.packed_as == "gguf"):
            raise ConfigError(
                "On a CPU weights='int4' is for the packaged models ('tiny', 'small') only, whose files hold four bits "
                "a weight; for others the smallest is weights='int8'."
            )

    @property
    def folder(self) -> Path | None:
        """The folder that was named, absolute; None for a model that was named otherwise."""
        return self._folder.absolute() if self._folder else None

    @property
    def name(self) -> str:
        """Registry name, hub id or folder name."""
        return self._choice.entry.name if self._choice.entry else (self._folder or Path(self._choice.model)).name

    @property
    def description(self) -> str:
        """Which model, why, its window, and in which precision that is not the usual one: one line."""
        held, options = self.precision, self._options
        said = f"{self.name}: {self._choice.reason} Window {self.window:,} tokens."
        if self.device.type == "cuda" and "auto" in (options.weights, options.kv) and "int" in held.weights + held.kv:
            said += f" Weights {held.weights} and KV {held.kv}, by the memory that is free."
        return said if held.fits else f"{said} Memory does not hold the whole window."

    @cached_property
    def window(self) -> int:
        """Tokens a prompt and its answer may take."""
        native = self.architecture.window
        asked = self._options.window
        if asked is not None and asked > native:
            raise ConfigError(f"window={asked:,} is more than {self.name} was made for ({native:,} tokens).")
        return asked or min(native, NATIVE_WINDOW_LIMIT)

    @cached_property
    def architecture(self) -> Architecture:
        """The numbers that decide what it costs."""
        if self._choice.entry is not None:
            return self._choice.entry.architecture
        return checkpoint.architecture(checkpoint.text_config(self._find_folder(None)))

    @cached_property
    def device(self) -> torch.device:
        """Where it runs."""
        if self._options.device == "auto":
            return torch.device("cuda" if torch.cuda.is_available() else "cpu")
        if self._options.device.startswith("cuda") and not torch.cuda.is_available():
            raise ConfigError(
                f"device={self._options.device!r}, but torch {torch.__version__} finds no CUDA device here."
            )
        return torch.device(self._options.device)

    @cached_property
    def precision(self) -> Precision:
        """How weights, keys and values are held; chosen once, before the weights are there."""
        options = self._options
        packed = self._choice.entry is None and bool(checkpoint.quantization(self._find_folder(None)))
        if self.device.type == "cpu":
            return cpu_precision(self.architecture, options.weights, options.kv, packed=packed)
        return gpu_precision(
            self.architecture, self.window, free_bytes(self.device), options.weights, options.kv,
            small=quantized.installed() and not packed,
        )  # fmt: skip

    @property
    def weights(self) -> str:
        """Precision of the weights: fp32, bf16, int8 or int4."""
        return self.precision.weights

    @property
    def kv_dtype(self) -> torch.dtype:
        """Precision of keys and values."""
        return {"fp32": torch.float32, "bf16": torch.bfloat16, "int8": torch.int8}[self.precision.kv]

    @cached_property
    def counter(self) -> TokenCounter:
        """Counts tokens in the model's own vocabulary; for Qwen a packaged one serves while no file is here."""
        entry, folder = self._choice.entry, self._present_folder()
        if folder is not None:
            return HubTokenizer(folder)
        if entry is not None and entry.name.startswith("qwen3.5"):
            return packaged_counter("qwen3.5")
        if entry is not None and entry.name == "small":
            return packaged_counter("qwen2.5")
        return HubTokenizer(self._find_folder(None))

    @property
    def overhead_tokens(self) -> int:
        """Tokens that the chat template puts in front of the document."""
        if isinstance(self.counter, HubTokenizer):
            return len(self.counter.frame.before_system) + len(self.counter.frame.before_user)
        return 8  # ChatML: <|im_start|> system \n ... <|im_end|> \n <|im_start|> user \n

    def estimate(self, num_tokens: int, reserve: int = 0) -> Cost:
        """Bytes and seconds that reading ``num_tokens`` takes, with ``reserve`` tokens for question and answer."""
        numbers, on_gpu, seconds = self.architecture, self.device.type == "cuda", None
        if self._present_folder() is not None and not on_gpu:
            seconds = numbers.prefill_flop(num_tokens) / _cpu_flop_per_s()
        token_bytes = numbers.token_bytes(self.kv_dtype.itemsize)
        engine = self._loaded.engine if self._loaded else None
        return Cost(
            kv_bytes=numbers.kv_bytes(num_tokens, self.kv_dtype.itemsize),
            weights_bytes=0 if engine else numbers.weights_bytes(self.weights, on_gpu=on_gpu),
            work_bytes=numbers.work_bytes(self.weights, on_gpu=on_gpu) + reserve * token_bytes + SPARE_BYTES,
            free_bytes=free_bytes(self.device) + (engine.idle_bytes if isinstance(engine, LocalEngine) else 0),
            token_bytes=token_bytes, int8_token_bytes=numbers.token_bytes(1), seconds=seconds,
        )  # fmt: skip

    def load(self, progress: Callable[[FetchProgress], None] | None = None) -> LoadedModel:
        """The engine and the tokenizer; fetched, converted and loaded the first time.

        Raises:
            ModelLoadError: it cannot be fetched, verified or loaded.
            EngineError: this device does not compute what it should.
        """
        if self._loaded is None:
            checkpoint_folder = self._find_folder(progress)
            started = time.perf_counter()
            tokenizer = HubTokenizer(checkpoint_folder)
            if self.device.type == "cuda":  # kernels that were not run where this was written
                selftest.verify(self.device)
            layout = checkpoint.kv_layout(checkpoint.text_config(checkpoint_folder), self.kv_dtype, self.device)
            weights = checkpoint.load(checkpoint_folder, self.weights, self.device)
            folder = self._options.store
            store = None if folder is None else Store(folder, config.store_bytes())
            engine = LocalEngine(weights, layout, self.window, self._options.seed, store)
            self._loaded = LoadedModel(engine, tokenizer)
            _log.info("loaded %s (%s) in %.1f s", self.name, self.weights, time.perf_counter() - started)
        return self._loaded

    def close(self) -> None:
        """Free the weights. A later ``load`` loads them again."""
        if self._loaded is not None:
            self._loaded.engine.close()
            self._loaded = None

    def _present_folder(self) -> Path | None:
        """The folder to load from, if it is here already."""
        entry = self._choice.entry
        if self._folder is not None:
            return self._folder
        if entry is not None and entry.packed_as == "gguf":
            return convert.converted(entry, self._stored_weights())
        try:
            return Path(snapshot_download(self._hub_id(), local_files_only=True, allow_patterns=list(_HUB_FILES)))
        except (LocalEntryNotFoundError, OSError, ValueError):
            return None

    def _find_folder(self, progress: Callable[[FetchProgress], None] | None) -> Path:
        entry, present = self._choice.entry, self._present_folder()
        if present is not None:
            return present
        if entry is not None and entry.packed_as == "gguf":
            return convert.ensure(entry, self._stored_weights(), progress)
        if config.offline():
            raise ModelLoadError(
                f"{self.name} is not on this machine and WORKBENCH_OFFLINE forbids the download. Unset it once, or "
                "give the folder of a checkpoint."
            )
        try:
            return Path(snapshot_download(self._hub_id(), allow_patterns=list(_HUB_FILES)))
        except (HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled, OSError) as error:
            raise ModelLoadError(
                f"{self._hub_id()} cannot be fetched from the Hugging Face hub ({type(error).__name__}: {error}). "
                "Check the name and the connection, or give the folder of a checkpoint."
            ) from error

    def _stored_weights(self) -> convert.StoredWeights:
        if self.device.type != "cpu":
            return "fp32"
        return "int4" if self.weights == "int4" else "int8" if self.weights == "int8" else "fp32"

    def _hub_id(self) -> str:
        return self._choice.entry.hub_id if self._choice.entry else self._choice.model


def open_model(name: str | None, options: EngineOptions) -> Model:
    """The model that a name means; None is the one that fits this machine.

    Raises:
        ConfigError: an unknown name.
    """
    free = torch.cuda.mem_get_info()[0] if torch.cuda.is_available() else 0
    return Model(registry.choose(name, config.default_model(), free), options)


def local_folder(name: str) -> Path | None:
    """The folder that a name means, if it is one."""
    folder = Path(name).expanduser()
    return folder.resolve() if folder.is_dir() else None


def unknown_model(name: str) -> str:
    """What to say of a name that means nothing."""
    names = [entry.name for entry in registry.entries()]
    return (
        f"{name!r} is no model: neither a name of ours ({', '.join(names)}), nor a hub id (owner/name), nor a "
        f"folder.{nearest(name, names)}"
    )


def _is_hub_id(name: str) -> bool:
    owner, slash, repository = name.partition("/")
    return bool(owner and slash and repository) and "/" not in repository and not name.startswith((".", "~", "/"))


@cache
def _cpu_flop_per_s() -> float:
    """Speed of a matrix product like those of prefill, measured once for a tenth of a second."""
    left, right = torch.randn(512, 1_024), torch.randn(1_024, 2_048)
    torch.mm(left, right)
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < 0.1:
        torch.mm(left, right)
        count += 1
    return 2 * 512 * 1_024 * 2_048 * count / (time.perf_counter() - started)
