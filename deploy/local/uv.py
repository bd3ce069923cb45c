"""Run the pinned uv, which reads the lock: `python3 uv.py sync --frozen --group local`.

Needs Python 3.11 with its standard library and nothing else. uv is installed into `.local/uv`, so that neither the
machine nor `.venv` is touched by it; on Debian, where `venv` is a package of its own, that is installed first.
An older Python can read this file as far as the line that says what is wrong.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

UV = "0.13.9"
MINIMUM = (3, 11)
CHECKOUT = Path(__file__).resolve().parents[2]
TOOLS = CHECKOUT / ".local" / "uv"


def main(arguments: list[str]) -> None:
    """Install uv where it is missing and run it on this checkout and this Python."""
    if sys.version_info < MINIMUM:
        found = sys.version.split()[0]
        sys.exit(f"python3 is {found} ({sys.executable}); it must be 3.11 or newer: make PYTHON=/path/of/a/newer/one")
    if installed() != UV:
        install_venv()
        print(f"installing uv {UV} into {TOOLS}", flush=True)
        run([sys.executable, "-m", "venv", "--clear", str(TOOLS)])
        run([str(TOOLS / "bin" / "python"), "-m", "pip", "install", "--quiet", f"uv=={UV}"])
    run([str(TOOLS / "bin" / "uv"), *arguments])


def installed() -> str | None:
    """The version of the uv that is there and runs."""
    try:
        answer = subprocess.run([TOOLS / "bin" / "uv", "--version"], stdout=subprocess.PIPE, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return answer.stdout.split()[1]


def install_venv() -> None:
    """Install Debian's package of the modules venv and ensurepip, where they are missing."""
    if importlib.util.find_spec("ensurepip") and importlib.util.find_spec("venv"):
        return
    if not shutil.which("apt-get") or (os.geteuid() != 0 and not shutil.which("sudo")):
        sys.exit("python3 has no module venv; install it (on Debian, as root: apt-get install python3-venv)")
    print("python3 has no module venv: installing python3-venv with apt-get", flush=True)
    root = [] if os.geteuid() == 0 else ["sudo"]
    run([*root, "sh", str(CHECKOUT / "deploy" / "local" / "apt-install.sh"), "python3-venv"])


def run(command: list[str]) -> None:
    """Run a command; end with its exit code when it fails."""
    settings = {
        "UV_PYTHON": sys.executable,
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_PROJECT_ENVIRONMENT": str(CHECKOUT / ".venv"),
    }
    done = subprocess.run(command, cwd=CHECKOUT, env={**os.environ, **settings}, check=False)
    if done.returncode != 0:
        print(f"{' '.join(command)} failed with exit code {done.returncode}", file=sys.stderr)
        sys.exit(done.returncode)


if __name__ == "__main__":
    main(sys.argv[1:])
