"""Which tools are installed, and from where."""

from __future__ import annotations

import re

import pytest

from deploy.tools.install import TOOLS, Tool, wanted


def test_make_tools_leaves_out_what_is_for_few() -> None:
    every_day = {tool.name for tool in wanted([])}
    assert {tool.name for tool in TOOLS} - every_day == {"cosign", "grype"}
    assert {"helm", "helm3", "kind", "actionlint"} <= every_day


def test_a_tool_is_installed_by_its_name() -> None:
    assert [tool.name for tool in wanted(["cosign"])] == ["cosign"]


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.name)
def test_a_tool_comes_from_one_version_however_it_comes(tool: Tool) -> None:
    for text in (tool.release, tool.digests, tool.member):
        assert not re.search(r"[{}]", tool.filled(text)), text
    assert tool.version in tool.filled(tool.release)
    assert not tool.go or tool.go.endswith(f"@v{tool.version}")
