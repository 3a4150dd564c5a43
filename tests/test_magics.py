"""``%qwen`` in a real shell, with a real model of 135 million parameters."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

import workbench as wb
from workbench.analysis.ask import AnswerStream
from workbench.errors import ConfigError, WorkbenchError

TEXT = "\n\n".join(
    f"Day {day}. Anne Elliot walked to the shop of Mr. Molland in Milsom Street, where it rained."
    for day in range(1, 19)
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("my books") / "bath walks.txt"
    file.write_text(TEXT)
    return file


@pytest.fixture(scope="module")
def session(path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[InteractiveShell]:
    """A shell that has read the document; ended with the module."""
    config = Config()
    config.HistoryManager.enabled = False
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=config, ipython_dir=str(tmp_path_factory.mktemp("ipython")))
    ran = shell.run_cell("%load_ext workbench", store_history=True)
    assert ran.success
    shell.user_ns["where"] = str(path)
    assert shell.run_cell("%qwen read {where} --model tiny", store_history=True).success
    shell.run_cell("%config QwenMagics.max_tokens = 6")
    yield shell
    assert shell.run_cell("%qwen close").success
    InteractiveShell.clear_instance()


@pytest.fixture
def shell(session: InteractiveShell, path: Path) -> InteractiveShell:
    session.user_ns["where"] = str(path)
    magics(session)._chat = None
    return session


def magics(shell: InteractiveShell) -> Any:
    return shell.magics_manager.registry["QwenMagics"]


def run(shell: InteractiveShell, cell: str) -> Any:
    ran = shell.run_cell(cell, store_history=True)
    ran.raise_error()
    return ran.result


def failing(shell: InteractiveShell, cell: str) -> BaseException:
    ran = shell.run_cell(cell)
    assert not ran.success
    assert ran.error_in_exec is not None
    return ran.error_in_exec


def test_a_cell_is_a_question_and_its_value_the_answer(shell: InteractiveShell) -> None:
    answer = run(shell, "%%qwen\nWhere did Anne walk?\n")
    assert isinstance(answer, wb.Answer)
    assert answer.question == "Where did Anne walk?"
    assert answer.usage.completion_tokens <= 6
    assert shell.user_ns["Out"][shell.execution_count - 1] is answer
    assert shell.user_ns["_"] is answer
    assert run(shell, "%%qwen\nWhere did Anne walk?\n").token_ids == answer.token_ids


def test_the_answer_is_shown_once(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    answer = run(shell, "%%qwen\nWhere did Anne walk?\n")
    assert capsys.readouterr().out.splitlines().count(answer.text) == 1


def test_only_names_of_the_user_are_filled_in(shell: InteractiveShell) -> None:
    shell.user_ns["who"] = "Anne"
    cell = '%%qwen\nWho is {who}? {nobody} {"who": 1} {{who}} {1+1} {who!r} {open} {} $who'
    assert run(shell, cell).question == 'Who is Anne? {nobody} {"who": 1} {{who}} {1+1} {who!r} {open} {} $who'
    assert run(shell, "%%qwen --raw\nWho is {who}?").question == "Who is {who}?"


def test_an_answer_in_braces_is_its_text(shell: InteractiveShell) -> None:
    first = run(shell, "%%qwen --out first\nWhere?")
    assert shell.user_ns["first"] is first
    assert run(shell, "%%qwen\nIs this right: {first}").question == f"Is this right: {first.text}".strip()


def test_flags_reach_the_question(shell: InteractiveShell) -> None:
    answer = run(shell, '%%qwen --max-tokens 2 -s "Answer in French." -f text\nWhere?')
    assert answer.usage.completion_tokens <= 2
    assert list(answer._repr_mimebundle_()) == ["text/plain"]
    plain = run(shell, "%%qwen --max-tokens 2\nWhere?")
    assert len(answer.prompt_token_ids) > len(plain.prompt_token_ids)
    assert "text/html" not in run(shell, "%%qwen --max-tokens 2 -f markdown\nWhere?")._repr_mimebundle_()


def test_a_chat_goes_on_where_a_question_starts_anew(shell: InteractiveShell) -> None:
    first = run(shell, "%%qwen --chat\nWhere did Anne walk?")
    second = run(shell, "%%qwen --chat\nAnd then?")
    alone = run(shell, "%%qwen\nAnd then?")
    assert second.prompt_token_ids[: len(first.prompt_token_ids)] == first.prompt_token_ids
    assert len(alone.prompt_token_ids) < len(second.prompt_token_ids)
    assert len(magics(shell)._chat.turns) == 2


def test_a_summary_is_an_answer(shell: InteractiveShell) -> None:
    answer = run(shell, "%qwen summarize --words 10 --style executive --out short")
    assert isinstance(answer, wb.Answer)
    assert shell.user_ns["short"] is answer


def test_status_says_model_document_and_conversation(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    run(shell, "%qwen status")
    lines = capsys.readouterr().out.splitlines()
    assert "tiny" in lines[0]
    assert lines[1].startswith("bath walks.txt: read, ")
    assert lines[2] == "Conversation: 0 answers."


def test_help_is_at_both_levels(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    for cell, words in {
        "%qwen --help": ("read", "open", "readings", "summarize", "status", "use", "close"),
        "%qwen": ("read", "summarize"),
        "%qwen read --help": ("PATH", "--model"),
        "%qwen open --help": ("NAME", "--model", "hash"),
        "%%qwen --help\n ": ("--chat", "--raw", "--out", "--system", "--format", "--max-tokens"),
    }.items():
        assert run(shell, cell) is None
        out = capsys.readouterr().out
        assert all(word in out for word in words)


@pytest.mark.parametrize(
    "cell",
    [
        "%qwen raed x",
        "%qwen read",
        "%qwen open",
        "%qwen summarize --words many",
        '%qwen read "open',
        "%%qwen --nothing\nWhere?",
        "%%qwen --out 1x\nWhere?",
        "%%qwen -f html\nWhere?",
        "%%qwen\n \n",
    ],
)
def test_a_mistyped_line_is_a_usage_error(shell: InteractiveShell, cell: str) -> None:
    assert type(failing(shell, cell)).__name__ == "UsageError"


def test_our_errors_fail_the_cell_with_one_line(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    error = failing(shell, "%qwen read /nowhere/at-all.txt")
    assert isinstance(error, WorkbenchError)
    printed = capsys.readouterr()
    assert "Traceback" not in printed.out + printed.err
    assert isinstance(failing(shell, "%%qwen --max-tokens 0\nWhere?"), ConfigError)
    assert run(shell, "%%qwen\nWhere?"), "the reading is still there"


def test_a_question_without_a_document_says_what_to_type(shell: InteractiveShell) -> None:
    held = magics(shell)
    reading, held._reading = held._reading, None
    try:
        error = failing(shell, "%%qwen\nWhere?")
    finally:
        held._reading = reading
    assert isinstance(error, ConfigError)
    assert "%qwen read PATH" in str(error)


def test_an_unknown_model_leaves_everything_as_it_was(shell: InteractiveShell) -> None:
    before = magics(shell)._reading
    assert isinstance(failing(shell, "%qwen use tinny"), WorkbenchError)
    assert magics(shell)._reading is before
    assert not before.closed
    assert run(shell, "%qwen use tiny") is before.bench, "the same model stays open"


def test_what_a_variable_holds_is_used_and_stays_its_owners(shell: InteractiveShell) -> None:
    held = magics(shell)
    before = held.__dict__.copy()
    lent = shell.user_ns["lent"] = before["_bench"].read(before["_reading"].document, progress=None)
    try:
        held._bench = held._reading = None  # so that nothing of the module's is closed
        assert run(shell, "%qwen use lent") is lent
        assert run(shell, "%%qwen\nWhere?").document_name == lent.document.name
        run(shell, "%qwen close")
        assert not lent.closed
        assert lent.ask("Where?", max_tokens=2).text is not None
    finally:
        lent.close()
        held.__dict__.update(before)


def test_reading_again_keeps_one_reading_open(shell: InteractiveShell) -> None:
    before = magics(shell)._reading
    reading = run(shell, "%qwen read {where}")
    assert before.closed
    assert not reading.closed
    assert reading.bench.open_readings == (reading,)
    assert reading.read_usage.computed_tokens == 0


def test_another_document_takes_the_place_of_the_first(shell: InteractiveShell, tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("Sir Walter Elliot read one book, and no other. " * 5)
    run(shell, "%%qwen --chat\nWhere?")
    shell.user_ns["where"] = tmp_path / "other.txt"
    reading = run(shell, "%qwen read {where}")
    assert reading.bench.open_readings == (reading,)
    assert magics(shell)._chat is None
    assert "Sir Walter" in reading.document.text


@pytest.fixture
def kept(shell: InteractiveShell, checkpoint: Callable[[str], Path], tmp_path: Path) -> Iterator[wb.Workbench]:
    """The shell with a workbench that keeps readings on disk."""
    held = magics(shell)
    before = held.__dict__.copy()
    with wb.Workbench(str(checkpoint("llama")), store=tmp_path) as bench:
        held._bench, held._reading, held._lent = bench, None, (bench,)
        yield bench
        held.__dict__.update(before)


def test_readings_are_listed_and_opened_without_their_file(shell: InteractiveShell, kept: wb.Workbench) -> None:
    assert run(shell, "%qwen readings").is_empty()
    kept.read(wb.load(b"It rained in Bath.", name="my walks.txt"), progress=None).close()
    frame = run(shell, "%qwen readings")
    assert frame.equals(kept.readings())
    assert frame["name"].to_list() == ["my walks.txt"]
    reading = run(shell, '%qwen open "my walks"')
    assert isinstance(reading, wb.Reading)
    assert reading.read_usage.computed_tokens == 0
    assert run(shell, "%%qwen --max-tokens 2\nWhere?").document_name == "my walks.txt"
    again = run(shell, f"%qwen open {frame['key'][0]}")
    assert kept.open_readings == (again,)
    error = failing(shell, "%qwen open walks.txt")
    assert isinstance(error, ConfigError)
    assert "Did you mean 'my walks.txt'?" in str(error)
    assert not again.closed, "a mistyped name closes nothing"


class Interrupting:
    """A view at which somebody presses the interrupt."""

    closed: Any = None

    def update(self, _text: str) -> None:
        raise KeyboardInterrupt

    def close(self, answer: Any) -> None:
        self.closed = answer


def test_an_interrupt_keeps_what_was_written(shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> None:
    view = Interrupting()
    monkeypatch.setattr("workbench.views.streaming_view", lambda _question: view)
    answer = run(shell, "%%qwen --max-tokens 400\nTell everything.")
    assert answer.finish_reason == "cancelled"
    assert view.closed is answer
    monkeypatch.undo()
    assert run(shell, "%%qwen\nWhere?").finish_reason != "cancelled"


def test_an_answer_that_fails_fails_the_cell(shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: AnswerStream) -> Any:
        raise wb.EngineError("the engine failed")

    monkeypatch.setattr(AnswerStream, "__next__", broken)
    assert isinstance(failing(shell, "%%qwen\nWhere?"), wb.EngineError)


def test_a_citation_of_the_last_answer_is_shown_on_its_page(shell: InteractiveShell) -> None:
    run(shell, "%qwen read {where}")
    run(shell, "%%qwen\nWhere did Anne walk?\n")
    held = magics(shell)
    document = held._reading.document
    passage = "Anne Elliot walked to the shop"
    span = document.find(passage)
    cited = wb.Citation(passage, 1, "1", *span, status="unassessed", passage=passage)
    held._answer = replace(held._answer, citations=(wb.Citation("invented"), cited))
    image = run(shell, "%qwen show 2")
    assert (image.page, image.num_marked) == (1, 1)
    assert "no place" in str(failing(shell, "%qwen show"))
    assert "the last answer has 2" in str(failing(shell, "%qwen show 3"))


def test_the_document_is_compared_with_another(shell: InteractiveShell, tmp_path: Path) -> None:
    (tmp_path / "later.txt").write_text(TEXT.replace("Day 3.", "Day 3, at noon."))
    shell.user_ns["later"] = tmp_path / "later.txt"
    run(shell, "%qwen read {where}")
    found = run(shell, "%qwen compare {later} --out changes")
    assert isinstance(found, wb.Comparison)
    assert found is shell.user_ns["changes"]
    assert found.second == "later.txt"
    assert type(failing(shell, "%qwen compare a b c")).__name__ == "UsageError"


def test_the_options_of_a_table_are_read_and_explained(capsys: pytest.CaptureFixture[str]) -> None:
    from workbench.magics.line import Helped, extract_parser, parsed

    with pytest.raises(Helped):
        parsed(extract_parser(), ["--help"])
    assert "person, born date, amount number" in " ".join(capsys.readouterr().out.split())
    options = parsed(extract_parser(), ["--out", "people", "--one", "--max-rows", "3"])
    assert (options.out, options.one, options.max_rows) == ("people", True, 3)


def test_documents_are_asked_the_questions_of_a_variable(shell: InteractiveShell) -> None:
    shell.user_ns["asked"] = {"who": "Who walked?"}
    table = run(shell, "%qwen matrix {where} --questions asked --out found")
    assert table is shell.user_ns["found"]
    assert table.frame.columns == ["document", "who"]
    assert isinstance(failing(shell, "%qwen matrix {where} --questions none.toml"), ConfigError)
