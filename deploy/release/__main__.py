"""`python -m deploy.release <verb>`. Exit code 1 with one plain message when a verb fails."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from deploy.release import chart, images, notes
from deploy.release.make import make
from deploy.release.versions import check
from devstack.console import complain
from devstack.errors import StackError

VERBS: dict[str, Callable[[], None]] = {
    "check": check,
    "build": images.build,
    "scan": images.scan,
    "images": images.publish,
    "chart": chart.publish,
    "notes": notes.publish,
}


def main(arguments: list[str]) -> int:
    """Carry out one verb."""
    parser = argparse.ArgumentParser(prog="deploy.release", description="Releases of image and chart.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="verb")
    for name, verb in VERBS.items():
        verbs.add_parser(name, help=(verb.__doc__ or "").splitlines()[0])
    making = verbs.add_parser("make", help=(make.__doc__ or "").splitlines()[0])
    making.add_argument("version", nargs="?", default="")
    making.add_argument("--gates", nargs="*", default=[], help="targets of make that must pass first")
    given = parser.parse_args(arguments)
    try:
        if given.verb == "make":
            make(given.version, given.gates)
        else:
            VERBS[given.verb]()
    except StackError as error:
        complain(error)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
