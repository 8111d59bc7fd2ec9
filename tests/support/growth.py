"""How work grows with the size of its input: by this thread's processor time, to which no other process adds."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

TIMES = 8  # as large; work in proportion takes so many times as long, work with its square the square of that


def in_proportion(work: Callable[[Any], object], make: Callable[[int], Any], size: int) -> bool:
    """Whether `work` on an input of TIMES * size takes no longer than in proportion to one of `size`, about."""
    small, large = (min(_taken(work, make(each)) for _ in range(3)) for each in (size, size * TIMES))
    return large < 3 * TIMES * max(small, 0.000_1)


def _taken(work: Callable[[Any], object], given: Any) -> float:
    began = time.thread_time()
    work(given)
    return time.thread_time() - began
