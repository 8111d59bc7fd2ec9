"""The documentation's pictures are made by a script that works."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.support.rig import ROOT


def test_the_script_makes_every_picture_that_is_shown(tmp_path: Path) -> None:
    """Those that the README shows, and no other; each is a picture of the page as it is now."""
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "screenshots", tmp_path],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )

    assert (0, "") == (done.returncode, done.stderr)
    shown = set(re.findall(r"docs/images/([\w-]+\.png)", (ROOT / "README.md").read_text()))
    made = {path.name: path.read_bytes() for path in tmp_path.glob("*.png")}
    assert shown <= made.keys() == {path.name for path in (ROOT / "docs" / "images").glob("*.png")}
    assert [] == [name for name, content in made.items() if content[:4] != b"\x89PNG" or len(content) < 10_000]
