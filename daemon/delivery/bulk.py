"""Moves of many messages: worked out on rows that are locked, and written together.

Written one by one (`moves.apply`) every move costs some ten statements; here a few are made for all. What a move
changes is the same, and the same tables tell of it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any

from daemon import errors
from daemon.db.prepared import Given, Prepared, unanswered
from daemon.delivery import counters, eligibility, history, quarters, reasons, tallies
from daemon.delivery.refusals import Unsent
from daemon.i18n.coded import Told, filed, refusal
from daemon.models import Message
from daemon.states import IN_HAND, MOVES, NOT_OUT, TAKEN, State


class Bulk:
    """Moves of rows that have the fields of messages. Needs a transaction that has locked their jobs and them; `write`
    ends it. who: makes the moves. tally_ms: of their jobs."""

    def __init__(self, who: str, tally_ms: Mapping[int, int]) -> None:
        self._who, self._tally_ms = who, tally_ms
        self._rows: dict[int, Any] = {}  # by id: what was changed
        self._before: dict[int, State] = {}
        self._changed: dict[int, dict[str, Any]] = {}
        self._history: list[dict[str, Any]] = []
        self._moved: list[tuple[Any, str, Told | None]] = []
        self._counts: dict[int, Counter[State]] = defaultdict(Counter)
        self._tallies: Counter[tuple[int, str, int]] = Counter()
        self._quarters: Counter[tuple[int, str, int]] = Counter()
        self._reasons: Counter[tuple[int, str]] = Counter()
        self._known: list[Any] = []

    def move(self, row: Any, name: str, why: Told | None, now: int, changes: Mapping[str, Any]) -> None:
        """Make the move. changes: `error` is a reason; its code is stored with it. Raises IllegalMove."""
        sources, target = MOVES[name]
        source = State(row.state)
        if source not in sources:
            raise errors.IllegalMove(refusal(Unsent.MOVE_NOT_ALLOWED, message=row.id, move=name))
        error, lease = changes.get("error"), row.lease
        made = dict(changes) | reasons.changes(source, target, error)
        if "error" in made:
            made |= {"error": history.words(error), "coded": filed(error)}
        if target not in IN_HAND:
            made |= {"lease": None, "lease_until": None}
        if target in NOT_OUT or source in NOT_OUT:
            made["ended_at"] = now if target in NOT_OUT else None
        counts = self._counts[row.job_id]
        counts[source] -= 1
        counts[target] += 1
        if target in TAKEN and source not in TAKEN:
            self._known.append(row)
        self._history.append(
            {
                "message": row.id, "at": now, "move": name, "source": source.value, "target": target.value,
                "why": history.words(why), "coded": history.code(why), "lease": lease,
            }
        )  # fmt: skip
        self._moved.append((row, name, why))
        self._change(row, source, target, made)

    def learn(self, row: Any, changes: Mapping[str, Any]) -> None:
        """Change what is known of a message that stays in its state."""
        self._change(row, State(row.state), State(row.state), changes)

    def say(self, row: Any, why: Told) -> None:
        """Have a message that stays in its state say this."""
        self.learn(row, {"error": str(why), "coded": filed(why)})

    def note(self, row: Any, why: Told, now: int) -> None:
        """Record something of one of its parts; the message stays where it is."""
        line = {"message": row.id, "at": now, "move": history.PART, "lease": None, "why": str(why)}
        states = {"source": State(row.state).value, "target": State(row.state).value}
        self._history.append(line | states | {"coded": history.code(why)})

    def _change(self, row: Any, source: State, target: State, changes: Mapping[str, Any]) -> None:
        for (kind, at), by in tallies.shifts(row, source, target, changes):
            self._tallies[row.job_id, kind, at] += by
        for (column, at), by in quarters.shifts(row, source, target, changes):
            self._quarters[row.job_id, column, at] += by
        before, after = row.failed_by, changes.get("failed_by", row.failed_by)
        if before != after:
            self._reasons.update({(row.job_id, code): by for code, by in ((before, -1), (after, 1)) if code})
        for name, value in changes.items():
            setattr(row, name, value)
        row.state = target
        if row.id not in self._rows:
            self._rows[row.id], self._before[row.id], self._changed[row.id] = row, source, {}
        self._changed[row.id].update(changes)

    def write(self, now: int) -> None:
        """Write all of it."""
        with unanswered():
            self._write_messages()
            if self._history:
                history.record_all.for_all(self._history, who=self._who)
            fewer = [job_id for job_id, by in sorted(self._counts.items()) if counters.shift(job_id, by)]
            self._write_counts()
        eligibility.all_known(self._known)
        for job_id in fewer:
            counters.end_if_done(job_id, now)
        history.announce_all(self._moved)

    def _write_messages(self) -> None:
        alike: dict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
        for message_id, changes in self._changed.items():
            source, target = self._before[message_id], self._rows[message_id].state
            if changes or target is not source:
                if "coded" in changes:
                    changes["coded"] = history.stored(changes["coded"])
                states = {"id": message_id, "source": source.value, "target": target.value}
                alike[tuple(sorted(changes))].append(changes | states)
        for columns, rows in alike.items():
            _change.for_all(rows, columns)

    def _write_counts(self) -> None:
        """In one order, as others may lock them, too."""
        for (job_id, kind, at), by in sorted(self._stretches().items()):
            if by:
                tallies.add(kind, job_id, at, by)
        for (job_id, column, at), by in sorted(self._quarters.items()):
            if by:
                quarters.add(column, job_id, at, by)
        for (job_id, code), by in sorted(self._reasons.items()):
            if by:
                reasons.add(job_id, code, by)

    def _stretches(self) -> Counter[tuple[int, str, int]]:
        """The tallies, each stretch once, however many messages fall into it."""
        found: Counter[tuple[int, str, int]] = Counter()
        for (job_id, kind, at), by in self._tallies.items():
            length = self._tally_ms[job_id]
            found[job_id, kind, at // length * length] += by
        return found


@Prepared
def _change(fields: tuple[str, ...]) -> Any:
    states = {"source": Message.state, "target": Message.state}
    given = Given(id=Message.id, **states, **{name: getattr(Message, name) for name in fields})
    changes = {name: given[name] for name in fields} | {"state": given["target"]}
    there = (Message.id == given["id"], Message.state == given["source"])
    return Message.update(changes).from_(given.rows).where(*there)
