"""The command line: read a document, ask it, serve it, and see what this machine can do.

Answers go to standard output, progress and errors to standard error; an error of ours is exit code 1.
What a document or a model says is written as it stands, without markup and without control characters.

Not covered: how results look in a notebook (workbench.views), pages in a browser (workbench.dashboards).
"""

from __future__ import annotations

import json
import platform
import shutil
import subprocess
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import psutil
import typer
from rich.console import Console
from rich.table import Table

from workbench import config
from workbench.cli import audit, cache
from workbench.cli.extract import extract
from workbench.cli.opening import another, document, opened
from workbench.cli.terminal import facts, reported, say, size
from workbench.errors import ConfigError

if TYPE_CHECKING:
    from workbench.analysis.ask import AnswerStream
    from workbench.analysis.summarize import SummaryStream
    from workbench.documents.document import Document
    from workbench.engine.registry import Entry
    from workbench.results import Answer

app = typer.Typer(
    help="Read a whole document once with a local model, ask it, and see where every quote stands.",
    no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False,
)  # fmt: skip

Source = Annotated[
    str,
    typer.Argument(
        metavar="DOC", help="A file, a folder of source code, or the name of a stored reading (`workbench cache ls`)."
    ),
]
Model = Annotated[str | None, typer.Option("--model", "-m", help="A name from `workbench models`, a hub id, a folder.")]
Images = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Also write the page of each citation there, the passage marked (question-1-citation-1.png).",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line instead of text.")]


def _show(stream: AnswerStream | SummaryStream, *, as_json: bool) -> Answer:
    """An answer as it is written, its citations and counts; or JSON. Ctrl-C keeps what there is."""
    from workbench import views
    from workbench.results import Delta, Summary

    try:
        for piece in stream:
            if isinstance(piece, Delta) and not as_json:
                say(piece.text, end="")
    except KeyboardInterrupt:
        stream.cancel()
    answer = stream.result()
    if as_json:
        typer.echo(json.dumps(_record(answer), default=str))
        return answer
    say({"stop": "", "length": " … (cut off)", "cancelled": " … (stopped)"}[answer.finish_reason])
    if answer.withdrawn:
        say(answer.text)
    for citation in answer.citations:
        say(f"  “{citation.quote}” - {views.cited(citation)}", style="red" if citation.page is None else "green")
    if answer.unsupported:
        say(f"  {views.unsupported_line(answer)}", style="yellow")
    for warning in answer.warnings:
        say(f"  ! {warning}", style="yellow")
    if isinstance(answer, Summary):
        say(views.coverage_text(answer), style="dim")
    usage = answer.usage
    counts = f"{usage.reused_tokens:,} tokens reused · {usage.computed_tokens:,} computed"
    say(f"{counts} · {usage.completion_tokens:,} written", style="dim")
    return answer


