PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help run test lint figures report collect bench faults slurm audit clean

help:           ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(VENV)/.installed      ## install, then train all methods on the embedded 5,000 MNIST images (under a minute)
	$(BIN)/spectral-repro -m method=direct,spectral,ssvd,sqr realizations=5 results_dir=demo

test: lint       ## install with what the tests need, lint, and run the suite
	$(BIN)/python -m pytest -q -n auto --dist worksteal

lint: $(VENV)/.installed-test  ## check style, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

figures: $(VENV)/.installed  ## draw all figures from the rows in results/ (seconds; trains nothing)
	$(BIN)/python scripts/plot.py

report: $(VENV)/.installed   ## judge the paper's claims from the rows: results/REPORT.md, and the story in README.md
	$(BIN)/python scripts/report.py
	$(BIN)/python scripts/docs.py

collect: $(VENV)/.installed  ## join the rows of all cells into results/results.csv
	$(BIN)/python scripts/collect.py

bench: $(VENV)/.installed    ## measure speed on this machine: results/bench/ (under 10 minutes)
	$(BIN)/python scripts/bench.py

faults: $(VENV)/.installed-test  ## kill, damage and starve sweeps, and compare their rows (60 kills: 15 minutes; KILLS=10: 9)
	$(BIN)/python -m tests.faults $(if $(KILLS),--kills $(KILLS))

slurm: $(VENV)/.installed-test   ## the same on a real Slurm of this machine (root, Debian; installs packages)
	$(BIN)/python -m tests.slurm_check --install

audit: $(VENV)/.installed-test   ## look up known vulnerabilities of what is installed
	$(BIN)/python -m pip install -q pip-audit
	$(BIN)/python -m pip_audit --local --skip-editable

clean:          ## remove the environment and what make run wrote
	rm -rf $(VENV) demo

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade pip
	$(BIN)/python -m pip install -q -e .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install -q -e '.[test]'
	@touch $@
