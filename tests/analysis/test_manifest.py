import json

import workbench as wb
from workbench.analysis import prompts
from workbench.analysis.manifest import ids_hash, manifest, versions
from workbench.config import SamplingParams


def make(document: wb.Document, **changed: object) -> dict[str, object]:
    params = SamplingParams(max_tokens=5, temperature=0.5, top_p=0.9, top_k=3, seed=None, stop=("END",))
    given = {"model": "tiny", "fingerprint": "f00", "document": document, "prompt_token_ids": (1, 2, 3)}
    return manifest(**{**given, "params": params, "seed": 7, **changed})


def test_it_holds_what_an_answer_hangs_on(book: wb.Document):
    record = make(book)
    assert record["model"] == "tiny"
    assert record["fingerprint"] == "f00"
    assert record["document"] == {
        "name": "persuasion.txt", "hash": book.hash, "source_sha256": book.source.sha256
    }  # fmt: skip
    assert record["prompts_version"] == prompts.VERSION
    assert record["prompt_ids_hash"] == ids_hash((1, 2, 3)) != ids_hash((1, 23))
    assert record["sampling"] == {
        "max_tokens": 5, "temperature": 0.5, "top_p": 0.9, "top_k": 3, "seed": 7, "stop": ("END",)
    }  # fmt: skip
    assert set(record["versions"]) == {"python", "workbench", "torch", "transformers"}
    assert record["versions"]["workbench"] == wb.__version__


def test_a_seed_of_the_question_goes_before_the_workbenchs(book: wb.Document):
    assert make(book, params=SamplingParams(seed=3))["sampling"]["seed"] == 3


def test_it_can_be_stored_and_belongs_to_its_answer_alone(book: wb.Document):
    record = make(book)
    assert json.loads(json.dumps(record))["document"]["hash"] == book.hash
    record["versions"]["torch"] = "changed"
    assert versions()["torch"] != "changed"
