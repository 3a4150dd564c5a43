"""``%qwen`` typed into a terminal, key by key, as a person does."""

import sys
from pathlib import Path

import pexpect
import pytest


@pytest.fixture
def terminal(tmp_path: Path):
    (tmp_path / "walk.txt").write_text("Anne Elliot walked to Milsom Street, where it rained. " * 8)
    child = pexpect.spawn(
        sys.executable,
        ["-m", "IPython", "--simple-prompt", "--no-banner", "--colors=nocolor", f"--ipython-dir={tmp_path}"],
        cwd=tmp_path,
        encoding="utf-8",
        timeout=60,
        dimensions=(40, 200),
    )
    child.expect_exact("In [1]: ")
    yield child
    child.close(force=True)


def test_a_document_is_read_and_asked_at_the_prompt(terminal: pexpect.spawn):
    terminal.sendline("%load_ext workbench")
    terminal.expect_exact("In [2]: ")
    assert "Out" not in terminal.before, "loading prints nothing"
    terminal.sendline("%qwen read walk.txt --model tiny")
    terminal.expect("Out\\[2\\]: Reading\\('walk.txt', \\d+ tokens, 'tiny'\\)")
    terminal.expect_exact("In [3]: ")
    terminal.sendline("%%qwen --max-tokens 5 --out said")
    terminal.sendline("Where did {Anne} walk?")
    terminal.sendline("")
    terminal.sendline("")
    terminal.expect("\\(\\d+ tokens reused · \\d+ computed · 5 written\\)")
    terminal.expect_exact("In [4]: ")
    terminal.sendline("said.question")
    terminal.expect_exact("'Where did {Anne} walk?'")
    terminal.sendline("%qwen red walk.txt")
    terminal.expect_exact("UsageError: argument COMMAND: invalid choice: 'red'")
    terminal.sendline("%qwen read wlak.txt")
    terminal.expect_exact("DocumentError: There is no file wlak.txt")
    assert "Traceback" not in terminal.before
