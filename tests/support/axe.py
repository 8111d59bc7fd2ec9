"""axe-core in a visitor's page. The script comes with a package of the registry; nothing is downloaded."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.support.visitor import Visitor

RUN = """
const [rules, done] = arguments;
const only = rules.length ? { runOnly: rules } : {};
const run = axe.run(document, { resultTypes: ["violations"], ...only });
run.then((found) => done(found.violations), (error) => done(String(error)));
"""
OF_COLOURS = ("color-contrast", "link-in-text-block")


@lru_cache
def script() -> str:
    """axe-core, taken out of a package that wraps it for another driver and is not imported."""
    spec = find_spec("axe_playwright_python")
    assert spec and spec.submodule_search_locations
    return (Path(spec.submodule_search_locations[0]) / "axe.min.js").read_text()


def violations(visitor: Visitor) -> list[str]:
    """What axe-core finds wrong with the page as it is now, by all its rules, in light colours and in dark ones.

    Dark, the page is the same but for its colours: it is asked what depends on them, and not all the rest once more.
    """
    visitor.colours("light")
    found = _violations(visitor)
    visitor.colours("dark")
    found += [f"dark: {each}" for each in _violations(visitor, *OF_COLOURS)]
    visitor.colours("light")
    return found


def _violations(visitor: Visitor, *rules: str) -> list[str]:
    """By these rules, or all: rule, help, the elements."""
    if not visitor.driver.execute_script("return 'axe' in window"):
        visitor.driver.execute_script(script())
    found: Any = visitor.driver.execute_async_script(RUN, rules)
    assert isinstance(found, list), found
    return [
        f"{each['id']} ({each['impact']}): {each['help']}: "
        + "; ".join(" ".join(map(str, node["target"])) + " " + node["html"][:120] for node in each["nodes"][:3])
        for each in found
    ]
