"""What a strategic merge patch must say to make one object of another."""

from __future__ import annotations

from typing import Any

Map = dict[str, Any]

# Lists whose elements Kubernetes merges by a key of theirs; all others are replaced as a whole.
KEYS = {
    "containers": "name",
    "env": "name",
    "initContainers": "name",
    "ports": "containerPort",
    "volumeMounts": "mountPath",
    "volumes": "name",
}


def difference(old: Map, new: Map) -> Map:
    """The fields that are otherwise in `new`; those that are gone are None."""
    found: Map = {name: None for name in old if name not in new}
    for name, value in new.items():
        before = old.get(name)
        if name not in old:
            found[name] = value
        elif isinstance(value, dict) and isinstance(before, dict):
            if inner := difference(before, value):
                found[name] = inner
        elif value != before:
            found[name] = _merged(name, before, value)
    return found


def _merged(name: str, old: Any, new: Any) -> Any:
    """The elements of a list that are otherwise, by their key; the new value where it is no such list."""
    key = KEYS.get(name)
    if not key or not all(isinstance(one, dict) and key in one for one in [*old, *new]):
        return new
    before = {one[key]: one for one in old}
    after = {one[key]: one for one in new}
    gone = [{key: value, "$patch": "delete"} for value in before if value not in after]
    changed = [
        {key: value, **difference(before.get(value, {}), one)}
        for value, one in after.items()
        if one != before.get(value)
    ]
    return [*changed, *gone]
