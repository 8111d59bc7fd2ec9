"""axe-core in a visitor's page. The script comes with a package of the registry; nothing is downloaded."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tests.support.visitor import Visitor

RUN = """
const [context, options, done] = arguments;
const run = axe.run(context ?? document, { resultTypes: ["violations"], ...options });
run.then((found) => done(found.violations), (error) => done(String(error)));
"""
OF_COLOURS = ("color-contrast", "link-in-text-block")
#: What is drawn now, by the kind of colours, of each element: its own colours and type, and the grounds it stands on.
#: Answers with the elements that were drawn in another way, or not at all, when it was last asked.
DRAWN = """
const [scheme] = arguments;
const grounds = new Map();
const ground = (e) => {
    if (!e) return "";
    if (!grounds.has(e)) {
        const style = getComputedStyle(e);
        const own = [style.backgroundColor, style.backgroundImage, style.opacity, style.position].join();
        grounds.set(e, own + ground(e.parentElement));
    }
    return grounds.get(e);
};
const drawn = new Map();
for (const e of document.body.querySelectorAll("*")) {
    if (!e.checkVisibility({ visibilityProperty: true })) continue;
    const style = getComputedStyle(e);
    drawn.set(e, [style.color, style.fontSize, style.fontWeight, style.textShadow, ground(e)].join());
}
window.drawnBefore ??= {};
const before = window.drawnBefore[scheme] ?? new Map();
window.drawnBefore[scheme] = drawn;
return [...drawn].filter(([e, how]) => before.get(e) !== how).map(([e]) => e);
"""


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
    found += [f"dark: {each}" for each in _violations(visitor, only=OF_COLOURS)]
    visitor.colours("light")
    return found


def violations_by_width(visitor: Visitor, *widths: int) -> list[str]:
    """`violations` of the page at each of the widths, of which the first is asked everything.

    At the others colours, which take most of the time, are asked of what is drawn in another way there, or only there.
    """
    found = []
    for width in widths:
        visitor.size(width, 800)
        if width == widths[0]:
            found += [f"{width} px: {each}" for each in violations(visitor)]
        else:
            found += [f"{width} px: {each}" for each in _violations(visitor, without=OF_COLOURS)]
        for scheme in ("light", "dark"):
            visitor.colours(scheme)
            fresh = visitor.driver.execute_script(DRAWN, scheme)
            if fresh and width != widths[0]:
                wrong = _violations(visitor, {"include": fresh}, only=OF_COLOURS)
                found += [f"{width} px, {scheme}: {each}" for each in wrong]
        visitor.colours("light")
    return found


def _violations(
    visitor: Visitor, context: object = None, only: tuple[str, ...] = (), without: tuple[str, ...] = ()
) -> list[str]:
    """By these rules, all but these, or all: rule, help, the elements. context: of axe, the whole page where None."""
    if not visitor.driver.execute_script("return 'axe' in window"):
        visitor.driver.execute_script(script())
    options: dict[str, Any] = {"rules": {rule: {"enabled": False} for rule in without}}
    found: Any = visitor.driver.execute_async_script(RUN, context, options | ({"runOnly": only} if only else {}))
    assert isinstance(found, list), found
    return [
        f"{each['id']} ({each['impact']}): {each['help']}: "
        + "; ".join(" ".join(map(str, node["target"])) + " " + node["html"][:120] for node in each["nodes"][:3])
        for each in found
    ]
