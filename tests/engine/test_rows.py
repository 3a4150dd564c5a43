import sys
from pathlib import Path

import pytest
import torch

from workbench.engine import checkpoint, convert, registry
from workbench.engine.int8 import Int8Linear
from workbench.engine.rows import RowModel


def resident_bytes(folder: Path) -> int:
    """Of the files in a folder, as this process has them mapped."""
    found, mapped = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        name, *rest = line.split()
        if not name.endswith(":"):
            mapped = str(folder) in line
        elif name == "Rss:" and mapped:
            found += 1024 * int(rest[0])
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="pages are counted as Linux does")
def test_weights_that_are_put_together_are_not_in_memory_twice():
    folder = convert.ensure(registry.find("tiny"), "int8").resolve()
    model = checkpoint.load(folder, "int8", torch.device("cpu"))
    joined = ("q_proj", "k_proj", "v_proj", "gate_proj", "up_proj")
    weights = {n: m.weight for n, m in model.named_modules() if isinstance(m, Int8Linear) and n.endswith(joined)}
    sums = {name: int(weight.sum()) for name, weight in weights.items()}  # every page was looked at
    before, size = resident_bytes(folder), sum(weight.nbytes for weight in weights.values())
    assert before > size
    RowModel(model)
    assert resident_bytes(folder) < before - 0.9 * size
    assert {name: int(model.get_submodule(name).weight.sum()) for name in sums} == sums
    assert all(int(weight.sum()) == sums[name] for name, weight in weights.items())  # and can be looked at again
