"""What the documentation draws is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from daemon.states import MOVES, State

PICTURE = Path(__file__).parents[2] / "docs" / "delivery.md"


def drawn() -> list[tuple[str, str, str]]:
    """(from, to, move) of every arrow of the picture; what is in brackets is a remark."""
    picture = re.search(r"```mermaid\nstateDiagram-v2\n(.*?)```", PICTURE.read_text(encoding="utf-8"), re.DOTALL)
    assert picture
    arrows = [re.fullmatch(r" +(\w+) --> (\w+): ([\w, ]+?)( \(.*\))?", line) for line in picture[1].splitlines()]
    assert all(arrows)
    return [(each[1], each[2], move) for each in arrows if each for move in each[3].split(", ")]


def test_the_picture_shows_every_move_and_no_other() -> None:
    """An arrow for each state a move starts from, once."""
    moves = {(source.value, target.value, move) for move, (sources, target) in MOVES.items() for source in sources}

    assert moves == set(drawn())
    assert len(moves) == len(drawn())


def test_the_picture_shows_every_state() -> None:
    """None is out of reach."""
    assert {state.value for state in State} == {state for source, target, _ in drawn() for state in (source, target)}
