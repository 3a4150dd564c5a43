"""Our engine, stock transformers and llama.cpp on the same tokens, interleaved in one run.

    make bench                                     everything, about an hour and a half on two cores
    python -m benchmarks.bench --quick             does it run? some minutes, figures of no worth
    python -m benchmarks.bench --results FILE      tables, plot and README of an earlier run

Writes results.json, speed.svg and logs to ``--out``; unless quick, also benchmarks/README.md and its plot.
"""

from __future__ import annotations

import shutil
import tempfile
from functools import partial
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console

from benchmarks import plot, report
from benchmarks.results import Results, machine
from benchmarks.rounds import Campaign
from benchmarks.setups import ROOT, subject

PLOT = "speed.svg"


def numbers(text: str) -> list[int]:
    """``1024,4096`` as a list."""
    return [int(part) for part in text.split(",")]


def publish(results: Results, out: Path, console: Console, *, to_readme: bool) -> None:
    """Print the tables; write plot and README to ``out``, and to benchmarks/ too if they shall be published."""
    report.show(results, console)
    for folder in (out, ROOT / "benchmarks") if to_readme else (out,):
        (folder / PLOT).write_text(plot.svg(results), encoding="utf-8")
        (folder / "README.md").write_text(report.markdown(results, PLOT), encoding="utf-8")


FULL, QUICK = ("tiny,small", "1024,4096,7000", 5), ("tiny", "768", 1)
"""Models, depths and rounds where none are named."""


def main(
    models: Annotated[str | None, typer.Option(help=f"Which, with commas between. [{FULL[0]}]")] = None,
    depths: Annotated[
        str | None, typer.Option(help=f"Tokens to read; the greatest cuts the opinion. [{FULL[1]}]")
    ] = None,
    rounds: Annotated[int | None, typer.Option(help=f"Of which the median is taken. [{FULL[2]}]", min=1)] = None,
    out: Annotated[Path, typer.Option(help="Folder for what is written.")] = Path("build/bench"),
    quick: Annotated[bool, typer.Option("--quick", help="Little of everything, and nothing to benchmarks/.")] = False,
    results: Annotated[Path | None, typer.Option(help="Measure nothing; show this run again.")] = None,
) -> None:
    """Measure and publish."""
    console = Console(highlight=False)
    out.mkdir(parents=True, exist_ok=True)
    if results is not None:
        publish(Results.read(results), out, console, to_readme=not quick)
        return
    default = QUICK if quick else FULL
    models, depths, rounds = models or default[0], depths or default[1], rounds or default[2]
    command = f"make bench BENCH='--models {models} --depths {depths} --rounds {rounds}'"
    threads = torch.get_num_threads()
    found = Results(command, rounds, machine(threads, torch.backends.cpu.get_cpu_capability()))
    scratch = Path(tempfile.mkdtemp(prefix="readings-", dir=out))  # on the disk that results are written to
    try:
        for name in models.split(","):
            say = partial(console.print, markup=False)
            campaign = Campaign(subject(name, numbers(depths)), found, threads, scratch, out, say)
            campaign.run(lambda: found.write(out / "results.json"))
    finally:
        shutil.rmtree(scratch)
    found.write(out / "results.json")
    publish(found, out, console, to_readme=not quick)


if __name__ == "__main__":
    typer.run(main)
