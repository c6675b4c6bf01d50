# Needs Python 3.11 to 3.13, a C++ compiler and make; everything else goes into .venv.
#   make        the environment alone
#   make demo   both models exported, checked, run and compared: demo/report.html
#   make test   the fast tests
#   make lint   style and types
#   make clean  remove what the others made, .venv included

PYTHON ?= python3
# Exact versions; `make CONSTRAINTS=/dev/null` takes the newest that setup.py allows.
CONSTRAINTS ?= constraints.txt

BIN := .venv/bin
INSTALLED := .venv/.installed

.DEFAULT_GOAL := install
.PHONY: install demo test lint clean
.DELETE_ON_ERROR:

install: $(INSTALLED)

$(INSTALLED): setup.py pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) \
		--editable '.[demo,figure1,openvino,train,evaluators,dev]'
	# What these two require would overwrite OpenCV and shadow a module of Python; setup.py has more.
	$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --no-deps \
		lvis cityscapesScripts
	touch $@

demo: $(INSTALLED)
	$(BIN)/python -m refinemask.benchmarks.demo --output demo
	@echo "Open $(CURDIR)/demo/report.html in a browser."

test: $(INSTALLED)
	$(BIN)/python -m pytest

lint: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

clean:
	rm -rf .venv build dist demo *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
