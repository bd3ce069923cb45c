"""A token for the API of the cluster's release."""

from __future__ import annotations

from deploy.kind.names import FOLDER, NAMESPACE, RELEASE, URL
from deploy.kind.programs import kubectl
from devstack.api import Api
from devstack.errors import StackError

FILE = FOLDER / "token"


def current() -> str:
    """The checkout's token; a new one when there is none or the release does not know it."""
    if FILE.exists():
        token = FILE.read_text().strip()
        api = Api(URL, token)
        try:
            if api.knows_token():
                return token
        finally:
            api.close()
    made = kubectl(
        "--namespace", NAMESPACE, "exec", f"deployment/{RELEASE}-web", "--container", "web", "--",
        "python", "-m", "config", "manage", "create_token", "kind",
    )  # fmt: skip
    FOLDER.mkdir(parents=True, exist_ok=True)
    FILE.touch(mode=0o600)
    FILE.write_text(made.split()[-1])
    return made.split()[-1]


def api() -> Api:
    """The API of the release. StackError when there is none."""
    if not FILE.exists():
        raise StackError("this checkout has no release on a cluster; make it with `make kind-up`")
    return Api(URL, FILE.read_text().strip())
