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
OF_LAYOUT = (
    "bypass", "heading-order", "landmark-one-main", "page-has-heading-one", "region", "scrollable-region-focusable",
    "skip-link", "target-size",
)  # fmt: skip
#: What is seen now, and was not when this was last asked in this page.
FRESH = """
const before = window.seenBefore ?? new Set();
window.seenBefore = new Set([...document.body.querySelectorAll("*")].filter(
    (e) => e.checkVisibility({ visibilityProperty: true })));
return [...window.seenBefore].filter((e) => !before.has(e) && !(e.parentElement && !before.has(e.parentElement)));
"""
#: Of each way to draw a text that is not known yet one element, and the way: its colour, whether it is large, what it
#: stands on, and for a link what is around it. What axe-core says about colours depends on nothing else.
UNKNOWN_WAYS = """
const known = new Set(arguments[0]);
const grounds = new Map();
const ground = (e) => {  // what is seen behind a text, down to what hides all behind it, and how faint it all is
    if (!e) return ["", ""];
    if (!grounds.has(e)) {
        const style = getComputedStyle(e), colour = style.backgroundColor, image = style.backgroundImage;
        const nothing = colour === "rgba(0, 0, 0, 0)" && image === "none";
        const [below, faint] = ground(e.parentElement);
        const placed = /absolute|fixed/.test(style.position) ? style.position + e.className : "";
        const behind = /^rgb\\(/.test(colour) ? "" : placed + below;
        grounds.set(e, [(nothing ? "" : colour + image) + behind, faint + style.opacity.replace(/^1$/, "")]);
    }
    return grounds.get(e);
};
const short = (text) => {
    let a = 0xdeadbeef, b = 0x41c6ce57;
    for (let at = 0; at < text.length; at++) {
        const c = text.charCodeAt(at);
        a = Math.imul(a ^ c, 2654435761);
        b = Math.imul(b ^ c, 1597334677);
    }
    return `${a}.${b}`;
};
const found = new Map();
for (const e of document.body.querySelectorAll("*")) {
    if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
    if (!e.checkVisibility({ visibilityProperty: true })) continue;
    const style = getComputedStyle(e), size = parseFloat(style.fontSize), around = getComputedStyle(e.parentElement);
    const large = size >= 24 || (size >= 18.66 && style.fontWeight >= 700);  // as the rule has it
    const link = e.localName === "a" ? [style.fontWeight, style.textDecorationLine, around.color, around.display] : [];
    const way = short([style.color, large, style.textShadow, link, e.disabled, ...ground(e)].join());
    if (!known.has(way) && !found.has(way)) found.set(way, e);
}
return [[...found.keys()], [...found.values()]];
"""
_known_ways: set[str] = set()  # of drawing a text, that axe-core found nothing wrong with: pages share one style


@lru_cache
def script() -> str:
    """axe-core, taken out of a package that wraps it for another driver and is not imported."""
    spec = find_spec("axe_playwright_python")
    assert spec and spec.submodule_search_locations
    return (Path(spec.submodule_search_locations[0]) / "axe.min.js").read_text()


def violations(visitor: Visitor) -> list[str]:
    """What axe-core finds wrong with the page as it is now, by all its rules, in light colours and in dark ones."""
    visitor.colours("light")
    return _violations(visitor, without=OF_COLOURS) + _violations_of_colours(visitor)


def violations_by_width(visitor: Visitor, *widths: int) -> list[str]:
    """`violations` of the page at each of the widths: at all but the first one of what is only seen there, and by the
    rules about the page as a whole and about sizes."""
    found = []
    for width in widths:
        visitor.size(width, 800)
        fresh = visitor.driver.execute_script(FRESH)
        if width == widths[0]:
            wrong = violations(visitor)
        else:
            wrong = _violations(visitor, only=OF_LAYOUT) + _violations_of_colours(visitor)
            if fresh:
                wrong += _violations(visitor, {"include": fresh}, without=OF_COLOURS + OF_LAYOUT)
        found += [f"{width} px: {each}" for each in wrong]
    return found


def _violations_of_colours(visitor: Visitor) -> list[str]:
    """Light and dark, the page is the same but for its colours. They take most of the time, so each way in which a text
    is drawn is looked at once in all pages."""
    found = []
    for scheme in ("light", "dark"):
        visitor.colours(scheme)
        ways, elements = visitor.driver.execute_script(UNKNOWN_WAYS, sorted(_known_ways))
        wrong = _violations(visitor, {"include": elements}, only=OF_COLOURS) if ways else []
        found += [f"{scheme}: {each}" for each in wrong]
        if not wrong:
            _known_ways.update(ways)
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
