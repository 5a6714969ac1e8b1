# make demo   runs the whole deploy twice, against a sandbox that leaves nothing behind
# make lab    run once, so that make test also deploys to a real Docker engine through a real sshd
# make test   runs every test that this machine can run; REQUIRED=all turns skips into failures
# make drift  shows whether a run would change something, as an exit code: see pyinfra_plane/drift.py
# make bench  measures run times, against an empty deploy, a bare script and an Ansible playbook
PYTHON ?= python3
# VENV has the packages that a deploy needs; DEV adds those of the sandbox, the tests and the tools.
VENV := .venv
DEV := .venv-dev
BIN := $(DEV)/bin
REQUIRED ?=

.PHONY: reference audit demo sandbox secrets lab test coverage test-deep test-live bench lint lock clean drift recording

# A shell's variables for every Python are not for this one: other packages, an encoding that lacks a letter.
unexport PYTHONHOME PYTHONIOENCODING PYTHONOPTIMIZE PYTHONPATH PYTHONSAFEPATH PYTHONWARNINGS
export PYTHONUTF8 := 1

# Create an environment from a file of requirements; an incomplete one is created again.
define environment
@fail() { echo "make: $$*; then run: make $(MAKECMDGOALS)" >&2; exit 1; }; \
version=$$($(PYTHON) -c 'import sys; print("Python %d.%d" % sys.version_info[:2])' 2>/dev/null) || version=missing; \
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null || \
	fail "$(PYTHON) is $$version; install Python 3.10 or later, or name one as in PYTHON=python3.12"; \
$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	fail "$(PYTHON) cannot make an environment; install its venv (Debian, Ubuntu: apt install python3-venv)"; \
echo "making $(@D), which takes about half a minute"; \
if [ -t 1 ]; then show='{ printf "\r\033[K  packages read: %d, now %s", ++n, $$2; fflush() }'; else show='{}'; fi; \
[ -e $@ ] || said=$$($(PYTHON) -m venv --clear $(@D) 2>&1) || \
	fail "cannot make $(@D): $$(echo "$$said" | tail -n 1); correct that"; \
{ PIP_USER=0 $(@D)/bin/python -m pip install --progress-bar off --disable-pip-version-check --require-hashes \
	-r $< 2>&1 || echo "ended badly"; } | tee $(@D)/pip.log | \
	awk "/^Collecting/ $$show END { if (n) printf \"\r\033[K\" }"; \
[ "$$(tail -n 1 $(@D)/pip.log)" != "ended badly" ] || \
	fail "pip cannot install $<: $$(sed -n 's/^ERROR: //p' $(@D)/pip.log | tail -n 1); read $(@D)/pip.log and check" \
		"that this machine reaches its package index"; \
touch $@
endef

$(VENV)/.made: requirements.txt
	$(environment)

$(DEV)/.made: requirements-dev.txt
	$(environment)

demo: $(DEV)/.made
	@$(BIN)/python -m sandbox.demo

sandbox: $(DEV)/.made
	@$(BIN)/python -m sandbox

# Make exits with 2 after any failure; call `python -m pyinfra_plane.drift` to distinguish changes from a failure.
# make drift DRIFT="inventory.py --limit sese"
DRIFT ?= inventory.py

drift: $(VENV)/.made
	@$(VENV)/bin/python -m pyinfra_plane.drift $(DRIFT)

# The picture of `make demo`, docs/demo.svg. Its seconds differ on each run, so run this only if its text has changed.
recording: $(DEV)/.made
	@$(BIN)/python -m sandbox.recording

# Writes strong values for missing secrets into secrets/all.env; with HOST=sese, the passwords that each Plane must have of
# its own into secrets/sese.env. Existing values stay.
secrets: $(VENV)/.made
	@$(VENV)/bin/python -m pyinfra_plane.make_secrets secrets $(HOST)

# Installs a Docker engine, an sshd and images (Debian or Ubuntu, as root), for the tests that deploy to a real target.
lab:
	@tests/docker/setup.sh

# A test uses Plane's MCP server, which requires another plane-sdk, so the server has an environment of its own.
MCP := .venv-mcp
NEWER_MCP := .venv-mcp-1.4

