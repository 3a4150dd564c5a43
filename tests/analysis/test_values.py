from datetime import date

import pytest

from workbench.analysis.values import date_order, parse


@pytest.mark.parametrize(
    ("written", "kind", "value"),
    [
        ("52-year-old", "integer", 52), ("forty-two years", "integer", 42), ("1,250", "integer", 1250),
        ("1.250.000", "integer", 1_250_000), ("-5", "integer", -5), ("$1,250.50", "number", 1250.5),
        ("1.250,50 €", "number", 1250.5), ("12 %", "number", 12.0), ("3 of 4", "integer", None),
        ("12.5", "integer", None), ("none", "number", None), ("6/15/2023", "date", date(2023, 6, 15)),
        ("15.6.2023", "date", date(2023, 6, 15)), ("June 5th, 1814", "date", date(1814, 6, 5)),
        ("15. März 2023", "date", date(2023, 3, 15)), ("seen on 2023-06-15", "date", date(2023, 6, 15)),
        ("2/30/2023", "date", None), ("June 1814", "date", None), ("1/2/2023 to 3/4/2023", "date", None),
        ("two\n  lines", "text", "two lines"), (" ", "text", None),
    ],
)  # fmt: skip
def test_a_value_is_what_is_written_or_nothing(written: str, kind: str, value: object):
    parsed = parse(written, kind)
    assert parsed.value == value
    assert type(parsed.value) is type(value)
    assert (parsed.note == "") == (value is not None)


def test_the_other_dates_of_a_document_say_which_figure_is_the_month():
    assert date_order("on 7/2/2023 and 6/15/2023") == "month"
    assert date_order("on 7/2/2023 and 15/6/2023") == "day"
    assert date_order("on 7/2/2023") is None
    assert date_order("on 6/15/2023 and 15/6/2023") is None
    assert parse("7/2/2023", "date", "day").value == date(2023, 2, 7)
    assert parse("7/2/2023", "date", "month").value == date(2023, 7, 2)


def test_a_date_that_nothing_decides_has_the_month_first_and_says_so():
    parsed = parse("7/2/2023", "date")
    assert parsed.value == date(2023, 7, 2)
    assert "month first" in parsed.note
