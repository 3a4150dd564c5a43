"""Tables: a CSV as it was written, a Parquet row by row, and numbers for what is left out."""

import io

import polars as pl
import pytest

from tests.documents.conftest import check_whole, named_regions, said, without_made
from workbench.documents.load import load
from workbench.documents.readers import tabular
from workbench.errors import DocumentError


def parquet(frame):
    data = io.BytesIO()
    frame.write_parquet(data)
    return data.getvalue()


def test_a_csv_stays_as_it_was_written_behind_its_columns():
    text = 'name;sum\n"Elliot; Anne";12\nWentworth;7\n'
    document = load(text.encode(), name="a.csv")
    check_whole(document)
    assert document.text.startswith("[CSV: 2 rows, 2 columns: name (String), sum (Int64)]\n\n")
    assert without_made(document) == text
    (region,) = document.layout.regions
    assert (region.kind, region.first_line, document.text[region.start_char :]) == ("file", 1, text)
    assert document.warnings == ()


@pytest.mark.parametrize(("name", "separator"), [("a.tsv", "\t"), ("a.csv", ","), ("a.csv", "|")])
def test_separators_are_found(name, separator):
    text = "".join(f"{a}{separator}{b}\n" for a, b in (("x", "y"), (1, 2), (3, 4)))
    assert "x (Int64), y (Int64)" in load(text.encode(), name=name).text


def test_a_table_of_ragged_rows_is_read_as_text_and_said():
    text = "a,b\n1,2,3,4\n5\n"
    document = load(text.encode(), name="a.csv")
    assert without_made(document) == text
    assert "no regular table" in said(document)


def test_rows_beyond_the_budget_are_counted_and_the_cut_is_at_a_row(monkeypatch):
    monkeypatch.setattr(tabular, "ROWS_CHARS", 200)
    text = "a,b\n" + "".join(f'{number},"two\nlines"\n' for number in range(100))
    document = load(text.encode(), name="a.csv")
    kept = without_made(document)
    assert text.startswith(kept)
    assert kept.endswith('"two\nlines"\n')
    assert "rows were read (" in said(document, "truncated")
    assert "polars (pl.read_csv)" in said(document, "truncated")


def test_parquet_rows_have_names_and_their_columns_are_described():
    frame = pl.DataFrame({"name": ["Anne|E", None], "list": [[1, 2], []], "sum": [1.5, 2.0]})
    document = load(parquet(frame), name="a.parquet")
    check_whole(document)
    assert document.text.startswith("[Parquet: 2 rows, 3 columns: name (String), list (List(Int64)), sum (Float64)]")
    assert "| 1 | Anne\\|E | [1, 2] | 1.5 |\n| 2 |  | [] | 2.0 |\n" in document.text
    assert list(named_regions(document, "cell")) == ["row 1", "row 2"]


def test_parquet_rows_beyond_the_budget_are_counted(monkeypatch):
    monkeypatch.setattr(tabular, "ROWS_CHARS", 300)
    document = load(parquet(pl.DataFrame({"number": range(5_000)})), name="a.parquet")
    number = len(named_regions(document, "cell"))
    assert 5 < number < 100
    assert f"{number} of 5,000 rows were read" in said(document, "truncated")


@pytest.mark.parametrize(
    "damage", [lambda d: d[:50], lambda d: d[:-20], lambda d: d[:4] + b"\0" * 40 + d[44:-8] + b"\xff" * 8]
)
def test_a_damaged_parquet_is_refused(damage):
    with pytest.raises(DocumentError):
        load(damage(parquet(pl.DataFrame({"a": [1, 2]}))), name="a.parquet")


def test_a_parquet_without_rows_is_refused():
    with pytest.raises(DocumentError, match="1 columns and no rows"):
        load(parquet(pl.DataFrame({"a": []}, schema={"a": pl.Int64})), name="a.parquet")
