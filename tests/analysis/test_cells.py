from datetime import date
from pathlib import Path

import workbench as wb
from workbench.analysis.cells import NO_VALUE, occurrences, passage, rows_of
from workbench.analysis.schema import parse_schema
from workbench.types import Span

TEXT = """Name: Ann Roe
Age: 28

Mr. Roe is 52. His wife, Ann Roe, is "quite
well" and 28. Both were seen on 6/15/2023.

Name: Bob Low
Seen on 7/2/2023. He does not smoke.
"""


def document(tmp_path: Path, text: str = TEXT) -> wb.Document:
    path = tmp_path / "a.txt"
    path.write_text(text)
    return wb.load(path)


def test_a_row_becomes_true_types_and_cells_with_places(tmp_path: Path):
    schema = parse_schema("name, age int, seen date, smokes bool, state well|ill, words list")
    row = {
        "name": "Ann Roe", "age": "28", "seen": "7/2/2023",
        "smokes": {"quote": "He does not smoke.", "value": False},
        "state": {"quote": "'quite well' and", "value": "well"}, "words": ["Bob", "Low"],
    }  # fmt: skip
    frame, cells = rows_of(document(tmp_path), schema, [row])
    assert frame.schema == schema.frame_schema
    assert frame.row(0) == ("Ann Roe", 28, date(2023, 7, 2), False, "well", ["Bob", "Low"])
    by = {cell["column"]: cell for cell in cells.iter_rows(named=True)}
    assert by["age"]["quote"] == "Age: 28"  # the line that has the column's name
    assert (by["seen"]["status"], by["seen"]["value"]) == ("supported", "2023-07-02")  # another date decides its order
    assert by["state"]["quote"] == '"quite well" and'
    assert by["smokes"]["status"] == "unassessed"
    assert cells.filter(cells["column"] == "words").height == 2
    for cell in cells.iter_rows(named=True):
        there = TEXT[cell["start_char"] : cell["end_char"]]
        assert " ".join(there.split()) == cell["quote"]


def test_what_is_null_or_cannot_be_read_is_null_with_the_reason(tmp_path: Path):
    schema = parse_schema("name, age int, words list, state well|ill")
    frame, cells = rows_of(document(tmp_path), schema, [{"name": None, "age": "Bob Low", "words": []}])
    assert frame.row(0) == (None, None, [], None)
    assert cells.select("column", "value", "written", "status", "note").rows() == [
        ("name", None, None, "no_source", NO_VALUE), ("age", None, "Bob Low", "quote_only", "no number"),
        ("words", None, None, "no_source", NO_VALUE), ("state", None, None, "no_source", NO_VALUE),
    ]  # fmt: skip


def test_a_value_that_the_document_has_not_is_never_supported(tmp_path: Path):
    _, cells = rows_of(document(tmp_path), parse_schema("name"), [{"name": "Someone Else"}])
    assert cells.row(0, named=True)["status"] == "no_source"


def test_a_value_is_found_as_whole_words_wherever_lines_break():
    assert occurrences(TEXT, "'quite well'") == [Span(TEXT.index('"quite'), TEXT.index('"quite') + 12)]
    assert len(occurrences(TEXT, "28")) == 2
    assert occurrences("12 and 112", "12") == [Span(0, 2)]
    assert occurrences(TEXT, "nobody") == []


def test_a_number_is_found_where_its_thousands_are_set_apart(tmp_path: Path):
    given = (
        document(tmp_path, "Deposit: £1,009\nRent: £2,450.50\nYear: 2450\n"),
        parse_schema("deposit int, rent number"),
    )
    frame, cells = rows_of(*given, [{"deposit": "1009", "rent": "2450.5"}])
    assert frame.row(0) == (1009, 2450.5)
    assert cells["status"].to_list() == ["supported", "supported"]
    assert cells["quote"].to_list() == ["Deposit: £1,009", "Rent: £2,450.50"]
    assert occurrences("12,009 and 1,0090", "2009") == []


def test_the_quote_of_a_value_is_its_field_or_its_sentence_and_never_the_whole_book():
    at = TEXT.index("28. Both")
    assert (
        " ".join(TEXT[slice(*passage(TEXT, Span(at, at + 2)))].split()) == 'His wife, Ann Roe, is "quite well" and 28.'
    )
    long = "word " * 1_000 + "needle " + "word " * 1_000
    start, end = passage(long, Span(5_000, 5_006))
    assert "needle" in long[start:end]
    assert end - start < 400


def test_a_value_that_the_model_did_not_want_is_supported_by_its_own_label_only(tmp_path: Path):
    given = document(tmp_path), parse_schema("name, wife"), [{"name": "Bob Low", "wife": "Ann Roe"}]
    assert rows_of(*given, [{"name": 0.9, "wife": 0.9}])[1]["status"].to_list() == ["supported", "supported"]
    assert rows_of(*given, [{"name": 0.001, "wife": 0.001}])[1]["status"].to_list() == ["supported", "no_source"]
    frame, cells = rows_of(*given, [{"name": 0.001, "wife": 0.001}])
    assert frame.row(0) == ("Bob Low", None)
    assert cells.row(1, named=True)["written"] == "Ann Roe"
