# The study in a few commands; each is one line that a person could type.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: study faults test lab data reports record benchmark lock pictures

# Fits and their pages fill all cores by themselves; what keeps one core busy runs with them in a second lane. What
# fails in a lane fails again in the last line, which says so. `exec` lets a signal for make reach the lanes.
PAGES := site comparison-page first-fit unlabelled exploration preprocessing cards chapters ablation
study: $(READY)            ## rebuild every result and page
	python -m lib.preflight
	@python -m lib.data changes
ifeq ($(shell command -v nvidia-smi),)
	-exec python -m lib.lanes images
	-exec python -m lib.lanes "-s fits scores" "-s floors exploration preprocessing"
	-exec python -m lib.lanes measures
	-exec python -m lib.lanes "-s cards chapters" "-s ablation first-fit unlabelled comparison comparison-page"
endif
	python -m lib.lanes "$(PAGES)"

faults: $(READY)           ## kill, fill and interrupt a small study, and see whether it heals: an hour or more
	python -m tests.faults

test: $(READY)             ## run the tests
	pytest --numprocesses logical --maxprocesses 4 --dist loadfile

lab: $(READY)              ## open the notebooks
	python -m lib.lab

# The folder's name as it was typed, whatever is in it: make reads $$ for $, and the recipe gets it from its environment.
FROM := build/phantoms
override export FROM := $(value FROM)
data: $(READY)             ## make data FROM=folder: study the films of that folder; without FROM, phantoms again
	python -m lib.source $(if $(PEERS),--peers) -- "$$FROM"  # PEERS=yes: also as the reference codes split them

reports: $(READY)          ## read the pages in a browser, on this machine only
	python -m http.server --bind 127.0.0.1 --directory reports 8000

record: $(READY)           ## keep the results of real films in reports/real/
	python -m lib.comparison record

benchmark: $(READY)        ## how fast it prepares films and trains here, against the last benchmark kept
	python -m lib.benchmark

# Everything is pinned with its hash, uv too: it installs in seconds what takes pip minutes.
$(READY): requirements.txt pyproject.toml
	@$(PYTHON) -c "import ensurepip, sys; assert (3, 11) <= sys.version_info < (3, 14)" 2>/dev/null || { \
	  echo "The study needs Python 3.11, 3.12 or 3.13 with its venv module (Debian: apt install python3-venv)." \
	       "Where $(PYTHON) is another one, name it: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	sed -n '/^uv==/,/# via/p' requirements.txt | $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r /dev/stdin
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --require-hashes --compile-bytecode -r requirements.txt
	VIRTUAL_ENV=$(VENV) $(BIN)/uv pip install --no-deps --no-build-isolation -e .
	test -e .git || $(BIN)/dvc config --local core.no_scm true  # the ZIP of the repository has no git
	touch $@

lock:                      ## pin the packages of pyproject.toml anew
	$(BIN)/uv pip compile pyproject.toml --extra dev --extra jax --universal --generate-hashes --no-emit-index-url --no-header -o requirements.txt

pictures: $(READY)         ## the pictures of the README, from phantoms
	python -m lib.figures.readme
