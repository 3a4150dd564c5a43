"""How far each precision of weights and cache is from fp32: top-1 agreement and negative log-likelihood.

    python -m benchmarks.precision [--models tiny,small] [--positions 500]

Reads the beginning of the Supreme Court opinion, then takes the logits at each of the following positions, given the
true text: no answer is sampled, so nothing hangs on luck. Prints a table and writes ``build/bench/precision.json``.
"""

import json
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.table import Table

from workbench.engine import checkpoint, convert, registry
from workbench.engine.local import LocalEngine
from workbench.engine.tokenizer import HubTokenizer

ROOT = Path(__file__).parents[1]
OPINION = ROOT / "sample_data" / "abouammo-v-united-states.txt"
NUM_CONTEXT = 1_536
CPU = torch.device("cpu")
KINDS = (
    ("fp32", "fp32"),
    ("fp32", "bf16"),
    ("fp32", "int8"),
    ("int8", "fp32"),
    ("int8", "bf16"),
    ("int8", "int8"),
    ("int4", "fp32"),
    ("int4", "int8"),
)
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "int8": torch.int8}


@torch.inference_mode()
def logits(model: torch.nn.Module, folder: Path, kv: str, ids: list[int]) -> torch.Tensor:
    """Logits of the positions behind the context, (positions, vocabulary) fp32."""
    layout = checkpoint.kv_layout(checkpoint.text_config(folder), DTYPES[kv], CPU)
    engine = LocalEngine(model, layout, len(ids) + 1, 0)
    *_, prefix = engine.read(ids[:NUM_CONTEXT])
    sequence = prefix.sequence.fork()
    rest = ids[NUM_CONTEXT:]
    sequence.begin(len(rest))
    output = model(
        input_ids=torch.tensor([rest]),
        position_ids=torch.arange(NUM_CONTEXT, len(ids))[None],
        past_key_values=sequence,
        use_cache=True,
    )
    sequence.commit()
    sequence.close()
    prefix.close()
    return output.logits[0].float()


def measure(name: str, positions: int) -> list[dict[str, object]]:
    """A row for each kind of precision."""
    ids, rows, reference, weights_at_hand = [], [], torch.empty(0), ""
    for weights, kv in KINDS:
        if weights != weights_at_hand:
            folder = convert.ensure(registry.find(name), weights)
            ids = HubTokenizer(folder).encode(OPINION.read_text(encoding="utf-8"))[: NUM_CONTEXT + positions]
            model, weights_at_hand = None, weights
            model = checkpoint.load(folder, weights, CPU)
        found = logits(model, folder, kv, ids)
        if not len(reference):
            reference = found
        truth = torch.tensor(ids[NUM_CONTEXT + 1 :])
        chosen = found[:-1].log_softmax(-1).gather(1, truth[:, None])
        rows.append({
            "model": name, "weights": weights, "kv": kv, "positions": len(found),
            "top1_agreement": (found.argmax(-1) == reference.argmax(-1)).float().mean().item(),
            "mean_abs_logit_difference": (found - reference).abs().mean().item(),
            "nll": -chosen.mean().item(), "perplexity": (-chosen.mean()).exp().item(),
        })  # fmt: skip
    return rows


def main(
    models: Annotated[str, typer.Option(help="Comma-separated.")] = "tiny,small",
    positions: Annotated[int, typer.Option(min=2)] = 500,
    out: Annotated[Path, typer.Option(help="Folder for the JSON.")] = ROOT / "build" / "bench",
) -> None:
    """Measure, print, write."""
    rows = [row for name in models.split(",") for row in measure(name, positions)]
    table = Table("model", "weights", "KV", "top-1 as fp32", "mean |Δlogit|", "NLL", "perplexity")
    for row in rows:
        table.add_row(
            str(row["model"]), str(row["weights"]), str(row["kv"]), f"{row['top1_agreement']:.1%}",
            f"{row['mean_abs_logit_difference']:.4f}", f"{row['nll']:.4f}", f"{row['perplexity']:.3f}",
        )  # fmt: skip
    Console().print(table)
    out.mkdir(parents=True, exist_ok=True)
    (out / "precision.json").write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    typer.run(main)
