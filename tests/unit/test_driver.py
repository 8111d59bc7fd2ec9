"""Whether a copy of chromedriver is patched is told without reading it into memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import undetected_chromedriver.patcher as uc_patcher

from daemon.transports.browser import chrome

SIZE = 4 << 20


def test_a_patched_driver_is_told_without_reading_all_of_it(tmp_path: Path) -> None:
    """uc itself asks it so, at each start of Chrome."""
    assert uc_patcher.Patcher.is_binary_patched is chrome._is_patched
    file = tmp_path / "chromedriver"
    found = []
    for end in (b"undetected chromedriver 1337!", b"another one"):
        file.write_bytes(bytes(SIZE) + end)
        tracemalloc.start()
        found.append(chrome._is_patched(None, str(file)))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < SIZE / 4
    assert [True, False] == found
