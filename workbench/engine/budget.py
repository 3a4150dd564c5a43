"""Bytes and seconds before anything runs, in plain Python.

Not covered: measuring the machine (engine.local does, briefly), memory pressure while running (engine.cache).

Source: prefill cost 2·P·N for the weights and 2·N²·heads·head_dim per attention layer, causal half counted
(Hoffmann et al. 2022, appendix F).
"""

from dataclasses import dataclass


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

    def kv_bytes(self, num_tokens: int, item_bytes: int) -> int:
        """Bytes of keys, values and one snapshot after ``num_tokens``."""
        return num_tokens * self.full_layers * 2 * self.kv_heads * self.head_dim * item_bytes + self.state_bytes

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
