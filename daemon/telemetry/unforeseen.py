"""An exception that nobody foresaw: what may be told of it. Its own text may hold a number, a name or a message, so
only its type and the places in our code and others' that it came through are told."""

from __future__ import annotations

import traceback
from pathlib import Path

import structlog

log = structlog.get_logger()

FRAMES = 12  # the innermost ones
KINDS = 100  # so many are remembered; past that they are told in full again


class Unforeseen:
    """Tells each kind in full once: one bad recipient may raise it again and again."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def tell(self, error: Exception, work: str) -> str:
        """Log it; returns its kind, for the reason that a person reads. work: what was being done, a few words."""
        named = kind(error)
        told = {} if named in self._told else {"frames": frames(error)}
        if len(self._told) < KINDS:
            self._told.add(named)
        log.error("work.crashed", work=work, kind=named, **told)
        return named


def kind(error: Exception) -> str:
    """Its type, and where it was raised: `KeyError, render.py line 12`."""
    places = frames(error)
    return f"{type(error).__name__}, {places[-1].partition(' in ')[0]}" if places else type(error).__name__


def frames(error: Exception) -> list[str]:
    """Where it came through, the place that raised it last."""
    stack = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    return [f"{Path(frame.filename).name} line {frame.lineno} in {frame.name}" for frame in stack]
