"""A process of its own for what may crash, hang or swell: each end is an error that says what happened."""

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import zipfile
from dataclasses import asdict, replace

import psutil
import pytest

import workbench as wb
from tests.documents.test_pdf import make
from workbench.documents.archive import from_bytes
from workbench.documents.isolation import Worker
from workbench.documents.parsed import ReadOptions
from workbench.documents.watch import Limits
from workbench.errors import ConfigError, DocumentError

LIMITS = Limits(memory_bytes=200 << 20, stall_s=30, total_s=60, output_bytes=8 << 20)


@pytest.fixture(autouse=True)
def nothing_left(monkeypatch, tmp_path):
    """Whatever a test does, no process and no file of it stays."""
    monkeypatch.delenv("WORKBENCH_ISOLATION")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    yield
    assert psutil.Process().children() == []
    assert list((tmp_path / "temporary").iterdir()) == []


def run(task, data=b"", limits=LIMITS, report=lambda *_: None, cancel=None, **parameters):
    with Worker(limits) as worker:
        return worker.run(
            f"tests.documents.hostile:{task}", data, parameters, name="a.pdf", report=report, cancel=cancel
        )


def refused(task, limits=LIMITS, **parameters):
    with pytest.raises(DocumentError) as caught:
        run(task, limits=limits, **parameters)
    return str(caught.value)


def test_bytes_go_in_and_come_back():
    data, seen = os.urandom(3 << 20), []
    content = run("echo", data, report=lambda *pages: seen.append(pages), page=3)
    assert content == data + b'{"page": 3}'
    assert seen == [(1, 2)]


def test_one_process_does_many_tasks_and_goes_on_after_a_refusal():
    with Worker() as worker:
        pid = worker.pid
        parameters = {"name": "a.pdf", "path": "a.pdf", "suffix": "", "options": asdict(ReadOptions())}
        for _ in range(3):
            content = worker.run("workbench.documents.parsing:parse_task", make("one"), parameters, name="a.pdf")
            assert from_bytes(content).text == "one\n"
            with pytest.raises(DocumentError, match="cannot be opened as PDF"):
                worker.run("workbench.documents.parsing:parse_task", b"%PDF-1.4 none", parameters, name="a.pdf")
            assert worker.alive
        assert worker.pid == pid
        assert worker.peak_bytes > 10 << 20
    assert not worker.alive


def test_an_endless_loop_is_stopped_where_it_stands():
    said = refused("spin", replace(LIMITS, stall_s=0.5))
    assert said == (
        "a.pdf: its reader made no progress for 0.5 s after 3 of 7 and was stopped. If you trust the file, allow more: "
        "WORKBENCH_PARSE_S=1."
    )


def test_the_same_page_again_and_again_is_no_progress():
    assert "made no progress for 0.5 s after 7 of 7 and" in refused("stutter", replace(LIMITS, stall_s=0.5))


def test_progress_without_end_has_an_end():
    said = refused("crawl", replace(LIMITS, total_s=1))
    assert re.match(r"a\.pdf: its reader was not done after 1 s after \d+ and was stopped\. ", said)


def test_swelling_memory_is_stopped_with_the_setting_that_allows_more():
    said = refused("swell")
    assert said == (
        "a.pdf takes more than 0.2 GB of memory to read; its reader was stopped after 5 of 9. If you trust the file, "
        "allow more: WORKBENCH_PARSE_GB=0.4."
    )


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits the address space")
def test_memory_asked_for_at_once_is_refused():
    assert refused("swell_at_once").startswith("a.pdf takes more than 0.2 GB of memory to read")


def test_what_comes_back_has_a_limit():
    assert len(run("gush", megabytes=8)) == 8 << 20
    said = refused("gush", megabytes=9)
    assert said.startswith("a.pdf swells to 0.00879 GB when it is read; at most 0.00781 GB are taken")
    assert "WORKBENCH_PARSE_GB=" in said


def test_a_crash_ends_the_reader_alone():
    said = refused("crash")
    assert said.startswith("a.pdf cannot be read: its reader crashed (SIGSEGV) after 2 of 4. ")
    assert run("echo", b"still here") == b"still here{}"


