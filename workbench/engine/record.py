"""What is written down about a reading on disk: its manifest, with a checksum of itself and of all else. Plain Python.

Not covered: the files (engine.stored), which readings there are (engine.store).

Source: xxh3 (Collet) against damage, not against forgery: whoever can write to the folder owns the reading.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import xxhash

from workbench.engine.fingerprint import FORMAT_VERSION
from workbench.errors import CacheCorrupt


@dataclass(frozen=True, slots=True)
class Chunk:
    """A committed run of tokens.

    Attributes:
        end: tokens from the beginning to its end.
        chain: hash of its token ids and of the chunk before: equal chains are equal tokens, cut alike.
        checksum: xxh3 of its keys and values.
    """

    end: int
    chain: str
    checksum: str


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of a stored reading.

    Attributes:
        fingerprint: of the engine that wrote it.
        engine: the parts of the fingerprint, by name.
        label: names for people and for looking it up: document, hash, model, date.
        layout: shape of the block file: layers, kv_heads, head_dim, dtype.
        num_tokens: to be read in all.
        num_bytes: of the block file.
        tokens_checksum: xxh3 of the token ids.
        document_checksum: xxh3 of the document.
        chunks: committed, in order.
        states: checksum of each file of recurrent states, by number of tokens.
        pinned: never removed to make room.
    """

    fingerprint: str
    engine: Mapping[str, str]
    label: Mapping[str, str]
    layout: Mapping[str, str]
    num_tokens: int
    num_bytes: int
    tokens_checksum: str = ""
    document_checksum: str = ""
    chunks: tuple[Chunk, ...] = ()
    states: Mapping[int, str] = field(default_factory=dict)
    pinned: bool = False

    @property
    def committed_tokens(self) -> int:
        """Tokens that can be taken up again."""
        return self.chunks[-1].end if self.chunks else 0

    @property
    def complete(self) -> bool:
        """Whether everything was read."""
        return self.committed_tokens == self.num_tokens

    def to_json(self) -> bytes:
        """As it stands in the file, its own checksum included."""
        fields = {name: getattr(self, name) for name in self.__slots__}
        fields["chunks"] = [[chunk.end, chunk.chain, chunk.checksum] for chunk in self.chunks]
        fields["states"] = {str(tokens): state for tokens, state in self.states.items()}
        plain = {name: dict(fields[name]) for name in ("engine", "label", "layout")}
        fields = {"format": FORMAT_VERSION, **fields, **plain}
        return json.dumps({**fields, "checksum": checksum(_canonical(fields))}).encode()

    @classmethod
    def from_json(cls, content: bytes) -> Record:
        """Read it back.

        Raises:
            CacheCorrupt: it is not a manifest, was edited, or is of another version.
        """
        try:
            fields = json.loads(content)
            version, stated = fields["format"], fields.pop("checksum")
            if version != FORMAT_VERSION:
                raise CacheCorrupt(f"its format is version {version}, this workbench writes version {FORMAT_VERSION}")
            if stated != checksum(_canonical(fields)):
                raise CacheCorrupt("its manifest does not match its own checksum")
            del fields["format"]
            fields["chunks"] = tuple(Chunk(*chunk) for chunk in fields["chunks"])
            fields["states"] = {int(tokens): state for tokens, state in fields["states"].items()}
            return cls(**fields)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CacheCorrupt(f"its manifest cannot be read ({type(error).__name__})") from error


def _canonical(fields: Mapping[str, object]) -> bytes:
    return json.dumps(fields, sort_keys=True).encode()


def checksum(content: bytes) -> str:
    """xxh3 of bytes, 128 bits (hex)."""
    return xxhash.xxh3_128_hexdigest(content)
