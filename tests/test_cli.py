"""The command line as a person types it, with a real model of 135 million parameters."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from workbench import cli

NOTE = "note-00.txt"
COMMANDS = ("read", "ask", "summarize", "serve", "models", "doctor")


@pytest.fixture
def note(samples: Path) -> str:
    return str(samples / "patient-notes" / NOTE)


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
    return result.stderr


def test_help_names_every_command_and_each_has_its_own() -> None:
    overview = said("--help")
    assert all(command in overview for command in COMMANDS)
    for command in COMMANDS:
        assert "Usage" in said(command, "--help")


def test_the_version_is_that_of_the_package() -> None:
    assert re.fullmatch(r"workbench \d+\.\d+\.\d+\n", said("--version"))


def test_read_says_what_the_document_is_and_what_it_takes(note: str) -> None:
    lines = dict(re.split(r"\s{2,}", line, maxsplit=1) for line in said("read", note, "-m", "tiny").splitlines())
    assert lines["document"].startswith(f"{NOTE} (text/plain, ")
    assert "window 8,192 tokens" in lines["model"]
    assert lines["fit"].startswith("fits")
    assert re.fullmatch(r"[\d,]+ tokens, [\d.]+ MB in the cache", lines["read"])


def test_questions_are_answered_in_order_and_counted(note: str) -> None:
    out = said("ask", note, "How old is he?", "Who saw him?", "-m", "tiny", "--max-tokens", "5")
    assert out.index("How old is he?") < out.index("Who saw him?")
    assert len(re.findall(r"^\d+ tokens reused · \d+ computed · \d written$", out, re.MULTILINE)) == 2


def test_json_is_an_object_a_line(note: str) -> None:
    out = said("ask", note, "How old is he?", "Who?", "-m", "tiny", "--max-tokens", "5", "--json")
    records = [json.loads(line) for line in out.splitlines()]
    assert [record["question"] for record in records] == ["How old is he?", "Who?"]
    first = records[0]
    assert first["document_name"] == NOTE
    assert first["usage"]["computed_tokens"] == first["usage"]["prompt_tokens"] - first["usage"]["reused_tokens"]
    assert isinstance(first["citations"], list)
    assert first["manifest"]["model"] == "tiny"


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
    assert all(name in out for name in ("python", "torch", "memory", "cache", "offline", "SmolLM2-135M"))


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


def test_a_document_cannot_drive_the_terminal(tmp_path: Path) -> None:
    hostile = tmp_path / "a\x1b[2J\u202e.txt"
    hostile.write_text("\x1b]0;taken\x07 and nothing else in it \u202e")
    result = run("read", str(hostile), "-m", "tiny")
    assert not re.search("[\x1b\x07\u202e]", result.stdout + result.stderr)
    assert "\x1b" not in refused("read", f"{hostile}x", "-m", "tiny")


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
    # Written as a pipe is read, so that the test sees when the first words come.
    command = [sys.executable, "-u", "-m", "workbench.cli", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    started.append(process)
    return process


def test_an_interrupt_keeps_what_was_written(note: str, started: list[subprocess.Popen[str]]) -> None:
    process = start(started, "ask", note, "Tell a long story about it.", "-m", "tiny", "--max-tokens", "4000")
    assert process.stdout is not None
    first = process.stdout.read(5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert first.strip()
    assert "… (stopped)" in out
    assert "Traceback" not in err
    assert process.returncode == 0


def test_an_interrupted_read_ends_with_one_line(tmp_path: Path, started: list[subprocess.Popen[str]]) -> None:
    long = tmp_path / "long.txt"
    long.write_text("\n\n".join(f"Paragraph {n} tells of a walk in Bath, where it rained." for n in range(330)))
    process = start(started, "read", str(long), "-m", "tiny")
    assert process.stdout is not None
    # The card comes before the reading, whose last line is `cost`.
    assert any(line.startswith("cost") for line in iter(process.stdout.readline, ""))
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert err.strip().splitlines()[-1] == "Interrupted."
    assert "in the cache" not in out
