"""`make kustomize`: write the base and the components anew from the chart.

The base is the chart with base/values.yaml. A component is what changes when components/<name>/values.yaml are laid
over these: objects that are new, and patches of those that are otherwise. A new folder with values is a new component.

The alerts of a component have a transformer beside them, for the namespace of an overlay (alerts.py).

Two things are Kustomize's and not Helm's: labels that name Helm are left out, and the migrations' Job is named without
the chart's hash, because Kustomize gives it one of its own (base/kustomization.yaml).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from deploy.kind.names import CHART
from deploy.kind.programs import run
from deploy.kustomize import alerts
from deploy.kustomize.difference import difference
from devstack.console import complain, say
from devstack.errors import StackError

HERE = Path(__file__).parent
RELEASE = NAMESPACE = "django-celery"
MIGRATIONS = f"{RELEASE}-migrate"
# The oldest that the chart takes; it renders the same for all.
KUBERNETES = "1.33.0"
HEAD = "# Rendered by `make kustomize` from the chart and {values}; change these.\n"
# The one in C takes a tenth of the time, where it is there.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# Labels that say that Helm keeps an object.
HELMS = re.compile(r"^\s+(?:app\.kubernetes\.io/managed-by|helm\.sh/chart): .*\n", re.MULTILINE)


@dataclass(frozen=True)
class Document:
    """An object as the chart writes it, with its comments, and the part of the chart that it is from."""

    part: str
    text: str
    content: dict[str, Any]

    @property
    def identity(self) -> tuple[str, str]:
        return self.content["kind"], self.content["metadata"]["name"]


@dataclass(frozen=True)
class Component:
    """What a component adds to the base, and what it changes there."""

    name: str
    added: list[Document]
    patches: list[dict[str, Any]]

    @property
    def changes_migrations(self) -> bool:
        return any(patch["kind"] == "Job" for patch in self.patches)


def components() -> list[str]:
    """Every folder that has values."""
    return sorted(path.parent.name for path in (HERE / "components").glob("*/values.yaml"))


def files() -> dict[Path, str]:
    """Everything that is generated, by its place under this folder."""
    found = _by_part("base", rendered())
    for name in components():
        component = compared(name)
        folder = f"components/{name}"
        found |= _by_part(folder, component.added)
        if component.patches:
            found[Path(folder, "patches.yaml")] = _head(folder) + "---\n".join(map(_dumped, component.patches))
        found[Path(folder, "kustomization.yaml")] = _head(folder) + _dumped(_kustomization(component))
        for rule in [one.content for one in component.added if one.content["kind"] == "PrometheusRule"]:
            found |= {
                Path(folder, alerts.FOLDER, file): _head(folder) + _dumped(content)
                for file, content in alerts.transformer(rule).items()
            }
    return found


def compared(name: str) -> Component:
    """A component. StackError when it takes away what the base has: a base has only what all have."""
    base = {one.identity: one for one in rendered()}
    whole = {one.identity: one for one in rendered(name)}
    if gone := base.keys() - whole.keys():
        raise StackError(f"components/{name} removes {sorted(gone)} from the base, which must then not have them")
    added = [one for identity, one in whole.items() if identity not in base]
    patches = [
        _patch(one.content, change)
        for identity, one in base.items()
        if (change := difference(one.content, whole[identity].content))
    ]
    return Component(name, added, patches)


@cache
def rendered(*names: str) -> list[Document]:
    """What the chart makes for Kustomize, with the values of these components laid over the base's."""
    values = [HERE / "base" / "values.yaml", *(HERE / "components" / name / "values.yaml" for name in names)]
    arguments = [word for path in values for word in ("--values", str(path))]
    arguments += ["--namespace", NAMESPACE, "--kube-version", KUBERNETES]
    return list(_documents(run("helm", "template", RELEASE, str(CHART), *arguments)))


def _documents(text: str) -> Iterator[Document]:
    for document in re.split(r"^---\n", text, flags=re.MULTILINE):
        source = re.match(r"# Source: [^/]+/templates/([\w-]+)", document)
        without_source = document.partition("\n")[2] if source else document
        content = _read(without_source)
        if not content:
            continue
        if not source:
            raise StackError(f"helm does not say which template made {content['kind']}")
        tidy = HELMS.sub("", without_source).replace(content["metadata"]["name"], _name(content))
        text = "".join(f"{line.rstrip()}\n" for line in tidy.strip().splitlines())
        yield Document(source[1], text, _read(text))


def _read(text: str) -> Any:
    """The object of a document; None for one that has nothing but comments."""
    return next(iter(yaml.load_all(text, Loader=LOADER)), None)


def _name(content: dict[str, Any]) -> str:
    return MIGRATIONS if content["kind"] == "Job" else str(content["metadata"]["name"])


def _by_part(folder: str, documents: list[Document]) -> dict[Path, str]:
    """A file for each part of the chart, with its objects."""
    parts = sorted({one.part for one in documents})
    return {
        Path(folder, f"{part}.yaml"): _head(folder) + "---\n".join(one.text for one in documents if one.part == part)
        for part in parts
    }


def _patch(content: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """A change, addressed to its object."""
    metadata = {key: content["metadata"][key] for key in ("name", "namespace")} | change.pop("metadata", {})
    return {"apiVersion": content["apiVersion"], "kind": content["kind"], "metadata": metadata, **change}


def _kustomization(component: Component) -> dict[str, Any]:
    parts = sorted({f"{one.part}.yaml" for one in component.added})
    made: dict[str, Any] = {"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component", "resources": parts}
    if component.changes_migrations:
        source = {"name": MIGRATIONS, "behavior": "merge", "files": [f"{component.name}=patches.yaml"]}
        made["configMapGenerator"] = [source]
    if component.patches:
        made["patches"] = [{"path": "patches.yaml"}]
    if (HERE / "components" / component.name / "replacements.yaml").exists():
        made["replacements"] = [{"path": "replacements.yaml"}]
    return made


def _head(folder: str) -> str:
    return HEAD.format(values="values.yaml" if folder == "base" else "the base's and its own values.yaml")


def _dumped(content: dict[str, Any]) -> str:
    return yaml.safe_dump(content, sort_keys=False, width=120)


def stale(made: dict[Path, str]) -> list[Path]:
    """Generated files that stand here and would not be made again."""
    there = [path for folder in ("base", "components") for path in (HERE / folder).rglob("*.yaml")]
    return [path for path in there if path.read_text().startswith(HEAD[:30]) and path.relative_to(HERE) not in made]


def main() -> int:
    """Write what is generated, delete what no longer is."""
    try:
        made = files()
    except StackError as error:
        complain(error)
        return 1
    for path in stale(made):
        path.unlink()
    for place, text in made.items():
        (HERE / place).parent.mkdir(exist_ok=True)
        (HERE / place).write_text(text)
    say(f"{len(made)} files in deploy/kustomize, components {', '.join(components())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
