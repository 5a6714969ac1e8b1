# make demo   see the whole deploy run, twice, against a sandbox that leaves nothing behind
# make lab    once, so that make test also deploys to a real Docker engine through a real sshd
# make test   every test that this machine can run; REQUIRED=all turns skips into failures
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
REQUIRED ?=

.PHONY: demo sandbox lab test test-live lint lock clean

$(VENV)/.made: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	touch $@

demo: $(VENV)/.made
	@$(BIN)/python -m sandbox.demo

sandbox: $(VENV)/.made
	@$(BIN)/python -m sandbox

# Debian or Ubuntu, as root: a Docker engine, an sshd and images, for the tests that deploy to a real target.
lab:
	@tests/docker/setup.sh

# The coverage of what the runs of the real pyinfra command reach counts too: see tool.coverage in pyproject.toml.
test: $(VENV)/.made
	@$(BIN)/python -m coverage erase
	@status=0; \
	$(BIN)/python -m coverage run -m pytest -q -n 2 --dist worksteal --required "$(REQUIRED)" || status=$$?; \
	$(BIN)/python -m coverage combine -q && $(BIN)/python -m coverage report || status=1; \
	exit $$status

# A real Plane that may be written to: make test-live PLANE_URL=http://127.0.0.1:8000; see tests/live/test_live.py.
test-live: $(VENV)/.made
	@$(BIN)/python -m pytest -q -s --required live tests/live

lint: $(VENV)/.made
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Needs uv. No address of an index goes into the file.
lock:
	uv pip compile --universal --python-version 3.10 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-header --upgrade --group dev pyproject.toml -o requirements.txt

clean:
	rm -rf $(VENV) .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis
