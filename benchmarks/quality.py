"""How good the answers are, each figure beside the same model without us.

    python -m benchmarks.quality [--models tiny,small] [--what squad,needles,absent,claims] [--lengths 1500,4000]

Ours is asked in two ways: as the model alone would say it, with neither quotes nor a threshold for what is absent, and
as people are given it.

- squad: exact match and F1 on SQuAD 2.0, half of it unanswerable: plain transformers on the same prompt in fp32, and
  ours.
- needles: a planted fact at 5 depths of a novel's first 1,500, 4,000 and 7,000 tokens: is it told, is its page cited?
- absent: 30 questions on things that the opinion does not say: how many are answered so? And the 15 questions of
  tests/gold/opinion.toml that it does answer: how many are said to be absent?
- claims: 30 true sentences about the opinion and 30 false ones: in how many pairs are both judged right?

No model judges another: all is decided by code. Prints tables and writes ``build/bench/quality-MODEL.json``.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

import workbench as wb
from benchmarks.squad import Paragraph, exact, f1, paragraphs
from workbench.analysis.absent import ABSENT_THRESHOLD
from workbench.analysis.prompts import says_absent
from workbench.documents.quotes import spell

ROOT = Path(__file__).parents[1]
OPINION = ROOT / "sample_data" / "abouammo-v-united-states.txt"
NOVEL = ROOT / "sample_data" / "persuasion.txt"
GOLD = ROOT / "tests" / "gold"

SHORT = "Reply with the shortest words of the document that answer the question, copied exactly, and nothing else."
JUDGE = "Is this statement true according to the document? Reply only Yes or No. Statement: "
ANSWER_TOKENS = 64
RESERVE = 512  # tokens for a question, its quote and its answer: the window of `tiny` holds little more than the novel
DEPTHS = (0.05, 0.27, 0.5, 0.73, 0.95)

NEEDLES = (
    ("The gardener of Thornhill keeps his key under the blue beehive.", "Where is the key kept?", "beehive"),
    ("Captain Larkin paid forty-three guineas for the grey mare.", "What did the grey mare cost?", "forty-three"),
    ("The library at Eskdale was painted vermilion.", "Which colour was the library painted?", "vermilion"),
    ("Doctor Pembrooke prescribed foxglove to the steward.", "What was prescribed to the steward?", "foxglove"),
    ("The regatta of Marlsea is held on the ninth of August.", "On which date is the regatta?", "ninth of August"),
)


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured share.

    Attributes:
        test: what was asked for.
        way: who answered.
        figure: its name.
        value: in [0, 1].
        number: what it is a share of.
    """

    test: str
    way: str
    figure: str
    value: float
    number: int


@dataclass(frozen=True, slots=True)
class Way:
    """A manner of answering: ours, with or without what guards an answer."""

    name: str
    guarded: bool

    def ask(self, reading: wb.Reading, questions: Sequence[str], system: str | None = None) -> list[wb.Answer]:
        """Answers to questions, decoded together."""
        return reading.ask_many(
            questions, max_tokens=ANSWER_TOKENS, quotes=self.guarded, system=system,
            absent_threshold=ABSENT_THRESHOLD if self.guarded else None,
        )  # fmt: skip


WAYS = (Way("the model alone", guarded=False), Way("ours", guarded=True))


class Plain:
    """Plain transformers in fp32, on the ids that ours was asked with."""

    def __init__(self, model: str) -> None:
        import transformers

        from workbench.engine import convert, registry
        from workbench.engine.tokenizer import HubTokenizer

        folder = convert.ensure(registry.find(model), "fp32")
        self._model = transformers.AutoModelForCausalLM.from_pretrained(folder, local_files_only=True)
        self._tokenizer = HubTokenizer(folder)

    def answer(self, prompt: Sequence[int]) -> str:
        """What it says, greedy."""
        import torch

        ids = torch.tensor([prompt])
        ends = sorted(self._tokenizer.end_token_ids)
        said = self._model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=ANSWER_TOKENS,
            eos_token_id=ends, pad_token_id=ends[0],
        )  # fmt: skip
        return self._tokenizer.decode(said[0, len(prompt) :].tolist()).strip()


