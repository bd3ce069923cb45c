"""Flower's settings. The password comes from a file, so that it is in no variable and on no command line."""

from pathlib import Path

basic_auth = ["flower:" + Path("/run/flower/password").read_text().strip()]
read_only = True
port = 5555
# Nothing is kept: it shows what happens while it runs.
persistent = False
# Workers send no events until somebody asks for them.
enable_events = True
