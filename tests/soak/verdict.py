"""Does anything grow? Samples of a long run, by quarter, and how much each measure may grow over the last three.

The first quarter is not judged: caches fill, and Python and Chrome take what they need. Growth is the slope of the
least squares through what was sampled later, times the time from the second quarter's beginning to the end. What
belongs to a process begins anew with each process, so that restarts hide no leak: each life counts around its own
mean, without its first minutes.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

QUARTERS = 4
WARM = 1 / 12  # of the run: how long a process is not judged after its start
FEW = 8  # samples, below which nothing is said of a slope


class Shown(StrEnum):
    """What of a quarter's samples is shown, and judged."""

    MEDIAN = "median"
    MOST = "most"
    P10 = "10 %"
    P99 = "99 %"


PARTS = {Shown.P10: 0.1, Shown.P99: 0.99}


@dataclass(frozen=True)
class Measure:
    """Something that is sampled. allowed: how much it may grow over the last three quarters, in its unit, at least;
    share: the same as a part of what it was in the second; whichever is more. each: that much more for each of what
    `per` counts, such as a message; lives: it begins anew with each process.
    """

    name: str
    unit: str
    allowed: float
    share: float = 0.0
    shown: Shown = Shown.MEDIAN
    per: str = ""
    each: float = 0.0
    lives: bool = False


@dataclass(frozen=True)
class Point:
    """at: seconds since the beginning; life: of which process, if that matters."""

    at: float
    value: float
    life: str = ""


@dataclass
class Line:
    """One line of the table. growth and bound: over the last three quarters; None: too little was sampled."""

    measure: Measure
    quarters: list[float | None]
    growth: float | None
    bound: float

    @property
    def grows(self) -> bool:
        return self.growth is not None and self.growth > self.bound


@dataclass
class Samples:
    """What was sampled in a run of so many seconds, by the name of its measure."""

    length_s: float
    points: dict[str, list[Point]] = field(default_factory=lambda: defaultdict(list))

    def add(self, name: str, at: float, value: float, life: str = "") -> None:
        self.points[name].append(Point(at, value, life))

    def quarter(self, name: str, number: int) -> list[float]:
        """The values of one quarter, the first is 0."""
        each = self.length_s / QUARTERS
        return [p.value for p in self.points[name] if number * each <= p.at < (number + 1) * each]


def judge(samples: Samples, measures: Iterable[Measure]) -> list[Line]:
    """A line for each measure."""
    return [_line(samples, measure) for measure in measures]


def _line(samples: Samples, measure: Measure) -> Line:
    quarters = [_shown(measure.shown, samples.quarter(measure.name, n)) for n in range(QUARTERS)]
    growth = _growth(samples, measure, quarters)
    bound = max(measure.allowed, measure.share * (quarters[1] or 0.0))
    if measure.per:
        bound += measure.each * _slope_over(samples, _judged(samples, measure.per))
    return Line(measure, quarters, growth, bound)


def _shown(how: Shown, values: Sequence[float]) -> float | None:
    if not values:
        return None
    if how is Shown.MEDIAN:
        return statistics.median(values)
    if how is Shown.MOST:
        return max(values)
    return sorted(values)[min(len(values) - 1, int(PARTS[how] * len(values)))]


def _growth(samples: Samples, measure: Measure, quarters: list[float | None]) -> float | None:
    if measure.shown in PARTS:  # one value a quarter
        each = samples.length_s / QUARTERS
        points = [Point((n + 0.5) * each, value) for n, value in enumerate(quarters) if n and value is not None]
        return _slope_over(samples, points) if len(points) == QUARTERS - 1 else None
    points = _judged(samples, measure.name, warm=samples.length_s * WARM if measure.lives else 0.0)
    return _slope_over(samples, points) if len(points) >= FEW else None


def _judged(samples: Samples, name: str, warm: float = 0.0) -> list[Point]:
    """The points of the last three quarters; of a process none of its first `warm` seconds."""
    begun: dict[str, float] = {}
    for point in samples.points[name]:
        begun.setdefault(point.life, point.at)
    since = samples.length_s / QUARTERS
    return [p for p in samples.points[name] if p.at >= since and (not warm or p.at - begun[p.life] >= warm)]


def _slope_over(samples: Samples, points: list[Point]) -> float:
    """How much it grows over the last three quarters, by the slope that is common to all lives."""
    lives: dict[str, list[Point]] = defaultdict(list)
    for point in points:
        lives[point.life].append(point)
    above = below = 0.0
    for own in lives.values():
        middle = statistics.fmean(p.at for p in own)
        mean = statistics.fmean(p.value for p in own)
        above += sum((p.at - middle) * (p.value - mean) for p in own)
        below += sum((p.at - middle) ** 2 for p in own)
    return above / below * samples.length_s * (QUARTERS - 1) / QUARTERS if below else 0.0


def table(lines: Iterable[Line]) -> list[str]:
    """As Markdown."""
    rows = ["| | 1st | 2nd | 3rd | 4th | growth | allowed | |", "|---|---|---|---|---|---|---|---|"]
    for line in lines:
        measure = line.measure
        if all(value is None for value in line.quarters):
            continue
        name = (
            measure.name
            + (f", {measure.unit}" if measure.unit else "")
            + ("" if measure.shown is Shown.MEDIAN else f" ({measure.shown})")
        )
        values = ["–" if value is None else _number(value) for value in line.quarters]
        growth = "–" if line.growth is None else f"{'+' if line.growth >= 0 else '−'}{_number(abs(line.growth))}"
        judged = [_number(line.bound), "GROWS" if line.grows else "ok"] if math.isfinite(line.bound) else ["", ""]
        rows.append(f"| {' | '.join([name, *values, growth, *judged])} |")
    return rows


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}".removesuffix(".0")
