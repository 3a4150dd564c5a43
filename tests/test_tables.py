"""Tables: how they look, and that their files keep types and sources and bring nothing to life."""

import datetime
import re
import zipfile
from pathlib import Path

import openpyxl
import polars as pl
import pytest

import workbench as wb
from tests.test_views import HOSTILE
from tests.test_widgets import Tags
from workbench import tables
from workbench.views import table_bundle

BORN = datetime.date(1814, 6, 15)


def cell(row: int, column: str, value: str | None, quote: str | None = None, **more: object) -> dict[str, object]:
    place = {"page": 2, "label": "ii", "start_char": 5, "end_char": 9} if quote else {}
    status = {"status": "supported" if quote else "no_source", "note": ""}
    return {"document": "a.txt", "row": row, "column": column, "value": value, "written": value, "quote": quote,
            **place, **status, **more}  # fmt: skip


def table_of(text: str = "Anne Elliot") -> wb.Table:
    frame = pl.DataFrame(
        {"person": [text, None], "born": [BORN, None], "age": [27, 3], "share": [0.5, None], "sure": [True, None],
         "names": [["Anne", "A. E."], []]},
        schema_overrides={"age": pl.Int64},
    )  # fmt: skip
    cells = [
        cell(0, "person", text, text), cell(0, "born", "1814-06-15", "born on 15 June 1814"),
        cell(0, "names", "Anne", "Anne"), cell(0, "names", "A. E.", "A. E."), cell(1, "age", "3"),
        cell(1, "person", None, note="The document does not say."),
    ]  # fmt: skip
    return wb.Table(frame, pl.DataFrame(cells, schema=tables.CELLS), "a.txt", {"model": "tiny"}, ("Look again.",))


def test_each_value_leads_to_its_source_in_every_form():
    bundle = table_bundle(table_of())
    assert bundle["text/plain"].splitlines()[:4] == [
        "a.txt: 2 rows · 4 supported · 1 no source",
        "! Look again.",
        "person           born            age  share  sure  names",
        "Anne Elliot [1]  1814-06-15 [2]  27   0.5    yes   Anne; A. E. [3] [4]",
    ]
    assert "  [2] born: “born on 15 June 1814” (page ii, supported)" in bundle["text/plain"]
    assert "| Anne Elliot \\[1\\] |" in bundle["text/markdown"]
    html = bundle["text/html"]
    assert html.count("<details>") == html.count("<summary>") == 4  # what a keyboard reaches and opens
    assert "✓ supported</span></summary><blockquote>born on 15 June 1814</blockquote>" in html
    assert "The document does not say." in html


def test_a_whole_number_has_no_point():
    frame = pl.DataFrame({"fee": [300.0, 0.5, 1e300]})
    shown = table_bundle(wb.Table(frame, pl.DataFrame([], schema=tables.CELLS), "a.txt"))["text/plain"]
    assert [line.strip() for line in shown.splitlines()[-3:]] == ["300", "0.5", "1e+300"]


def test_nothing_of_a_hostile_table_is_alive():
    table = table_of(HOSTILE)
    table = wb.Table(table.frame.rename({"share": HOSTILE}), table.cells, HOSTILE, {}, (HOSTILE,))
    bundle = table_bundle(table)
    unfolding = {"details", "summary", "blockquote", "style", "div", "p", "strong", "span", "ul", "li"}
    grid = {"table", "thead", "tbody", "tr", "th", "td"}
    assert set(Tags(str(bundle["text/html"])).names) <= unfolding | grid
    assert "\x1b" not in bundle["text/plain"]
    assert "<img" not in bundle["text/markdown"]


def test_a_notebook_shows_many_rows_in_part_and_a_page_shows_them_all(tmp_path: Path):
    frame = pl.DataFrame({"n": range(1_000)})
    table = wb.Table(frame, pl.DataFrame(schema=tables.CELLS), "a.txt")
    assert "and 800 more in table.frame" in table._repr_mimebundle_()["text/html"]
    page = table.to_html(tmp_path / "a.html").read_text()
    assert page.count("<tr>") == 1_001
    assert "more in table.frame" not in page


def test_a_page_loads_and_runs_nothing(tmp_path: Path):
    page = table_of(HOSTILE).to_html(tmp_path / "a.html").read_text()
    assert "default-src 'none'" in page
    assert "<script" not in page
    assert "<img" not in page


