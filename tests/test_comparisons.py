"""How a comparison looks: both texts side by side, nothing of them alive."""

import polars as pl
from markdown_it import MarkdownIt

import workbench as wb
from tests.test_views import HOSTILE
from tests.test_widgets import Tags
from workbench import tables
from workbench.views import comparison_bundle


def comparison(text: str = "The rent is 900 euros.", other: str = "The rent is 950 euros.", name: str = "a.txt"):
    rows = [
        ("contradicts", text, 1, 0, len(text), other, 2, 5, 5 + len(other), 0.9),
        ("removed", text, 1, 0, len(text), None, None, None, None, None),
    ]
    frame = pl.DataFrame(rows, schema=tables.DIFFERENCES, orient="row")
    return wb.Comparison(name, "b.txt", frame, 0.9, are_versions=True, warnings=("Look again.",))


def test_both_sides_stand_in_every_form_with_their_pages():
    bundle = comparison_bundle(comparison())
    assert bundle["text/plain"].splitlines() == [
        "a.txt and b.txt: 90% of the characters in both · 1 contradicting · 1 removed",
        "! Look again.",
        "contradicts",
        "  - “The rent is 900 euros.” (a.txt, page 1)",
        "  + “The rent is 950 euros.” (b.txt, page 2)",
        "removed",
        "  - “The rent is 900 euros.” (a.txt, page 1)",
    ]
    assert "<del>900</del>" in bundle["text/html"]
    assert "<ins>950</ins>" in bundle["text/html"]
    assert "*contradicts*: “The rent is 900 euros\\.”" in bundle["text/markdown"]


def test_nothing_of_a_hostile_comparison_is_alive():
    bundle = comparison_bundle(comparison(HOSTILE, HOSTILE.replace("head", "tail"), HOSTILE))
    grid = {"table", "thead", "tbody", "tr", "th", "td", "del", "ins"}
    assert set(Tags(str(bundle["text/html"])).names) <= grid | {"style", "div", "p", "span"}
    assert "\x1b" not in bundle["text/plain"] + bundle["text/html"]
    assert "<img" not in MarkdownIt().render(str(bundle["text/markdown"]))


def test_many_differences_are_shown_in_part():
    long = comparison()
    long = wb.Comparison("a", "b", pl.concat([long.differences] * 200), 0.9, are_versions=True)
    assert "and 200 more in comparison.differences" in comparison_bundle(long)["text/html"]
    assert "and 360 more" in comparison_bundle(long)["text/plain"]
