"""`make kustomize-local`: what overlays/local needs and no repository has: the image that was built, and Secrets.

Passwords are made once and kept, for the data are bound to them. Certificates are renewed when they near their end.
"""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

import yaml

from deploy.kind import cluster, programs
from deploy.kind.names import CONTEXT, ROOT
from deploy.kustomize.render import HERE, MIGRATIONS, RELEASE
from devstack import certificates
from devstack.console import complain, say
from devstack.errors import StackError

OVERLAY = HERE / "overlays" / "local"
NAMESPACE = "django-celery-local"
PASSWORDS = (
    "database-password",
    "postgres-password",
    "redis-admin",
    "redis-beat",
    "redis-keda",
    "redis-relay",
    "redis-web",
    "redis-worker",
    "secret-key",
)
CERTIFICATES = ("ca.crt", "tls.crt", "tls.key")


def write(overlay: Path, image: str) -> None:
    """Write `made` into the overlay, for an image with its tag."""
    folder = overlay / "made"
    folder.mkdir(mode=0o700, exist_ok=True)
    for name in PASSWORDS:
        ensure_password(folder / name)
    certificates.ensure(folder, hosts=hosts())
    repository, _, tag = image.rpartition(":")
    kustomization = {
        "apiVersion": "kustomize.config.k8s.io/v1alpha1",
        "kind": "Component",
        "images": [{"name": RELEASE, "newName": repository, "newTag": tag}],
        "configMapGenerator": [{"name": MIGRATIONS, "behavior": "merge", "files": ["made=kustomization.yaml"]}],
        "secretGenerator": [_secret("secrets", PASSWORDS), _secret("tls", CERTIFICATES)],
    }
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization, sort_keys=False))


def ensure_password(file: Path) -> None:
    """A password, once."""
    if not file.exists():
        file.touch(mode=0o600)
        file.write_text(secrets.token_urlsafe(36))


def hosts() -> list[str]:
    """Every name by which the servers are reached, KEDA's from another namespace included."""
    names = [f"{RELEASE}-{server}" for server in ("redis", "postgresql")]
    within = ["", f".{NAMESPACE}", f".{NAMESPACE}.svc", f".{NAMESPACE}.svc.cluster.local"]
    return [f"{name}{end}" for name in names for end in within] + ["localhost"]


def _secret(name: str, files: tuple[str, ...]) -> dict[str, object]:
    """Without a hash in its name: its readers follow its content."""
    return {"name": f"{RELEASE}-{name}", "files": list(files), "options": {"disableNameSuffixHash": True}}


def main() -> int:
    """Build the image, put it into the cluster, write what the overlay needs."""
    try:
        programs.check()
        image = cluster.build()
        cluster.load(image)
    except StackError as error:
        complain(error)
        return 1
    write(OVERLAY, image)
    place = OVERLAY.relative_to(ROOT)
    say(f"{place}/made names {image} and has the Secrets; next:")
    say(f"  kubectl --context {CONTEXT} apply --server-side --kustomize {place}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
