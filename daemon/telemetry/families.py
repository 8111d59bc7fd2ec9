"""The metrics of `GET /metrics`: their names, by Prometheus' conventions, and what they mean. docs/monitoring.md has
them as a table, `etc/prometheus` and `etc/grafana` use them; tests hold all of these together."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

BUCKETS_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0)  # frozen: stored counts are by them


class Kind(StrEnum):
    """What Prometheus calls a type of metrics."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True)
class Family:
    """A metric. A counter's name ends in `_total`; what has a unit ends in it, or has it before that."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()


def _counter(name: str, help: str, *labels: str) -> Family:
    return Family(f"wasender_{name}_total", Kind.COUNTER, help, labels)


def _gauge(name: str, help: str, *labels: str) -> Family:
    return Family(f"wasender_{name}", Kind.GAUGE, help, labels)


BUILD = _gauge("build_info", "1; its version.", "version")
STARTS = _counter("process_starts", "Starts of a process with the database open: http or sender.", "process")

MESSAGES = _gauge("messages", "Messages by the state they are in.", "state")
QUEUED = _counter("messages_queued", "Messages that were queued.", "account")
OUTCOMES = _counter(
    "message_outcomes", "Messages that came into a state; one counts in each that it comes into.", "account", "outcome"
)
RETRIES = _counter("message_retries", "Messages that were queued again after an attempt.", "account")
DURATION = Family(
    "wasender_message_duration_seconds",
    Kind.HISTOGRAM,
    "From the claim of a message until WhatsApp had it.",
    ("account",),
)
REPLIES = _counter("replies", "Replies received.", "account")

QUEUE = _gauge("queue_messages", "Messages that wait, by the state of their job.", "account", "job_state")
OLDEST = _gauge("queue_oldest_due_seconds", "For how long the oldest message that is due has been due.", "account")
OVERDUE = _gauge("account_overdue_seconds", "For how long a due message could have gone by pace and hours.", "account")
UNCERTAIN = _gauge("messages_undecided", "Messages about which a person has to decide.", "account")

JOBS = _gauge("jobs", "Jobs by their stored state.", "state")
JOB_STATES = _counter("job_states", "Jobs that came into a state.", "account", "state")

CAN_SEND = _gauge("account_can_send", "1 when the account can send now.", "account")
STATE = _gauge("account_state", "1 for the state the account is in, 0 for the others.", "account", "state")
HELD = _gauge("account_held", "1 for the reason for which the account is held or banned.", "account", "hold")
SILENT = _gauge("account_silent_seconds", "Time since its sender reported.", "account")
LAST_HANDOVER = _gauge("account_last_handover_timestamp_seconds", "When something was last handed over.", "account")
STATES = _counter("account_states", "How often the account came into a state.", "account", "state")
HOLDS = _counter("account_holds", "How often the account was held or banned, by why.", "account", "hold")
RESTARTS = _counter("transport_restarts", "How often the account's browser broke down.", "account")
ORPHANS = _counter("orphans_ended", "Processes left over from an earlier run that were ended.", "account")
LEASES_LOST = _counter("leases_lost", "Messages that the sender was no longer allowed to write.", "account")
ACCOUNTS_LOST = _counter("accounts_lost", "How often another sender took the account.", "account")

HOOK_WAITING = _gauge("webhook_deliveries_waiting", "Deliveries that wait, counted up to 10000.", "webhook")
HOOK_OLDEST = _gauge("webhook_oldest_waiting_seconds", "Age of the oldest event that waits.", "webhook")
HOOK_OVERDUE = _gauge("webhook_overdue_seconds", "Time since the delivery that is next was due; 0: none is.", "webhook")
HOOK_BEHIND = _gauge("webhook_history_behind", "Lines of the history not looked at for it yet.", "webhook")
HOOK_FAILURES = _gauge("webhook_failures", "Failed requests in a row.", "webhook")
HOOK_DISABLED = _gauge("webhook_disabled", "1 when it is told nothing any more.", "webhook")

CLOUD_WAITING = _gauge("cloud_batches_waiting", "What Meta posted and waits to be worked through, up to 10000.")
CLOUD_OLDEST = _gauge("cloud_oldest_waiting_seconds", "Age of the oldest of them.")
CLOUD_LEFT_OUT = _counter("cloud_left_out", "Things that Meta told and that came to nothing.", "account", "kind")
CLOUD_ASIDE = _gauge("cloud_batches_set_aside", "Posted batches that could not be read.")

REMOVED = _counter("removed", "What was removed because of its age, or archived: messages, or campaigns.", "kind")

FAMILIES = tuple(each for each in list(globals().values()) if isinstance(each, Family))
