"""The command line as a person types it, with a real model of 135 million parameters."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

import workbench as wb
from tests.conftest import SAMPLES
from workbench import cli
from workbench.results import Answer, Citation, Delta, Usage

NOTE = "note-00.txt"
COMMANDS = ("read", "ask", "summarize", "compare", "extract", "matrix", "serve", "models", "doctor", "cache")


# What may never reach a terminal: ESC, BEL, the one-byte CSI, a lone return, direction marks, line separators.
OBEYED = set("\x1b\x07\x9b\r\u202e\u2066\u200f\u061c\u2028")
HOSTILE = "\x1b]0;taken\x07\x9b2J\r\u202e\u2066\u200f\u061c\u2028"


@pytest.fixture(scope="module")
def note() -> str:
    return str(SAMPLES / "patient-notes" / NOTE)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, list(arguments))


def said(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 1
    assert "Traceback" not in result.output
    assert result.stdout == ""
    return result.stderr


def test_help_names_every_command_and_each_has_its_own() -> None:
    overview = said("--help")
    assert all(command in overview for command in COMMANDS)
    for command in COMMANDS:
        assert "Usage" in said(command, "--help")


def test_the_version_is_that_of_the_package() -> None:
    assert re.fullmatch(r"workbench \d+\.\d+\.\d+\n", said("--version"))


@pytest.fixture(scope="module")
def card(note: str, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """What is said of a note that tries to drive the terminal, by its name and by its text."""
    hostile = tmp_path_factory.mktemp("notes") / f"a\nfit  fits {HOSTILE}.txt"
    hostile.write_text(Path(note).read_text() + HOSTILE)
    return run("read", str(hostile), "-m", "tiny")


@pytest.fixture(scope="module")
def records(note: str) -> list[dict[str, Any]]:
    out = said("ask", note, "How old is he?", "Who saw him?", "-m", "tiny", "--max-tokens", "5", "--json")
    return [json.loads(line) for line in out.splitlines()]


def test_read_says_what_the_document_is_and_what_it_takes(card: Result) -> None:
    assert card.exit_code == 0, card.output
    rows = [re.split(r"\s{2,}", line, maxsplit=1) for line in card.stdout.splitlines()]
    lines = dict(rows)
    assert len(lines) == len(rows)  # a name with a line break forges no row
    assert lines["document"].startswith("a fit fits ")
    assert "(text/plain, " in lines["document"]
    assert "window 8,192 tokens" in lines["model"]
    assert lines["fit"].startswith("fits: with 2,048")
    assert re.fullmatch(r"[\d,]+ tokens, [\d.]+ MB in the cache", lines["read"])


def test_questions_are_answered_in_order_and_counted(note: str, records: list[dict[str, Any]]) -> None:
    result = run("ask", note, "How old is he?", "Who saw him?", "-m", "tiny", "--max-tokens", "5")
    assert result.exit_code == 0, result.output
    out = result.stdout
    assert out.index("How old is he?") < out.index("Who saw him?")
    assert len(re.findall(r"^\d+ tokens reused · \d+ computed · 5 written$", out, re.MULTILINE)) == 2
    assert all(f"{record['text']} … (cut off)\n" in out for record in records)
    assert result.stderr == ""


def test_json_is_an_object_a_line(records: list[dict[str, Any]]) -> None:
    assert [record["question"] for record in records] == ["How old is he?", "Who saw him?"]
    for record in records:
        usage = record["usage"]
        assert record["document_name"] == NOTE
        assert record["text"].strip()
        assert (record["finish_reason"], usage["completion_tokens"]) == ("length", 5)
        assert 0 < usage["computed_tokens"] == usage["prompt_tokens"] - usage["reused_tokens"]
        assert isinstance(record["citations"], list)
        assert record["manifest"]["model"] == "tiny"


class Scripted:
    """A stream whose answer is known, in pieces of four characters."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __iter__(self) -> Iterator[Delta | Answer]:
        text = self.answer.withdrawn or self.answer.text
        yield from (Delta(text[start : start + 4], (0,)) for start in range(0, len(text), 4))
        yield self.answer

    def result(self) -> Answer:
        return self.answer


