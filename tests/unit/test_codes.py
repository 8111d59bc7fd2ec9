"""No branch reads English: what is decided is decided by codes; sentences are for people."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2] / "daemon"
WORDS = re.compile(r"[A-Za-z]{2,}[,.]? [A-Za-z]{2,}|[A-Z][a-z]+ ")
CUTS = {"startswith", "endswith", "removeprefix", "removesuffix", "partition", "split"}
ALLOWED = {
    "db/connection.py",  # what a database's driver says: some of it has no code
    "formats/template.py",  # Jinja's words about a mistake in a text
    "server/visitors.py",  # the scheme of the header Authorization
}


def found(path: Path) -> list[str]:
    lines = []
    for node in ast.walk(ast.parse(path.read_text())):
        parts: list[ast.expr] = []
        if isinstance(node, ast.Compare):
            parts = [node.left, *node.comparators]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CUTS:
            parts = node.args
        for part in parts:
            text = part.value if isinstance(part, ast.Constant) else None
            of_error = isinstance(part, ast.Call) and ast.unparse(part) in ("str(error)", "str(exc)", "str(problem)")
            if of_error or (isinstance(text, str) and WORDS.search(text)):
                lines.append(f"{path.relative_to(ROOT)}:{part.lineno}")
    return lines


def test_no_branch_reads_english() -> None:
    """WhatsApp's own page aside, which says some things in words only: those are in transports/browser."""
    others = (path for path in sorted(ROOT.rglob("*.py")) if "transports/browser" not in path.as_posix())
    places = [line for path in others if str(path.relative_to(ROOT)) not in ALLOWED for line in found(path)]
    assert [] == [each for each in places if "/migrations/" not in each]


def test_what_is_allowed_is_still_there() -> None:
    assert sorted(ALLOWED) == sorted(name for name in ALLOWED if found(ROOT / name))
