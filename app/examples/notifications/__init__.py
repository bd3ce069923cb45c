"""Telling others: webhooks and mail, with a key by which they can tell repeats."""
