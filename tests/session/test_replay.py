"""An answer run again: in another process, from its manifest alone; and what is said where it is another."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import workbench as wb
from tests.checkpoints import make_checkpoint

WHO = "Who delivered the opinion?"
SAMPLED = {"temperature": 1.2, "top_p": 0.95, "top_k": 50, "seed": 3}
AGAIN = """
import json, sys
from pathlib import Path
import workbench as wb

store, *folders = sys.argv[1:]
for folder in folders:
    files = sorted(Path(folder).glob("*.json"), key=lambda file: file.stem.zfill(3))
    with wb.Workbench(json.loads(files[0].read_text())["workbench"]["model"], store=store) as bench:
        for file in files:
            again = wb.replay(file, bench=bench, progress=None)
            print(again.identical, again.changed, again.difference)
"""


def kept(answers: list[wb.Answer | wb.Table], folder: Path) -> Path:
    """Their manifests, in files of a folder."""
    folder.mkdir()
    for number, answer in enumerate(answers):
        (folder / f"{number}.json").write_text(json.dumps(answer.manifest))
    return folder


def again_elsewhere(store: Path, *folders: Path) -> list[str]:
    """What a new process says of the manifests in the folders."""
    command = [sys.executable, "-c", AGAIN, str(store), *map(str, folders)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, env=os.environ.copy())
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.splitlines()


def test_answers_are_identical_in_a_new_process_that_has_their_manifests_and_the_store(
    checkpoint: Callable[[str], Path], tmp_path: Path, page: wb.Document
):
    folders = []
    for kind in ("llama", "qwen3.5"):
        with (
            wb.Workbench(str(checkpoint(kind)), store=tmp_path / "store") as bench,
            bench.read(page, progress=None) as reading,
        ):
            answers = [reading.ask(WHO, max_tokens=8, system="Be brief."), reading.ask(WHO, max_tokens=8, **SAMPLED)]
            answers.append(reading.ask_many([WHO, "Why?"], max_tokens=8)[1])
            answers.append(bench.matrix([page], {"who": WHO, "term": "In which term was it?"}, progress=None))
            folders.append(kept(answers, tmp_path / kind))
    assert again_elsewhere(tmp_path / "store", *folders) == ["True () None"] * 8


@pytest.mark.slow
def test_twenty_answers_of_a_real_model_are_identical_in_a_new_process(tmp_path: Path, opinion: wb.Document):
    questions = (
        "Who delivered the opinion?", "What did the defendant do?", "Which court decided before?", "When was it?",
        "What is the main argument?", "Who is the respondent?", "What does the statute say?", "Who dissented?",
    )  # fmt: skip
    store = tmp_path / "store"
    with wb.Workbench("tiny", store=store) as bench, bench.read(opinion.select(pages=[1, 2]), progress=None) as reading:
        answers = [reading.ask(question, max_tokens=40) for question in questions]
        answers += [reading.ask(question, max_tokens=40, **SAMPLED) for question in questions]
        answers += reading.ask_many(questions[:3], max_tokens=40)
        answers.append(reading.summarize(words=40))
        folder = kept(answers, tmp_path / "manifests")
    assert len(answers) == 20
    assert again_elsewhere(store, folder) == ["True () None"] * 20


@pytest.fixture(scope="module")
def reading_(hybrid: wb.Workbench, page: wb.Document) -> Iterator[wb.Reading]:
    with hybrid.read(page, progress=None) as reading:
        yield reading


def test_a_summary_and_an_answer_are_identical_in_the_same_workbench(reading_: wb.Reading, page: wb.Document):
    for answer in (reading_.ask(WHO, max_tokens=4), reading_.summarize(words=10, max_tokens=4)):
        again = wb.replay(answer, page, bench=reading_.bench, progress=None)
        assert again.identical
        assert again.answer.token_ids == answer.token_ids
        assert again.changed == ()


def test_a_table_is_identical_from_its_manifest_and_other_cells_are_no_identity(
    reading_: wb.Reading, page: wb.Document
):
    table = reading_.extract({"court": str, "term": "spring|autumn"}, rows="one")
    then = json.loads(json.dumps(table.manifest))
    again = wb.replay(then, page, bench=reading_.bench, progress=None)
    assert (again.identical, again.changed, again.question) == (True, (), "")
    assert again.answer.frame.equals(table.frame)
    assert "the same cells" in again._repr_mimebundle_()["text/plain"]
    again = wb.replay(then | {"citations_hash": "0"}, page, bench=reading_.bench, progress=None)
    assert (again.identical, again.difference) == (False, None)
    assert "other cells" in again._repr_mimebundle_()["text/plain"]
    then["request"]["arguments"]["schema"]["columns"][0]["kind"] = "picture"
    with pytest.raises(wb.ConfigError, match="no schema of a table"):
        wb.replay(then, page, bench=reading_.bench, progress=None)


def test_a_table_that_was_cut_off_is_compared_as_far_as_it_came(reading_: wb.Reading, page: wb.Document):
    with pytest.raises(wb.AnswerParseError) as error:
        reading_.extract("court, term", rows="one", max_tokens=8)
    assert wb.replay(error.value.partial, page, bench=reading_.bench, progress=None).identical


def test_the_first_difference_is_shown_with_both_texts(reading_: wb.Reading, page: wb.Document):
    answer = reading_.ask(WHO, max_tokens=6)
    edited = [*answer.token_ids[:2], ord("!"), *answer.token_ids[3:]]
    again = wb.replay(answer.manifest | {"token_ids": edited}, page, bench=reading_.bench, progress=None)
    assert not again.identical
    assert again.difference.token == 3
    decode = reading_._context.tokenizer.decode
    assert again.difference.before == decode(answer.token_ids[:2])
    assert again.difference.then == decode(edited[2:])
    assert again.difference.now == decode(answer.token_ids[2:])
    shown = again._repr_mimebundle_()["text/plain"]
    assert "token 3 of 6 is another" in shown
    assert "Nothing is known to have changed" in shown


def test_other_citations_of_the_same_words_are_no_identity(reading_: wb.Reading, page: wb.Document):
    answer = reading_.ask(WHO, max_tokens=4)
    again = wb.replay(answer.manifest | {"citations_hash": "0"}, page, bench=reading_.bench, progress=None)
    assert (again.identical, again.difference) == (False, None)
    assert "other citations" in again._repr_mimebundle_()["text/plain"]


def test_another_document_is_named_as_the_reason(reading_: wb.Reading, note: wb.Document):
    answer = reading_.ask(WHO, max_tokens=4)
    again = wb.replay(answer, note.select(pages=[1]), bench=reading_.bench, progress=None)
    assert again.changed[0].startswith("The document has changed: ")
    assert len(again.changed) == 1


def test_another_model_precision_and_number_of_threads_are_named(
    reading_: wb.Reading, page: wb.Document, new_bench: Callable[..., wb.Workbench]
):
    answer = reading_.ask(WHO, max_tokens=4)
    then = answer.manifest | {
        "fingerprint_parts": answer.manifest["fingerprint_parts"] | {"threads": "64", "kv": "int8"}
    }
    again = wb.replay(then, page, bench=new_bench("llama"), progress=None)
    said = " ".join(again.changed)
    assert "The model's configuration: " in said
    assert "The precision of keys and values: int8 then, float32 now." in said
    assert "The number of threads: 64 then, " in said


def test_what_was_cancelled_is_compared_as_far_as_it_came(reading_: wb.Reading, page: wb.Document):
    stream = reading_.stream(WHO, max_tokens=200)
    next(stream)
    stream.cancel()
    answer = stream.result()
    assert answer.finish_reason == "cancelled"
    assert wb.replay(answer, page, bench=reading_.bench, progress=None).difference is None


def test_what_cannot_be_replayed_is_said(reading_: wb.Reading, page: wb.Document, tmp_path: Path):
    answer = reading_.ask(WHO, max_tokens=2)
    with reading_.chat() as chat:
        turn = chat.ask(WHO, max_tokens=2)
    bad = tmp_path / "bad.json"
    bad.write_text("no json")
    request = {"kind": "close", "arguments": {}}
    for source, message in (
        (turn, "turn of a conversation"),
        (replace(answer, manifest={}), "holds no manifest"),
        (bad, "is no manifest"),
        (tmp_path / "none.json", "is no manifest"),
        (answer.manifest | {"format": 99}, "format 99"),
        (answer.manifest | {"request": request}, "'close' cannot be replayed"),
        (answer.manifest | {"request": {"kind": "ask", "arguments": {"quesion": "x"}}}, "does not take here"),
        (answer.manifest | {"token_ids": "1, 2"}, "edited or is damaged"),
    ):
        with pytest.raises(wb.ConfigError, match=message):
            wb.replay(source, page, bench=reading_.bench, progress=None)


def test_a_document_that_is_nowhere_is_asked_for(reading_: wb.Reading):
    answer = reading_.ask(WHO, max_tokens=2)
    with pytest.raises(wb.ConfigError, match=r"is needed: wb\.replay\(answer, wb\.load"):
        wb.replay(answer, bench=reading_.bench, progress=None)


def test_a_replay_shows_hostile_text_as_text(reading_: wb.Reading, page: wb.Document):
    answer = reading_.ask(WHO, max_tokens=2)
    again = wb.replay(answer, page, bench=reading_.bench, progress=None)
    shown = replace(
        again, question="<script>1</script>", changed=("![x](http://192.0.2.1)\x1b[2J",)
    )._repr_mimebundle_()
    assert "<script>" not in shown["text/html"]
    assert "![" not in shown["text/markdown"]
    assert "\x1b" not in shown["text/plain"]


def test_a_model_whose_folder_was_moved_is_the_same_model(tmp_path: Path, page: wb.Document):
    store, folder = tmp_path / "store", make_checkpoint("llama", tmp_path / "here")
    with wb.Workbench(str(folder), store=store) as bench, bench.read(page, progress=None) as reading:
        answer = reading.ask(WHO, max_tokens=4)
    moved = folder.rename(tmp_path / "there")
    with wb.Workbench(str(moved), store=store) as bench:
        with bench.read(page, progress=None) as reading:
            assert reading.read_usage.computed_tokens == 0
        again = wb.replay(answer, bench=bench, progress=None)
    assert again.identical
    assert again.changed == ("The model: here then, there now.",)
