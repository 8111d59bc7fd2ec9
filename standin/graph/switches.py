"""Every switch with its default, and the rules that make requests go wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

#: name: default. Durations are in the unit the name ends with; None means "never" or "not at all".
DEFAULTS: dict[str, Any] = {
    # what becomes of a message that was accepted
    "sent_ms": 5,
    "delivered_ms": 20,
    "read_ms": None,
    "held_ms": None,  # when what is held for quality is released; None: by `/_release`
    "window": "strict",  # free text only within 24 hours of the person's last message; open: always
    "quality": "accepted",  # what templates answer: accepted, or held (for quality assessment)
    # limits of a number and of a portfolio
    "throughput": None,  # messages a second of each number; None: 80, or 1,000 where its level is HIGH
    "answer_ms": 0,  # how long the answer to a message takes
    "pair": True,  # one message in 6 s to one person, 45 at once
    "sizes": True,  # whether media have to be of the types and sizes Meta takes
    # webhooks
    "webhooks": True,
    "connections": 4,
    "batch": 1000,  # updates in one request, at most
    "gather_ms": 5,  # how long a connection rests before it takes what has come since
    "merge": False,  # statuses of a number share a `value`, else each has its own
    "timeout_ms": 20_000,
    "retry_first_ms": 0,
    "retry_ms": 200,  # the second time, then twice as long each time
    "retry_most_ms": 60_000,
    "retry_for_ms": 7 * 86_400_000,
    "conversation": False,  # the object that versions up to 23 have in statuses
    # templates
    "approve_ms": None,  # when a template that was made is approved
    "management": 5000,  # calls an hour about one business account
    "history_ms": 0,  # how old a message is when its number's history knows it
    "keep": True,  # whether the record keeps what messages said, or only that they were
}
CHOICES: dict[str, set[Any]] = {"window": {"strict", "open"}, "quality": {"accepted", "held"}}


def check(changes: Mapping[str, Any]) -> None:
    """Raise ValueError naming every unknown switch and every value outside its choices."""
    problems = [f"no such switch: {name}" for name in changes if name not in DEFAULTS]
    problems += [
        f"{name}={changes[name]!r} is not one of {sorted(allowed)}"
        for name, allowed in CHOICES.items()
        if name in changes and changes[name] not in allowed
    ]
    if problems:
        raise ValueError("\n".join(problems))


class Fate(BaseModel):
    """What becomes of the webhooks of one accepted message; what becomes of the message itself, by `fail`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fail: int | None = None  # the code of the error with which it fails after it was accepted
    fail_details: str | None = None
    fail_as_text: bool = False  # the code is a text, as one of Meta's pages has it
    then_delivered: bool = False  # and is delivered nevertheless
    late_ms: float = 0
    twice: bool = False
    backwards: bool = False  # the latest status first
    skip: tuple[Literal["sent", "delivered", "read"], ...] = ()  # statuses that are not told
    silent: bool = False  # none is told
    stuck: bool = False  # it never gets further than accepted


PLAIN = Fate()


class Rule(BaseModel):
    """Something that happens to requests. The first rule that is armed for a request wins, after the token was
    checked. Without `next` and `every` it is always armed.
    """

    model_config = ConfigDict(extra="forbid")

    # to which requests
    on: Literal["messages", "media", "templates", "number", "history", "other", "any"] = "messages"
    number: str | None = None  # id of our phone number
    to: str | None = None  # `+…`, as the request has it
    next: Annotated[int, Field(ge=1)] | None = None
    every: Annotated[int, Field(ge=1)] | None = None
    # what
    slow_ms: float = 0  # the answer takes that long
    drop: Literal["before", "after", "middle"] | None = None  # before reading, after accepting, in mid-answer
    status: int | None = None  # this HTTP status, without a body of Meta's
    code: int | None = None  # this error
    details: str | None = None
    subcode: int | None = None
    transient: bool = False
    retry_after_s: int | None = None
    regain_minutes: int | None = None
    accept: bool = False  # although `status` or `code` says no, it is accepted
    garbage: bool = False  # accepted, and answered with 200 and what nobody can read
    early: bool = False  # its statuses are told before the answer
    held: bool = False  # it is held for quality assessment
    fate: Fate = PLAIN

    _seen: int = PrivateAttr(0)

    def armed(self) -> bool:
        """Count a request that it could be about, and tell whether it is about this one."""
        self._seen += 1
        if self.next is not None:
            return self._seen <= self.next
        return self.every is None or self._seen % self.every == 0

    @property
    def refuses(self) -> bool:
        """The answer is a refusal, whether or not it is accepted."""
        return self.status is not None or self.code is not None

    @property
    def spent(self) -> bool:
        """It has been about all it was to be about."""
        return self.next is not None and self._seen >= self.next


class Rules:
    """The rules in force, in order."""

    def __init__(self) -> None:
        self.every: list[Rule] = []

    def add(self, rule: Rule) -> None:
        """Put one behind those there are."""
        self.every.append(rule)

    def clear(self) -> None:
        """Let everything go as it should."""
        self.every = []

    def about(self, kind: str, number: str, to: str | None = None) -> Rule | None:
        """The rule for a request, which is thereby counted; `to`: whom it is for, where it is for somebody."""
        for rule in self.every:
            if rule.on not in (kind, "any") or (rule.number or number) != number or (rule.to or to) != to:
                continue
            if rule.armed():
                if rule.spent:
                    self.every.remove(rule)
                return rule
        return None
