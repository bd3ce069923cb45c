"""Django's command line, for a developer's shell. Everywhere else: `python -m config`."""

import os
import sys

from config.__main__ import main

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")
    sys.exit(main(["manage", *sys.argv[1:]]))
