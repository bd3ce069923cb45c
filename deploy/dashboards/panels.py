"""What dashboards are made of. Units are Grafana's names: s, bytes, percentunit, short, ops (per second)."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[1] / "helm" / "django-celery" / "dashboards"
# Of Grafana 12; older ones read it too.
SCHEMA = 41
# Chosen at the dashboard's head: no installation is named in it.
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH = 24
HEIGHT = 8
STAT_HEIGHT = 4
GREEN, RED = "green", "red"

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One picture: what is asked of Prometheus, by the name that is shown for it.

    `alarm` is the value from which a number or a line is red; `below` turns that round.
    """

    title: str
    asks: dict[str, str]
    unit: str = "short"
    about: str = ""
    kind: str = "timeseries"
    width: int = 8
    alarm: float | None = None
    below: bool = False
    stacked: bool = False

    @property
    def height(self) -> int:
        return STAT_HEIGHT if self.kind == "stat" else HEIGHT

    def as_json(self, number: int, x: int, y: int) -> Json:
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.about,
            "datasource": DATASOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "targets": [
                {"refId": chr(ord("A") + place), "datasource": DATASOURCE, "expr": expr, "legendFormat": legend}
                for place, (legend, expr) in enumerate(self.asks.items())
            ],
            "fieldConfig": {"defaults": self._field(), "overrides": []},
            "options": STAT_OPTIONS if self.kind == "stat" else LINE_OPTIONS,
        }

    def _field(self) -> Json:
        first, second = (RED, GREEN) if self.below else (GREEN, RED)
        steps: list[Json] = [{"color": first if self.alarm is not None else GREEN, "value": None}]
        if self.alarm is not None:
            steps.append({"color": second, "value": self.alarm})
        found: Json = {"unit": self.unit, "min": 0, "thresholds": {"mode": "absolute", "steps": steps}}
        if self.kind == "timeseries":
            found["custom"] = {
                "fillOpacity": 30 if self.stacked else 8,
                "lineWidth": 1,
                "showPoints": "never",
                "stacking": {"mode": "normal" if self.stacked else "none"},
                "thresholdsStyle": {"mode": "off" if self.alarm is None else "dashed"},
            }
        return found


STAT_OPTIONS = {
    "reduceOptions": {"calcs": ["lastNotNull"]},
    "colorMode": "value",
    "graphMode": "area",
    "textMode": "auto",
}
LINE_OPTIONS = {
    "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True},
    "tooltip": {"mode": "multi", "sort": "desc"},
}


@dataclass(frozen=True)
class Row:
    """Panels under a heading, laid from left to right."""

    title: str
    panels: list[Panel]


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """A page. Its uid is part of its address and never changes."""

    uid: str
    title: str
    about: str
    rows: list[Row]
    variables: list[Json] = field(default_factory=list)

    def as_json(self) -> Json:
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.about,
            "tags": ["background-jobs"],
            "schemaVersion": SCHEMA,
            "timezone": "browser",
            "editable": True,
            "graphTooltip": 1,
            "refresh": "30s",
            "time": {"from": "now-3h", "to": "now"},
            "links": [{"type": "dashboards", "title": "Background jobs", "tags": ["background-jobs"],
                       "asDropdown": True, "includeVars": True, "keepTime": True}],
            "templating": {"list": [DATASOURCES, NAMESPACES, *self.variables]},
            "panels": laid(self.rows),
        }  # fmt: skip


DATASOURCES: Json = {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
NAMESPACES: Json = {
    "name": "namespace",
    "label": "namespace",
    "type": "query",
    "datasource": DATASOURCE,
    "query": {"query": "label_values(jobs_build_info, namespace)", "refId": "namespaces"},
    "refresh": 2,
    "sort": 1,
}


def laid(rows: list[Row]) -> list[Json]:
    """Every panel in its place, with a number of its own."""
    found: list[Json] = []
    y = 0
    for row in rows:
        place = {"x": 0, "y": y, "w": WIDTH, "h": 1}
        found.append({"id": len(found) + 1, "type": "row", "title": row.title, "collapsed": False, "gridPos": place,
                      "panels": []})  # fmt: skip
        x, y = 0, y + 1
        for panel in row.panels:
            if x + panel.width > WIDTH:
                x, y = 0, y + panel.height
            found.append(panel.as_json(len(found) + 1, x, y))
            x += panel.width
        y += row.panels[-1].height
    return found


def text_of(dashboard: Dashboard) -> str:
    return json.dumps(dashboard.as_json(), indent=2, ensure_ascii=False) + "\n"


def of(metric: str, more: str = "") -> str:
    """A metric's series in the chosen namespaces; `more` narrows them: `queue="io"`."""
    return f'{metric}{{namespace=~"$namespace"{"," if more else ""}{more}}}'


def rate(metric: str, by: str, more: str = "") -> str:
    """How often a second it counts, by a label."""
    return f"sum by ({by}) (rate({of(metric, more)}[$__rate_interval]))"


def quantile(share: float, metric: str, by: str, more: str = "") -> str:
    """The seconds, below which that share of a histogram's observations were, by a label."""
    return f"histogram_quantile({share}, {rate(f'{metric}_bucket', f'le, {by}', more)})"


def of_keda(metric: str, more: str, taken: str = "{}") -> str:
    """A metric of KEDA's, as `taken` takes it. The namespace in it is the ScaledObject's; Prometheus may have put its
    own in that place and the metric's in another.
    """
    places = (f'{metric}{{{label}=~"$namespace",{more}}}' for label in ("namespace", "exported_namespace"))
    return f"({' or '.join(taken.replace('{}', place) for place in places)})"
