"""What was measured: rows of values with their medians, and the machine they were measured on."""

from __future__ import annotations

import json
import platform
import statistics
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, TypeVar

T = TypeVar("T")

UNITS = {
    "prefill": "tokens/s",
    "decode": "tokens/s",
    "first": "s",  # from the start of reading to the first token of question 1
    "second": "s",  # from question 2 to its first token, on the same reading
    "reopened": "s",  # in a new process, from read() to the first token
    "together": "tokens/s",
    "products": "ms",  # of a decoded token, in the products with int8 or int4 weights
    "attention": "ms",  # of a decoded token, in attention
    "disk": "bytes",
    "peak": "bytes",
    "held": "bytes",  # weights and the document's cache
}
"""Every measure and its unit."""


class Key(NamedTuple):
    """What a row is about. ``engine``, ``weights`` and ``kv`` name who computed, and in which precision."""

    model: str
    engine: str
    weights: str
    kv: str
    measure: str
    depth: int


@dataclass
class Row:
    """One figure.

    Attributes:
        values: one a round, in the measure's unit.
        missing: why there are none.
    """

    values: list[float] = field(default_factory=list)
    missing: str = ""

    @property
    def median(self) -> float | None:
        """Of the values, or None."""
        return statistics.median(self.values) if self.values else None


@dataclass
class Results:
    """A run: its rows, and all that must be known to judge them."""

    command: str
    rounds: int
    machine: dict[str, str | int]
    versions: dict[str, str] = field(default_factory=dict)
    rows: dict[Key, Row] = field(default_factory=dict)

    def add(self, key: Key, value: float) -> None:
        """One more value of a row; a failure of an earlier round keeps its row missing."""
        row = self.rows.setdefault(key, Row())
        if not row.missing:
            row.values.append(value)

    def miss(self, key: Key, reason: str) -> None:
        """A row cannot be had: values of other rounds do not stand for it either."""
        self.rows[key] = Row(missing=self.rows[key].missing if key in self.rows and self.rows[key].missing else reason)

    def median(self, key: Key) -> float | None:
        """Of a row, or None."""
        return self.rows[key].median if key in self.rows else None

    def models(self) -> list[str]:
        """In the order of measuring."""
        return _unique(key.model for key in self.rows)

    def setups(self, model: str) -> list[tuple[str, str, str]]:
        """Engine, weights and KV precision of all that ran a model."""
        return _unique((key.engine, key.weights, key.kv) for key in self.rows if key.model == model)

    def depths(self, model: str, measure: str) -> list[int]:
        """Tokens in the cache at which it was measured, rising."""
        return sorted({key.depth for key in self.rows if (key.model, key.measure) == (model, measure)})

    def write(self, path: Path) -> None:
        """As JSON."""
        rows = [
            {**key._asdict(), "unit": UNITS[key.measure], "median": row.median, **asdict(row)}
            for key, row in self.rows.items()
        ]
        content = {**{name: value for name, value in vars(self).items() if name != "rows"}, "rows": rows}
        path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Results:
        """What ``write`` wrote."""
        content = json.loads(path.read_text(encoding="utf-8"))
        rows = {
            Key(**{name: row[name] for name in Key._fields}): Row(row["values"], row["missing"])
            for row in content.pop("rows")
        }
        return cls(**content, rows=rows)


def _unique(items: Iterable[T]) -> list[T]:
    return list(dict.fromkeys(items))


def machine(threads: int, capability: str) -> dict[str, str | int]:
    """What this machine is, without its name or any path."""
    return {
        "cpu": _cpu_model(),
        "capability": capability,
        "threads": threads,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "date": datetime.now(UTC).date().isoformat(),
    }


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())
