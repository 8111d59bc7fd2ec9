"""What may be logged about an unexpected exception: its type and the places in the code it came through, but not its
text, which may contain a number, a name or a message."""

from __future__ import annotations

import traceback
from pathlib import Path
from types import FrameType

import structlog

log = structlog.get_logger()

FRAMES = 12  # how many are logged, the innermost ones
KINDS = 100  # how many kinds are remembered; any further ones are logged in full each time


class Unforeseen:
    """Logs each kind in full only once: a bad recipient may cause the same exception again and again."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def tell(self, error: Exception, work: str) -> str:
        """Log the exception; returns its kind, to be shown in a reason. work: what was being done, a few words."""
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


def frames(error: BaseException) -> list[str]:
    """The places it came through; the one that raised it comes last."""
    return _named(traceback.extract_tb(error.__traceback__))


def places(frame: FrameType) -> list[str]:
    """Where a thread is; the innermost place comes last."""
    return _named(traceback.extract_stack(frame))


def _named(stack: traceback.StackSummary) -> list[str]:
    return [f"{Path(frame.filename).name} line {frame.lineno} in {frame.name}" for frame in stack[-FRAMES:]]