def _write_images(folder: Path, document: Document, answer: Answer, question: int) -> list[Path]:
    """The page of each citation that has a source, as a file in a folder; their paths.

    Raises:
        ConfigError: the folder cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be made: {error.strerror}. Give another --images.") from error
    cited = [(number, found) for number, found in enumerate(answer.citations, 1) if found.page is not None]
    return [
        document.page_image(found).save(folder / f"question-{question}-citation-{number}.png")
        for number, found in cited
    ]


def _record(answer: Answer) -> dict[str, object]:
    """An answer as JSON takes it, without its token ids."""
    names = (
        "document_name", "question", "text", "withdrawn", "finish_reason", "pages", "warnings", "unsupported",
        "manifest",
    )  # fmt: skip
    usage = asdict(answer.usage) | {"computed_tokens": answer.usage.computed_tokens}
    citations = [asdict(citation) for citation in answer.citations]
    return {name: getattr(answer, name) for name in names} | {"citations": citations, "usage": usage}


@app.command()
def read(source: Source, model: Model = None) -> None:
    """Read a document whole, and say what it is and what it takes."""
    with opened(source, model, card=True) as reading:
        facts({"read": f"{reading.num_tokens:,} tokens, {size(reading.num_bytes)} in the cache"})


@app.command()
def ask(
    source: Source,
    questions: Annotated[list[str], typer.Argument(metavar="QUESTION...", help="Each in quotation marks.")],
    model: Model = None,
    max_tokens: Annotated[int, typer.Option(help="Of each answer, at most.")] = 1_024,
    system: Annotated[str | None, typer.Option(help="A further instruction.")] = None,
    images: Images = None,
    as_json: AsJson = False,
) -> None:
    """Read a document once and ask it questions, each independent of the others."""
    with opened(source, model) as reading:
        for number, question in enumerate(questions, 1):
            if len(questions) > 1 and not as_json:
                say(question, style="bold")
            answer = _show(reading.stream(question, max_tokens=max_tokens, system=system), as_json=as_json)
            if images is not None:
                written = _write_images(images, reading.document, answer, number)
                for path in () if as_json else written:
                    say(f"  {path}")
            if answer.finish_reason == "cancelled":
                break  # Ctrl-C ends the questions that wait, too


@app.command()
def summarize(
    source: Source,
    model: Model = None,
    words: Annotated[int, typer.Option(min=1, help="How many, within 15 %.")] = 150,
    style: Annotated[str, typer.Option(help="brief, executive, chronological or by-section.")] = "brief",
    as_json: AsJson = False,
) -> None:
    """Read a document and summarise all of it."""
    with opened(source, model) as reading:
        _show(reading.stream_summary(words, style), as_json=as_json)


@app.command()
def compare(
    first: Source,
    second: Source,
    question: Annotated[str | None, typer.Option("--ask", metavar="QUESTION", help="Also ask both.")] = None,
    model: Model = None,
    max_tokens: Annotated[int, typer.Option(help="Of an answer, at most.")] = 1_024,
    as_json: AsJson = False,
) -> None:
    """Compare two documents: what was added, removed, changed, moved, and what contradicts."""
    with opened(first, model) as reading, another(second, reading.bench) as other:
        found = reading.bench.compare(reading, other, question, max_tokens=max_tokens, progress=None)
    if as_json:
        for row in found.differences.iter_rows(named=True):
            typer.echo(json.dumps(row))
        if found.answer is not None:
            typer.echo(json.dumps(_record(found.answer), default=str))
        return
    say(str(found._repr_mimebundle_()["text/plain"]))


@app.command()
def matrix(
    sources: Annotated[list[Path], typer.Argument(metavar="FILES...", help="The documents, one row each.")],
    questions: Annotated[Path, typer.Option(metavar="FILE.toml", help='doctor = "Who is the doctor?" and so on.')],
    out: Annotated[Path, typer.Option(metavar="TABLE", help="Ends in .xlsx, .parquet or .html.")],
    model: Model = None,
    answers: Annotated[Path | None, typer.Option(metavar="FILE.jsonl", help="Keep the answers there.")] = None,
) -> None:
    """Ask several documents the same questions; one row a document. Called again after Ctrl-C, it goes on."""
    with reported():
        from workbench.analysis.columns import from_toml
        from workbench.session import Workbench

        asked = from_toml(questions)
        writers = {".xlsx": "to_excel", ".parquet": "to_parquet", ".html": "to_html"}
        if out.suffix.lower() not in writers:
            raise ConfigError(f"--out {out} ends in none of {', '.join(writers)}; that says what is written.")
        with Workbench(model) as bench:
            table = bench.matrix(sources, asked, out=answers)
        getattr(table, writers[out.suffix.lower()])(out)
        say(str(table._repr_mimebundle_()["text/plain"]))
        say(f"Written to {out}.")


@app.command()
def serve(
    sources: Annotated[list[str], typer.Argument(metavar="DOC...", help="As for read, several.")],
    model: Model = None,
    address: Annotated[str, typer.Option(help="Others than 127.0.0.1 let others read.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 takes a free one.")] = 5006,
    max_tokens: Annotated[int, typer.Option(min=1, help="Of each answer, at most.")] = 1_024,
    show: Annotated[bool, typer.Option("--show/--no-show", help="Open a browser.")] = True,
) -> None:
    """Serve documents as pages until Ctrl-C: each is read once, for all who look."""
    with reported():
        from workbench import dashboards

        tell = lambda url: say(f"Serving at {url} - Ctrl-C ends it.")  # noqa: E731
        cells = (dashboards.Summary(), dashboards.Ask(max_tokens=max_tokens))
        documents = [document(source) for source in sources]
        dashboards.serve(documents, model, address=address, port=port, show=show, cells=cells, on_start=tell)


@app.command()
def models(model: Model = None) -> None:
    """List the models with a name: window, licence, size, and whether they are on this machine."""
    from workbench.engine import registry

    with reported():
        entries = (registry.find(model),) if model else registry.entries()
    table = Table("name", "window", "size", "licence", "here", "description", box=None, pad_edge=False)
    for entry in entries:
        taken, here = size(entry.num_bytes or 2 * entry.num_params), "yes" if _present(entry) else "no"
        table.add_row(entry.name, f"{entry.window:,}", taken, entry.licence, here, entry.description)
    Console().print(table)


def _present(entry: Entry) -> bool:
    """Whether its files are on this machine; loading checks them closely."""
    if entry.packed_as == "gguf":
        return any((config.home() / "models" / entry.name).glob("*/model.*"))
    from huggingface_hub import try_to_load_from_cache

    names = ("model.safetensors", "model.safetensors.index.json")
    return any(isinstance(try_to_load_from_cache(entry.hub_id, name), str) for name in names)


@app.command()
def doctor(model: Model = None) -> None:
    """Say what this machine has, and which model would be taken."""
    memory, home = psutil.virtual_memory(), config.home()
    disk = shutil.disk_usage(next(folder for folder in (home, *home.parents) if folder.exists()))
    facts({
        "python": f"{platform.python_version()} on {platform.platform()}",
        **{name: version(name) for name in ("qwen-workbench", "torch", "transformers")},
        "gpu": _gpu(),
        "memory": f"{size(memory.available)} free of {size(memory.total)}",
        "disk": f"{size(disk.free)} free of {size(disk.total)}",
        "cache": str(home),
        "offline": "yes: nothing is fetched" if config.offline() else "no",
    })  # fmt: skip
    with reported():
        from workbench.session import Workbench

        with Workbench(model) as bench:
            facts({"model": bench.description})
        from workbench.engine import selftest

        facts({"attention": f"{selftest.verify_here()}; passes the self-test", "recurrence": selftest.linear_kernels()})


def _gpu() -> str:
    """What the NVIDIA driver says; whether torch can use it shows in the choice of the model."""
    command = [shutil.which("nvidia-smi") or "", "--query-gpu=name,memory.free", "--format=csv,noheader"]
    if not command[0]:
        return "none (no nvidia-smi)"
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - fixed arguments
    return "; ".join(done.stdout.splitlines()) if done.returncode == 0 else "none (nvidia-smi finds none)"


app.command()(extract)
app.add_typer(cache.app, name="cache")
app.add_typer(audit.app, name="audit")


@app.callback(invoke_without_command=True)
def _main(show: Annotated[bool, typer.Option("--version", help="Show the version and end.")] = False) -> None:
    if show:
        say(f"workbench {version('qwen-workbench')}")
        raise typer.Exit


if __name__ == "__main__":
    app()
