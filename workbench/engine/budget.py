"""Bytes and seconds before anything runs, in plain Python.

Not covered: measuring the machine (engine.models does, briefly), memory pressure while running (engine.memory).

Source: prefill cost 2·P·N for the weights and 2·N²·heads·head_dim per attention layer, causal half counted
(Hoffmann et al. 2022, appendix F).
"""

from dataclasses import dataclass

CHUNK_TOKENS = 512
"""Rows that are worked on at once; the engine's chunk grid."""

SPARE_BYTES = 256 * 2**20
"""Memory that is left to everybody else."""

CPU_FP32_LIMIT_BYTES = 10**9
"""On a CPU, models up to this size in fp32 are held in fp32, larger ones in int8."""

_WIDTHS = {"fp32": 4, "bf16": 2, "int8": 1, "int4": 0.5 + 4 / 64}  # int4 has an fp32 scale for every 64 weights

_CPU_INT4_WIDTH = 0.75
"""Bytes of a weight of a packaged model in int4: 0.625 where its file has four bits, 1 where it has more."""

_ROW_VECTORS = 40
"""fp32 vectors of hidden size that a row of a chunk takes at its peak: a feed-forward layer some ten, the torch code
of a Gated DeltaNet layer, which holds states and decays side by side, three times that."""

_WIDENED_TOKENS = 4_096  # keys and values widened at once (engine.attention)

_STATE_COPIES = 3  # beside the running one: before the chunk at hand, at the document's end, of a question


@dataclass(frozen=True, slots=True)
class Architecture:
    """The numbers of a model that decide what it costs.

    Attributes:
        num_params: weights of the text model, embeddings included.
        vocab_size: rows of the embedding.
        hidden_size: its columns.
        full_layers: attention layers with keys and values.
        heads: query heads of such a layer.
        kv_heads: key-value heads of such a layer.
        head_dim: elements of a head.
        gdn_layers: recurrent (Gated DeltaNet) layers.
        state_bytes: of one snapshot of all recurrent states.
        window: tokens the model was made for.
        float_params: weights in neither a linear layer nor an embedding (experts): never rounded.
    """

    num_params: int
    vocab_size: int
    hidden_size: int
    full_layers: int
    heads: int
    kv_heads: int
    head_dim: int
    gdn_layers: int
    state_bytes: int
    window: int
    float_params: int = 0

    def kv_bytes(self, num_tokens: int, item_bytes: int) -> int:
        """Bytes of keys, values and one snapshot after ``num_tokens``."""
        return num_tokens * self.token_bytes(item_bytes) + self.state_bytes

    def token_bytes(self, item_bytes: int) -> int:
        """Bytes of one token's keys and values; in int8 each head has an fp32 scale."""
        head_bytes = self.head_dim * item_bytes + (4 if item_bytes == 1 else 0)
        return self.full_layers * 2 * self.kv_heads * head_bytes

    def weights_bytes(self, weights: str, *, on_gpu: bool) -> int:
        """Bytes of the weights in a precision.

        On a CPU int8 rounds embeddings too, int4 leaves the embedding in int8, and both compute in fp32; on a GPU
        (engine.quantized) linear layers alone are rounded, everything else is bf16.
        """
        if weights in ("fp32", "bf16"):
            return int(self.num_params * _WIDTHS[weights])
        if weights == "int4" and not on_gpu:
            table = self.vocab_size * self.hidden_size
            return int(table + (self.num_params - table) * _CPU_INT4_WIDTH)
        rest = self.float_params + (self.vocab_size * self.hidden_size if on_gpu else 0)
        return int((self.num_params - rest) * _WIDTHS[weights]) + rest * (2 if on_gpu else 4)

    def work_bytes(self, weights: str, *, on_gpu: bool) -> int:
        """Bytes beside weights and cache while a chunk is read: activations, widened matrices and keys, states."""
        activations = CHUNK_TOKENS * _ROW_VECTORS * self.hidden_size * 4 + 4 * self.vocab_size * 4
        keys = 2 * _WIDENED_TOKENS * self.kv_heads * self.head_dim * 8
        # On a CPU one rounded matrix at a time is widened; a feed-forward layer's is up to 6 times as long as wide.
        matrix = 6 * self.hidden_size**2 * 4 if weights in ("int8", "int4") and not on_gpu else 0
        return activations + keys + matrix + _STATE_COPIES * self.state_bytes

    def prefill_flop(self, num_tokens: int) -> float:
        """Floating-point operations for reading ``num_tokens``."""
        # The embedding is looked up, not multiplied; logits are computed once a chunk.
        multiplied = self.num_params - 2 * self.vocab_size * self.hidden_size
        if multiplied < self.num_params / 2:  # tied: the embedding was counted once
            multiplied = self.num_params - self.vocab_size * self.hidden_size
        attention = self.full_layers * 2 * num_tokens**2 * self.heads * self.head_dim
        return 2.0 * multiplied * num_tokens + attention


