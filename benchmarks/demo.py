"""The main job, as ``make demo`` runs it: read a court's opinion whole, summarise it, ask it five questions.

Prints each answer with the pages it rests on and how much had to be computed for it.
"""

from pathlib import Path

from rich.console import Console
from rich.markup import escape

import workbench as wb

OPINION = Path(__file__).parents[1] / "sample_data" / "abouammo-v-united-states.txt"

QUESTIONS = (
    "What did the Court hold about where the case may be tried?",
    "How much money was wired to Abouammo?",
    "Which Justice delivered the opinion of the Court?",
    "In which city did the FBI agents interview Abouammo?",
    "What is the name of Abouammo's wife?",
)


def show(console: Console, answer: wb.Answer) -> None:
    """Print an answer, its citations and its counts."""
    console.print(escape(answer.text))
    for citation in answer.citations:
        console.print(f"  [dim]{escape(citation.place)}: {escape(citation.quote)}[/]")
    usage = answer.usage
    console.print(
        f"  [dim]{usage.reused_tokens:,} tokens reused, {usage.computed_tokens:,} computed, "
        f"{usage.completion_tokens:,} written; first word after {usage.ttft_s:.1f} s[/]\n"
    )


def main() -> None:
    """Run the demo."""
    console = Console(highlight=False)
    document = wb.load(OPINION)
    with wb.Workbench() as bench:
        console.print(bench.description)
        fit = bench.fit(document)
        console.print(f"{document.name}: {len(document.pages)} pages, {fit.tokens:,} of {fit.window:,} tokens\n")
        with bench.read(document) as reading:
            console.rule("Summary")
            show(console, reading.summarize(words=120))
            for question in QUESTIONS:
                console.rule(question)
                show(console, reading.ask(question, max_tokens=160))


if __name__ == "__main__":
    main()
