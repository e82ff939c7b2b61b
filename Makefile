# The study in five commands; each is one line that a person could type.
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: study test lab data reports record benchmark lock

study: $(READY)            ## rebuild every result and page
	dvc repro

test: $(READY)             ## run the tests
	pytest

lab: $(READY)              ## open the notebooks
	jupyter lab notebooks

$(READY): requirements.txt pyproject.toml
	python3 -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --require-hashes --compile-bytecode -r requirements.txt
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --no-deps -e .
	touch $@

lock:                      ## pin the packages of pyproject.toml anew
	$(BIN)/uv pip compile pyproject.toml --extra dev --extra jax --universal --generate-hashes --no-emit-index-url --no-header -o requirements.txt
