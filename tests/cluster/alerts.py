"""Alerts as they are written, and those whose fault is made on the cluster. Imported without one too."""

from __future__ import annotations

from typing import Any

import yaml

from deploy.kind.names import CHART

NO_CONSUMER = "JobsQueueNotConsumed"
BEAT_SILENT = "JobsBeatSilent"
DEAD_LETTERS_GROW = "JobsDeadLettersGrowing"
REDIS_AWAY = "JobsRedisUnreachable"
MADE = (NO_CONSUMER, BEAT_SILENT, DEAD_LETTERS_GROW, REDIS_AWAY)


def written() -> list[dict[str, Any]]:
    """Every alert of the chart."""
    files = sorted((CHART / "alerts").glob("*.yaml"))
    groups = [group for path in files for group in yaml.safe_load(path.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]