def shown(text: str, capsys: pytest.CaptureFixture[str], *, as_json: bool = False) -> str:
    """What is written of an answer with one quote from page iv and one from nowhere."""
    found = Citation(text, page=4, label="iv", start_char=0, end_char=len(text), passage=text, status="unassessed")
    answer = Answer("Why?", text, (found, Citation("invented")), Usage(9, 4, 2), "stop", (), ())
    cli.commands._show(Scripted(answer), as_json=as_json)  # type: ignore[arg-type]
    out, err = capsys.readouterr()
    assert err == ""
    return out


def test_an_answer_stands_over_its_quotes_and_its_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown("It [b]rained[/b].", capsys).splitlines() == [
        "It [b]rained[/b].",
        "  “It [b]rained[/b].” - page iv",
        "  “invented” - not in the document",
        "4 tokens reused · 5 computed · 2 written",
    ]


def test_what_was_withdrawn_is_followed_by_what_is_answered(capsys: pytest.CaptureFixture[str]) -> None:
    answer = Answer(
        "When?", "The document does not say.", (), Usage(9, 4, 2), "stop", (), (), withdrawn="In 2014.",
        warnings=("Withdrawn: “In 2014.”",),
    )  # fmt: skip
    cli.commands._show(Scripted(answer), as_json=False)  # type: ignore[arg-type]
    assert capsys.readouterr().out.splitlines()[:3] == [
        "In 2014.",
        "The document does not say.",
        "  ! Withdrawn: “In 2014.”",
    ]
    cli.commands._show(Scripted(answer), as_json=True)  # type: ignore[arg-type]
    assert json.loads(capsys.readouterr().out)["withdrawn"] == "In 2014."


def test_the_pages_of_citations_are_written_where_they_are_asked_for(note: str, tmp_path: Path) -> None:
    document, folder = wb.load(note), tmp_path / "new" / "pages"
    span = document.find(document.text[:40])
    assert span is not None
    found = Citation(document.text[:40], 1, "1", *span, status="unassessed")
    answer = Answer("Who?", "He.", (Citation("invented"), found), Usage(9, 4, 2), "stop", (), ())
    (path,) = cli.commands._write_images(folder, document, answer, 3)
    assert path == folder / "question-3-citation-2.png"
    assert path.read_bytes().startswith(b"\x89PNG")
    with pytest.raises(wb.ConfigError, match="--images"):
        cli.commands._write_images(path, document, answer, 1)


def test_asking_for_images_makes_the_folder(note: str, tmp_path: Path) -> None:
    folder = tmp_path / "pages"
    said("ask", note, "How old is he?", "-m", "tiny", "--max-tokens", "5", "--images", str(folder))
    assert folder.is_dir()


def test_citations_are_json_with_their_place(capsys: pytest.CaptureFixture[str]) -> None:
    record = json.loads(shown("It rained.", capsys, as_json=True))
    found, invented = record["citations"]
    assert (found["quote"], found["page"], found["label"], found["start_char"]) == ("It rained.", 4, "iv", 0)
    assert (invented["page"], invented["status"]) == (None, "no_source")
    assert record["pages"] == [4]
    assert record["usage"]["computed_tokens"] == 5


def test_a_summary_is_written(note: str) -> None:
    assert "tokens reused" in said("summarize", note, "-m", "tiny", "--words", "10")


def test_models_are_listed_or_one_of_them() -> None:
    out = said("models")
    assert all(name in out for name in ("qwen3.5-9b", "small", "tiny"))
    one = said("models", "-m", "small")
    assert "small" in one
    assert "tiny" not in one


def test_the_doctor_says_what_is_here_and_which_model_is_taken() -> None:
    out = said("doctor", "-m", "tiny")
    names = ("python", "torch", "memory", "cache", "offline", "SmolLM2-135M", "passes the self-test", "recurrence")
    assert all(name in out for name in names)


def test_a_missing_file_is_an_error_with_its_neighbour(samples: Path) -> None:
    err = refused("ask", str(samples / "persuasian.txt"), "Why?", "-m", "tiny")
    assert err.startswith("DocumentError: There is no file")
    assert "persuasion.txt" in err


def test_an_unknown_model_is_an_error_with_the_nearest_name(note: str) -> None:
    assert "Did you mean 'tiny'?" in refused("read", note, "-m", "tinny")
    assert "Did you mean 'small'?" in refused("models", "-m", "smal")


def test_what_does_not_fit_lists_its_choices_a_line_each(samples: Path) -> None:
    first, *choices = refused("ask", str(samples / "persuasion.txt"), "Why?", "-m", "tiny").splitlines()
    assert first.startswith("ContextTooLong: persuasion.txt takes ")
    assert choices
    assert all(choice.startswith("  - ") for choice in choices)