def test_an_end_without_an_answer_is_said():
    assert "its reader ended without an answer (exit code 3)" in refused("leave")


def test_an_error_nobody_foresaw_is_said_without_what_a_terminal_would_obey():
    said = refused("fail")
    assert said.startswith("a.pdf cannot be read: its reader failed (LookupError: no � such � thing). ")


def test_what_libraries_print_is_no_answer():
    assert run("print_junk") == b"told"


@pytest.mark.parametrize(
    "words",
    [
        b"junk\n", b"[1]\n", b"{}\n", b"null\n", b'{"result_bytes": -1, "peak_bytes": 0}\n', b"[" * 100_000 + b"\n",
        b'{"result_bytes": 99999999999999, "peak_bytes": 0}\n', b'{"done": "x", "total": 1}\n', b"x" * (3 << 20),
        b'{"result_bytes": 10, "peak_bytes": 0}\n123', b'{"done": 1, "total": 2}\n' * 10_000 + b"junk\n",
        b'{"result_bytes": "10", "peak_bytes": 0}\n', b'{"kind": "output", "num_bytes": null}\n', b"\xff\xfe\n", b"",
        b'{"kind": "output", "num_bytes": 1' + b"0" * 4_000 + b"}\n", b'{"kind": "x", "error": "\\ud800"}\n',
        b'{"done": 1' + b"0" * 4_000 + b', "total": 1}\n',
    ],
)  # fmt: skip
def test_a_reader_taken_over_by_its_file_is_not_believed(words):
    said = refused("lie", words=words.hex())
    said.encode()
    assert said.startswith("a.pdf cannot be read: its reader ")


def test_a_document_that_is_none_is_not_believed(monkeypatch):
    from workbench.documents import parsing

    monkeypatch.setattr(parsing, "PARSE_TASK", "tests.documents.hostile:echo")
    with pytest.raises(DocumentError, match="answered with something else than a document"):
        wb.load(make("one"), name="a.pdf", progress=None)


def test_a_reader_killed_from_outside_is_said():
    killed = []

    def kill(pid, _total):
        if pid and not killed:
            killed.append(os.kill(pid, signal.SIGKILL))

    with pytest.raises(DocumentError, match=r"was killed from outside \(SIGKILL\), as a system short of memory does"):
        run("wait", report=kill)


