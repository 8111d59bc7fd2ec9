"""What is given to Prometheus and Grafana uses the metrics that there are, and the alerts come when they should."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from daemon.telemetry.families import FAMILIES, Kind
from tests.conftest import ROOT
from tests.support import metric_docs

RULES = ROOT / "etc" / "prometheus" / "wasender.rules.yml"
BOARD = ROOT / "etc" / "grafana" / "wasender.json"
CASES = Path(__file__).parent / "alerts" / "wasender.rules.test.yml"
SUFFIXES = ("_bucket", "_sum", "_count")
THERE = {family.name: set(family.labels) for family in FAMILIES if family.kind is not Kind.HISTOGRAM} | {
    family.name + suffix: {*family.labels, *(["le"] if suffix == "_bucket" else [])}
    for family in FAMILIES
    if family.kind is Kind.HISTOGRAM
    for suffix in SUFFIXES
}


def board() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(BOARD.read_text())
    return found


def expressions() -> Iterator[str]:
    """Of the dashboard's panels and variables, and of the rules."""
    for panel in board()["panels"]:
        yield from (target["expr"] for target in panel["targets"])
    for variable in board()["templating"]["list"]:
        if variable["type"] == "query":
            yield variable["query"]["query"]
    text = RULES.read_text()
    yield from re.findall(r"^ +expr: (?!\|)(.+)$", text, re.M)
    yield from re.findall(r"^ +expr: \|\n((?: {10,}.+\n)+)", text, re.M)


@pytest.mark.parametrize("expression", list(expressions()))
def test_each_expression_uses_metrics_and_labels_that_there_are(expression: str) -> None:
    """A metric that is renamed or removed would leave an alert that never comes."""
    names = re.findall(r"\bwasender_\w+", expression)
    assert names or 'up{job="wasender"}' in expression
    assert set(names) <= set(THERE)
    for name, matchers in re.findall(r"\b(wasender_\w+)\{([^}]*)\}", expression):
        assert set(re.findall(r"(\w+)(?:=~|!=|!~|=)", matchers)) <= THERE[name]


def test_all_alerts_are_looked_at() -> None:
    """Each has a case in which it comes."""
    alerts = re.findall(r"alert: (\w+)", RULES.read_text())
    assert len(alerts) == len(set(alerts)) == len(list(re.finditer("expr:", RULES.read_text())))
    assert set(alerts) == set(re.findall(r"alertname: (\w+)\n +exp_alerts:\n", CASES.read_text()))


def test_panels_have_their_own_place_and_what_they_show() -> None:
    """None covers another, and each has a title and ids of its own."""
    panels = board()["panels"]
    assert len(panels) == len({each["id"] for each in panels}) == len({each["title"] for each in panels})
    for first, second in combinations([each["gridPos"] for each in panels], 2):
        apart = first["x"] + first["w"] <= second["x"] or second["x"] + second["w"] <= first["x"]
        assert apart or first["y"] + first["h"] <= second["y"] or second["y"] + second["h"] <= first["y"]
    assert all(each["gridPos"]["x"] + each["gridPos"]["w"] <= 24 for each in panels)


def test_the_documentation_has_all_metrics() -> None:
    """`python -m tests.support.metric_docs` makes it so."""
    text = metric_docs.PAGE.read_text()
    assert metric_docs.page(text) == text


def promtool() -> str:
    """Where it is. Missing: the test is skipped, and fails where CI is set."""
    found = shutil.which("promtool", path=f"{os.environ['PATH']}:{ROOT / 'run' / 'debian' / 'usr' / 'bin'}")
    if found is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("promtool is missing: scripts/test fetches it")
    return str(found)


def test_alerts_come_when_they_should(tmp_path: Path) -> None:
    """By Prometheus itself: rules and configuration are valid, and each alert comes in its case, with its words."""
    tool = promtool()
    for path in (RULES, CASES):
        shutil.copy(path, tmp_path)
    for words in (
        ["check", "rules", RULES.name],
        ["test", "rules", CASES.name],
        ["check", "config", "--syntax-only", str(RULES.with_name("prometheus.yml"))],
    ):
        done = subprocess.run([tool, *words], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
        assert 0 == done.returncode, done.stdout + done.stderr