def squad(bench: wb.Workbench, chosen: list[Paragraph], tell: Callable[[str], None]) -> Iterator[Figure]:
    """Exact match and F1, with and without us."""
    plain = Plain(bench.name)
    said: dict[str, list[tuple[str, tuple[str, ...]]]] = {"plain transformers": [], **{way.name: [] for way in WAYS}}
    quoted: list[bool] = []
    for number, paragraph in enumerate(chosen, 1):
        tell(f"SQuAD {number} of {len(chosen)}")
        questions = [question for question, _ in paragraph.questions]
        gold = [answers for _, answers in paragraph.questions]
        with bench.read(wb.load(paragraph.text.encode(), name="paragraph.txt"), progress=None) as reading:
            for way in WAYS:
                answers = way.ask(reading, questions, SHORT)
                said[way.name] += [(predicted(a.text), g) for a, g in zip(answers, gold, strict=True)]
                if way.guarded:
                    quoted += [contains(a, g) for a, g in zip(answers, gold, strict=True) if g and a.citations]
                else:
                    texts = [plain.answer(a.prompt_token_ids) for a in answers]
                    said["plain transformers"] += [(predicted(t), g) for t, g in zip(texts, gold, strict=True)]
    for way, pairs in said.items():
        for kind, kept in (
            ("all", pairs),
            ("present", [p for p in pairs if p[1]]),
            ("absent", [p for p in pairs if not p[1]]),
        ):
            yield Figure("squad", way, f"exact match, {kind}", mean(exact(*pair) for pair in kept), len(kept))
            yield Figure("squad", way, f"F1, {kind}", mean(f1(*pair) for pair in kept), len(kept))
    yield Figure("squad", "ours", "quotes that contain the gold answer", mean(quoted), len(quoted))


def needles(bench: wb.Workbench, lengths: Sequence[int], tell: Callable[[str], None]) -> Iterator[Figure]:
    """Planted facts: told, and their page cited."""
    text = wb.load(NOVEL).text
    for length in lengths:
        tell(f"needles in {length:,} tokens")
        planted = plant(text[: int(length * 4.3)])
        with bench.read(wb.load(planted.encode(), name="novel.txt"), progress=None, reserve=RESERVE) as reading:
            document = reading.document
            for way in WAYS:
                answers = way.ask(reading, [question for _, question, _ in NEEDLES])
                pages = [document.page_at(document.text.index(fact)).number for fact, _, _ in NEEDLES]
                told = [spell(value) in spell(a.text) for a, (_, _, value) in zip(answers, NEEDLES, strict=True)]
                hit = [page in a.pages for a, page in zip(answers, pages, strict=True)]
                held = [contains(a, (value,)) for a, (_, _, value) in zip(answers, NEEDLES, strict=True)]
                name = f"needles, {length:,} tokens"
                yield Figure(name, way.name, "told", mean(told), len(told))
                yield Figure(name, way.name, "page cited", mean(hit), len(hit))
                yield Figure(name, way.name, "cited passage contains it", mean(held), len(held))


def plant(text: str) -> str:
    """The text with a needle after the paragraph at each depth."""
    for depth, (fact, _, _) in sorted(zip(DEPTHS, NEEDLES, strict=True), reverse=True):
        place = text.find("\n\n", int(len(text) * depth))
        place = len(text) if place < 0 else place
        text = f"{text[:place]}\n\n{fact}{text[place:]}"
    return text


def absent(reading: wb.Reading, _tell: Callable[[str], None]) -> Iterator[Figure]:
    """Questions whose answer is not there; and those whose answer is."""
    gold = tomllib.loads((GOLD / "opinion.toml").read_text(encoding="utf-8"))["question"]
    present = [question for question in gold if not question["absent"]]
    missing = tomllib.loads((GOLD / "quality.toml").read_text(encoding="utf-8"))["absent"]
    for way in WAYS:
        answers = way.ask(reading, missing)
        yield Figure(
            "absent", way.name, "said absent, rightly", mean(says_absent(a.text) for a in answers), len(answers)
        )
        answers = way.ask(reading, [question["text"] for question in present])
        right = [any(spell(v) in spell(a.text) for v in q["value"]) for a, q in zip(answers, present, strict=True)]
        held = [contains(a, tuple(q["value"])) for a, q in zip(answers, present, strict=True)]
        yield Figure(
            "absent", way.name, "said absent, wrongly", mean(says_absent(a.text) for a in answers), len(answers)
        )
        yield Figure("absent", way.name, "present, told", mean(right), len(right))
        yield Figure("absent", way.name, "present, passage contains it", mean(held), len(held))