def test_a_reader_can_do_nothing_but_read(tmp_path, monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("SECRET_TOKEN", "hush")
    (tmp_path / "old").write_text("stays")
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = json.loads(run("misbehave", folder=str(tmp_path), port=server.getsockname()[1]))
    assert set(found["tried"].values()) == {"PermissionError"}
    assert (tmp_path / "old").read_text() == "stays"
    assert not (tmp_path / "new").exists()
    assert not {"HTTPS_PROXY", "SECRET_TOKEN", "HOME"} & set(found["environment"])


def _may_leave_the_network():
    """Whether the system here lets a process give up the network."""
    code = "import ctypes, sys; sys.exit(ctypes.CDLL(None).unshare(0x40000000 if not int(sys.argv[1]) else 0x50000000))"
    return sys.platform == "linux" and not subprocess.run([sys.executable, "-c", code, str(os.geteuid())]).returncode


@pytest.mark.skipif(not _may_leave_the_network(), reason="the system here does not let a process give up the network")
def test_a_reader_has_no_network_in_c_either():
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert run("connect_natively", port=server.getsockname()[1]) == b"Network is unreachable"


def test_a_reader_imports_documents_and_no_model_and_no_interface():
    parameters = {"name": "a.pdf", "path": "a.pdf", "suffix": "", "options": asdict(ReadOptions())}
    imported = json.loads(run("modules", make("one"), **parameters))
    assert "pymupdf" in imported
    assert not {"torch", "transformers", "panel", "IPython", "polars", "workbench.engine"} & set(imported)


def test_a_reader_does_not_import_what_lies_beside_the_document(tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("raise SystemExit('owned')")
    (tmp_path / "pymupdf.py").write_text("raise SystemExit('owned')")
    (tmp_path / "a.pdf").write_bytes(make("one"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("")
    assert wb.load("a.pdf", progress=None).text == "one\n"


@pytest.mark.parametrize("error", [KeyboardInterrupt, ZeroDivisionError])
def test_an_interrupt_ends_the_reader_at_once(error):
    pids = []

    def stop(pid, _total):
        if pid:
            pids.append(pid)
            raise error

    with pytest.raises(error):
        run("wait", report=stop)
    assert not psutil.pid_exists(pids[0])


def test_ctrl_c_ends_the_reader_at_once():
    def press(pid, _total):
        if pid:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        run("wait", report=press)


def test_a_cancelled_reader_is_gone_and_says_how_far_it_came():
    cancel = threading.Event()

    def seen(done, _total):
        if done:
            cancel.set()

    with pytest.raises(DocumentError, match=r"^Loading a\.pdf was stopped after 3 of 7\. Load it again"):
        run("spin", report=seen, cancel=cancel)


def test_a_process_that_was_stopped_takes_no_other_task():
    with Worker(LIMITS) as worker:
        with pytest.raises(ZeroDivisionError):
            worker.run("tests.documents.hostile:wait", b"", {}, name="a.pdf", report=lambda *_: 1 // 0)
        assert not worker.alive


@pytest.mark.skipif(sys.platform == "win32", reason="a killed parent is noticed on POSIX")
def test_a_reader_ends_with_a_parent_that_is_killed():
    code = (
        "import sys\n"
        "from workbench.documents.isolation import Worker\n"
        "say = lambda pid, _: print(pid, flush=True) if pid else None\n"
        "Worker().run('tests.documents.hostile:wait', b'', {}, name='a.pdf', report=say)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment) as parent:
        reader = psutil.Process(int(parent.stdout.readline()))
        assert reader.is_running()
        parent.kill()
    assert psutil.wait_procs([reader], timeout=30)[1] == []


def test_a_bomb_in_an_epub_is_an_error_and_the_limit_is_said(monkeypatch):
    monkeypatch.setenv("WORKBENCH_PARSE_GB", "0.1")
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="a.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
    )
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" version="3.0"><metadata/><manifest>'
        '<item id="a" href="a.xhtml" media-type="application/xhtml+xml"/></manifest>'
        '<spine><itemref idref="a"/></spine></package>'
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("mimetype", "application/epub+zip", zipfile.ZIP_STORED)
        book.writestr("META-INF/container.xml", container)
        book.writestr("a.opf", package)
        with book.open("a.xhtml", "w") as part:
            for _ in range(100):
                part.write(b"<p>again</p>" * 100_000)
    assert len(buffer.getvalue()) < 1_000_000
    with pytest.raises(DocumentError):
        wb.load(buffer.getvalue(), name="bomb.epub", progress=None)


@pytest.mark.parametrize("value", ["0", "-1", "much", "nan", "inf"])
@pytest.mark.parametrize("variable", ["WORKBENCH_PARSE_GB", "WORKBENCH_PARSE_S"])
def test_a_limit_that_is_no_number_is_said(variable, value, monkeypatch):
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError, match=f"{variable}={value!r} is not a number of"):
        wb.load(b"<html><p>Text.", name="a.html", progress=None)


def test_without_processes_the_setting_that_reads_here_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    with pytest.raises(DocumentError, match="WORKBENCH_ISOLATION=off"):
        wb.load(b"<html><p>Text.", name="a.html", progress=None)
    monkeypatch.setenv("WORKBENCH_ISOLATION", "off")
    assert wb.load(b"<html><p>Text.", name="a.html", progress=None).text.strip() == "Text."


def test_a_document_read_apart_is_the_one_read_here(samples, monkeypatch):
    apart = wb.load(samples / "cms-1490s.pdf", progress=None)
    monkeypatch.setenv("WORKBENCH_ISOLATION", "off")
    assert wb.load(samples / "cms-1490s.pdf", progress=None) == apart
