# Each target sets up its own .venv; python3 with the venv module and the package registry are all it needs.
# Modules are compiled when they are first imported: most of those in PyTorch never are.
PYTHON ?= python3
BIN := .venv/bin

.DELETE_ON_ERROR:
.PHONY: app test clean

app: .venv/app.stamp
	$(BIN)/n3 app

# In this order the longest groups come first; by number of tests they would come last, alone.
test: .venv/test.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -q -n 2 --dist loadgroup --no-loadscope-reorder tests/browser tests/test_training.py tests

.venv/app.stamp: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -e .
	touch $@

.venv/test.stamp: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -e '.[test]'
	touch $@ .venv/app.stamp

clean:
	rm -rf .venv
