"""A value stands in the document; whether it stands there as what its column asks for."""

import tomllib
from pathlib import Path

import pytest

import workbench as wb
from workbench.analysis.belonging import Labels
from workbench.analysis.cells import rows_of
from workbench.analysis.extract import described
from workbench.analysis.schema import parse_schema

FORMS = Path(__file__).parents[1] / "gold" / "forms.toml"
LEASE = """Landlord: Margaret Ellis
Tenant: Joseph Adeyemi
Agent: Minster Lettings
Rent: £875 a month, payable on the first day of each month
Remarks: Mr. Adeyemi moved in on 1 September 2023, and since then his brother Tom has had a key of the house.

The deposit is £1000. Signed at York by Ruth Hall.
"""


def statuses(tmp_path: Path, columns: str, row: dict[str, str], likely: float = 0.99) -> dict[str, str]:
    path = tmp_path / "lease.txt"
    path.write_text(LEASE)
    _, cells = rows_of(wb.load(path), parse_schema(columns), [row], [dict.fromkeys(row, likely)])
    assert all(cell["note"] for cell in cells.iter_rows(named=True) if cell["status"] != "supported")
    return dict(cells.select("column", "status").iter_rows())


@pytest.mark.parametrize(
    ("columns", "row", "likely", "status"),
    [
        ("tenant", {"tenant": "Joseph Adeyemi"}, 0.001, "supported"),  # its own label outweighs the model's doubt
        ("tenant", {"tenant": "Margaret Ellis"}, 0.99, "quote_only"),  # another's label
        ("tenant", {"tenant": "Ruth Hall"}, 0.99, "quote_only"),  # the document has a label for it
        ("guarantor", {"guarantor": "Minster Lettings"}, 0.99, "unassessed"),  # behind a label that says nothing of it
        ("signed_by", {"signed_by": "Ruth Hall"}, 0.3, "supported"),  # beside the column's words
        ("key_holder", {"key_holder": "Tom"}, 0.3, "supported"),
        ("guarantor", {"guarantor": "Ruth Hall"}, 0.99, "unassessed"),  # nothing says that she is
        ("moved_in date", {"moved_in": "1 September 2023"}, 0.5, "supported"),
        ("rent number", {"rent": "875"}, 0.5, "supported"),
        ("rent number", {"rent": "1000"}, 0.99, "quote_only"),
        ("deposit number", {"deposit": "1000"}, 0.5, "supported"),
    ],
)
def test_only_what_its_label_or_the_words_around_it_vouch_for_is_supported(
    tmp_path: Path, columns: str, row: dict[str, str], likely: float, status: str
):
    assert statuses(tmp_path, columns, row, likely) == {columns.split()[0]: status}


@pytest.mark.parametrize(("likely", "status"), [(0.9, "supported"), (0.6, "unassessed"), (0.1, "no_source")])
def test_where_no_word_connects_a_value_with_its_column_prose_needs_a_model_that_is_sure(
    tmp_path: Path, likely: float, status: str
):
    path = tmp_path / "life.txt"
    path.write_text("Marta Lindqvist leads the group at Tern. She lives in Bergen with her husband, Erik Solberg.")
    _, cells = rows_of(wb.load(path), parse_schema("employer"), [{"employer": "Tern"}], [{"employer": likely}])
    assert cells["status"].to_list() == [status]


def test_of_many_rows_what_is_not_likely_is_no_less_there(tmp_path: Path):
    path = tmp_path / "life.txt"
    path.write_text("Marta Lindqvist leads the group at Tern. Before her there was Erik Solberg.")
    rows, likely = [{"who": "Marta Lindqvist"}, {"who": "Erik Solberg"}], [{"who": 0.3}, {"who": 0.01}]
    frame, cells = rows_of(wb.load(path), parse_schema("who"), rows, likely)
    assert frame["who"].to_list() == ["Marta Lindqvist", "Erik Solberg"]
    assert cells["status"].to_list() == ["supported", "quote_only"]


def test_a_value_behind_the_label_of_another_column_is_not_supported(tmp_path: Path):
    row = {"landlord": "Margaret Ellis", "guarantor": "Margaret Ellis", "deposit": "875", "rent": "875"}
    assert statuses(tmp_path, "landlord, guarantor, deposit number, rent number", row) == {
        "landlord": "supported", "guarantor": "quote_only", "deposit": "quote_only", "rent": "supported",
    }  # fmt: skip


def test_what_two_columns_have_only_the_better_founded_has(tmp_path: Path):
    row = {"tenant": "Joseph Adeyemi", "guest": "Mr. Adeyemi"}
    assert statuses(tmp_path, "tenant, guest", row) == {"tenant": "supported", "guest": "unassessed"}


def test_a_value_written_in_small_letters_is_found_behind_its_label(tmp_path: Path):
    path = tmp_path / "note.txt"
    path.write_text("CC: Acute bronchitis\n\nHX: He has had acute bronchitis since May.\n")
    _, cells = rows_of(
        wb.load(path), parse_schema({"chief_complaint": "text"}), [{"chief_complaint": "acute bronchitis"}]
    )
    assert cells.row(0, named=True)["quote"] == "CC: Acute bronchitis"
    assert cells.row(0, named=True)["status"] == "supported"


def test_of_many_rows_a_label_that_stands_once_claims_none(tmp_path: Path):
    path = tmp_path / "list.txt"
    path.write_text("Name: Members of the club\n\nAnn Roe joined.\nBob Low joined.\n")
    rows = [{"name": "Ann Roe"}, {"name": "Bob Low"}]
    _, cells = rows_of(wb.load(path), parse_schema("name"), rows)
    assert cells["status"].to_list() == ["supported", "supported"]


def test_the_model_is_told_which_label_the_document_has_for_a_column():
    schema = parse_schema("tenant, guarantor, rent number")
    said = described(schema, Labels(LEASE, schema)).splitlines()
    assert said == [
        "- tenant: text. Copy what stands behind “Tenant:”", "- guarantor: text",
        "- rent: number. Copy what stands behind “Rent:”",
    ]  # fmt: skip


def test_the_held_out_forms_say_all_their_gold():
    """Text gold stands in its form as it is written; the other kinds are compared by ``benchmarks.forms``."""
    said = tomllib.loads(FORMS.read_text(encoding="utf-8"))
    for form in said["documents"]:
        columns = said["schemas"][form["schema"]]
        assert list(form["gold"]) == list(columns)
        for name, gold in form["gold"].items():
            if columns[name]["kind"] == "text":
                assert all(each in form["text"] for each in gold), (form["name"], name)
