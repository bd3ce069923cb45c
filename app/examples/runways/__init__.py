"""Runways from another system's API: page by page, going on where a bad day stopped it."""