def claims(reading: wb.Reading, _tell: Callable[[str], None]) -> Iterator[Figure]:
    """Pairs of a true and a false sentence."""
    pairs = tomllib.loads((GOLD / "quality.toml").read_text(encoding="utf-8"))["claim"]
    for way in WAYS:
        true = [judged(a) for a in way.ask(reading, [JUDGE + pair["true"] for pair in pairs])]
        false = [judged(a) for a in way.ask(reading, [JUDGE + pair["false"] for pair in pairs])]
        both = [t == "yes" and f == "no" for t, f in zip(true, false, strict=True)]
        yield Figure("claims", way.name, "both of a pair right", mean(both), len(both))
        yield Figure("claims", way.name, "true called true", mean(t == "yes" for t in true), len(true))
        yield Figure("claims", way.name, "false called false", mean(f == "no" for f in false), len(false))


def predicted(text: str) -> str:
    """An answer as SQuAD has it: empty where it says that the document does not say."""
    return "" if says_absent(text) else text.strip().strip('"“”').rstrip(".")


def judged(answer: wb.Answer) -> str:
    """``yes``, ``no`` or something else."""
    return answer.text.strip().lower().split(" ")[0].strip(".,;:!")


def contains(answer: wb.Answer, values: Sequence[str]) -> bool:
    """Whether a cited passage has one of the values."""
    return any(spell(value) in spell(citation.passage) for citation in answer.citations for value in values)


def mean(values: Iterator[float] | Sequence[float]) -> float:
    """Their mean; 0 of nothing."""
    kept = [float(value) for value in values]
    return sum(kept) / len(kept) if kept else 0.0


def measure(model: str, tests: Sequence[str], questions: int, lengths: Sequence[int], cache: Path) -> Iterator[Figure]:
    """Every figure asked for, of one model."""
    tell = Console(stderr=True).print
    with wb.Workbench(model, store=False) as bench:
        if "squad" in tests:
            yield from squad(bench, paragraphs(cache, questions), tell)
        if "needles" in tests:
            yield from needles(bench, lengths, tell)
        about = [kind for name, kind in (("absent", absent), ("claims", claims)) if name in tests]
        if about:
            tell("reading the opinion")
            with bench.read(wb.load(OPINION), progress=None) as reading:
                for test in about:
                    yield from test(reading, tell)


def main(
    models: Annotated[str, typer.Option(help="Comma-separated.")] = "tiny,small",
    what: Annotated[str, typer.Option(help="Comma-separated.")] = "squad,needles,absent,claims",
    questions: Annotated[int, typer.Option(help="Of SQuAD; 0 takes 300 for tiny, 60 for small.")] = 0,
    lengths: Annotated[str, typer.Option(help="Tokens of the novel, comma-separated.")] = "1500,4000,7000",
    out: Annotated[Path, typer.Option(help="Folder for the JSON.")] = ROOT / "build" / "bench",
) -> None:
    """Measure, print, write."""
    for model in models.split(","):
        number = questions or (300 if model == "tiny" else 60)
        table, figures = Table("test", "way", "figure", "share", "of", title=model), []
        for figure in measure(model, what.split(","), number, [int(each) for each in lengths.split(",")], out):
            figures.append(asdict(figure))
            Console(stderr=True).print(
                f"{figure.test}, {figure.way}: {figure.figure} {figure.value:.1%} of {figure.number}"
            )
            table.add_row(figure.test, figure.way, figure.figure, f"{figure.value:.1%}", str(figure.number))
        Console().print(table)
        out.mkdir(parents=True, exist_ok=True)
        (out / f"quality-{model}.json").write_text(json.dumps(figures, indent=1), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
