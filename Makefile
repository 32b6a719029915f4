# make run    install the dependencies and open the dashboard on this machine
# make test   install the test dependencies, check style and types, run all tests
# make lint   only style and types          make bench   run the benchmarks, see benchmarks/

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test lint bench browser postgresql clean

run: $(VENV)/.product
	$(BIN)/python -m dashboard

test: lint browser postgresql
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile -m "not training and not browser and not faults and not rehearsal"
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile -m training
	$(BIN)/python -m pytest --numprocesses 2 --dist load -m faults
	$(BIN)/python -m pytest -m rehearsal
	$(BIN)/python -m pytest -m browser

lint: $(VENV)/.tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.tests
	$(BIN)/python -m benchmarks speed
	$(BIN)/python -m benchmarks launching
	$(BIN)/python -m benchmarks pages
	$(BIN)/python -m benchmarks crowded
	$(BIN)/python -m benchmarks reading
	$(BIN)/python -m benchmarks checking
	$(BIN)/python -m benchmarks repairing
	$(BIN)/python -m benchmarks quality

browser: $(VENV)/.tests
	@sh tests/browser/install_chromium.sh

postgresql:
	@sh tests/install_postgresql.sh

clean:
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(VENV)/.product: requirements.txt | $(VENV)/.created
	$(BIN)/python -m pip install --quiet --requirement requirements.txt
	@touch $@

$(VENV)/.tests: requirements-dev.txt requirements.txt | $(VENV)/.created
	$(BIN)/python -m pip install --quiet --requirement requirements-dev.txt
	@touch $@ $(VENV)/.product

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Tuneboard needs Python 3.11 or newer. Name one: make run PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@
