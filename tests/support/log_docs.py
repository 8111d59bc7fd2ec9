"""The catalogue of docs/logs.md, made from the code that logs: `python -m tests.support.log_docs`."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from daemon.delivery import history, job_moves
from daemon.telemetry import logs
from tests.conftest import ROOT

PAGE = ROOT / "docs" / "logs.md"
BEGIN = "<!-- made by python -m tests.support.log_docs -->"
END = "<!-- end -->"
LEVELS = ("debug", "info", "warning", "error")
CONTEXT = {  # bound around these files' events, see `bound_contextvars` there
    "delivery/duties/doubts.py": ("job_id", "message_id", "attempt"),
    "delivery/duties/send.py": ("job_id", "message_id", "attempt"),
}
SPREAD = {  # what is given by `**`, with what it stands for there
    "account.changed": ("state", "hold", "detail"),
    "command.ended": ("what", "stage", "why"),
    "graph.answered": ("status", "code", "trace", "elapsed_ms"),
    "installation.interrupted": ("cause", "since", "jobs"),
    "job.created": ("total", "duplicates"),
    "message.part_sent": ("job_id", "message_id", "attempt"),
    "process.stuck": ("what", "seconds", "frames"),
    "setting.ignored": ("meant",),
    "templates.synced": ("total", "added", "changed", "gone"),
    "work.crashed": ("frames",),
}
MOVED = ("job_id", "message_id", "attempt", "why")  # of what `history.announce` logs
MOVED_JOB = ("account", "job_id", "who", "why")  # of what `job_moves.move` logs


@dataclass
class Logged:
    """How an event is logged, in all places together."""

    levels: set[str] = field(default_factory=set)
    fields: dict[str, None] = field(default_factory=dict)  # in the order of their first appearance
    spread: bool = False

    def add(self, level: str, names: Iterator[str] | tuple[str, ...]) -> None:
        self.levels.add("error" if level == "exception" else level)
        self.fields.update(dict.fromkeys(names))
        if level == "exception":
            self.fields.update(dict.fromkeys(("exception", "frames")))


def found() -> dict[str, Logged]:
    """Every event that the code names where it logs it."""
    events: dict[str, Logged] = defaultdict(Logged)
    for path in sorted((ROOT / "daemon").rglob("*.py")):
        around = CONTEXT.get(str(path.relative_to(ROOT / "daemon")), ())
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and (named := _named(node)):
                level, event = named
                names = [each.arg for each in node.keywords if each.arg and each.arg != "exc_info"]
                events[event].add(level, (*around, *names))
                events[event].spread |= any(each.arg is None for each in node.keywords)
    for event in history.LOGGED.values():
        events[event].add("warning" if event in _BAD else "info", MOVED)
    for event in job_moves.MOVED.values():
        events[event].add("info", MOVED_JOB)
    events[logs.FOREIGN].add("warning", ("logger", "place", "template"))
    return events


_BAD = {"message.failed", "message.lost", "message.retried", "message.bounced", "message.expired"}


def _named(call: ast.Call) -> tuple[str, str] | None:
    """(level, event) of `log.level("event", …)`, `partial(log.level, "event", …)` or `say("event", …)`."""
    parts = [call.func, *call.args[:1]]
    levels = [each.attr for each in parts if isinstance(each, ast.Attribute) and _is_log(each.value)]
    says = any(isinstance(each, ast.Name) and each.id == "say" for each in parts)
    words = [each.value for each in call.args[:2] if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    if words and (says or (levels and levels[0] in (*LEVELS, "exception"))):
        return (levels[0] if levels else "info"), words[0]
    return None


def _is_log(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id in ("log", "logger", "_log")


def page(text: str) -> str:
    """The page with the catalogue as it has to be."""
    before, _, rest = text.partition(BEGIN)
    rows = ["| Event | Level | Fields | Meaning |", "|---|---|---|---|"]
    events = found()
    for name in sorted(logs.EVENTS):
        told = events[name]
        fields = ", ".join(f"`{each}`" for each in (*told.fields, *SPREAD.get(name, ())))
        levels = ", ".join(each for each in LEVELS if each in told.levels)
        meaning = logs.EVENTS[name].replace("|", "/")
        rows.append(f"| `{name}` | {levels} | {fields} | {meaning[0].upper()}{meaning[1:]}. |")
    return "\n".join([f"{before}{BEGIN}", "", *rows, "", END]) + (rest.partition(END)[2] or "\n")


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text()))
