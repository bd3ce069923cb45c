#!/bin/sh
# Delete what this checkout made for itself: environments, the stack's data, caches.
set -eu
cd "$(dirname "$0")/../.."

if [ -x .venv/bin/python ] && [ -e .local/stack.lock ]; then
    PYTHONPATH=deploy/local:app .venv/bin/python -m devstack down
fi
# PostgreSQL's data stand elsewhere when its user cannot reach the checkout.
if [ -L .local/postgres/data ]; then rm -rf "$(dirname "$(readlink .local/postgres/data)")"; fi
rm -rf .venv .local .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
find . -name __pycache__ -type d -prune -exec rm -rf {} +
