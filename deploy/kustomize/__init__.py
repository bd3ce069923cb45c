"""Kustomize: a base and components rendered from the chart, and overlays that say what is otherwise in a place."""
