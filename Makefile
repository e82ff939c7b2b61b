# The commands of the study, each of which could be typed as one line.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: study faults test lab data read export reader reports record verify publish archive release benchmark lock pictures

# The last fits of a data set leave cores idle, which a second lane uses: for pages of films, and for measures and pages of the
# data sets whose fits have ended. A failure in a lane recurs in the last line, which reports it. `exec` passes signals for make
# on to the lanes.
PAGES := site comparison-page real-films first-fit one-film unlabelled exploration preprocessing cards chapters ablation
override export ON := $(value ON)
export SHIP
# With TensorFlow an open notebook does not take the whole memory of a GPU.
export TF_FORCE_GPU_ALLOW_GROWTH := true
study: $(READY)            ## rebuild every result and page; ON=ray or ON=ray:ADDRESS: its fits on a cluster (docs/cluster.md)
	python -m lib.preflight
	@python -m lib.data changes
	@python -m lib.fits.underway
	-exec python -m lib.lanes films@smallest
	-exec python -m lib.lanes "-s features@smallest fits@smallest scores@smallest" "-s films"  # the first results
ifeq ($(shell command -v nvidia-smi),)
	-exec python -m lib.lanes features@others
	-exec python -m lib.lanes "-s fits@others scores@others" "-s floors exploration preprocessing real-films first-fit \
	  features@largest scores@smallest measures@smallest robustness@smallest cards@smallest chapters@smallest"
	-exec python -m lib.lanes "-s fits@largest scores@largest" \
	  "-s measures@others robustness@others cards@others chapters@others"
	-exec python -m lib.lanes "-s measures@largest" "-s robustness@largest"
	-exec python -m lib.lanes "-s cards@largest chapters@largest" \
	  "-s comparison comparison-page checklist one-film ablation unlabelled"
endif
	python -m lib.lanes "$(PAGES)"

faults: $(READY)           ## test a small study's recovery from kills, full disks and interruptions (an hour or more)
	python -m tests.faults
	python -m tests.kills
	python -m tests.machines

test: $(READY)             ## run the tests; ALL=yes: also the long ones that repeat for other methods what these show
	pytest -m "$(if $(ALL),,not extended)" --numprocesses logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

lab: $(READY)              ## open the notebooks
	python -m lib.lab

# The folder's name exactly as typed: make reads $$ for $, and the recipe receives the name through its environment.
FROM := build/phantoms
override export FROM := $(value FROM)
data: $(READY)             ## make data FROM=folder: study the films of that folder; without FROM, the phantoms
	python -m lib.selection $(if $(PEERS),--peers) -- "$$FROM"  # PEERS=yes: on the splits of the reference codes

# As FROM above, so that a name with any letter in it reaches Python as it was typed.
override export FILMS := $(value FILMS)
override export DETECTOR := $(value DETECTOR)
read: $(READY)             ## make read FILMS=path DETECTOR=rsna/nsa/0: a film or a folder, answered into build/read; not a medical device
	@python -m lib.reader --detector "$$DETECTOR" -- "$$FILMS"

export: $(READY)           ## make export DETECTOR=rsna/nsa/0: the detector as ONNX, with all needed to use it elsewhere, into build/export/
	@python -m lib.export -- "$$DETECTOR"

# Of this study's targets only this one needs Node. Scripts of its packages are not run.
reader:                    ## a page in reports/reader/ that reads films in the browser, with the detectors of `make export`
	@found=$$(node --version 2>/dev/null); major=$${found#v}; \
	test "$${major%%.*}" -ge 20 2>/dev/null && npm --version >/dev/null 2>&1 || { \
	  echo "make reader needs Node 20 or later with npm, which nodejs.org has (Debian 13: apt install nodejs npm);" \
	       "here are Node $${found:-none}, npm $$(npm --version 2>/dev/null || echo none)."; exit 1; }
	npm ci --prefix reader --ignore-scripts --no-audit --no-fund --loglevel=error
	node reader/build.js

reports: $(READY)          ## read the pages in a browser, on this machine only
	python -m http.server --bind 127.0.0.1 --directory reports 8000

record: $(READY)           ## keep the results of real films in reports/real/; REPLACE=yes: in place of earlier ones of the same data sets; NAME=x: in a folder, shown on no page
	python -m lib.comparison record $(if $(REPLACE),--replace) $(if $(NAME),--name $(NAME))

WITH :=
override export WITH := $(value WITH)
verify: $(READY)           ## recompute every table from its scores, and compare the results with those in git; WITH=file: with others as well
	python -m lib.verify -- "$$WITH"

# BASE=https://host/folder: the address of the site, for its map of pages; FILMS=yes: films of patients as well.
override export BASE := $(value BASE)
publish: $(READY)          ## fill site/ with pages and tables, for any static host; BASE=address, FILMS=yes
	@python -m lib.publish --base "$$BASE" --films "$$FILMS"

archive: $(READY)          ## source, results, scores, weights, pages and their hashes as one file in build/archive/; FILMS=yes
	@python -m lib.archive --films "$$FILMS"

release: $(READY)          ## CITATION.cff and the descriptions for archives, from pyproject.toml
	python -m lib.release

benchmark: $(READY)        ## speed of preprocessing, training and measures here, compared with earlier; CARD=yes: of all methods on its GPU
	python -m lib.benchmark $(if $(CARD),--card)

# All packages are pinned with hashes, including uv, which installs in seconds what takes pip minutes.
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

lock:                      ## pin the packages of pyproject.toml again
	$(BIN)/uv pip compile pyproject.toml --extra dev --extra jax --extra cluster --universal --generate-hashes --no-emit-index-url --no-header -o requirements.txt

pictures: $(READY)         ## the pictures of the README, from phantoms
	python -m lib.pictures
