# Each target sets up its own .venv; python3 with the venv module and the package registry are all it needs.
# Modules are compiled when they are first imported: most of those in PyTorch never are.
PYTHON ?= python3
BIN := .venv/bin
RECENT := import sys; sys.version_info >= (3, 11) or sys.exit("Python 3.11 or later is needed: make PYTHON=python3.11 ...")
VENV := test -d .venv || { $(PYTHON) -c '$(RECENT)' && $(PYTHON) -m venv .venv; }

# One that was left half made, or whose Python is gone, is made anew.
$(shell $(BIN)/python -c 'import pip; $(RECENT)' 2>/dev/null || rm -rf .venv)

.DELETE_ON_ERROR:
.PHONY: app test clean

app: .venv/app.stamp
	$(BIN)/python -m n3core app

# In this order the longest groups come first; by number of tests they would come last, alone.
test: .venv/test.stamp
	$(BIN)/python -m ruff check
	$(BIN)/python -m ruff format --check
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadgroup --no-loadscope-reorder tests/browser tests/test_training.py tests

.venv/app.stamp: pyproject.toml
	$(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -e .
	touch $@

.venv/test.stamp: pyproject.toml
	$(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -e '.[test]'
	touch $@ .venv/app.stamp

clean:
	rm -rf .venv
