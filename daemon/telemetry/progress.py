"""How far a long piece of work has come, for whoever waits for it; they may also give it up.

Work says where it is with `told`, wherever it can still end without leaving anything behind. Who listens is in the
context of the work, so that nothing in between has to know of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from typing import TypeVar

T = TypeVar("T")

EVERY = 1_000  # of many that are gone through, between two times that it is said


class Stage(StrEnum):
    """What is being done."""

    READING = "reading"  #: rows of a file
    STORING = "storing"  #: rows
    CHECKING = "checking"  #: people
    QUEUEING = "queueing"  #: messages


Listener = Callable[[Stage | None, int, int | None, bool], None]
"""Stage, done, total, and whether the work can still be given up."""
_listener: ContextVar[Listener | None] = ContextVar("progress", default=None)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Tell this listener of the work in here. What it raises ends the work."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def told(stage: Stage, done: int, total: int | None = None) -> None:
    """So many are done, of so many where that is known. Raises what the listener raises."""
    if (listener := _listener.get()) is not None:
        listener(stage, done, total, True)


def settled(stage: Stage, done: int, total: int | None = None) -> None:
    """As `told`, where what is done stays: the work can no longer be given up, and nothing is raised."""
    if (listener := _listener.get()) is not None:
        listener(stage, done, total, False)


def wanted() -> None:
    """See whether the work is still wanted, where there is nothing new to say. Raises what the listener raises."""
    if (listener := _listener.get()) is not None:
        listener(None, 0, None, True)


def through(stage: Stage, every: Iterable[T], total: int | None = None) -> Iterator[T]:
    """Each of them; on the way it is said how many there were."""
    for done, each in enumerate(every):
        if done % EVERY == 0:
            told(stage, done, total)
        yield each
