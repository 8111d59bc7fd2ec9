"""The chart of a job over time: outcomes in equal stretches, one bar each. Numbers in, SVG out.

One path for each kind of outcome keeps it small however many bars there are; its colours are in `job.css`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from daemon.campaigns.timeline import Stretch
from daemon.contacts import masking

HEIGHT = 100
STEP, BAR = 10, 8  # a bar and its gap, a bar alone
FEWEST_BARS = 12  # with fewer bars, room is left at the end so that one bar does not fill the whole width
LEAST = 2  # the smallest height, so that even one message is visible
KINDS = {"out": "out", "accepted": "accepted", "failed": "failed", "other": "rest"}
"""Parts of a bar from below: an attribute of Stretch, and the class that colours it."""


@dataclass(frozen=True)
class Band:
    """A stretch of time that is marked behind the bars: from and until, in bars, and what it says when pointed at."""

    at: float
    until: float
    tip: str


class Picture(Markup):
    """Shown to everybody as it was drawn: its coordinates may look like telephone numbers, and its words have been
    masked already."""


def bars(stretches: Sequence[Stretch], label: str, tips: Sequence[str] = (), bands: Sequence[Band] = ()) -> Picture:
    """The bars as SVG, stacked by KINDS from below; label: what it shows, for those who cannot see it; tips: what each
    bar says when it is pointed at, "" for nothing."""
    width = STEP * max(len(stretches), FEWEST_BARS)
    behind = Markup("").join(
        Markup('<rect class="band" x="{:g}" width="{:g}" height="{}"><title>{}</title></rect>').format(
            round(band.at * STEP, 1), round(max(1.0, (band.until - band.at) * STEP), 1), HEIGHT, masking.text(band.tip)
        )
        for band in bands
    )
    over = Markup("").join(
        Markup('<rect class="hit" x="{}" width="{}" height="{}"><title>{}</title></rect>').format(
            n * STEP, STEP, HEIGHT, masking.text(tip)
        )
        for n, tip in enumerate(tips)
        if tip
    )
    paths = Markup("").join(
        Markup('<path class="{}" d="{}"/>').format(KINDS[kind], outline)
        for kind, outline in _outlines(stretches)
        if outline
    )
    drawn = Markup(
        '<svg class="chart" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}{}{}</svg>'
    ).format(width, HEIGHT, masking.text(label), behind, paths, over)
    return Picture(drawn)


def line(values: Sequence[int], label: str, tips: Sequence[str]) -> Picture:
    """A small line through the values, one step each, with what each says when it is pointed at."""
    most, step = max(1, *values), 100 / max(1, len(values) - 1)
    at = [(round(n * step, 1), round(28 - 24 * value / most, 1)) for n, value in enumerate(values)]
    hits = Markup("").join(
        Markup('<rect class="hit" x="{:g}" width="{:g}" height="32"><title>{}</title></rect>').format(
            max(0.0, x - step / 2), step, masking.text(tip)
        )
        for (x, _), tip in zip(at, tips, strict=True)
    )
    path = " ".join(f"{x:g},{y:g}" for x, y in at)
    drawn = Markup(
        '<svg class="line" viewBox="0 0 100 32" preserveAspectRatio="none" role="img" aria-label="{}">'
        '<polyline points="{}" vector-effect="non-scaling-stroke"/>{}</svg>'
    ).format(masking.text(label), path, hits)
    return Picture(drawn)


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