$(MCP)/.made: tests/clients/mcp/requirements.txt
	$(environment)

$(NEWER_MCP)/.made: tests/clients/mcp-1.4/requirements.txt
	$(environment)

# Tables of cases are sampled: see tests/sampled.py. SEED=… repeats the sample of another run.
SEED ?=
export SEED

test: $(DEV)/.made $(MCP)/.made $(NEWER_MCP)/.made
	@$(BIN)/python -m pytest -q -n auto --dist worksteal --durations=10 --required "$(REQUIRED)"

# Shows which code the tests reach, and fails below nine tenths. Includes the processes of pyinfra, which take twice as
# long then: see tests/measured.py.
coverage: $(DEV)/.made $(MCP)/.made $(NEWER_MCP)/.made
	@$(BIN)/python -m coverage erase
	@status=0; \
	MEASURED=1 $(BIN)/python -m pytest -q -n auto --dist worksteal --durations=10 --required "$(REQUIRED)" || status=$$?; \
	$(BIN)/python -m coverage combine -q && $(BIN)/python -m coverage report || status=1; \
	exit $$status

# Runs the tables that `make test` samples: every place where a run is killed, every fault, over ten thousand hostile
# values. PART=3/10 runs the third tenth of each.
PART ?= 1/1

test-deep: $(DEV)/.made
	@DEEP="$(PART)" $(BIN)/python -m pytest -q -n auto --dist worksteal --durations=10 -m sampled \
		--required deploy,docs,faults,leaks,values tests/deploy tests/docs tests/faults tests/leaks tests/values

# Tests a real Plane, and writes to it: make test-live PLANE_URL=http://127.0.0.1:8000; see tests/live/test_live.py.
test-live: $(DEV)/.made
	@$(BIN)/python -m pytest -q -s --required live tests/live

# Measures run times, for about half an hour. `make bench BENCH=--quick` only tests the benchmark, and writes no file.
BENCH ?=
ANSIBLE := .venv-ansible

$(ANSIBLE)/.made: benchmarks/ansible/requirements.txt
	$(environment)

bench: $(VENV)/.made $(DEV)/.made $(ANSIBLE)/.made
	@$(BIN)/python -m benchmarks $(BENCH)

# Writes docs/reference.md, docs/settings.md and group_data/all.py, and the messages in docs/errors.md, from the code. It
# fails if a message has no entry in docs/errors.md; tests fail if a file is out of date.
reference: $(DEV)/.made
	@$(BIN)/python -m docs.reference

# No step needs the network. docs.plain_words finds words to avoid, which docs/plain_words.txt lists, in pages, messages,
# docstrings and comments. The tests are full of fake secrets, so they are not searched for real ones.
# KeywordDetector reports everything that is named after a secret.
lint: $(DEV)/.made
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m docs.plain_words
	git ls-files -z | grep -zvE '^(tests|sandbox|benchmarks)/|requirements(-dev)?.txt$$' | \
		xargs -0 $(BIN)/detect-secrets-hook --no-verify --disable-plugin KeywordDetector

# Reports known vulnerabilities in locked packages. Needs the network, and uv.
audit:
	uvx pip-audit --require-hashes --disable-pip -r requirements-dev.txt

# Writes the locks. Needs uv. The files contain no address of an index.
lock:
	uv pip compile --universal --python-version 3.10 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-header --upgrade --group dev pyproject.toml -o requirements-dev.txt
	uv pip compile --universal --python-version 3.10 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-header --upgrade -c requirements-dev.txt pyproject.toml -o requirements.txt
	uv pip compile --universal --python-version 3.10 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-header --upgrade benchmarks/ansible/requirements.in -o benchmarks/ansible/requirements.txt
	uv pip compile --universal --python-version 3.10 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-header --upgrade tests/clients/mcp/requirements.in -o tests/clients/mcp/requirements.txt
	uv pip compile --universal --python-version 3.10 --generate-hashes --no-emit-index-url --no-emit-find-links \
		--no-header --upgrade tests/clients/mcp-1.4/requirements.in -o tests/clients/mcp-1.4/requirements.txt

clean:
	rm -rf $(VENV) $(DEV) $(ANSIBLE) $(MCP) $(NEWER_MCP) .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis
