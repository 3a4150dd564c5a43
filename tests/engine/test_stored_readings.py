"""What is kept on disk: reopened at once with the same bits, shared by what begins alike, never believed unseen."""

import json
import os
import shutil
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from tests.checkpoints import MAKERS
from tests.engine.test_oracles import NO_END, QUESTION, document, make_engine
from workbench.config import SamplingParams
from workbench.engine import stored
from workbench.engine.blocks import BLOCK_SIZE
from workbench.engine.local import GRID, LocalEngine
from workbench.engine.store import Store
from workbench.errors import CacheFull, ConfigError
from workbench.types import Keep, ReadProgress

NUM_TOKENS = 3 * GRID + 100
KEEP = Keep({"name": "novel.txt", "hash": "abcdef0123456789", "model": "random"}, b"the document")
Engines = Callable[..., LocalEngine]


@pytest.fixture(params=sorted(MAKERS))
def engines(request: pytest.FixtureRequest, checkpoint: Callable[[str], Path], tmp_path: Path) -> Iterator[Engines]:
    """Engines over one store, as processes have them."""
    made = []

    def make(folder: Path = tmp_path / "store", **options: object) -> LocalEngine:
        made.append(make_engine(checkpoint(request.param), store=Store(folder), **options))
        return made[-1]

    make.store = Store(tmp_path / "store")
    yield make
    for engine in made:
        engine.close()


@pytest.fixture
def hybrid(checkpoint: Callable[[str], Path], tmp_path: Path) -> Iterator[Engines]:
    made = []

    def make(**options: object) -> LocalEngine:
        made.append(make_engine(checkpoint("qwen3.5"), store=Store(tmp_path / "store"), **options))
        return made[-1]

    make.store = Store(tmp_path / "store")
    yield make
    for engine in made:
        engine.close()


def read(engine: LocalEngine, ids: list[int], keep: Keep | None = KEEP, **options: object):
    """The prefix, and the events before it."""
    *events, prefix = engine.read(ids, keep=keep, **options)
    return prefix, events


def logits(engine: LocalEngine, prefix, mark: int | None = None) -> torch.Tensor:
    branch = prefix.sequence.fork(mark)
    out = engine._runner.forward(branch, QUESTION).clone()
    branch.close()
    return out


def notes(events: list[ReadProgress]) -> str:
    return " ".join(event.note for event in events)


def stop_after(engine: LocalEngine, ids: list[int], num_tokens: int) -> int:
    """Read until at least so many tokens are committed, then stop; returns how many were."""
    cancel, done = threading.Event(), 0
    for event in engine.read(ids, cancel, keep=KEEP):
        done = event.done_tokens
        if done >= num_tokens:
            cancel.set()
    return done


def folder_of(store: Store) -> Path:
    (entry,) = store.entries()
    return store.folder / entry.key


def test_a_reading_that_is_reopened_gives_the_bits_of_the_first(engines: Engines):
    ids = document(NUM_TOKENS)
    cold_engine, plain = engines(), engines(Path("/nonexistent"))
    cold, events = read(cold_engine, ids)
    assert events[0].reused_tokens == 0
    expected = logits(cold_engine, cold)
    in_memory, _ = read(plain, ids, keep=None)
    assert torch.equal(logits(plain, in_memory), expected)
    warm_engine = engines()
    warm, events = read(warm_engine, ids)
    assert [event.reused_tokens for event in events] == [NUM_TOKENS]
    assert torch.equal(logits(warm_engine, warm), expected)
    cold.close()
    assert torch.equal(logits(warm_engine, warm), expected)


def test_branches_start_at_marks_also_after_reopening(engines: Engines):
    ids, mark = document(NUM_TOKENS), 2 * GRID + 33
    engine = engines()
    cold, _ = read(engine, ids, marks=(mark,))
    expected = logits(engine, cold, mark)
    alone, _ = read(engine, ids[:mark], keep=None)
    assert torch.equal(logits(engine, alone), expected)
    again = engines()
    warm, events = read(again, ids, marks=(mark,))
    assert events[0].reused_tokens == NUM_TOKENS
    assert torch.equal(logits(again, warm, mark), expected)


def test_a_read_that_was_stopped_goes_on_in_another_process_with_the_same_bits(engines: Engines):
    ids = document(NUM_TOKENS)
    whole_engine = engines()
    whole, _ = read(whole_engine, ids, keep=None)
    done = stop_after(engines(), ids, GRID)
    assert done in (GRID, 2 * GRID)
    engine = engines()
    prefix, events = read(engine, ids)
    assert events[0].reused_tokens == done
    assert torch.equal(logits(engine, prefix), logits(whole_engine, whole))


def test_a_document_that_begins_like_another_takes_its_beginning_over(engines: Engines):
    first = document(NUM_TOKENS)
    second = [*first[: 2 * GRID + 50], *document(300)]
    engine = engines()
    read(engine, first)
    prefix, events = read(engine, second, Keep({"name": "second", "hash": "2"}, b""))
    assert events[0].reused_tokens == 2 * GRID
    plain, _ = read(engine, second, keep=None)
    assert torch.equal(logits(engine, prefix), logits(engine, plain))
    reopened = engines()
    prefix, events = read(reopened, second, Keep({"name": "second", "hash": "2"}, b""))
    assert events[0].reused_tokens == len(second)
    assert torch.equal(logits(reopened, prefix), logits(engine, plain))


@pytest.mark.parametrize("theirs", [(), (GRID + 50,)])
def test_marks_in_a_beginning_that_was_taken_over_can_be_forked_from(theirs: tuple[int, ...], engines: Engines):
    mark, first = GRID + 50, document(NUM_TOKENS)
    second = [*first[: 2 * GRID + 50], *document(300)]
    engine = engines()
    read(engine, first, marks=theirs)
    prefix, events = read(engine, second, Keep({"name": "second", "hash": "2"}, b""), marks=(mark,))
    assert events[0].reused_tokens == (2 * GRID if theirs else GRID)
    expected = logits(engine, read(engine, second[:mark], keep=None)[0])
    assert torch.equal(logits(engine, prefix, mark), expected)
    reopened = engines()
    prefix, _ = read(reopened, second, Keep({"name": "second", "hash": "2"}, b""), marks=(mark,))
    assert torch.equal(logits(reopened, prefix, mark), expected)


def test_what_follows_a_document_never_reaches_its_file(hybrid: Engines):
    ids = document(GRID + 100)
    engine = hybrid()
    prefix, _ = read(engine, ids, marks=(GRID + 50,))
    blocks = folder_of(hybrid.store) / "blocks"
    before = blocks.read_bytes()
    branches = [engine.fork(prefix), engine.fork(prefix, GRID + 50)]
    prefix.close()
    for branch in branches:
        list(engine.generate(branch, QUESTION, SamplingParams(max_tokens=3), NO_END))
    assert blocks.read_bytes() == before


def test_files_are_for_their_owner_alone(hybrid: Engines):
    read(hybrid(), document(GRID))
    folder = folder_of(hybrid.store)
    assert stat.S_IMODE(folder.stat().st_mode) == stat.S_IMODE(folder.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


def flip(path: Path, at: float = 0.5) -> None:
    """Change one byte in place."""
    with path.open("r+b") as file:
        file.seek(int(path.stat().st_size * at))
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))


def edit(folder: Path, **changes: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "a flipped byte in the first chunk": (lambda f: flip(f / "blocks", 0.001), "tokens 0 to 512"),
    "a truncated block file": (lambda f: os.truncate(f / "blocks", 1_000), "1,000 bytes"),
    "no block file": (lambda f: (f / "blocks").unlink(), "blocks"),
    "no manifest": (lambda f: (f / "manifest.json").unlink(), "manifest.json"),
    "half a manifest": (lambda f: os.truncate(f / "manifest.json", 100), "manifest"),
    "an edited manifest": (lambda f: edit(f, num_tokens=17), "its own checksum"),
    "another engine's fingerprint": (lambda f: edit(f, fingerprint="0" * 32), "its own checksum"),
    "an unknown version": (lambda f: edit(f, format=99), "version 99"),
    "not a manifest": (lambda f: (f / "manifest.json").write_text("[1]"), "manifest"),
    "a flipped byte in the states": (lambda f: flip(max(f.glob("state-*"))), "does not match its checksum"),
    "no states": (lambda f: max(f.glob("state-*")).unlink(), "cannot be read"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_named_and_read_again(kind: str, hybrid: Engines):
    ids = document(NUM_TOKENS)
    engine = hybrid()
    prefix, _ = read(engine, ids)
    expected = logits(engine, prefix)
    prefix.close()
    damage, named = DAMAGE[kind]
    damage(folder_of(hybrid.store))
    again = hybrid()
    prefix, events = read(again, ids)
    assert events[0].reused_tokens == 0
    assert "damaged" in notes(events)
    assert named in notes(events)
    assert torch.equal(logits(again, prefix), expected)
    prefix, events = read(hybrid(), ids)
    assert events[0].reused_tokens == NUM_TOKENS
    assert notes(events) == ""


def test_a_damaged_donor_gives_nothing(hybrid: Engines):
    first = document(NUM_TOKENS)
    engine = hybrid()
    read(engine, first)[0].close()
    flip(folder_of(hybrid.store) / "blocks", 0.001)
    second = [*first[: 2 * GRID], *document(200)]
    prefix, events = read(engine, second, Keep({"name": "second", "hash": "2"}, b""))
    assert events[0].reused_tokens == 0
    plain, _ = read(engine, second, keep=None)
    assert torch.equal(logits(engine, prefix), logits(engine, plain))


def test_a_full_disk_is_said_and_leaves_nothing_behind(hybrid: Engines, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    engine = hybrid()
    prefix, events = read(engine, document(GRID))
    assert "No space left on device" in notes(events)
    assert logits(engine, prefix).isfinite().all()
    assert [path for path in hybrid.store.folder.iterdir() if path.is_dir()] == []


def test_a_disk_that_fills_up_on_the_way_is_said_and_loses_nothing(hybrid: Engines, monkeypatch: pytest.MonkeyPatch):
    ids, engine = document(NUM_TOKENS), hybrid()
    expected = logits(engine, read(engine, ids, keep=None)[0])

    def full(point: str) -> None:
        if point == "states written" and len(list(folder_of(hybrid.store).glob("state-*.safetensors"))) > 1:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(stored, "reached", full)
    prefix, events = read(engine, ids)
    assert "No space left on device" in notes(events)
    assert torch.equal(logits(engine, prefix), expected)
    monkeypatch.undo()
    prefix, events = read(hybrid(), ids)
    assert 0 < events[0].reused_tokens < NUM_TOKENS
    assert torch.equal(logits(engine, prefix), expected)


def test_a_folder_that_cannot_be_written_to_is_said(checkpoint: Callable[[str], Path], tmp_path: Path):
    (tmp_path / "file").write_text("in the way")
    engine = make_engine(checkpoint("llama"), store=Store(tmp_path / "file" / "store"))
    prefix, events = read(engine, document(GRID))
    assert "cannot be written to" in notes(events)
    assert logits(engine, prefix).isfinite().all()
    engine.close()


def test_a_reading_that_is_removed_while_it_is_open_goes_on(hybrid: Engines):
    ids = document(NUM_TOKENS)
    engine = hybrid()
    prefix, _ = read(engine, ids)
    expected = logits(engine, prefix)
    prefix.close()
    prefix, _ = read(engine, ids)
    assert hybrid.store.remove(hybrid.store.entries()[0].key)
    assert hybrid.store.entries() == []
    assert torch.equal(logits(engine, prefix), expected)
    again, events = read(engine, ids)
    assert events[0].reused_tokens == 0
    assert torch.equal(logits(engine, again), expected)


def test_a_reading_that_is_removed_while_it_is_written_goes_on_in_memory(hybrid: Engines):
    ids, engine = document(NUM_TOKENS), hybrid()
    expected = logits(engine, read(engine, ids, keep=None)[0])
    said, prefix = [], None
    for event in engine.read(ids, keep=KEEP):
        if isinstance(event, ReadProgress):
            said.append(event)
            shutil.rmtree(hybrid.store.folder, ignore_errors=True)
        else:
            prefix = event
    assert "goes on in memory" in notes(said) or hybrid.store.entries()
    assert torch.equal(logits(engine, prefix), expected)


def test_the_store_keeps_to_its_size_and_forgets_what_was_used_longest_ago(
    checkpoint: Callable[[str], Path], tmp_path: Path
):
    engine = make_engine(checkpoint("llama"), store=Store(tmp_path))
    one = engine.memory.layout.slab_bytes(GRID // BLOCK_SIZE)
    engine.close()
    store = Store(tmp_path, max_bytes=int(2.9 * one))
    engine = make_engine(checkpoint("llama"), store=store)
    for number, name in enumerate(("a", "b", "c", "b", "d")):
        prefix, _ = read(engine, document(GRID - ord(name)), Keep({"name": name, "hash": name}, b""))
        prefix.close()
        for entry in store.entries():
            if entry.name == name:
                os.utime(store.folder / entry.key, (number, number))
    assert [entry.name for entry in store.entries()] == ["d", "b"]
    store.pin(store.find("b")[0].key, pinned=True)
    read(engine, document(GRID - 5), Keep({"name": "e", "hash": "e"}, b""))
    assert {entry.name for entry in store.entries()} == {"e", "b"}
    engine.close()


def test_a_reading_is_found_by_name_stem_hash_or_key(hybrid: Engines):
    read(hybrid(), document(GRID))
    store = hybrid.store
    (entry,) = store.entries()
    for name in ("novel.txt", "novel", "abcdef", entry.key, entry.key[:8]):
        assert [found.key for found in store.find(name)] == [entry.key]
    (found,) = store.find("novel")
    assert found.stored.document() == b"the document"
    assert list(found.stored.token_ids()) == document(GRID)
    with pytest.raises(ConfigError, match=r"Did you mean 'novel.txt'"):
        store.find("novell.txt")


def test_a_read_that_memory_does_not_hold_leaves_no_file_behind(hybrid: Engines, monkeypatch: pytest.MonkeyPatch):
    engine = hybrid()

    def full(*_: object, **__: object) -> None:
        raise CacheFull("no memory")

    monkeypatch.setattr(engine.memory, "add_slab", full)
    with pytest.raises(CacheFull):
        read(engine, document(GRID))
    assert [path for path in hybrid.store.folder.iterdir() if path.is_dir()] == []


def test_a_record_that_cannot_be_written_leaves_no_half_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(point: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(stored, "reached", full)
    with pytest.raises(OSError, match="No space"):
        stored._write(tmp_path / "manifest.json", b"{}")
    assert list(tmp_path.iterdir()) == []
