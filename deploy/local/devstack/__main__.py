"""`python -m devstack <verb>`. Exit code 1 with one plain message when a verb fails."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from config.queues import Queue
from devstack import attach
from devstack.compose import compose_secrets
from devstack.console import complain, say
from devstack.demo import demo
from devstack.errors import StackError
from devstack.programs import install_missing, postgres_program, redis_program
from devstack.up import down, up


def servers() -> int:
    """Find Redis and PostgreSQL, install what is missing."""
    install_missing(say)
    say(f"{redis_program()}\n{postgres_program()}")
    return 0


VERBS: dict[str, Callable[[], int]] = {
    "up": up,
    "down": down,
    "demo": demo,
    "servers": servers,
    "shell": attach.shell,
    "redis-cli": attach.redis_cli,
    "psql": attach.psql,
    "compose-secrets": compose_secrets,
}


def main(arguments: list[str]) -> int:
    """Carry out one verb."""
    parser = argparse.ArgumentParser(
        prog="devstack", description="The local stack: Redis, PostgreSQL, the application."
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="verb")
    for name, verb in VERBS.items():
        verbs.add_parser(name, help=(verb.__doc__ or "").splitlines()[0])
    worker = verbs.add_parser("worker", help="One more worker for a queue.")
    queues = {str(queue): queue for queue in Queue}
    worker.add_argument("queue", choices=queues)
    options = parser.parse_args(arguments)
    try:
        if options.verb == "worker":
            attach.worker(queues[options.queue])
        return VERBS[options.verb]()
    except StackError as error:
        complain(error)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
