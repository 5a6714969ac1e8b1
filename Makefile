# make demo   see the whole deploy run, twice, against a sandbox that leaves nothing behind
# make lab    once, so that make test also deploys to a real Docker engine through a real sshd
# make test   every test that this machine can run; REQUIRED=all turns skips into failures
# make drift  whether a run would change something, as an exit code: see drift.py
# make bench  how long it takes, against an empty deploy, a bare script and an Ansible playbook
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
REQUIRED ?=

.PHONY: reference audit demo sandbox secrets lab test test-deep test-live bench lint lock clean drift recording

$(VENV)/.made: requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	touch $@

demo: $(VENV)/.made
	@$(BIN)/python -m sandbox.demo

sandbox: $(VENV)/.made
	@$(BIN)/python -m sandbox

# Make ends with 2 where anything ended badly; call `python -m drift` itself to tell a difference from a failure.
# make drift DRIFT="inventory.py --limit sese"
DRIFT ?= inventory.py

drift: $(VENV)/.made
	@$(BIN)/python -m drift $(DRIFT)

# The picture of `make demo`, docs/demo.svg. Each run differs in its seconds, so: when what it shows has changed.
recording: $(VENV)/.made
	@$(BIN)/python -m sandbox.recording

# Strong values for what is missing, into secrets/all.env. A value that is there stays.
secrets: $(VENV)/.made
	@$(BIN)/python -m settings.make_secrets

# Debian or Ubuntu, as root: a Docker engine, an sshd and images, for the tests that deploy to a real target.
lab:
	@tests/docker/setup.sh

# The coverage of what runs of the real pyinfra command reach counts too: see tests/measured.py.
test: $(VENV)/.made
	@$(BIN)/python -m coverage erase
	@status=0; \
	MEASURED=1 $(BIN)/python -m pytest -q -n 3 --dist worksteal --required "$(REQUIRED)" || status=$$?; \
	$(BIN)/python -m coverage combine -q && $(BIN)/python -m coverage report || status=1; \
	exit $$status

# Hostile values for every setting, new ones on each run, and how many there were; some minutes. See tests/values.
test-deep: $(VENV)/.made
	@DEEP=1 LEAST_EXAMPLES=10000 $(BIN)/python -m pytest -q -n 2 --dist worksteal --required values tests/values

# A real Plane that may be written to: make test-live PLANE_URL=http://127.0.0.1:8000; see tests/live/test_live.py.
test-live: $(VENV)/.made
	@$(BIN)/python -m pytest -q -s --required live tests/live

# How long it takes, against what; about half an hour. `make bench BENCH=--quick` only tries it, and writes no file.
BENCH ?=
ANSIBLE := .venv-ansible

$(ANSIBLE)/.made: benchmarks/ansible/requirements.txt
	$(PYTHON) -m venv $(ANSIBLE)
	$(ANSIBLE)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	touch $@

bench: $(VENV)/.made $(ANSIBLE)/.made
	@$(BIN)/python -m benchmarks $(BENCH)

# docs/reference.md, from the operations' signatures and docstrings; a test says when it is out of date.
reference: $(VENV)/.made
	@$(BIN)/python -m docs.reference

# Nothing here needs the network. The tests are full of made-up secrets, so they are not searched for real ones; and
# KeywordDetector takes whatever is named after a secret for one.
lint: $(VENV)/.made
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	git ls-files -z | grep -zvE '^(tests|sandbox|benchmarks)/|requirements.txt$$' | \
		xargs -0 $(BIN)/detect-secrets-hook --no-verify --disable-plugin KeywordDetector

# Known vulnerabilities in what is locked. Needs the network, and uv.
audit:
	uvx pip-audit --require-hashes --disable-pip -r requirements.txt

# Needs uv. No address of an index goes into the file.
lock:
	uv pip compile --universal --python-version 3.10 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-header --upgrade --group dev pyproject.toml -o requirements.txt
	uv pip compile --universal --python-version 3.10 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-header --upgrade benchmarks/ansible/requirements.in -o benchmarks/ansible/requirements.txt

clean:
	rm -rf $(VENV) $(ANSIBLE) .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis
