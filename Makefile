# Two commands do everything: `make play` and `make test`. `make test-fast` runs, while one works,
# what does not start torch. `make bench` measures the engine, `make bench-app` the rest, and
# `make pictures` takes those of the README anew.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

.PHONY: play test test-fast check bench bench-app pictures clean

play: $(VENV)/.play
	@if [ -t 0 ] && [ -t 1 ]; then $(VENV)/bin/stplay; else $(VENV)/bin/stplay train sample; fi

TEST := $(RUN) -m pytest -n 3 --dist loadfile --no-loadscope-reorder

test: check
	$(TEST)

test-fast: $(VENV)/.test
	$(TEST) --ignore tests/engine -m 'not torch'

check: $(VENV)/.test
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/pyright
	$(VENV)/bin/lint-imports

ENGINE := tests/bench/test_training.py
BENCH := $(RUN) -m pytest --override-ini norecursedirs= -s

bench: $(VENV)/.test
	$(BENCH) $(ENGINE)

bench-app: $(VENV)/.test
	$(BENCH) tests/bench --ignore $(ENGINE)

pictures: $(VENV)/.test
	PYTHONPATH=tests:tests/support $(RUN) tests/pictures.py

clean:
	rm -rf $(VENV)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit("stplay needs Python 3.10 or newer; name one with: make PYTHON=python3.12 play") if sys.version_info < (3, 10) else None'
	$(PYTHON) -m venv $(VENV)

# Installed anew only when what is installed changes.
$(VENV)/.play: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "Installing stplay into $(VENV); this takes a minute or two."
	$(PIP) --editable '.[offline]'
	@touch $@

$(VENV)/.test: $(VENV)/.play
	@echo "Installing what the tests need."
	$(PIP) --editable '.[offline,dev]'
	@touch $@
