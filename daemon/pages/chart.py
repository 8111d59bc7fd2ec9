"""The chart of a job over time: outcomes in equal stretches, one bar each. Pure: numbers in, SVG out.

One path for each kind of outcome keeps it small however many bars there are; its colours are in `job.css`.
"""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from daemon.campaigns.timeline import Stretch

HEIGHT = 100
STEP, BAR = 10, 8  # a bar and its gap, a bar alone
FEWEST_BARS = 12  # with fewer bars, room is left at the end so that one bar does not fill the whole width
LEAST = 2  # the smallest height, so that even one message is visible
KINDS = {"out": "out", "accepted": "accepted", "failed": "failed", "other": "rest"}
"""Parts of a bar from below: an attribute of Stretch, and the class that colours it."""


def bars(stretches: Sequence[Stretch], label: str) -> Markup:
    """The bars as SVG, stacked by KINDS from below; label: what it shows, for those who cannot see it."""
    width = STEP * max(len(stretches), FEWEST_BARS)
    paths = Markup("").join(
        Markup('<path class="{}" d="{}"/>').format(KINDS[kind], outline)
        for kind, outline in _outlines(stretches)
        if outline
    )
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>'
    ).format(width, HEIGHT, label, paths)


def highest(stretches: Sequence[Stretch]) -> int:
    """How many messages the highest bar stands for."""
    return max((each.total for each in stretches), default=0)


def _outlines(stretches: Sequence[Stretch]) -> list[tuple[str, str]]:
    most = max(1, highest(stretches))
    outlines: dict[str, list[str]] = {kind: [] for kind in KINDS}
    for n, stretch in enumerate(stretches):
        top = float(HEIGHT)
        for kind, height in zip(KINDS, _heights(stretch, most), strict=True):
            if height:
                top = max(0.0, round(top - height, 1))
                outlines[kind].append(f"M{n * STEP + 1},{top:g}h{BAR}v{height:g}h-{BAR}z")
    return [(kind, "".join(outlines[kind])) for kind in KINDS]


def _heights(stretch: Stretch, most: int) -> list[float]:
    """The heights of the bar's parts; what is added to make a small part visible is taken from the highest one."""
    counts = [getattr(stretch, kind) for kind in KINDS]
    heights = [max(LEAST, round(HEIGHT * count / most, 1)) if count else 0.0 for count in counts]
    over = round(sum(heights) - HEIGHT, 1)
    if over > 0:
        heights[heights.index(max(heights))] -= over
    return [round(height, 1) for height in heights]