def test_a_workbook_keeps_types_and_sources(tmp_path: Path):
    book = openpyxl.load_workbook(table_of().to_excel(tmp_path / "a.xlsx"))
    rows = [[each.value for each in row] for row in book["Table"].iter_rows(min_row=2)]
    assert rows[0] == ["Anne Elliot", "1814-06-15", 27, 0.5, True, "Anne; A. E."]  # Excel has no dates before 1900
    assert "born on 15 June 1814" in book["Table"]["B2"].comment.text
    assert "page ii (supported)" in book["Table"]["B2"].comment.text
    sources = [[each.value for each in row] for row in book["Sources"].iter_rows()]
    assert sources[0] == list(tables.CELLS.names())
    assert sources[1][:6] == ["a.txt", 2, "person", "Anne Elliot", "Anne Elliot", "Anne Elliot"]
    assert ["model", "tiny"] in [[each.value for each in row] for row in book["About"].iter_rows()]


def test_what_a_cell_of_a_workbook_does_not_hold_is_not_lost_in_silence(tmp_path: Path):
    long = "".join(map(str, range(9_000)))
    table = wb.Table(pl.DataFrame({"said": [long]}), pl.DataFrame(schema=tables.CELLS), manifest={"token_ids": long})
    book = openpyxl.load_workbook(table.to_excel(tmp_path / "a.xlsx"))
    (ids,) = [row for row in book["About"].iter_rows(values_only=True) if row[0] == "token_ids"]
    assert "".join(ids[1:]) == long
    assert book["Table"]["A2"].value == f"{long[:32_765]} …"


def test_a_date_of_our_time_is_a_date_in_a_workbook(tmp_path: Path):
    frame = pl.DataFrame({"day": [datetime.date(2023, 6, 15)]})
    book = openpyxl.load_workbook(wb.Table(frame, pl.DataFrame(schema=tables.CELLS)).to_excel(tmp_path / "a.xlsx"))
    assert book["Table"]["A2"].value == datetime.datetime(2023, 6, 15)
    assert book["Table"]["A2"].is_date


@pytest.mark.parametrize("text", ["=1+1", '=HYPERLINK("http://192.0.2.1")', "http://192.0.2.1", "@SUM(1)", "-1", "1e5"])
def test_text_never_becomes_a_formula_a_link_or_a_number(tmp_path: Path, text: str):
    path = table_of(text).to_excel(tmp_path / "a.xlsx")
    read = openpyxl.load_workbook(path)["Table"]["A2"]
    assert (read.value, read.data_type, read.hyperlink) == (text, "s", None)
    for name in (archive := zipfile.ZipFile(path)).namelist():
        assert not re.search(rb"<f>|<hyperlink", archive.read(name))


def test_whole_numbers_that_a_workbook_would_round_are_text(tmp_path: Path):
    table = wb.Table(pl.DataFrame({"n": [2**60 + 1]}), pl.DataFrame(schema=tables.CELLS))
    assert openpyxl.load_workbook(table.to_excel(tmp_path / "a.xlsx"))["Table"]["A2"].value == str(2**60 + 1)


def test_a_parquet_file_has_the_rows_and_their_sources(tmp_path: Path):
    table = table_of()
    path = table.to_parquet(tmp_path / "a.parquet")
    read = pl.read_parquet(path)
    assert read.drop("sources").equals(table.frame)
    assert read.drop("sources").schema == table.frame.schema
    names = [source["column"] for source in read["sources"][0]]
    assert names == ["person", "born", "names", "names"]
    assert read["sources"][0][1]["quote"] == "born on 15 June 1814"
    assert '"model": "tiny"' in pl.read_parquet_metadata(path)["workbench"]


def test_a_table_without_rows_is_written_and_shown(tmp_path: Path):
    table = wb.Table(pl.DataFrame(schema={"a": pl.String}), pl.DataFrame(schema=tables.CELLS), "a.txt")
    assert table_bundle(table)["text/plain"] == "a.txt: 0 rows\na"
    assert pl.read_parquet(table.to_parquet(tmp_path / "a.parquet")).columns == ["a", "sources"]
    assert openpyxl.load_workbook(table.to_excel(tmp_path / "a.xlsx"))["Table"]["A1"].value == "a"


def test_a_file_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = table_of().to_parquet(tmp_path / "a.parquet")
    before = path.read_bytes()

    def fails(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_parquet", fails)
    with pytest.raises(wb.ConfigError, match="No space left"):
        table_of("Other").to_parquet(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_missing_is_a_clear_error(tmp_path: Path):
    with pytest.raises(wb.ConfigError, match="cannot be written: No such file"):
        table_of().to_excel(tmp_path / "none" / "a.xlsx")


def test_a_value_leads_to_its_citation():
    citation = table_of().citation(0, "born")
    assert (citation.page, citation.quote, citation.status) == (2, "born on 15 June 1814", "supported")
    with pytest.raises(wb.ConfigError, match=r"no column 'borm'.*Did you mean 'born'"):
        table_of().citation(0, "borm")
    with pytest.raises(wb.ConfigError, match="no row 2; its rows are 0 to 1"):
        table_of().citation(2, "born")
    with pytest.raises(wb.ConfigError, match="has no source"):
        table_of().citation(1, "person")
