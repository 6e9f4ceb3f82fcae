# make setup    an environment in .venv with agekit, every plugin and the development tools
# make demo     train a Coupled Evolutionary Network on drawn faces and look at what it learned
# make quick    unit tests, without a training, in a minute or two
# make test     what CI runs: formatting, lint, types, tests
# make browser  Chromium, for the tests of the leaderboard's page, where apt can install it
# make rehearsal the cases of a GPU on a pretended one, with what each step costs
# make test-all every test, the long trainings too
# make site     the documentation as a site, in site/
# make build    wheels and source archives of every distribution, in dist/
# make wheel-test the built wheels, installed away from the checkout and used
# make bench    the speed of start-up, data and training, against their budgets
# make constraints the versions that make setup installs: those there are stay; UPGRADE=--upgrade
#
# Needs python3 (3.11 or later; another one: make setup PYTHON=python3.12), make and git.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
STAMP := $(VENV)/.agekit-setup
PROJECTS := . $(patsubst %/pyproject.toml,%,$(sort $(wildcard plugins/*/pyproject.toml)))
PYPROJECTS := $(PROJECTS:%=%/pyproject.toml)
VERSION_OF := -c 'import sys; print(*sys.version_info[:2])'

# Libraries without byte code are compiled again by every command.
unexport PYTHONDONTWRITEBYTECODE
# As pip and git do, uv trusts the certificates that the machine trusts.
export UV_SYSTEM_CERTS ?= true

FIND_UV := uv=uv; uv --version >/dev/null 2>&1 || uv=$(BIN)/uv

define ENVIRONMENT
@test -z "$(ANEW)" && $(BIN)/python -c pass 2>/dev/null || $(PYTHON) -m venv --clear $(VENV)
@uv --version >/dev/null 2>&1 || test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet uv
endef

.PHONY: setup demo quick test test-all rehearsal browser bench site build wheel-test constraints clean

ifneq ($(origin PYTHON),file)
ifneq ($(shell $(PYTHON) $(VERSION_OF)),$(shell $(BIN)/python $(VERSION_OF) 2>/dev/null))
.PHONY: $(STAMP)
ANEW := yes
endif
endif

setup: $(STAMP)

$(STAMP): constraints.txt $(PYPROJECTS)
	$(ENVIRONMENT)
	@echo "installing agekit, its plugins and the development tools into $(VENV)"
	@$(FIND_UV); $$uv pip install --python $(BIN)/python -c constraints.txt -b constraints.txt \
		--group dev $(PROJECTS:%=-e %)
	@$(FIND_UV); $$uv pip install --quiet --python $(BIN)/python --upgrade \
		--target $(VENV)/hub-1 'huggingface-hub>=1,<2'
	@touch $@

demo: RUN := runs/demo-$(shell date +%Y%m%d-%H%M%S)
demo: setup
	$(BIN)/agekit train cen-resnet10-tiny synthfaces --preset quick --epochs 10 --out $(RUN)
	$(BIN)/agekit evaluate $(RUN) synthfaces
	$(BIN)/python benchmarks/constant_guess.py synthfaces --run $(RUN)
	$(BIN)/python -c 'from PIL import Image; from agekit_synthfaces import draw, person; \
		Image.fromarray(draw(person(1, 7), 42, 256)).save("$(RUN)/face-aged-42.png")'
	$(BIN)/agekit predict $(RUN)/face-aged-42.png --model $(RUN) --plot $(RUN)/prediction.png
	@echo "figures: $(RUN)/figures and $(RUN)/prediction.png"

quick: setup
	OMP_NUM_THREADS=1 $(BIN)/pytest -q -n 2 --dist loadfile --no-loadscope-reorder -m 'not slow and not heavy'

test: setup
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder --durations=30 -m 'not heavy'

test-all: setup
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder --durations=30

rehearsal: setup
	OMP_NUM_THREADS=1 $(BIN)/pytest -v --durations=0 tests/rehearsal

site: setup
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

browser:
	@{ command -v chromium || command -v google-chrome; } >/dev/null 2>&1 || \
		{ apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y \
		--no-install-recommends chromium; } >/dev/null 2>&1 || \
		echo "no Chromium: the tests of the leaderboard's page in a browser are skipped"

bench: setup
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/data.py
	$(BIN)/python benchmarks/training.py

build: setup
	rm -rf dist
	for project in $(PROJECTS); do \
		$(BIN)/python -m build --no-isolation --outdir dist $$project || exit 1; \
	done

wheel-test: build
	.ci/wheels

constraints:
	$(ENVIRONMENT)
	@$(FIND_UV); $$uv pip compile --quiet --universal --python-version 3.11 $(UPGRADE) --no-annotate \
		--no-emit-index-url --no-emit-find-links --custom-compile-command 'make constraints' \
		--no-emit-package agekit-core $(patsubst plugins/%,--no-emit-package %,$(filter plugins/%,$(PROJECTS))) \
		--group dev -o constraints.txt $(PYPROJECTS)

clean:
	rm -rf $(VENV) dist .mypy_cache .pytest_cache .ruff_cache
