# `make` prints what there is. Every target is one line that calls a tool or a script.

PYTHON ?= python3
MINUTES ?= 3
UV := $(PYTHON) deploy/local/uv.py
RUN := .venv/bin/
DEVSTACK := env PYTHONPATH=deploy/local:app $(RUN)python -m devstack
KUSTOMIZE := env PYTHONPATH=deploy/local:. $(RUN)python -m deploy.kustomize
KIND := env PYTHONPATH=deploy/local:app $(RUN)python -m deploy.kind
PYTEST := $(RUN)python -m pytest
COMMITTED := tests/contract/test_api_openapi.py::test_the_committed_document_is_the_generated_one
SPECTACULAR := env DJANGO_SETTINGS_MODULE=config.settings.test $(RUN)python app/manage.py spectacular

.DEFAULT_GOAL := help
.PHONY: help demo up down worker shell redis-cli psql servers \
	test faults soak check format-check lint types imports guards coverage-rows tools helm \
	kind-up kind-test kind-load kind-down kustomize-local bench \
	format docs kustomize lock clean
# Two targets at once would install into one .venv.
.NOTPARALLEL:

help:
	@awk -f deploy/local/help.awk Makefile

## Run

demo: .venv/.local ## the whole stack once: import a file over HTTP, print the report, stop
	@$(DEVSTACK) demo

up: .venv/.local ## the whole stack in the foreground, reloading on a change; Ctrl-C stops it
	@$(DEVSTACK) up

down: .venv/.local ## stop the stack that `make up` runs in another terminal
	@$(DEVSTACK) down

worker: .venv/.local ## one more worker for the running stack: make worker QUEUE=io
	@$(DEVSTACK) worker $(QUEUE)

shell: .venv/.local ## Django's shell in the running stack
	@$(DEVSTACK) shell

redis-cli: .venv/.local ## redis-cli in the running stack, over TLS, as admin
	@$(DEVSTACK) redis-cli

psql: .venv/.local ## psql in the running stack's database
	@$(DEVSTACK) psql

servers: .venv/.local ## find Redis and PostgreSQL, install what is missing
	@$(DEVSTACK) servers

## Check

test: format-check lint types imports servers helm ## every gate of `check`, then every layer of tests
	@$(PYTEST) -n 4 --dist worksteal

faults: .venv/.test servers ## every fault on every pool: what `test` tries once, and the rest
	@$(PYTEST) -n 3 --dist worksteal -m '' tests/faults

soak: .venv/.test servers ## random faults under constant load, then an audit: make soak MINUTES=30 [SEED=4711]
	@$(RUN)python -m tests.faults.soak $(MINUTES) $(SEED)

check: format-check lint types imports guards ## what needs no server: each gate below

format-check: .venv/.test ## every file is formatted
	$(RUN)ruff format --check --quiet .

lint: .venv/.test ## ruff finds nothing
	$(RUN)ruff check --quiet .

types: .venv/.test ## mypy finds nothing, strictly
	$(RUN)mypy

imports: .venv/.test ## imports go one way (contracts in pyproject.toml)
	env PYTHONPATH=app $(RUN)lint-imports --no-logo

guards: .venv/.test helm ## rules as tests; what is generated is committed
	$(PYTEST) -q tests/guards $(COMMITTED)

coverage-rows: .venv/.test ## which rows of the coverage list have no test
	@$(RUN)python -m tests.coverage_rows

tools: ## helm, kustomize, kind and promtool: what is not on PATH goes into .local/bin
	@$(PYTHON) deploy/tools/install.py

helm: ## of these only what renders: Helm 4 and 3 and kustomize, for the chart's and the overlays' tests
	@$(PYTHON) deploy/tools/install.py helm helm3 kustomize

## Kubernetes

kind-up: .venv/.cluster ## a cluster in Docker with the whole stack on it; again: bring it up to date
	@$(KIND) up

kind-test: .venv/.cluster ## the cluster's tests, on what `make kind-up` made
	@$(PYTEST) tests/cluster

kind-load: .venv/.cluster ## fill a queue and draw how its workers scale: make kind-load JOBS=500
	@$(KIND) load

kind-down: .venv/.cluster ## delete the cluster
	@$(KIND) down

kustomize-local: .venv/.cluster ## build and load the image, make the Secrets for deploy/kustomize/overlays/local
	@$(KUSTOMIZE).local

bench: .venv/.bench ## measure against others (half an hour), write docs/performance.md: make bench PARTS=noop
	@env PATH="$(CURDIR)/.venv/bin:$$PATH" PYTHONPATH=app:deploy/local:. $(RUN)python -m benchmarks $(PARTS)

## Change

format: .venv/.test ## format and mend what can be mended
	$(RUN)ruff check --fix-only .
	$(RUN)ruff format .

docs: .venv/.test ## write anew what is generated: docs/settings.md, docs/openapi.yaml
	@$(RUN)python docs/generate.py
	@$(SPECTACULAR) --validate --fail-on-warn --file docs/openapi.yaml

kustomize: .venv/.test helm ## write anew what of deploy/kustomize is rendered from the chart
	@$(KUSTOMIZE).render

lock: ## choose the newest versions that pyproject.toml allows
	@$(UV) lock --upgrade

clean: ## delete .venv, the stack's data and every cache; a running stack must be stopped first
	@sh deploy/local/clean.sh

# Each is laid anew when the lock changes. `local` leaves alone what `test` installed.
.venv/.local: pyproject.toml uv.lock deploy/local/uv.py
	@$(UV) sync --quiet --frozen --inexact --group local
	@touch $@

.venv/.test: pyproject.toml uv.lock deploy/local/uv.py
	@$(UV) sync --quiet --frozen --group test
	@touch $@

.venv/.bench: .venv/.test
	@$(UV) sync --quiet --frozen --inexact --group bench
	@touch $@

# On top of `test`, which would remove what only this has.
.venv/.cluster: .venv/.test
	@$(UV) sync --quiet --frozen --inexact --group cluster
	@touch $@
