# One environment in .venv, made once and reused; everything else runs in it.

PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3 python; do \
	command -v $$name >/dev/null && $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' && echo $$name && break; done)
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
NOTEBOOKS = $(wildcard notebooks/*.ipynb)
CHROMIUM := chromium chromium-browser google-chrome
# Notebooks read into a fresh store of their own, so that every run begins alike; kernels start in notebooks/.
FRESH_STORE := rm -rf build/notebook-readings;
NOTEBOOK_STORE := WORKBENCH_STORE=../build/notebook-readings
# A page of private answers loads nothing from elsewhere; stored outputs say nothing of the machine.
EXECUTE := $(FRESH_STORE) $(NOTEBOOK_STORE) $(PY) -m jupyter nbconvert --execute --ExecutePreprocessor.record_timing=False \
	--ExecutePreprocessor.store_widget_state=False
OFFLINE_HTML := --HTMLExporter.require_js_url= --HTMLExporter.mathjax_url= --HTMLExporter.jquery_url= --HTMLExporter.mermaid_js_url=

.DEFAULT_GOAL := help
.PHONY: help demo lab test test-slow bench check notebooks chromium clean

help:
	@echo "make demo        set up, fetch the model (1.2 GB), read a court opinion, ask it; build/analyze_book.html"
	@echo "make lab         open JupyterLab with the notebooks"
	@echo "make test        the tests and the notebooks; make test-slow: what takes minutes"
	@echo "make bench       measure ours, transformers and llama.cpp, 1.5 hours; BENCH=--quick: does it run?"
	@echo "make check       ruff, mypy, layers"
	@echo "make notebooks   run the notebooks and store their outputs"

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed; set PYTHON=/path/to/python3"; exit 1; }
	test -x $(PY) || $(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,ocr]'
	touch $@

demo: $(READY)
	$(PY) benchmarks/demo.py
	$(EXECUTE) notebooks/analyze_book.ipynb --to html --output-dir build $(OFFLINE_HTML)

lab: $(READY)
	$(PY) -m jupyter lab notebooks

test: $(READY) chromium
	$(PY) -m pytest -m "not slow"
ifneq ($(NOTEBOOKS),)
	$(FRESH_STORE) $(NOTEBOOK_STORE) $(PY) -m pytest --nbval --nbval-current-env --nbval-sanitize-with tests/nbval_sanitize.cfg $(NOTEBOOKS)
endif

test-slow: $(READY)
	$(PY) -m pytest -s -m slow
	$(PY) -m pytest -m "hypothesis and not slow" --hypothesis-profile=default
	$(PY) -m benchmarks.bench --quick

# llama.cpp is built once, beside our environment: it needs cmake, a C++ compiler and some ten minutes.
BENCH_VENV := build/bench-venv
LLAMA_CPP := 0.3.36
BENCH_READY := $(BENCH_VENV)/.ready-$(LLAMA_CPP)

$(BENCH_READY): | $(READY)
	$(PY) -m venv $(BENCH_VENV)
	nice -n 10 $(BENCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check llama-cpp-python==$(LLAMA_CPP) numpy
	touch $@

bench: $(READY) $(BENCH_READY)
	$(PY) -m benchmarks.bench $(BENCH)
	$(PY) -m pip install --quiet --disable-pip-version-check -c constraints.txt pymupdf4llm
	$(PY) -m benchmarks.documents

check: $(READY)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(VENV)/bin/lint-imports

# The outputs of live-output cells are megabytes of scripts that need a kernel; they are not stored, nor is this folder.
notebooks: $(READY)
	$(EXECUTE) --to notebook --inplace $(NOTEBOOKS)
	$(PY) -m jupyter nbconvert --to notebook --inplace --TagRemovePreprocessor.enabled=True \
		--TagRemovePreprocessor.remove_all_outputs_tags live-output $(NOTEBOOKS)
	sed -i 's|$(CURDIR)/notebooks/||g' $(NOTEBOOKS)

# Browser tests need a Chromium. Where we may, we install Debian's; elsewhere they are skipped and say how to get one.
chromium:
	@for name in $(CHROMIUM); do command -v $$name >/dev/null && exit 0; done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends chromium \
			|| echo "Chromium could not be installed; the browser tests will be skipped."; \
	fi

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
