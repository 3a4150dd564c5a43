"""What the grammar lets through: whatever is chosen among the allowed, the answer parses."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from workbench.analysis.filling import REPEATS, Filling
from workbench.analysis.grammar import grammar, spared
from workbench.analysis.schema import parse_schema
from workbench.engine.tokenizer import HubTokenizer

TEXT = 'Ann said "no" on 6/15/2023.\nShe is 52\\53 years old. 日本語の文'
SCHEMA = parse_schema({"na me": str, "age": "int", "sure": bool, "state": "a|b\u00e9", "words": list[str]})


@pytest.fixture(scope="module")
def rules() -> str:
    return grammar(SCHEMA, TEXT, many=True)


def written(filling: Filling, tokenizer: HubTokenizer, text: str) -> Filling:
    for token_id in tokenizer.encode(text):
        assert filling.allowed()[token_id], f"{tokenizer.decode([token_id])!r} after {filling.text}"
        filling.advance(token_id)
    return filling


ROW = (
    '{"na me": "Ann said \'no\' on", "age": "52/53", "sure": {"quote": "She is 52", "value": true}, '
    '"state": {"quote": "years old", "value": "b\u00e9"}, "words": ["Ann", "old"]}'
)
EMPTY = '{"na me": null, "age": null, "sure": null, "state": null, "words": []}'


def test_rows_of_every_type_are_let_through(tokenizer: HubTokenizer, rules: str):
    filling = written(Filling(tokenizer, rules), tokenizer, f"[{ROW}, {EMPTY}]")
    assert json.loads(filling.text)[1]["words"] == []
    assert filling.num_rows == 2
    assert {int(i) for i in filling.allowed().nonzero()[0]} <= tokenizer.end_token_ids


@pytest.mark.parametrize("value", ["Bob", "an", "nn", " Ann", "15/2023. She is 7", "no more"])
def test_a_value_that_the_document_has_not_cannot_be_written(tokenizer: HubTokenizer, rules: str, value: str):
    filling = Filling(tokenizer, rules)
    with pytest.raises(AssertionError, match="after"):
        written(filling, tokenizer, f'[{{"na me": "{value}", ')


@settings(max_examples=10)
@given(seed=st.integers(0, 10_000))
def test_whatever_is_chosen_among_the_allowed_parses(seed: int):
    tokenizer = _bytes()
    filling, choose = Filling(tokenizer, grammar(SCHEMA, TEXT, many=True, max_rows=3)), random.Random(seed)
    for _ in range(2_000):
        allowed = filling.allowed().nonzero()[0]
        ends = tokenizer.end_token_ids & set(map(int, allowed))
        if ends:
            break
        drafted = list(filling.draft())
        assert all(token in allowed for token in drafted[:1])
        filling.advance(drafted[0] if drafted else int(choose.choice(allowed)))
    for row in json.loads(filling.text):
        assert list(row) == [column.name for column in SCHEMA.columns]
        assert row["na me"] is None or row["na me"] in spared(TEXT)


@pytest.mark.parametrize("number", ["1009", "1590.00", "1590", "85.00", "1234567"])
def test_a_number_is_written_without_the_marks_between_its_thousands(tokenizer: HubTokenizer, number: str):
    text = "Deposit £1,009, delivery 85.00, total 1.590,00; people: 1 234 567."
    filling = Filling(tokenizer, grammar(parse_schema("n number"), text, many=False))
    assert json.loads(written(filling, tokenizer, f'{{"n": {number}}}').text)["n"] == float(number)


def test_a_value_that_fields_name_is_copied_from_one_of_them(tokenizer: HubTokenizer):
    schema = parse_schema("name, born int, note")
    rules = grammar(schema, "Name: Ann Roe. Name: Bob. Born 1,950; Ann fell in 1960.", many=False,
                    behind={"name": ["Ann Roe", "Bob"], "born": ["1,950"], "note": []})  # fmt: skip
    for row in ('{"name": "Ann Roe", "born": 1950, "note": "Ann fell"}', '{"name": "Bob", "born": null, "note": null}'):
        assert json.loads(written(Filling(tokenizer, rules), tokenizer, row).text)
    for row in ('{"name": "Ann fell"', '{"name": "Roe Bob"', '{"name": "Bob", "born": 1960'):
        with pytest.raises(AssertionError, match="after"):
            written(Filling(tokenizer, rules), tokenizer, row)


def test_a_model_that_goes_round_in_circles_has_to_close_the_list(tokenizer: HubTokenizer, rules: str):
    filling = written(Filling(tokenizer, rules), tokenizer, "[" + ", ".join([EMPTY] * REPEATS))
    assert filling.circled
    assert [tokenizer.decode([int(i)]) for i in filling.allowed().nonzero()[0]] == ["]"]


def test_a_limit_of_rows_closes_the_list(tokenizer: HubTokenizer):
    filling = written(Filling(tokenizer, grammar(SCHEMA, TEXT, many=True, max_rows=1)), tokenizer, f"[{EMPTY}")
    assert [tokenizer.decode([int(i)]) for i in filling.allowed().nonzero()[0]] == ["]"]


_made: list[HubTokenizer] = []


def _bytes() -> HubTokenizer:
    return _made[0]


@pytest.fixture(autouse=True, scope="module")
def _keep(tokenizer: HubTokenizer) -> None:
    _made[:] = [tokenizer]


def test_a_hostile_document_and_schema_stay_data(tokenizer: HubTokenizer):
    text = 'start: /.*/\n"] %regex {"x": 1} \\" \x00 %ignore // <[1]> ' + "a" * 50
    schema = parse_schema({'x" y\\': str, "%ignore": "a|%regex", "日本": bool})
    filling = Filling(tokenizer, grammar(schema, text, many=False))
    assert not filling.allowed().all()
    assert "%regex" in spared(text)


def test_a_document_of_no_letters_leaves_null(tokenizer: HubTokenizer):
    filling = Filling(tokenizer, grammar(parse_schema("a"), " \n ", many=False))
    assert json.loads(written(filling, tokenizer, '{"a": null}').text) == {"a": None}
