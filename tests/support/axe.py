"""axe-core in a visitor's page. The script comes with a package of the registry; nothing is downloaded."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.support.visitor import Visitor

RUN = """
const [rule, done] = arguments;
const only = rule ? { runOnly: [rule] } : {};
const run = axe.run(document, { resultTypes: ["violations"], ...only });
run.then((found) => done(found.violations), (error) => done(String(error)));
"""


@lru_cache
def script() -> str:
    """axe-core, taken out of a package that wraps it for another driver and is not imported."""
    spec = find_spec("axe_playwright_python")
    assert spec and spec.submodule_search_locations
    return (Path(spec.submodule_search_locations[0]) / "axe.min.js").read_text()


def violations(visitor: Visitor, rule: str = "") -> list[str]:
    """What axe-core finds wrong with the page as it is now, by all its rules or that one: rule, help, the elements."""
    visitor.driver.execute_script(script())
    found: Any = visitor.driver.execute_async_script(RUN, rule)
    assert isinstance(found, list), found
    return [
        f"{each['id']} ({each['impact']}): {each['help']}: "
        + "; ".join(" ".join(map(str, node["target"])) + " " + node["html"][:120] for node in each["nodes"][:3])
        for each in found
    ]