def test_a_document_cannot_drive_the_terminal(card: Result, tmp_path: Path) -> None:
    assert not OBEYED & set(card.output)
    err = refused("read", str(tmp_path / f"a\nError: {HOSTILE}.txt"), "-m", "tiny")
    assert not OBEYED & set(err)
    first, *others = err.splitlines()
    assert first.startswith("DocumentError: ")
    assert others
    assert all(line.startswith("  ") for line in others)


@pytest.mark.parametrize("as_json", [False, True])
def test_a_model_cannot_drive_the_terminal(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    out = shown(f"It {HOSTILE} rained.", capsys, as_json=as_json)
    assert "rained" in out
    assert not OBEYED & set(out)


def test_the_command_line_comes_up_without_torch() -> None:
    code = "import sys, workbench.cli; print({'torch', 'panel', 'transformers'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[str]]]:
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        process.kill()
        process.communicate()


def start(started: list[subprocess.Popen[str]], *arguments: str) -> subprocess.Popen[str]:
    """The command with its errors on a terminal, as far as it can tell: so that its progress is drawn."""
    environment = os.environ | {"FORCE_COLOR": "1"}
    command = [sys.executable, "-m", "workbench.cli", *arguments]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, errors="replace"
    )
    started.append(process)
    return process


def test_an_interrupt_keeps_what_was_written(note: str, started: list[subprocess.Popen[str]]) -> None:
    question = "Tell a long story about it."
    process = start(started, "ask", note, question, "And then?", "-m", "tiny", "--max-tokens", "4000")
    assert process.stdout is not None
    heading, first = process.stdout.readline(), process.stdout.read(5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert question in heading
    assert first.strip()
    assert "… (stopped)" in out
    assert "And then?" not in out
    assert "Traceback" not in err
    assert process.returncode == 0


def test_an_interrupted_read_ends_with_one_line(tmp_path: Path, started: list[subprocess.Popen[str]]) -> None:
    long = tmp_path / "long.txt"
    # 5,000 tokens: they fit, and take long enough.
    long.write_text("\n\n".join(f"Paragraph {n} tells of a walk in Bath, where it rained." for n in range(250)))
    process = start(started, "read", str(long), "-m", "tiny")
    assert process.stderr is not None
    drawn = ""
    while "Reading" not in drawn:
        piece = process.stderr.read(1)
        assert piece, drawn
        drawn += piece
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", err).strip().splitlines()[-1] == "Interrupted."
    assert "cost" in out
    assert "in the cache" not in out
    assert "Reading" not in out


def test_two_files_are_compared(tmp_path: Path, note: str) -> None:
    other = tmp_path / "later.txt"
    other.write_text(Path(note).read_text().replace("52-year-old", "53-year-old"))
    (row,) = map(json.loads, said("compare", note, str(other), "--model", "tiny", "--json").splitlines())
    assert row["kind"] in ("changed", "contradicts")
    assert "53-year-old" in row["second_quote"]


def test_a_table_is_not_begun_with_a_schema_or_a_file_that_cannot_be(note: str, tmp_path: Path) -> None:
    ran = run("extract", note, "--schema", "a numbr", "--model", "tiny")
    assert ran.exit_code == 1
    assert "Did you mean 'number'?" in ran.stderr
    ran = run("extract", note, "--schema", "a", "--out", str(tmp_path / "a.xls"), "--model", "tiny")
    assert "Did you mean '.xlsx'?" in ran.stderr


@pytest.mark.slow
def test_a_table_is_shown_and_written(note: str, tmp_path: Path) -> None:
    path = tmp_path / "a.xlsx"
    shown = said("extract", note, "--schema", "patient", "--rows", "one", "--out", str(path), "--model", "tiny")
    assert "1 row" in shown
    assert path.stat().st_size > 0


def test_a_matrix_that_cannot_be_written_is_refused_before_anything_is_read(tmp_path: Path, note: str) -> None:
    (tmp_path / "q.toml").write_text('doctor = "Who is the doctor?"')
    arguments = ("matrix", note, "--questions", str(tmp_path / "q.toml"), "--model", "tiny", "--out")
    assert "ends in none of" in run(*arguments, str(tmp_path / "a.txt")).output
