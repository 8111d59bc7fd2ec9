"""The table of docs/monitoring.md, made from the metrics themselves: `python -m tests.support.metric_docs`."""

from __future__ import annotations

from daemon.telemetry.families import FAMILIES
from tests.conftest import ROOT

PAGE = ROOT / "docs" / "monitoring.md"
BEGIN = "<!-- made by python -m tests.support.metric_docs -->"
END = "<!-- end -->"


def page(text: str) -> str:
    """The page with the table as it has to be."""
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    rows = ["| Metric | Type | Labels | Meaning |", "|---|---|---|---|"]
    for each in FAMILIES:
        labels = ", ".join(f"`{label}`" for label in each.labels)
        rows.append(f"| `{each.name}` | {each.kind.value} | {labels} | {each.help} |")
    return "\n".join([f"{before}{BEGIN}", "", *rows, "", END]) + (after or "\n")


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
