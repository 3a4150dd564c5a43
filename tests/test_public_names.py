import subprocess
import sys

import pytest

import workbench as wb


def test_all_is_sorted_and_is_exactly_the_public_names():
    assert wb.__all__ == sorted(wb.__all__)
    assert set(wb.__all__) == {*wb._HOMES, "__version__", "cells", "load_ipython_extension"}
    assert dir(wb) == wb.__all__


@pytest.mark.parametrize("name", wb.__all__)
def test_every_public_name_can_be_imported(name: str):
    named = getattr(wb, name)
    assert getattr(named, "__name__", name) in (name, "workbench.dashboards.cells")


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'laod'"):
        _ = wb.laod


def test_importing_the_package_loads_nothing_heavy():
    heavy = "torch transformers polars panel IPython numpy ipywidgets huggingface_hub pymupdf"
    code = f"import sys, workbench; print(*sorted(set({heavy.split()!r}) & set(sys.modules)))"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == []
