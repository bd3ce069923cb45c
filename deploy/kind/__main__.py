"""`python -m deploy.kind <verb>`. Exit code 1 with one plain message when a verb fails."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from deploy.kind.load import load
from deploy.kind.up import down, up
from devstack.console import complain
from devstack.errors import StackError

VERBS: dict[str, Callable[[], int]] = {"up": up, "load": load, "down": down}


def main(arguments: list[str]) -> int:
    """Carry out one verb."""
    parser = argparse.ArgumentParser(prog="deploy.kind", description="The whole stack on a cluster in Docker.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="verb")
    for name, verb in VERBS.items():
        verbs.add_parser(name, help=(verb.__doc__ or "").splitlines()[0])
    try:
        return VERBS[parser.parse_args(arguments).verb]()
    except StackError as error:
        complain(error)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
