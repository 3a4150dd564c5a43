import csv
from collections import Counter
from pathlib import Path

import pytest

from workbench.analysis.figures import dates, numbers
from workbench.analysis.statuses import assess, assess_claim

with (Path(__file__).parents[1] / "gold" / "statuses.tsv").open(encoding="utf-8", newline="") as file:
    GOLD = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


@pytest.mark.parametrize("row", GOLD, ids=lambda row: f"{row['kind']}: {row['value']} | {row['quote']}"[:100])
def test_a_quote_supports_what_it_says_and_nothing_else(row: dict[str, str]):
    if row["kind"] == "claim":
        found = assess_claim(row["value"], row["quote"], beside=row["beside"])
    else:
        found = assess(row["quote"], row["value"], row["kind"])
    assert found == row["expected"]


def test_the_gold_is_large_and_has_every_state():
    assert len(GOLD) >= 120
    assert Counter(row["expected"] for row in GOLD).keys() == {"supported", "quote_only", "unassessed", "no_source"}


def test_a_value_that_the_document_has_not_is_assessed_by_nobody():
    assert assess("some words of the document", None, "number") == "unassessed"
    assert assess("", None, "number") == "no_source"


def test_figures_of_a_date_are_no_numbers_and_what_can_mean_two_things_is_kept_as_both():
    assert [str(n.value) for n in numbers("On 6/15/2023 he paid 1.234 dollars")] == ["1.234", "1234"]
    (day,) = dates("on 6/5/2023")
    assert sorted(map(str, day.readings)) == ["2023-05-06", "2023-06-05"]
