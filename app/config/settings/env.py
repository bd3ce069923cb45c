"""The process's environment, read when the first settings module is imported."""

from config.environment import load

env = load()
