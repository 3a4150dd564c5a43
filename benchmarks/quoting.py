"""Quotes with the guard and without it: how many the document has, and how fast they are written.

    python -m benchmarks.quoting [--models small,tiny] [--words 10] [--random]

Each model is asked to quote five documents on some words of each, greedily and sampled, first held to the document and
then free, behind the same prompt. A free quote counts as found when the document has it word for word, as
``documents.quotes`` compares. Speed is that of tokens behind the first: of free decoding, of the guard without drafts,
and of the guard. ``--random`` measures speed on random checkpoints instead, a Llama and a hybrid Qwen3.5.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

import workbench as wb
from benchmarks.setups import ROOT
from tests.checkpoints import make_checkpoint
from workbench.analysis import quoting
from workbench.analysis.citing import MARK, Quoted, Quoter
from workbench.analysis.passages import passages, spell
from workbench.config import SamplingParams
from workbench.documents.quotes import MIN_CHARS, find
from workbench.documents.sentences import words
from workbench.types import Step

SAMPLES = ROOT / "sample_data"
CHARS = 2_400
FILES = ("abouammo-v-united-states.txt", "patient-notes/note-00.txt", "sherlock_two_adventures.txt",
         "persuasion.txt", "itsdangerous-2.2.0/README.md")  # fmt: skip
SAMPLED = SamplingParams(temperature=1.0, top_p=0.95, seed=1)


@dataclass(slots=True)
class Tally:
    """What one way of quoting gave.

    Attributes:
        quotes: quotes of at least ``MIN_CHARS`` characters that were written.
        found: those that the document has.
        exact: those whose span has just these characters; of guarded quotes only.
        speeds: tokens a second of each quote.
    """

    quotes: int = 0
    found: int = 0
    exact: int = 0
    speeds: list[float] = field(default_factory=list)

    def add_speed(self, steps: Sequence[Step]) -> None:
        """Count the tokens behind the first, of quotes long enough to tell."""
        num = sum(step.token_id is not None for step in steps) - 1
        if num >= 8 and steps[-1].decode_s:
            self.speeds.append(num / steps[-1].decode_s)


def topics(text: str, num: int) -> list[str]:
    """Words to quote on, spread over a text."""
    long = sorted(word for word in words(text) if len(word) > 5 and word.isalpha())
    return long[:: max(len(long) // num, 1)][:num]


def guarded(quoter: Quoter, reading: wb.Reading, task: str, params: SamplingParams, tally: Tally) -> None:
    """A quote with the guard, counted."""
    with_branch = reading._fork()
    prefix = reading._context.prefix_ids
    found: Quoted | None = quoter.quote(with_branch, prefix, task, threading.Event(), params)
    with_branch.close()
    if found is None:
        return
    text, tokenizer = reading.document.text, quoter.tokenizer
    written = tokenizer.decode([s.token_id for s in found.steps[:-2] if s.token_id is not None])
    tally.quotes += 1
    tally.found += spell(written).strip() in passages(text).flat.tobytes()
    tally.exact += spell(text[slice(*found.span)]) == spell(written).strip()
    tally.add_speed(found.steps)


def free(quoter: Quoter, reading: wb.Reading, task: str, params: SamplingParams, tally: Tally) -> None:
    """The same without the guard: up to the closing mark."""
    tokenizer, frame = quoter.tokenizer, quoter.tokenizer.frame
    turn = (*frame.between_turns, *tokenizer.encode(task), *frame.after_user, *tokenizer.encode(MARK))
    branch = reading._fork()
    how = SamplingParams(80, params.temperature, params.top_p, params.top_k, params.seed)
    # A random model says ids that its tokenizer has no bytes for.
    closing = {token for token, raw in enumerate(tokenizer.token_bytes) if MARK.encode() in raw}
    steps = list(quoter.engine.generate(branch, turn, how, tokenizer.end_token_ids, closing.__contains__))
    branch.close()
    ids = [step.token_id for step in steps if step.token_id is not None]
    written = tokenizer.decode(ids).partition(MARK)[0]
    tally.add_speed(steps)
    if len(written.strip()) >= MIN_CHARS:
        place = find(reading.document.text, written)
        tally.quotes += 1
        tally.found += place is not None and spell(reading.document.text[slice(*place)]) == spell(written).strip()


def measure(bench: wb.Workbench, documents: list[wb.Document], num_words: int) -> dict[str, Tally]:
    """All quotes of one model, by the way they were written."""
    tallies = {name: Tally() for name in ("free", "guard without drafts", "guard")}
    draft = quoting.QuoteGuard.draft
    for document in documents:
        with bench.read(document, progress=None) as reading:
            quoter = Quoter(document, reading._context.engine, reading._context.tokenizer, quoting.MAX_CHARS, False)
            for word in topics(document.text, num_words):
                for params in (SamplingParams(), SAMPLED):
                    task = f"Quote a passage of the document about: {word}."
                    free(quoter, reading, task, params, tallies["free"])
                    guarded(quoter, reading, task, params, tallies["guard"])
                quoting.QuoteGuard.draft = lambda _: ()  # type: ignore[method-assign]
                guarded(quoter, reading, task, params, tallies["guard without drafts"])
                quoting.QuoteGuard.draft = draft  # type: ignore[method-assign]
    return tallies


def random_checkpoints(documents: list[wb.Document]) -> dict[str, dict[str, Tally]]:
    """Speed on random models, whose quotes are held to be long: they would close them by chance."""
    found = {}
    quoting.Quote.closable = property(lambda quote: quote._num_chars >= 300)  # type: ignore[assignment]
    for kind in ("llama", "qwen3.5"):
        for weights in ("fp32", "int8"):
            with tempfile.TemporaryDirectory() as folder:
                bench = wb.Workbench(str(make_checkpoint(kind, Path(folder))), weights=weights, store=False)
                found[f"{kind} {weights}"] = measure(bench, documents[1:2], 6)
                bench.close()
    return found


def main(
    models: Annotated[str, typer.Option(help="Names, with commas.")] = "tiny,small",
    num_words: Annotated[int, typer.Option("--words", help="Words to quote on, of each document.")] = 10,
    random: Annotated[bool, typer.Option("--random", help="Speed on random checkpoints instead.")] = False,
) -> None:
    """Measure and print a table."""
    documents = [wb.load((SAMPLES / name).read_bytes()[:CHARS], name=Path(name).name) for name in FILES]
    found: dict[str, dict[str, Tally]] = random_checkpoints(documents) if random else {}
    for name in models.split(",") if not random else ():
        with wb.Workbench(name, store=False) as bench:
            found[name] = measure(bench, documents, num_words)
    table = Table("model", "quotes", "written", "in the document", "spans exact", "tokens/s", "against free")
    for name, tallies in found.items():
        plain = median(tallies["free"].speeds or [0])
        for kind, tally in tallies.items():
            speed = median(tally.speeds or [0])
            exact = str(tally.exact) if kind != "free" else ""
            ratio = f"{speed / plain:.1f}" if plain else ""
            table.add_row(name, kind, str(tally.quotes), str(tally.found), exact, f"{speed:.1f}", ratio)
    Console(width=110).print(table)


if __name__ == "__main__":
    typer.run(main)
