"""What is written down of an answer, and what is said to have changed."""

import json
from dataclasses import replace
from types import SimpleNamespace

import workbench as wb
from workbench.analysis import prompts
from workbench.analysis.context import Context
from workbench.analysis.manifest import Request, changes, citations_hash, ids_hash, manifest, versions
from workbench.config import SamplingParams
from workbench.results import Citation

PARTS = {"config": "c" * 32, "weights": "d" * 32, "kv": "float32", "threads": "2"}
PARAMS = SamplingParams(max_tokens=5, temperature=0.5, top_p=0.9, top_k=3, seed=None, stop=("END",))
REQUEST = Request("ask", {"question": "Who?", "system": None, "thinking": False})


def context(document: wb.Document, **changed: object) -> Context:
    engine = SimpleNamespace(fingerprint="f00", fingerprint_parts=PARTS)
    opened = {"model": "tiny", "weights": "auto", "window": None}
    return replace(Context(document, (1, 2), 1, engine, None, "tiny", 7, opened), **changed)  # type: ignore[arg-type]


def make(document: wb.Document, params: SamplingParams = PARAMS, **changed: object) -> dict[str, object]:
    return manifest(
        context(document, **changed), REQUEST, params=params, prompt_token_ids=(1, 2, 3), token_ids=(4, 5),
        citations=(Citation("one"),), finish_reason="stop",
    )  # fmt: skip


def test_it_holds_what_an_answer_hangs_on(book: wb.Document):
    record = make(book)
    assert record["model"] == "tiny"
    assert record["workbench"] == {"model": "tiny", "weights": "auto", "window": None}
    assert (record["fingerprint"], record["fingerprint_parts"]) == ("f00", PARTS)
    assert record["document"] == {
        "name": "persuasion.txt", "hash": book.hash, "source_sha256": book.source.sha256
    }  # fmt: skip
    assert record["prompts_version"] == prompts.VERSION
    assert record["request"] == {"kind": "ask", "arguments": {"question": "Who?", "system": None, "thinking": False}}
    assert record["prefix_ids_hash"] == ids_hash((1, 2))
    assert record["prompt_ids_hash"] == ids_hash((1, 2, 3)) != ids_hash((1, 23))
    assert record["sampling"] == {
        "max_tokens": 5, "temperature": 0.5, "top_p": 0.9, "top_k": 3, "seed": 7, "stop": ["END"]
    }  # fmt: skip
    assert record["finish_reason"] == "stop"
    assert record["token_ids"] == [4, 5]
    assert record["answer_ids_hash"] == ids_hash((4, 5))
    assert record["citations_hash"] == citations_hash((Citation("one"),)) != citations_hash((Citation("two"),))
    assert set(record["versions"]) == {"python", "workbench", "torch", "transformers"}
    assert record["versions"]["workbench"] == wb.__version__


def test_a_seed_of_the_question_goes_before_the_workbenchs(book: wb.Document):
    assert make(book, params=SamplingParams(seed=3))["sampling"]["seed"] == 3


def test_it_comes_back_from_json_as_it_was_and_belongs_to_its_answer_alone(book: wb.Document):
    record = make(book)
    assert json.loads(json.dumps(record)) == record
    record["versions"]["torch"] = "changed"
    record["workbench"]["model"] = "changed"
    assert versions()["torch"] != "changed"
    assert make(book)["workbench"]["model"] == "tiny"


def test_nothing_has_changed_between_two_of_the_same(book: wb.Document):
    assert changes(make(book), make(book)) == ()


def test_what_has_changed_is_named_with_what_it_was_and_is(book: wb.Document):
    then = make(book)
    other = make(book.select(pages=[1]), model="small")
    document, model = changes(then, other)
    assert document.startswith(f"The document has changed: persuasion.txt ({book.hash[:12]}) then, persuasion.txt")
    assert model == "The model: tiny then, small now."
    now = make(book)
    now["fingerprint_parts"] = PARTS | {"threads": "1", "weights": "e" * 32}
    now["workbench"] = then["workbench"] | {"weights": "bf16"}
    now["versions"] = then["versions"] | {"torch": "9.9"}
    now["prompts_version"] = 99
    said = changes(then, now)
    assert "The number of threads: 2 then, 1 now." in said
    assert "The model's weights or their precision: dddddddddddd then, eeeeeeeeeeee now." in said
    assert "The option weights: auto then, bf16 now." in said
    assert f"The version of torch: {then['versions']['torch']} then, 9.9 now." in said
    assert f"The version of the prompts: {prompts.VERSION} then, 99 now." in said
    assert len(said) == 5


def test_another_name_for_the_same_bits_is_no_change(book: wb.Document):
    now = make(book)
    now["workbench"] = now["workbench"] | {"weights": "fp32"}
    assert changes(make(book), now) == ()
