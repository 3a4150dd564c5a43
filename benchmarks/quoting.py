"""Quotes with the guard and without it: how many the document has, and how fast they are written.

    python -m benchmarks.quoting [--models small,tiny] [--words 11] [--out FILE] [--random]

Each model is asked to quote five documents on some words of each, greedily and sampled, free and held to the document,
behind the same prompt. A quote counts as found when the document has it word for word, as ``documents.quotes``
compares; of guarded ones, a span as exact when it has just these characters. What is done is kept in ``--out``, word by
word, and not done again. Speed is that of tokens behind the first.

``--random`` measures speed on random checkpoints instead, a Llama and a hybrid Qwen3.5: of free decoding, of the guard
without drafts, and of the guard.
"""

from __future__ import annotations

import json
import tempfile
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from statistics import median
from typing import Annotated, Any

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
from workbench.documents.quotes import MIN_CHARS, find_exact
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
        asked: how often it was asked for one.
        quotes: quotes of at least ``MIN_CHARS`` characters that were written.
        found: those that the document has.
        exact: those whose span has just these characters; of guarded quotes only.
        speeds: tokens a second of each quote.
    """

    asked: int = 0
    quotes: int = 0
    found: int = 0
    exact: int = 0
    speeds: list[float] = field(default_factory=list)

    def add_speed(self, steps: Sequence[Step]) -> None:
        """Count the tokens behind the first, of quotes long enough to tell."""
        num = sum(step.token_id is not None for step in steps) - 1
        if num >= 8 and steps[-1].decode_s:
            self.speeds.append(num / steps[-1].decode_s)


Tallies = dict[str, Tally]
"""By the way the quotes were written."""


def topics(text: str, num: int) -> list[str]:
    """Words to quote on, spread over a text."""
    long = sorted(word for word in words(text) if len(word) > 5 and word.isalpha())
    return long[:: max(len(long) // num, 1)][:num]


def guarded(quoter: Quoter, reading: wb.Reading, task: str, params: SamplingParams, tally: Tally) -> None:
    """A quote with the guard, counted."""
    branch, prefix = reading._fork(), reading._context.prefix_ids
    found: Quoted | None = quoter.quote(branch, prefix, task, threading.Event(), params)
    branch.close()
    tally.asked += 1
    if found is None:
        return
    text, tokenizer = reading.document.text, quoter.tokenizer
    written = tokenizer.decode([s.token_id for s in found.steps[:-2] if s.token_id is not None])
    tally.quotes += 1
    tally.found += spell(written).strip() in passages(text).raw
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
    tally.asked += 1
    if len(written.strip()) >= MIN_CHARS:
        tally.quotes += 1
        tally.found += find_exact(reading.document.text, written) is not None


def measure(
    bench: wb.Workbench, document: wb.Document, about: Sequence[str], *, plain: bool = False
) -> Iterator[tuple[str, Tallies]]:
    """Quotes of one model and document, word by word; with ``plain``, without drafts as well."""
    draft = quoting.QuoteGuard.draft
    with bench.read(document, progress=None) as reading:
        quoter = Quoter(document, reading._context.engine, reading._context.tokenizer, quoting.MAX_CHARS, False)
        for word in about:
            tallies = {"free": Tally(), **({"guard without drafts": Tally()} if plain else {}), "guard": Tally()}
            task = f"Quote a passage of the document about: {word}."
            for params in (SamplingParams(), SAMPLED):
                free(quoter, reading, task, params, tallies["free"])
                guarded(quoter, reading, task, params, tallies["guard"])
            if plain:
                quoting.QuoteGuard.draft = lambda _: ()  # type: ignore[method-assign]
                guarded(quoter, reading, task, params, tallies["guard without drafts"])
                quoting.QuoteGuard.draft = draft  # type: ignore[method-assign]
            yield word, tallies


def added(parts: Iterable[Tallies]) -> Tallies:
    """Tallies of several measurements together."""
    whole: Tallies = {}
    for part in parts:
        for way, tally in part.items():
            so_far = whole.setdefault(way, Tally())
            for each in fields(Tally):
                setattr(so_far, each.name, getattr(so_far, each.name) + getattr(tally, each.name))
    return whole


def packaged(name: str, documents: list[wb.Document], num_words: int, out: Path | None) -> Tallies:
    """All quotes of a model, kept word by word; each document's are told when it is done."""
    done = json.loads(out.read_text()) if out is not None and out.exists() else {}
    kept: dict[str, dict[str, dict[str, dict[str, Any]]]] = done.setdefault(name, {})
    told: list[Tallies] = []
    with wb.Workbench(name, store=False) as bench:
        for document in documents:
            about = topics(document.text, num_words)
            known = kept.setdefault(document.name, {})
            left = [word for word in about if word not in known]
            for word, tallies in measure(bench, document, left) if left else ():
                known[word] = {way: asdict(tally) for way, tally in tallies.items()}
                if out is not None:
                    out.write_text(json.dumps(done, indent=1))
            told.append(added({way: Tally(**tally) for way, tally in known[word].items()} for word in about))
            ways = (f"{way} {t.found} of {t.quotes} (spans {t.exact})" for way, t in told[-1].items())
            print(f"{name}, {document.name}: {', '.join(ways)}", flush=True)
    return added(told)


def random_checkpoints(documents: list[wb.Document]) -> dict[str, Tallies]:
    """Speed on random models, whose quotes are held to be long: they would close them by chance."""
    found = {}
    quoting.Quote.closable = property(lambda quote: quote._num_chars >= 300)  # type: ignore[assignment]
    for kind in ("llama", "qwen3.5"):
        for weights in ("fp32", "int8"):
            with tempfile.TemporaryDirectory() as folder:
                bench = wb.Workbench(str(make_checkpoint(kind, Path(folder))), weights=weights, store=False)
                found[f"{kind} {weights}"] = added(
                    tallies for _, tallies in measure(bench, documents[1], topics(documents[1].text, 6), plain=True)
                )
                bench.close()
    return found


def main(
    models: Annotated[str, typer.Option(help="Names, with commas.")] = "tiny,small",
    num_words: Annotated[int, typer.Option("--words", help="Words to quote on, of each document.")] = 11,
    out: Annotated[Path | None, typer.Option(help="JSON of what is done; another run goes on from there.")] = None,
    random: Annotated[bool, typer.Option("--random", help="Speed on random checkpoints instead.")] = False,
) -> None:
    """Measure and print a table."""
    documents = [wb.load((SAMPLES / name).read_bytes()[:CHARS], name=Path(name).name) for name in FILES]
    found: dict[str, Tallies] = random_checkpoints(documents) if random else {}
    for name in models.split(",") if not random else ():
        found[name] = packaged(name, documents, num_words, out)
    table = Table("model", "quotes", "asked", "written", "in the document", "spans exact", "tokens/s", "against free")
    for name, tallies in found.items():
        plain = median(tallies["free"].speeds or [0])
        for kind, tally in tallies.items():
            speed = median(tally.speeds or [0])
            exact = str(tally.exact) if kind != "free" else ""
            ratio = f"{speed / plain:.1f}" if plain else ""
            table.add_row(
                name, kind, str(tally.asked), str(tally.quotes), str(tally.found), exact, f"{speed:.1f}", ratio
            )
    Console(width=110).print(table)


if __name__ == "__main__":
    typer.run(main)