def state_bytes(
    gdn_layers: int, k_heads: int, v_heads: int, k_dim: int, v_dim: int, kernel: int, conv_item: int
) -> int:
    """Bytes of all recurrent states (fp32) and convolution states (``conv_item`` bytes each)."""
    channels = 2 * k_heads * k_dim + v_heads * v_dim
    return gdn_layers * (v_heads * k_dim * v_dim * 4 + channels * kernel * conv_item)


@dataclass(frozen=True, slots=True)
class Precision:
    """How weights, keys and values are held, and whether the whole window fits then."""

    weights: str
    kv: str
    fits: bool = True


def gpu_precision(
    architecture: Architecture, window: int, free_bytes: int, weights: str = "auto", kv: str = "auto", *, small: bool
) -> Precision:
    """The best precision whose weights fit a GPU beside the cache of the whole window; the smallest if none does.

    Keys and values are rounded before weights are: int8 with a scale for each token and head costs no answers,
    weights in int8 cost few, in int4 more.

    Args:
        architecture: of the model.
        window: tokens.
        free_bytes: of the GPU, before the weights are there.
        weights: ``auto``, or what was asked for.
        kv: likewise.
        small: whether int8 and int4 can be had.
    """
    automatic = ("bf16", "int8", "int4") if small else ("bf16",)
    tried = [
        Precision(each, held)
        for each in (automatic if weights == "auto" else (weights,))
        for held in (("fp32" if each == "fp32" else "bf16", "int8") if kv == "auto" else (kv,))
    ]
    for choice in tried:
        cache = architecture.kv_bytes(window, int(_WIDTHS[choice.kv]))
        work = architecture.work_bytes(choice.weights, on_gpu=True) + SPARE_BYTES
        if architecture.weights_bytes(choice.weights, on_gpu=True) + cache + work <= free_bytes:
            return choice
    return Precision(tried[-1].weights, tried[-1].kv, fits=False)


def cpu_precision(architecture: Architecture, weights: str = "auto", kv: str = "auto", *, packed: bool) -> Precision:
    """What is held on a CPU, whatever is free: the same again tomorrow, so that readings on disk stay good.

    Args:
        architecture: of the model.
        weights: ``auto``, or what was asked for.
        kv: likewise.
        packed: whether the checkpoint is MXFP4, which has no int8.
    """
    if weights == "auto":
        # Where most weights are experts, int8 would be larger than bf16: experts are fp32 then.
        sizes = {name: architecture.weights_bytes(name, on_gpu=False) for name in ("fp32", "bf16", "int8")}
        smallest = "bf16" if packed or sizes["bf16"] <= sizes["int8"] else "int8"
        weights = "fp32" if sizes["fp32"] <= CPU_FP32_LIMIT_BYTES else smallest
    return Precision(weights, ("bf16" if weights == "bf16" else "fp32") if kv == "auto" else kv)


@dataclass(frozen=True, slots=True)
class Cost:
    """What reading a document takes, against what is there.

    Attributes:
        kv_bytes: of its cache, with one snapshot.
        weights_bytes: that are still to be loaded.
        work_bytes: beside both, while it is read and asked; with what is left to others.
        free_bytes: memory that is free now.
        token_bytes: of one token in the cache.
        int8_token_bytes: the same with kv='int8'.
        seconds: to read it, or None when the speed here is not known.
    """

    kv_bytes: int
    weights_bytes: int
    work_bytes: int
    free_bytes: int
    token_bytes: int
    int8_token_bytes: int
    seconds: float | None

    @property
    def missing_bytes(self) -> int:
        """Bytes that are not there; 0 or less when it fits."""
        return self.kv_bytes + self.weights_bytes + self.work_bytes - self.free_bytes
