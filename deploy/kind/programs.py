"""The programs that a cluster needs, and running them."""

from __future__ import annotations

import os
import shutil
import subprocess

from deploy.kind.names import CONTEXT, ROOT
from devstack.errors import StackError

# Where `make tools` puts what is missing.
PATH = f"{ROOT / '.local' / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
NEEDED = {
    "docker": "install it from https://docs.docker.com/engine/install/",
    "kubectl": "install it from https://kubernetes.io/docs/tasks/tools/",
    "kind": "run `make tools`",
    "helm": "run `make tools`",
}
# Lines of a failed command that are shown.
SHOWN = 30


def check() -> None:
    """StackError with a line for each program that is missing, or when Docker does not run."""
    missing = [f"{name} is not installed; {how}" for name, how in NEEDED.items() if not shutil.which(name, path=PATH)]
    if missing:
        raise StackError("\n".join(missing))
    try:
        run("docker", "version", "--format", "{{.Server.Version}}")
    except StackError as error:
        raise StackError(f"Docker does not answer; start it, or its daemon (dockerd)\n{error}") from None


def run(*command: str, given: str | None = None, seconds: float = 900) -> str:
    """Run a command in the checkout and return its output. `given` is its input.

    Raises StackError with the end of what it printed when it fails or takes longer than `seconds`.
    """
    program = shutil.which(command[0], path=PATH)
    if program is None:
        raise StackError(f"{command[0]} is not installed; {NEEDED.get(command[0], 'install it')}")
    try:
        done = subprocess.run(
            [program, *command[1:]],
            cwd=ROOT,
            env={**os.environ, "PATH": PATH},
            input=given,
            stdin=None if given is not None else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
    except subprocess.TimeoutExpired:
        raise StackError(f"`{' '.join(command)}` did not end within {seconds:.0f} s") from None
    if done.returncode != 0:
        printed = "".join(f"\n  {line}" for line in (done.stdout + done.stderr).splitlines()[-SHOWN:])
        raise StackError(f"`{' '.join(command)}` ended with exit code {done.returncode}:{printed}")
    return done.stdout


def kubectl(*arguments: str, given: str | None = None, seconds: float = 600) -> str:
    """kubectl on the project's own cluster, whatever the current context is."""
    return run("kubectl", "--context", CONTEXT, *arguments, given=given, seconds=seconds)


def helm(*arguments: str, given: str | None = None, seconds: float = 900) -> str:
    """helm on the project's own cluster."""
    return run("helm", "--kube-context", CONTEXT, *arguments, given=given, seconds=seconds)
