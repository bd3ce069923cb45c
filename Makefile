# `make` prints what there is. Every target is one line that calls a tool or a script.

PYTHON ?= python3
MINUTES ?= 3
# What must pass before a version is made, and what its changes are compared with.
GATES ?= check
SINCE ?= origin/main
UV := $(PYTHON) deploy/local/uv.py
RUN := .venv/bin/
DEVSTACK := env PYTHONPATH=deploy/local:app $(RUN)python -m devstack
KUSTOMIZE := env PYTHONPATH=deploy/local:. $(RUN)python -m deploy.kustomize
KIND := env PYTHONPATH=deploy/local:app $(RUN)python -m deploy.kind
RELEASE := env PYTHONPATH=deploy/local:app $(RUN)python -m deploy.release
PYTEST := $(RUN)python -m pytest
COMMITTED := tests/contract/test_api_openapi.py::test_the_committed_document_is_the_generated_one
SPECTACULAR := env DJANGO_SETTINGS_MODULE=config.settings.test $(RUN)python app/manage.py spectacular

.DEFAULT_GOAL := help
.PHONY: help demo up down worker shell redis-cli psql servers compose-secrets \
	test faults soak check format-check lint types imports guards coverage-rows tools helm \
	chart audit changelog \
	kind-up kind-test kind-load kind-down kustomize-local bench \
	format migrations docs kustomize site lock clean \
	release image image-scan publish-check publish-images publish-chart publish-notes cosign grype
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

compose-secrets: .venv/.local ## passwords and certificates for compose.yaml, into .local/compose
	@$(DEVSTACK) compose-secrets

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

chart: .venv/.test helm ## the chart's tests alone, which need no server
	@$(PYTEST) -n 2 tests/chart

audit: .venv/.audit ## no locked package has a known vulnerability, by PyPI's own list
	@$(UV) export --quiet --frozen --no-default-groups --all-groups --no-emit-project --output-file .local/locked.txt
	@$(RUN)pip-audit --strict --requirement .local/locked.txt --require-hashes --disable-pip --progress-spinner off

changelog: .venv/.test ## the changes since SINCE have a fragment of the changelog
	@$(RUN)towncrier check --compare-with $(SINCE)

coverage-rows: .venv/.test ## which rows of the coverage list have no test
	@$(RUN)python -m tests.coverage_rows

tools: ## helm, kustomize, kind, promtool and actionlint: what is not on PATH goes into .local/bin
	@$(PYTHON) deploy/tools/install.py

helm: ## of these only what tests need: Helm 4 and 3, kustomize, promtool and actionlint
	@$(PYTHON) deploy/tools/install.py helm helm3 kustomize promtool actionlint

cosign: ## cosign, which signs what is published
	@$(PYTHON) deploy/tools/install.py cosign

grype: ## grype, which scans images
	@$(PYTHON) deploy/tools/install.py grype

## Kubernetes

kind-up: .venv/.cluster ## a cluster in Docker with the whole stack on it, or what changed: make kind-up MONITORING=1
	@$(KIND) up

kind-test: .venv/.cluster ## the cluster's tests, on what `make kind-up MONITORING=1` made
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

migrations: .venv/.local ## write the migrations that changed models need
	@env DJANGO_SETTINGS_MODULE=config.settings.test $(RUN)python -W ignore::RuntimeWarning app/manage.py makemigrations

docs: .venv/.test ## write anew what is generated: docs/settings.md, metrics.md, values.md, openapi.yaml, the chart's dashboards
	@$(RUN)python docs/generate.py
	@env PYTHONPATH=app:. $(RUN)python -m deploy.dashboards
	@$(SPECTACULAR) --validate --fail-on-warn --file docs/openapi.yaml

site: .venv/.test ## the documents as a site, in .local/site; a link that leads nowhere is an error
	@env NO_MKDOCS_2_WARNING=1 $(RUN)mkdocs build --strict

kustomize: .venv/.test helm ## write anew what of deploy/kustomize is rendered from the chart
	@$(KUSTOMIZE).render

lock: ## choose the newest versions that pyproject.toml allows
	@$(UV) lock --upgrade

clean: ## delete .venv, the stack's data and every cache; a running stack must be stopped first
	@sh deploy/local/clean.sh

## Release

release: .venv/.test helm ## a version of this checkout, all but pushing it: make release VERSION=0.2.0
	@$(RELEASE) make "$(VERSION)" --gates $(GATES)

image: .venv/.test ## build the image and its target with Flower, on the newest base
	@$(RELEASE) build

image-scan: image grype ## known vulnerabilities in them that a newer package would mend
	@$(RELEASE) scan

publish-check: .venv/.test ## the commit has the tag of its version
	@$(RELEASE) check

publish-images: .venv/.test cosign ## push and sign the images of a tagged commit: REGISTRY=ghcr.io/example
	@$(RELEASE) images

publish-chart: .venv/.test helm cosign ## push and sign the chart that runs them
	@$(RELEASE) chart

publish-notes: .venv/.test ## make GitHub's release of it, with its part of the changelog
	@$(RELEASE) notes

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

.venv/.audit: .venv/.test
	@$(UV) sync --quiet --frozen --inexact --group audit
	@touch $@

# On top of `test`, which would remove what only this has.
.venv/.cluster: .venv/.test
	@$(UV) sync --quiet --frozen --inexact --group cluster
	@touch $@
