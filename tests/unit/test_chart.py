"""The chart of a job over time: what its bars are worth, and that nothing in it is markup of somebody else's."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.campaigns.timeline import Stretch
from daemon.contacts import masking
from daemon.pages import chart, shell

PART = re.compile(r"M(\d+),([\d.]+)h8v([\d.]+)h-8z")


def parts(svg: str) -> dict[str, list[tuple[int, float, float]]]:
    """Each kind's rectangles: which bar, its top and its height."""
    root = ElementTree.fromstring(svg)
    return {
        path.attrib["class"]: [(int(x) // chart.STEP, float(y), float(h)) for x, y, h in PART.findall(path.attrib["d"])]
        for path in root
    }


def test_bars_are_stacked_from_the_ground_in_proportion():
    """The highest one fills the height; sent stand below failed, those below the rest."""
    found = parts(chart.bars([Stretch(0, 30, 15, 5), Stretch(1, 20), Stretch(2)], "Messages sent"))

    assert {
        "out": [(0, 40.0, 60.0), (1, 60.0, 40.0)],
        "failed": [(0, 10.0, 30.0)],
        "rest": [(0, 0.0, 10.0)],
    } == found


def test_few_are_seen_beside_many():
    """One failure among 100,000 is a line, taken from the height of the many."""
    found = parts(chart.bars([Stretch(0, 99_999, 1)], "Messages sent"))

    assert {"out": [(0, 2.0, 98.0)], "failed": [(0, 0.0, 2.0)]} == found


@given(st.lists(st.tuples(*[st.integers(0, 10**6)] * 3), min_size=1, max_size=60))
def test_every_bar_stands_on_the_ground_within_the_picture(counts):
    """Whatever the numbers, parts touch and nothing sticks out."""
    found = parts(chart.bars([Stretch(n, *each) for n, each in enumerate(counts)], "x"))

    for n, each in enumerate(counts):
        bar = [part for kind in ("out", "failed", "rest") for part in found.get(kind, []) if part[0] == n]
        assert sum(map(bool, each)) == len(bar)
        ground = 100.0
        for _, top, height in bar:
            assert top + height == pytest.approx(ground, abs=0.11)
            assert height >= chart.LEAST - 0.01
            ground = top
        assert ground >= -0.11


def test_its_words_are_an_alternative_for_those_who_do_not_see_it():
    """And they stay text."""
    svg = ElementTree.fromstring(chart.bars([Stretch(0, 1)], 'a "b" <script>'))

    assert ("img", 'a "b" <script>') == (svg.attrib["role"], svg.attrib["aria-label"])


def test_a_single_bar_is_no_wall():
    """There is room for twelve."""
    assert "0 0 120 100" in chart.bars([Stretch(0, 1)], "x")
    assert "0 0 480 100" in chart.bars([Stretch(n, 1) for n in range(48)], "x")


def test_the_highest_bar_of_nothing_is_nothing():
    """No stretch, no number."""
    assert [0, 7] == [chart.highest([]), chart.highest([Stretch(0, 4, 2, 1), Stretch(1, 5)])]


def test_forty_eight_bars_are_small():
    """A page has to stay light."""
    assert len(chart.bars([Stretch(n, n + 1, n, n) for n in range(48)], "x")) < 5_000


def test_a_bar_says_its_value_when_pointed_at_and_a_pause_is_marked() -> None:
    """As text of ours would be, whatever is in it; where there is nothing to say, nothing is there to be pointed at."""
    drawn = str(chart.bars([Stretch(0, out=1), Stretch(1)], "Sent", ["1 <sent>", ""], [chart.Band(0.5, 1.5, "paused")]))
    assert ["paused", "1 &lt;sent&gt;"] == re.findall(r"<title>(.*?)</title>", drawn)
    assert '<rect class="band" x="5" width="10"' in drawn
    assert drawn.index("band") < drawn.index("<path") < drawn.index("hit")


def test_a_line_goes_through_its_values() -> None:
    """The highest at the top, none at the bottom, each with what it says."""
    drawn = str(chart.line([0, 2, 1], "Read", ["a", "b", "c"]))
    assert 'points="0,28 50,4 100,16"' in drawn
    assert ["a", "b", "c"] == re.findall(r"<title>(.*?)</title>", drawn)


def test_those_who_see_numbers_masked_see_the_same_picture() -> None:
    """Its coordinates are no numbers of anybody; what it says is masked."""
    values, tips = [1, 0, 3, 0, 2, 5, 0], ["+4915112345678", *"bcdefg"]
    seen, bars = chart.line(values, "Read", tips), chart.bars([Stretch(n, n) for n in range(30)], "Sent")
    token = masking.hidden.set(True)
    try:
        assert bars == shell._as_seen(bars)
        assert seen.replace("+4915112345678", "+49•••••••••78") == shell._as_seen(chart.line(values, "Read", tips))
    finally:
        masking.hidden.reset(token)
