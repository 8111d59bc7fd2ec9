"""The tables. No behaviour: `delivery/moves.py` moves messages, `delivery/job_moves.py` moves jobs.

All times are UTC epoch milliseconds. `Json` columns hold JSON as text."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any, cast

import peewee

from daemon.db.prepared import by_key
from daemon.db.proxy import database
from daemon.formats import json_pieces
from daemon.states import E164, AccountState, PersonKey, State


class Kind(StrEnum):
    """What a job is for. Only the page sets it; a caller's text never does."""

    CAMPAIGN = "campaign"
    TEST = "test"  #: one message to oneself, from a draft
    ANSWER = "answer"  #: a reply to somebody who has written to us


class Purpose(StrEnum):
    """What a hand-over was for: the kinds of jobs, and what belongs to no job."""

    CAMPAIGN = "campaign"
    TEST = "test"
    ANSWER = "answer"
    CANARY = "canary"  #: a message to oneself that shows whether sending works
    CONFIRMATION = "confirmation"  #: tells somebody who wrote STOP that they get nothing more


UNCAPPED = frozenset({Kind.TEST, Kind.ANSWER})  # do not count towards the cap per person


LARGE = 128 << 10  # characters of JSON that are read piece by piece


class Json(peewee.TextField):
    """JSON as text, the same on both databases."""

    def db_value(self, value: Any) -> str | None:
        return None if value is None else json_pieces.write(value)

    def python_value(self, value: str | None) -> Any:
        if value is None or len(value) <= LARGE:
            return None if value is None else json.loads(value)
        try:
            return json_pieces.parse(value.encode())
        except ValueError:  # what earlier versions kept is no strict JSON, such as NaN
            return json.loads(value)


def _telephone(**options: Any) -> peewee.CharField[E164]:
    """A column of numbers in E.164: what is read from it needs no second look."""
    field: Any = peewee.CharField(max_length=20, **options)
    return cast("peewee.CharField[E164]", field)


def _person() -> peewee.CharField[PersonKey]:
    """A column of keys (`contacts.person`) by which rows about the same person are found."""
    field: Any = peewee.CharField(max_length=140, null=True)
    return cast("peewee.CharField[PersonKey]", field)


class Table(peewee.Model):
    class Meta:
        database = database
        legacy_table_names = False

    @classmethod
    def get_by_id(cls, pk: Any) -> Any:
        """As Peewee's, with SQL that is built once."""
        if (found := by_key(cls, pk)) is None:
            raise peewee.DoesNotExist(f"{cls.__name__} {pk}")
        return found


class Account(Table):
    """A WhatsApp account: what its sender last saw, its limits and its pace."""

    name = peewee.CharField(primary_key=True, max_length=32)
    state = peewee.CharField(default=AccountState.STARTING)
    hold = peewee.CharField(null=True)
    detail = peewee.TextField(null=True)
    coded = Json(null=True)  # `detail` by its code, see i18n/coded.py: Filed; None where it has none
    until = peewee.BigIntegerField(null=True)
    qr = peewee.TextField(null=True)  # a credential: only ever drawn, never logged
    seen_at = peewee.BigIntegerField(default=0)  # heartbeat of its sender
    owner = peewee.CharField(null=True, max_length=32)  # token of its sender; no other sender writes to this row
    owner_until = peewee.BigIntegerField(default=0)  # end of its lease
    owner_place = Json(null=True)  # where that sender runs, see `ownership.Place`
    failing = Json(null=True)  # its run of failures, see delivery/breaker.py
    kept_hold = Json(null=True)  # a hold that outlives the sender that began it: {hold, until, detail, coded, at}
    next_send_at = peewee.BigIntegerField(default=0)
    next_reason = peewee.CharField(default="ready")
    paced_at = peewee.BigIntegerField(default=0)  # when next_send_at was decided
    streak = peewee.IntegerField(default=0)  # messages since the last long pause
    known_chats = peewee.BooleanField(default=False)  # held, but existing chats go on
    slow_until = peewee.BigIntegerField(default=0)  # until then it sends more slowly, after a restriction
    canary_at = peewee.BigIntegerField(default=0)  # when the last message to itself was read back
    hourly_cap = peewee.IntegerField(null=True)  # None: that of the settings; likewise the next three
    daily_cap = peewee.IntegerField(null=True)
    quiet_hours = peewee.CharField(null=True, max_length=11)
    timezone = peewee.CharField(null=True, max_length=64)
    country = peewee.CharField(null=True, max_length=2)  # of numbers that the page is given without one
    number = peewee.CharField(null=True, max_length=20)  # its own, where it was linked by it; None: not known
    limits_version = peewee.IntegerField(default=1)  # of its own settings, see db/versions.py
    wish = Json(null=True)  # what a person asks its sender to do: {what, at, …}
    link_number = peewee.CharField(null=True, max_length=20)  # phone to link by a code instead of the QR code
    link_code = peewee.CharField(null=True, max_length=16)  # a credential, like `qr`
    link_code_at = peewee.BigIntegerField(null=True)  # when that code was first seen
    screenshot_at = peewee.BigIntegerField(null=True)  # time of its Picture
    send_ms = peewee.IntegerField(default=0)  # how long a send has taken lately, without the pause after it; 0: unknown
    dry_run = peewee.BooleanField(default=False)  # its sender sends nothing
    title = peewee.CharField(null=True, max_length=64)  # what people call it; None: its name
    transport = peewee.CharField(null=True, max_length=16)  # None: that of the settings; likewise the next five
    delay_min = peewee.DoubleField(null=True)  # seconds, like the other pauses
    delay_max = peewee.DoubleField(null=True)
    long_pause_every = peewee.IntegerField(null=True)
    long_pause_min = peewee.DoubleField(null=True)
    long_pause_max = peewee.DoubleField(null=True)
    canary = peewee.CharField(null=True, max_length=20)  # its own number, for tests of sending
    home = peewee.CharField(null=True, max_length=32)  # the data folder that has its profile, see accounts/home.py
    removed_at = peewee.BigIntegerField(null=True)  # since then only its history is there
    cloud_phone_number_id = peewee.CharField(null=True, max_length=32)  # as Meta names them; likewise the next
    cloud_business_account_id = peewee.CharField(null=True, max_length=32)
    cloud_throughput = peewee.IntegerField(null=True)  # messages a second
    cloud_token = peewee.TextField(null=True)  # a credential: never shown, never logged; likewise the next two
    cloud_app_secret = peewee.TextField(null=True)
    cloud_verify_token = peewee.TextField(null=True)


class Picture(Table):
    """A screenshot of an account's browser, taken for a person. Kept out of the account's row, which is read often."""

    account = peewee.CharField(primary_key=True, max_length=32)
    at = peewee.BigIntegerField()
    png = peewee.BlobField()


class PageCheck(Table):
    """How the page of an account's browser was built, for a person who sends it to those who mend selectors."""

    account = peewee.CharField(primary_key=True, max_length=32)
    at = peewee.BigIntegerField()
    body = Json()


class Job(Table):
    """One campaign. It has a counter for each message state, updated in the same transaction as the messages."""

    id = peewee.AutoField()
    account = peewee.CharField(max_length=32)
    name = peewee.TextField()
    text = peewee.TextField()
    attachments = Json(default=list)  # ids, in order
    state = peewee.CharField()
    reason = peewee.TextField(null=True)
    coded = Json(null=True)  # `reason` by its code
    delay_min_ms = peewee.IntegerField()
    delay_max_ms = peewee.IntegerField()
    own_delays = peewee.BooleanField(null=True)  # whether these were given for it; None: not known
    schedule_at = peewee.BigIntegerField(null=True)
    created_at = peewee.BigIntegerField()
    started_at = peewee.BigIntegerField(null=True)
    completed_at = peewee.BigIntegerField(null=True)
    claimed_at = peewee.BigIntegerField(default=0)  # when it last had its turn
    total = peewee.IntegerField()
    columns = Json(default=list)  # names of the recipients' fields, in order
    rejected = Json(default=list)  # rows that were refused at import, for the report
    window = peewee.CharField(null=True, max_length=11)  # only send between these times, such as 09:00-18:00
    daily_cap = peewee.IntegerField(default=0)  # of this job; 0: none
    opens_at = peewee.BigIntegerField(default=0)  # its window or cap allows nothing before this
    opens_zone = peewee.CharField(null=True, max_length=64)  # time zone that opens_at is for; void when it changes
    cloned_from = peewee.IntegerField(null=True)
    kind = peewee.CharField(default=Kind.CAMPAIGN, max_length=16)
    tally_ms = peewee.IntegerField(default=1_000)  # how long a stretch of its tallies is
    for_dry_run = peewee.BooleanField(default=False)  # made while the transport sent nothing
    dry_run = peewee.BooleanField(default=False)  # a transport that sends nothing has had messages of it
    formats = Json(null=True)  # how its text writes dates and amounts, see formats/styles.py
    dated = Json(null=True)  # by which date of theirs each person gets it, see campaigns/dated.py; None: no such one
    made_by = peewee.CharField(null=True)  # None: not known
    archived_at = peewee.BigIntegerField(null=True)  # since when the overview leaves it out
    replied = peewee.IntegerField(default=0)  # how many people have answered it
    external_id = peewee.CharField(null=True, max_length=255)  # what other software calls it
    unconfirmed = peewee.CharField(null=True, max_length=16)  # why it waits for a person, see delivery/interruptions.py
    unconfirmed_at = peewee.BigIntegerField(null=True)  # since when it does
    unconfirmed_since = peewee.BigIntegerField(null=True)  # what became of it from then until that is not known
    template = Json(null=True)  # the WhatsApp template it is sent with, see formats/cloud_template.py: Filled
    texts_gone_at = peewee.BigIntegerField(null=True)  # when its text was removed for its age; likewise the next four
    fields_gone_at = peewee.BigIntegerField(null=True)  # those of its recipients
    rejected_gone_at = peewee.BigIntegerField(null=True)
    history_gone_at = peewee.BigIntegerField(null=True)
    recipients_gone_at = peewee.BigIntegerField(null=True)
    compacted_at = peewee.BigIntegerField(null=True)  # when its history was moved to `OldHistory`
    pending = peewee.IntegerField(default=0)
    claimed = peewee.IntegerField(default=0)
    sending = peewee.IntegerField(default=0)
    accepted = peewee.IntegerField(default=0)
    sent = peewee.IntegerField(default=0)
    delivered = peewee.IntegerField(default=0)
    read = peewee.IntegerField(default=0)
    expired = peewee.IntegerField(default=0)
    failed = peewee.IntegerField(default=0)
    uncertain = peewee.IntegerField(default=0)
    skipped = peewee.IntegerField(default=0)
    cancelled = peewee.IntegerField(default=0)

    class Meta:
        indexes = (
            (("account", "state"), False),
            (("account", "id"), False),  # pages of those of one account
            (("archived_at", "id"), False),  # pages of the overview
        )


Job.add_index(Job.index(Job.external_id, Job.id, name="job_external_id", where=Job.external_id.is_null(False)))


UNDECIDED = peewee.SQL('("uncertain" > 0)')  # word by word as in its index, or SQLite does not use that


Job.add_index(Job.index(Job.account, Job.uncertain, name="job_undecided", where=UNDECIDED))


Job.add_index(Job.index(Job.id, name="job_unconfirmed", where=Job.unconfirmed.is_null(False)))


GONE = {  # what goes with age, see delivery/forgetting.py: its index, and the condition that it is not gone yet
    mark: peewee.SQL(f'("completed_at" IS NOT NULL AND ("{mark.name}" IS NULL OR "{mark.name}" < "completed_at"))')
    for mark in (
        Job.texts_gone_at,
        Job.fields_gone_at,
        Job.rejected_gone_at,
        Job.history_gone_at,
        Job.recipients_gone_at,
        Job.compacted_at,
    )
}


for _mark, _not_yet in GONE.items():
    Job.add_index(Job.index(Job.completed_at, Job.id, name=f"job_{_mark.name[:-3]}", where=_not_yet))


class Message(Table):
    """One recipient of one job."""

    id = peewee.AutoField()
    job_id: int
    job = peewee.ForeignKeyField(Job, backref="messages", on_delete="CASCADE", index=False)
    account = peewee.CharField(max_length=32)
    row = peewee.IntegerField()  # its position in the file or list
    number = _telephone()
    nth = peewee.IntegerField(default=0, constraints=[peewee.SQL("DEFAULT 0")])  # of the job's messages to this number
    person = _person()
    external_id = peewee.CharField(null=True, max_length=255)  # what other software calls this recipient
    fields = Json(default=dict)
    attachments = Json(null=True)  # ids of this recipient's own files, None for the job's
    state = peewee.CharField(default=State.PENDING)
    attempts = peewee.IntegerField(default=0)
    submissions = peewee.IntegerField(default=0)  # how often it was handed over, ever: which one a receipt is of
    not_before = peewee.BigIntegerField(default=0)
    not_after = peewee.BigIntegerField(null=True)  # from then on it is of no use; None: it always is
    known = peewee.BooleanField(default=False)  # the account has written to them before, and WhatsApp took it
    lease = peewee.CharField(null=True)
    lease_until = peewee.BigIntegerField(null=True)
    mark = peewee.TextField(null=True)
    error = peewee.TextField(null=True)
    coded = Json(null=True)  # `error` by its code
    failed_by = peewee.CharField(
        null=True, max_length=64
    )  # that code, "other" for words only; None unless it has failed
    transport_id = peewee.TextField(null=True)
    submitted_at = peewee.BigIntegerField(null=True)
    accepted_at = peewee.BigIntegerField(null=True)
    expires_at = peewee.BigIntegerField(null=True)  # not delivered until then it has expired; None once that is settled
    sent_at = peewee.BigIntegerField(null=True)
    delivered_at = peewee.BigIntegerField(null=True)
    read_at = peewee.BigIntegerField(null=True)
    ended_at = peewee.BigIntegerField(null=True)  # since when it is in one of states.NOT_OUT

    class Meta:
        indexes = (
            (("job", "number", "nth"), True),
            (("job", "state", "not_before", "id"), False),  # the claim
            (("account", "state"), False),  # rescue
            (("account", "submitted_at"), False),  # caps
            (("account", "person"), False),  # known chats
            (("job", "sent_at"), False),  # rate and chart
            (("job", "id"), False),  # pages of its recipients
            (("job", "state", "id"), False),  # pages of those in one state
        )


Message.add_index(  # whom we have written to; only messages that may have left, so that queueing stays cheap
    Message.index(Message.person, Message.submitted_at).where(Message.submitted_at.is_null(False))
)


Message.add_index(  # those that other software asks for
    Message.index(Message.external_id, Message.id, name="message_external_id", where=Message.external_id.is_null(False))
)


Message.add_index(  # finds whose chat a row belongs to
    Message.index(Message.transport_id).where(Message.transport_id.is_null(False))
)


Message.add_index(  # the claim while an account may write to those only whom it has written to before
    Message.index(Message.job, Message.state, Message.not_before, Message.id, name="message_known", where=Message.known)
)


Message.add_index(  # pages of those that failed for one reason
    Message.index(
        Message.job, Message.failed_by, Message.id, name="message_failed_by", where=Message.failed_by.is_null(False)
    )
)


Message.add_index(  # rescue
    Message.index(Message.lease_until).where(Message.lease_until.is_null(False))
)


Message.add_index(  # whose time to live ends
    Message.index(Message.expires_at).where(Message.expires_at.is_null(False))
)


Message.add_index(  # those of which nothing has been reported
    Message.index(
        Message.account,
        Message.accepted_at,
        name="message_accepted",
        where=peewee.SQL("(\"state\" = 'accepted')"),
    )
)


class MessagePart(Table):
    """A part of a message that WhatsApp takes as a message of its own; there are none where it is all of one.

    part: from 0. what: the name of its file, "" for text. mark: what the chat looked like before its last hand-over.
    submitted_at: when that was; until sent_at it may be out. transport_id, ack: once WhatsApp's server has it.
    """

    message_id: int
    message = peewee.ForeignKeyField(Message, backref="parts", on_delete="CASCADE", index=False)
    part = peewee.IntegerField()
    of = peewee.IntegerField()
    what = peewee.TextField()
    mark = peewee.TextField(null=True)
    transport_id = peewee.TextField(null=True)
    ack = peewee.CharField(null=True, max_length=16)
    submitted_at = peewee.BigIntegerField(null=True)
    sent_at = peewee.BigIntegerField(null=True)

    class Meta:
        primary_key = peewee.CompositeKey("message", "part")


MessagePart.add_index(  # whose row in a chat it is
    MessagePart.index(MessagePart.transport_id).where(MessagePart.transport_id.is_null(False))
)


class Tally(Table):
    """What came of how many of a job's messages in the `Job.tally_ms` from `at` on, see delivery/tallies.py."""

    job_id: int
    job = peewee.ForeignKeyField(Job, on_delete="CASCADE", index=False)
    at = peewee.BigIntegerField()
    out = peewee.IntegerField(constraints=[peewee.SQL("DEFAULT 0")])
    accepted = peewee.IntegerField(constraints=[peewee.SQL("DEFAULT 0")])
    failed = peewee.IntegerField(constraints=[peewee.SQL("DEFAULT 0")])
    other = peewee.IntegerField(constraints=[peewee.SQL("DEFAULT 0")])

    class Meta:
        primary_key = peewee.CompositeKey("job", "at")


class Quarter(Table):
    """How many of a job's messages were sent, delivered, read and answered for the first time in the quarter of an hour
    from `at` on: the overview adds up a week of them."""

    job_id: int
    job = peewee.ForeignKeyField(Job, on_delete="CASCADE", index=False)
    at = peewee.BigIntegerField(index=True)
    sent = peewee.IntegerField(constraints=[peewee.SQL("DEFAULT 0")])
    delivered = peewee.IntegerField(constraints=[peewee.SQL("DEFAULT 0")])
    read = peewee.IntegerField(constraints=[peewee.SQL("DEFAULT 0")])
    replied = peewee.IntegerField(constraints=[peewee.SQL("DEFAULT 0")])

    class Meta:
        primary_key = peewee.CompositeKey("job", "at")


class Reason(Table):
    """How many of a job's messages have failed for the reason with that code, see `Message.failed_by`."""

    job_id: int
    job = peewee.ForeignKeyField(Job, on_delete="CASCADE", index=False)
    code = peewee.CharField(max_length=64)
    count = peewee.IntegerField()

    class Meta:
        primary_key = peewee.CompositeKey("job", "code")


class JobStep(Table):
    """What a person, or the sender, has done to a job: paused, resumed, stopped it."""

    id = peewee.AutoField()
    job_id: int
    job = peewee.ForeignKeyField(Job, on_delete="CASCADE")
    at = peewee.BigIntegerField()
    move = peewee.CharField(max_length=16)
    who = peewee.CharField()


class Handover(Table):
    """Something has left this machine, or may have: what the caps count."""

    id = peewee.AutoField()
    account = peewee.CharField(max_length=32)
    number = _telephone()
    person = _person()
    at = peewee.BigIntegerField()
    kind = peewee.CharField(max_length=16)  # see Purpose
    message = peewee.ForeignKeyField(Message, null=True, on_delete="SET NULL")  # None: not from a job
    missed = peewee.BooleanField(default=False)  # it left, and the person did not get it

    class Meta:
        indexes = ((("account", "at"), False), (("person", "at"), False))


Handover.add_index(  # those that nothing else deletes
    Handover.index(Handover.at, name="handover_alone", where=Handover.message.is_null())
)


class Minute(Table):
    """How many hand-overs of an account, for which of its jobs (0: for none), began in the minute from `at` on: so that
    nobody counts those of a day one by one."""

    account = peewee.CharField(max_length=32)
    at = peewee.BigIntegerField()
    job = peewee.IntegerField()
    count = peewee.IntegerField()

    class Meta:
        primary_key = peewee.CompositeKey("account", "at", "job")


class Event(Table):
    """History: one line for every move of a message."""

    id = peewee.AutoField()
    message_id: int
    message = peewee.ForeignKeyField(Message, backref="events", on_delete="CASCADE")
    at = peewee.BigIntegerField()
    who = peewee.CharField()
    move = peewee.CharField()
    source = peewee.CharField(null=True)  # None: it was enqueued
    target = peewee.CharField()
    why = peewee.TextField(null=True)
    coded = Json(null=True)  # `why` by its code
    lease = peewee.CharField(null=True)  # the lease under which its sender made the move, or which a receipt ended


Event.add_index(  # what streams and webhooks tell: that a recipient was queued is told with their job
    Event.index(Event.id, Event.move, name="event_told", where=peewee.SQL("(\"move\" <> 'enqueue')"))
)


class OldHistory(Table):
    """The history of a message whose job ended long ago, in less room, see delivery/old_history.py."""

    message = peewee.IntegerField(primary_key=True)
    body = peewee.BlobField()


class Unfinished(Table):
    """A job from which something is being removed: up to which of its messages that is done."""

    kind = peewee.CharField(max_length=16)  # see delivery/forgetting.py: Kind
    job = peewee.IntegerField()
    position = peewee.IntegerField()

    class Meta:
        primary_key = peewee.CompositeKey("kind", "job")


class Kept(Table):
    """When what has become too old of a kind was last looked for, and last removed; removed: how much then, total: how
    much ever. Kinds with a ? behind them: see `ops/keeping.py`; series: `ops/repeating.py`."""

    kind = peewee.CharField(primary_key=True, max_length=16)
    run_at = peewee.BigIntegerField()
    removed_at = peewee.BigIntegerField(null=True)
    removed = peewee.BigIntegerField()
    total = peewee.BigIntegerField()


class Happening(Table):
    """What became of a job or an account, or a reply that came: what streams and webhooks tell, together with `Event`.

    after: the newest `Event.id` when it was written, by which both are put in order. kind: such as `job.paused`. job:
    its id, also where it is gone. about: see accounts/happenings.py.
    """

    id = peewee.AutoField()
    after = peewee.BigIntegerField()
    at = peewee.BigIntegerField(index=True)
    kind = peewee.CharField(max_length=32)
    account = peewee.CharField(max_length=32)
    job = peewee.IntegerField(null=True)
    about = Json()


class Evidence(Table):
    """What the chat looked like when nobody could tell whether a message had gone out."""

    id = peewee.AutoField()
    message = peewee.ForeignKeyField(Message, backref="evidence", on_delete="CASCADE")
    at = peewee.BigIntegerField()
    finding = peewee.TextField()  # a sentence
    coded = Json(null=True)  # `finding` by its code
    rows = Json()  # [own, text, ack], oldest first
    screenshot = peewee.BlobField(null=True)  # PNG

    class Meta:
        indexes = ((("at",), False),)  # those that are too old


class Suppression(Table):
    """Somebody who must not be written to."""

    number = _telephone(primary_key=True)
    person = _person()
    reason = peewee.TextField()
    source = peewee.CharField()
    created_at = peewee.BigIntegerField()
    confirmed_at = peewee.BigIntegerField(null=True)  # when they were told that they are on it

    class Meta:
        indexes = (
            (("created_at", "number"), False),  # pages, newest first
            (("person",), False),
        )


class Erased(Table):
    """Somebody of whom nothing is known any more, and who must not be written to: a keyed digest of who they are, see
    contacts/erased.py."""

    digest = peewee.CharField(primary_key=True, max_length=64)
    at = peewee.BigIntegerField()


class Consent(Table):
    """That somebody agreed to be messaged, and whether they withdrew it, see contacts/consents.py. given_at: UTC ms; of
    a day without a time (day_only) its beginning, by UTC; null where only a withdrawal is known. how: a ConsentHow;
    words: the same in a person's own; text: what they agreed to. latest: nothing was recorded of them since."""

    id = peewee.AutoField()
    number = _telephone()
    person = _person()
    given_at = peewee.BigIntegerField(null=True)
    day_only = peewee.BooleanField(default=False)
    how = peewee.CharField(max_length=16, default="")
    words = peewee.TextField(default="")
    text = peewee.TextField(default="")
    recorded_by = peewee.CharField()
    recorded_at = peewee.BigIntegerField()
    withdrawn_at = peewee.BigIntegerField(null=True)
    withdrawn_how = peewee.CharField(max_length=16, default="")
    withdrawn_words = peewee.TextField(default="")
    withdrawn_by = peewee.CharField(default="")
    latest = peewee.BooleanField(default=True)

    class Meta:
        indexes = ((("person", "id"), False),)


Consent.add_index(Consent.index(Consent.person, unique=True, name="consent_latest", where=Consent.latest))


class Removal(Table):
    """A removal from the suppression list: the entry as it was, who removed it and why."""

    id = peewee.AutoField()
    number = _telephone()
    reason = peewee.TextField()  # this and the next two: from the entry
    source = peewee.CharField()
    created_at = peewee.BigIntegerField()
    removed_at = peewee.BigIntegerField()
    removed_by = peewee.CharField()
    why = peewee.TextField()

    class Meta:
        indexes = ((("number",), False),)


class Reply(Table):
    """A message that somebody sent to one of our accounts."""

    id = peewee.AutoField()
    account = peewee.CharField(max_length=32)
    number = _telephone()
    person = _person()
    text = peewee.TextField()
    at = peewee.BigIntegerField()  # when it was seen
    key = peewee.CharField(max_length=64)  # the row's id in the chat, so that nothing is stored twice
    stop = peewee.BooleanField(default=False)  # it is an opt-out
    fresh = peewee.BooleanField(default=False)  # nobody has read it yet
    message = peewee.ForeignKeyField(Message, null=True, on_delete="SET NULL")  # the last one they got before it

    class Meta:
        indexes = (
            (("account", "key"), True),
            (("at",), False),
            (("account", "person"), False),
            (("account", "id"), False),  # of somebody who may see that account only
        )


Reply.add_index(  # those who asked for no more, newest first
    Reply.index(Reply.id, name="reply_stop", where=Reply.stop)
)


Reply.add_index(  # those that nobody has read yet
    Reply.index(Reply.id, name="reply_fresh", where=Reply.fresh)
)


class OldStop(Table):
    """A STOP whose reply was deleted: its row may still be in the chat, and must not count again."""

    id = peewee.AutoField()
    account = peewee.CharField(max_length=32)
    key = peewee.CharField(max_length=64)

    class Meta:
        indexes = ((("account", "key"), True),)


class OpenedChat(Table):
    """A chat that was opened to read its replies. WhatsApp now counts it as read, so it is recorded here until its rows
    are stored; the newest one stays longer, because that chat may still be open."""

    id = peewee.AutoField()
    account = peewee.CharField(max_length=32)
    title = peewee.TextField()
    number = peewee.CharField(max_length=20)  # E.164; "" where only the title is known
    person = _person()  # "" likewise
    at = peewee.BigIntegerField()
    stored = peewee.BooleanField(default=False)

    class Meta:
        indexes = ((("account", "person"), False),)


class UnmatchedChat(Table):
    """A chat whose owner is not known by its title, and what a person has said: whose it is, or that it is nothing to
    us."""

    id = peewee.AutoField()
    account = peewee.CharField(max_length=32)
    title = peewee.CharField(max_length=200)
    first_at = peewee.BigIntegerField()
    seen_at = peewee.BigIntegerField()
    count = peewee.IntegerField(default=0)  # of unread messages
    opened = peewee.BooleanField(default=False)  # it was read, and no message of ours was found in it
    stop = peewee.BooleanField(default=False)  # somebody asks for no more there
    stop_key = peewee.CharField(max_length=64, null=True)  # the row in which they do
    hint = _telephone(null=True)  # whose it is by the browser's own address book
    number = _telephone(null=True)  # whose it is, as a person has said
    ignored = peewee.BooleanField(default=False)
    who = peewee.CharField(max_length=64, null=True)  # who said so

    class Meta:
        indexes = ((("account", "title"), True),)


class User(Table):
    """Somebody who may use the page."""

    id = peewee.AutoField()
    name = peewee.CharField(unique=True, max_length=64)
    role = peewee.CharField(max_length=16)
    password = peewee.CharField()  # scrypt$…, never the password
    language = peewee.CharField(null=True, max_length=8)
    created_at = peewee.BigIntegerField()
    disabled_at = peewee.BigIntegerField(null=True)
    accounts = Json(null=True)  # names of those that they may use; None: every account
    version = peewee.IntegerField(default=1)  # see db/versions.py
    password_until = peewee.BigIntegerField(null=True)  # of one that has to be changed at the next login


class SecondFactor(Table):
    """That a user is asked for a code after the password, see auth/second_factor.py. nonce: what the secret is made of,
    with a key that is not in the database; confirmed_at: since when they are asked; last_step: of the last code that
    was taken."""

    user_id: int
    user = peewee.ForeignKeyField(User, primary_key=True, on_delete="CASCADE")
    nonce = peewee.CharField(max_length=32)
    confirmed_at = peewee.BigIntegerField(null=True)
    last_step = peewee.BigIntegerField(default=0)


class RecoveryCode(Table):
    """A code that is taken once in place of one of the second factor. digest: HMAC-SHA-256 of it."""

    id = peewee.AutoField()
    user_id: int
    user = peewee.ForeignKeyField(User, on_delete="CASCADE")
    digest = peewee.CharField(max_length=64)
    used_at = peewee.BigIntegerField(null=True)


class LoginStep(Table):
    """A login that is not done: its password was right, and something else is asked. id: SHA-256 of what the cookie
    holds; version: of the user when the password was checked; coded: whether the code was right, too; nonce: of a
    second factor that is being set up."""

    id = peewee.CharField(primary_key=True, max_length=64)
    user_id: int
    user = peewee.ForeignKeyField(User, on_delete="CASCADE")
    version = peewee.IntegerField()
    coded = peewee.BooleanField(default=False)
    nonce = peewee.CharField(null=True, max_length=32)
    expires_at = peewee.BigIntegerField()


class Session(Table):
    """A login. id: SHA-256 of what the cookie holds."""

    id = peewee.CharField(primary_key=True, max_length=64)
    user_id: int | None
    user = peewee.ForeignKeyField(User, null=True, backref="sessions", on_delete="CASCADE")  # None: by the API key
    role = peewee.CharField(max_length=16)
    csrf = peewee.CharField(max_length=64)
    created_at = peewee.BigIntegerField()
    seen_at = peewee.BigIntegerField()
    expires_at = peewee.BigIntegerField()


class ApiKey(Table):
    """A key for programs, beside that of the installation: what it may do. Its secrets are in KeySecret."""

    id = peewee.AutoField()
    name = peewee.CharField(max_length=50)
    scopes = Json()
    accounts = Json(null=True)  # names; None: every account
    addresses = Json(null=True)  # networks that it is taken from; None: from anywhere
    test = peewee.BooleanField(default=False)  # it sends nothing and changes nothing
    masked = peewee.BooleanField(default=False)  # it is shown telephone numbers masked
    rate_limit = peewee.IntegerField(null=True)  # requests a minute; None: as many as it likes
    created_at = peewee.BigIntegerField()
    created_by = peewee.CharField()
    expires_at = peewee.BigIntegerField(null=True)
    revoked_at = peewee.BigIntegerField(null=True)
    revoked_by = peewee.CharField(null=True)
    version = peewee.IntegerField(default=1)  # of what it may do, see db/versions.py
    changed_at = peewee.BigIntegerField(null=True)
    changed_by = peewee.CharField(null=True)


ApiKey.add_index(  # of two that are made at once with one name
    ApiKey.index(ApiKey.name, unique=True, name="api_key_name", where=ApiKey.revoked_at.is_null())
)


class KeySecret(Table):
    """What a program sends as its key, of which only the SHA-256 is kept; while it is replaced a key has several."""

    id = peewee.AutoField()
    key_id: int
    key = peewee.ForeignKeyField(ApiKey, backref="secrets", on_delete="CASCADE")
    prefix = peewee.CharField(max_length=20, index=True)  # its first characters, by which people know it
    digest = peewee.CharField(max_length=64)
    created_at = peewee.BigIntegerField()
    ends_at = peewee.BigIntegerField(null=True)  # it was replaced, and is taken until then
    used_at = peewee.BigIntegerField(null=True)


class LoginFailure(Table):
    """Failed logins in a row, by a counter's key (an address, name or browser)."""

    key = peewee.CharField(primary_key=True, max_length=80)
    count = peewee.IntegerField()
    at = peewee.BigIntegerField()


class Draft(Table):
    """A campaign being prepared. data: the form as last saved; version: see db/versions.py."""

    id = peewee.CharField(primary_key=True, max_length=32)
    name = peewee.TextField(default="")
    data = Json(default=dict)
    version = peewee.IntegerField(default=1)
    created_by = peewee.CharField(max_length=64)
    created_at = peewee.BigIntegerField()
    updated_at = peewee.BigIntegerField()
    sheets = Json(null=True)  # [[sheet's title, RowSet of its rows as they were read: [position, [cell, …]]], …]
    original = peewee.BlobField(null=True)  # a text file, compressed, if its encoding may be another one
    audience_set = peewee.IntegerField(null=True)  # fixed by the dry run: [row, number, fields, attachments]
    report = Json(null=True)  # of the dry run
    job_id: int | None
    job = peewee.ForeignKeyField(Job, null=True, on_delete="SET NULL")  # the job made from it

    class Meta:
        indexes = ((("updated_at",), False),)  # those that nobody has touched for long


class KnownColumns(Table):
    """What was chosen for the columns of files with the same row of titles, see campaigns/known_columns.py."""

    shape = peewee.CharField(primary_key=True, max_length=64)
    columns = Json()
    country = peewee.CharField(max_length=8)
    used_at = peewee.BigIntegerField()


class Template(Table):
    """A text kept for reuse."""

    id = peewee.AutoField()
    name = peewee.CharField(unique=True, max_length=120)
    text = peewee.TextField()
    attachments = Json(default=list)
    created_at = peewee.BigIntegerField()
    updated_at = peewee.BigIntegerField()
    version = peewee.IntegerField(default=1)


class CloudTemplate(Table):
    """A message template of an account of the Cloud API, as Meta has it. template_id: Meta's; status, category,
    quality: in Meta's words; version: grows when its components change; synced_at: when Meta last listed it,
    changed_at: when anything of it last changed."""

    id = peewee.AutoField()
    account = peewee.CharField(max_length=32)
    template_id = peewee.CharField(null=True, max_length=64)
    name = peewee.CharField(max_length=512)
    language = peewee.CharField(max_length=16)
    status = peewee.CharField(max_length=32)
    category = peewee.CharField(null=True, max_length=32)
    quality = peewee.CharField(null=True, max_length=16)
    reason = peewee.TextField(null=True)  # why Meta has refused it
    parameter_format = peewee.CharField(null=True, max_length=16)
    components = Json()
    version = peewee.IntegerField()
    synced_at = peewee.BigIntegerField()
    changed_at = peewee.BigIntegerField()

    class Meta:
        indexes = ((("account", "name", "language"), True),)


class ContactList(Table):
    """People saved for reuse. version: of one that is being stored or deleted it is below 1, see
    contacts/unfinished_lists.py."""

    id = peewee.AutoField()
    name = peewee.CharField(unique=True, max_length=120)
    columns = Json(default=list)
    created_at = peewee.BigIntegerField()
    updated_at = peewee.BigIntegerField()
    version = peewee.IntegerField(default=1)


class ListEntry(Table):
    """A person on a list."""

    id = peewee.AutoField()
    list = peewee.ForeignKeyField(ContactList, backref="entries", on_delete="CASCADE", index=False)
    number = _telephone()
    person = _person()
    fields = Json(default=dict)

    class Meta:
        indexes = ((("list", "number"), True), (("list", "id"), False), (("list", "person"), False))


class RowSet(Table):
    """Rows that are kept in order, see contacts/row_sets.py. held: something has them; distinct: people, each once."""

    id = peewee.AutoField()
    touched_at = peewee.BigIntegerField()
    held = peewee.BooleanField()
    count = peewee.IntegerField()
    size = peewee.BigIntegerField()  # characters of its rows
    distinct = peewee.BooleanField()


class KeptRow(Table):
    """A row of a set. body: JSON."""

    set = peewee.ForeignKeyField(RowSet, on_delete="CASCADE", index=False)
    n = peewee.IntegerField()
    body = peewee.TextField()

    class Meta:
        primary_key = peewee.CompositeKey("set", "n")


class Upload(Table):
    """A contacts file as it was read."""

    id = peewee.CharField(primary_key=True, max_length=32)
    filename = peewee.TextField()
    created_at = peewee.BigIntegerField()
    total = peewee.IntegerField()
    duplicates = peewee.IntegerField()
    columns = Json()
    phone_column = peewee.TextField(null=True)
    people_set = peewee.IntegerField(null=True)  # RowSet: [row, number, fields]
    repeated_set = peewee.IntegerField(null=True)  # RowSet: likewise, who stands in people_set; None: not kept
    rejected_set = peewee.IntegerField(null=True)  # RowSet: [row, value, reason, code, values]
    sheet_set = peewee.IntegerField(null=True)  # RowSet: [row, cells], where a person has to say which has the numbers
    candidates = Json(null=True)  # what those columns are called
    size = peewee.BigIntegerField(constraints=[peewee.SQL("DEFAULT 0")])  # characters of its rows
    used_at = peewee.BigIntegerField(constraints=[peewee.SQL("DEFAULT 0")])  # by a campaign; before the first: stored

    class Meta:
        indexes = ((("used_at", "size"), False),)  # without it SQLite goes through all contacts for either


class Attachment(Table):
    """An uploaded file; its bytes lie in DATA_DIR/attachments/<id>."""

    id = peewee.CharField(primary_key=True, max_length=32)
    filename = peewee.TextField()
    kind = peewee.CharField()
    mimetype = peewee.CharField()
    size = peewee.BigIntegerField()
    sha256 = peewee.CharField(max_length=64)
    created_at = peewee.BigIntegerField()
    used_at = peewee.BigIntegerField(null=True)  # by a campaign, which keeps it; None: by none yet


class Series(Table):
    """A campaign that repeats by the week. draft: the one that it was made from, as a key against double clicks."""

    id = peewee.AutoField()
    draft = peewee.CharField(unique=True, max_length=32)
    name = peewee.TextField()
    order = Json()  # what each of its campaigns is made of, without their people
    weekly = Json()  # when: {days, time, until, most}
    zone = peewee.CharField(max_length=64)  # of these times
    audience_set = peewee.IntegerField(null=True)  # as of a draft; None where the list is read anew each time
    list_id = peewee.IntegerField(null=True)
    state = peewee.CharField(max_length=16)
    next_at = peewee.BigIntegerField(null=True)
    made = peewee.IntegerField(default=0)  # how many of its runs became a campaign
    created_at = peewee.BigIntegerField()
    created_by = peewee.CharField(max_length=64)

    class Meta:
        indexes = ((("state", "next_at"), False),)


class Run(Table):
    """One time of a series: the campaign that was made then, or why none was."""

    series_id: int
    series = peewee.ForeignKeyField(Series, on_delete="CASCADE", index=False)
    at = peewee.BigIntegerField()
    job_id: int | None
    job = peewee.ForeignKeyField(Job, null=True, on_delete="SET NULL")
    reason = peewee.TextField(null=True)
    coded = Json(null=True)

    class Meta:
        primary_key = peewee.CompositeKey("series", "at")


class KeyScope(StrEnum):
    """What an internal key is for; such keys keep a form that is sent twice from doing its work twice.

    Keys of different scopes never collide. Keys given by callers are kept elsewhere: see KeptAnswer.
    """

    SEND = "send"  #: a campaign; before callers' keys were kept by themselves also theirs
    LIST = "list"  #: a contact list, likewise
    LIST_FORM = "list_form"  #: the page's form for a new list
    DRAFT = "draft"  #: the page's start of a draft, whose id it is
    TEST = "test"  #: the page's test message


class Answer(Table):
    """The answer to a request with an internal key, so that a repeat gets the same answer."""

    scope = peewee.CharField(max_length=16)
    key = peewee.CharField()
    request = peewee.CharField(max_length=64)  # SHA-256 of the request
    response = Json()
    created_at = peewee.BigIntegerField()

    class Meta:
        table_name = "idempotency"
        primary_key = peewee.CompositeKey("scope", "key")


class KeptAnswer(Table):
    """The answer to a caller's write with an Idempotency-Key (`campaigns/idempotency.py`)."""

    operation = peewee.CharField(max_length=80)  # such as `POST /send`
    caller = peewee.CharField(max_length=64)  # "": kept before callers were told apart
    key = peewee.CharField(max_length=255)
    request = peewee.CharField(max_length=64)  # SHA-256 of what was asked; "": not known
    response = Json(null=True)
    created_at = peewee.BigIntegerField(index=True)

    class Meta:
        primary_key = peewee.CompositeKey("operation", "caller", "key")


class Webhook(Table):
    """An address that is told what has happened. kinds: events by name or family; accounts: None: all. event,
    happening: up to where it has been given something to tell (`Delivery`), see campaigns/news.py."""

    id = peewee.AutoField()
    name = peewee.TextField()
    url = peewee.TextField()
    kinds = Json()
    accounts = Json(null=True)
    secret = peewee.CharField(max_length=80)  # whsec_…, in full: what is sent is signed with it
    old_secret = peewee.CharField(null=True, max_length=80)  # signs, too, until old_until
    old_until = peewee.BigIntegerField(null=True)
    event = peewee.BigIntegerField()
    happening = peewee.BigIntegerField()
    failures = peewee.IntegerField(default=0)  # in a row, with no success between them
    failing_since = peewee.BigIntegerField(null=True)
    rest_until = peewee.BigIntegerField(default=0)  # it failed so often that it is left alone until then
    delivered_at = peewee.BigIntegerField(null=True)  # the last time that something arrived
    disabled_at = peewee.BigIntegerField(null=True)
    disabled_why = peewee.CharField(null=True, max_length=16)  # see webhooks/subscriptions.py: Disabled
    created_at = peewee.BigIntegerField()
    created_by = peewee.CharField(max_length=64)
    version = peewee.IntegerField(default=1)  # see db/versions.py


class Delivery(Table):
    """Something that a webhook has to be told, or was. source: see campaigns/news.py: News; a test has one of its own.
    topic: what has the same is told in order. at: when it happened. due_at: when it is tried next; tried_at: last;
    status, problem, elapsed_ms: what came of that."""

    id = peewee.AutoField()
    webhook_id: int
    webhook = peewee.ForeignKeyField(Webhook, on_delete="CASCADE", index=False)
    source = peewee.CharField(max_length=24)
    kind = peewee.CharField(max_length=32)
    topic = peewee.CharField(max_length=64)
    at = peewee.BigIntegerField()
    state = peewee.CharField(max_length=16)  # see webhooks/outbox.py: Stage
    attempts = peewee.IntegerField(default=0)
    due_at = peewee.BigIntegerField()
    tried_at = peewee.BigIntegerField(null=True)
    ended_at = peewee.BigIntegerField(null=True)
    status = peewee.IntegerField(null=True)  # of HTTP
    problem = peewee.CharField(null=True, max_length=32)  # the code, where no such status says it
    elapsed_ms = peewee.IntegerField(null=True)

    class Meta:
        indexes = (
            (("webhook", "source"), True),
            (("webhook", "id"), False),  # pages
            (("webhook", "state", "id"), False),  # pages of those in one state, and counts
        )


_WAITING = peewee.SQL("(\"state\" = 'waiting')")


Delivery.add_index(  # what is due
    Delivery.index(Delivery.webhook, Delivery.due_at, Delivery.id, name="delivery_due", where=_WAITING)
)


Delivery.add_index(  # whether something else is to be told before it
    Delivery.index(Delivery.webhook, Delivery.topic, Delivery.id, name="delivery_topic", where=_WAITING)
)


Delivery.add_index(  # what is old
    Delivery.index(Delivery.ended_at, name="delivery_ended", where=Delivery.ended_at.is_null(False))
)


class Duty(Table):
    """Work that only one of several http processes may do at a time, and which of them has it until when. place: where
    that one runs, see accounts/ownership.py."""

    name = peewee.CharField(primary_key=True, max_length=32)
    owner = peewee.CharField(max_length=32)
    until = peewee.BigIntegerField()
    place = Json(null=True)


class Installation(Table):
    """The installation as a whole: one row. epoch: grows all the time, as the file in the data folder does; seen_at:
    when a process of ours was last there; boot, up_ms: how long the machine it was on had run then, and since which
    start; interruption, interrupted_at: why, and when, it was last found not to go on where it stopped. See
    delivery/interruptions.py."""

    id = peewee.IntegerField(primary_key=True)
    epoch = peewee.BigIntegerField()
    seen_at = peewee.BigIntegerField()
    boot = peewee.CharField(max_length=64)
    up_ms = peewee.BigIntegerField()
    interruption = peewee.CharField(null=True, max_length=16)
    interrupted_at = peewee.BigIntegerField(null=True)
    secret = peewee.CharField(null=True, max_length=64)  # with which digests of people are made, see contacts/erased.py


class KeptMedia(Table):
    """A file that Meta has, uploaded for one of its numbers: it is named by `media_id` until `expires_at`."""

    number = peewee.CharField(max_length=32)  # its id there
    attachment = peewee.CharField(max_length=32)
    media_id = peewee.CharField(max_length=64)
    expires_at = peewee.BigIntegerField()

    class Meta:
        primary_key = peewee.CompositeKey("number", "attachment")


class Throughput(Table):
    """How fast one of Meta's numbers may send, shared by all that send from it, see accounts/throughput.py."""

    number = peewee.CharField(primary_key=True, max_length=32)  # its id there
    next_at = peewee.DoubleField()  # when its next message may go, UTC ms with fractions
    share = peewee.IntegerField()  # of what it may send, per mille, since Meta last said that it was too much
    lowered_at = peewee.BigIntegerField()


class CloudBatch(Table):
    """Something that Meta has posted and that is not worked through yet, as it came. at: when; signers: the names of
    the accounts whose app has signed it, with blanks between them; none where it counts for all of them."""

    id = peewee.AutoField()
    at = peewee.BigIntegerField()
    body = peewee.BlobField()
    signers = peewee.TextField(null=True)


class CloudProgress(Table):
    """How far a batch is worked through; none where it was not begun. It is apart, because SQLite writes a row anew as
    a whole when something in it changes. at: when it was begun; done: how many of the things it tells are taken; aside:
    why it is kept and no longer tried, see delivery/cloud_inbox.py."""

    batch = peewee.IntegerField(primary_key=True)
    at = peewee.BigIntegerField()
    done = peewee.IntegerField(default=0)
    aside = peewee.CharField(null=True, max_length=32)


class CloudSeen(Table):
    """Something that Meta has told, by a digest of what it is: it may come again for a week, and must not be done
    again."""

    key = peewee.CharField(primary_key=True, max_length=64)
    at = peewee.BigIntegerField(index=True)


class CloudCount(Table):
    """How often something came of which nothing could be made, when last. account: "" where it is of none."""

    account = peewee.CharField(max_length=32)
    kind = peewee.CharField(max_length=32)
    count = peewee.IntegerField()
    at = peewee.BigIntegerField()

    class Meta:
        primary_key = peewee.CompositeKey("account", "kind")


class CloudStanding(Table):
    """What Meta has told about an account. heard_at: when something last came by webhook; asked_at: when it was last
    asked for instead. hold, until, detail, coded: a hold that Meta has told of, at told_at; see `Account`."""

    account = peewee.CharField(primary_key=True, max_length=32)
    heard_at = peewee.BigIntegerField(default=0)
    asked_at = peewee.BigIntegerField(default=0)
    hold = peewee.CharField(null=True, max_length=32)
    until = peewee.BigIntegerField(null=True)
    detail = peewee.TextField(null=True)
    coded = Json(null=True)
    told_at = peewee.BigIntegerField(default=0)


class LastWrote(Table):
    """When somebody last wrote to an account: for a day from then on free text may be sent to them."""

    account = peewee.CharField(max_length=32)
    person: peewee.CharField[PersonKey] = cast("peewee.CharField[PersonKey]", peewee.CharField(max_length=140))
    at = peewee.BigIntegerField()

    class Meta:
        primary_key = peewee.CompositeKey("account", "person")
        indexes = ((("account", "at"), False),)  # those whose window is open


class Portfolio(Table):
    """How many people a business may begin to write to in 24 hours, see accounts/portfolios.py. most: None for any
    number; people: how many it has, the rows of `PortfolioPerson`; told_at: when Meta last said so."""

    business = peewee.CharField(primary_key=True, max_length=32)  # its id at Meta
    most = peewee.IntegerField(null=True)
    people = peewee.IntegerField(default=0)
    told_at = peewee.BigIntegerField()


class PortfolioPerson(Table):
    """Somebody to whom a business has written outside their window, in the last 24 hours. at: when last, before_at:
    when before that; message: the last one."""

    id = peewee.AutoField()
    business = peewee.CharField(max_length=32)
    person: peewee.CharField[PersonKey] = cast("peewee.CharField[PersonKey]", peewee.CharField(max_length=140))
    at = peewee.BigIntegerField()
    before_at = peewee.BigIntegerField(null=True)
    message = peewee.IntegerField(index=True)

    class Meta:
        indexes = (
            (("business", "person"), True),
            (("business", "at"), False),
        )


class KnownUser(Table):
    """Whose number belongs to WhatsApp's id of a user: learnt from what came with both."""

    bsuid = peewee.CharField(primary_key=True, max_length=140)
    number = _telephone()
    at = peewee.BigIntegerField(index=True)


class MetricCount(Table):
    """How often something has happened, ever, see accounts/counting.py. account: "" where it is of none."""

    name = peewee.CharField(max_length=32)
    account = peewee.CharField(max_length=32)
    label = peewee.CharField(max_length=64)
    count = peewee.BigIntegerField()

    class Meta:
        primary_key = peewee.CompositeKey("name", "account", "label")


class MetricPosition(Table):
    """Up to which id a history is counted in `MetricCount`. history: the name of its table."""

    history = peewee.CharField(primary_key=True, max_length=16)
    position = peewee.BigIntegerField()


class Notice(Table):
    """Something that people are to be told by mail, see ops/notices.py. subject: what is told of; while one waits, what
    comes to the same is put into it. at: when it first happened, count: how often; words, coded: what is said, in
    English and by its code. ended_at: when it was mailed, or given up for the reason `problem`."""

    id = peewee.AutoField()
    subject = peewee.CharField(max_length=100)
    account = peewee.CharField(max_length=32)
    at = peewee.BigIntegerField(index=True)
    words = peewee.TextField()
    coded = Json(null=True)
    count = peewee.IntegerField()
    due_at = peewee.BigIntegerField()
    tries = peewee.IntegerField(default=0)
    ended_at = peewee.BigIntegerField(null=True)
    problem = peewee.CharField(null=True, max_length=32)

    class Meta:
        indexes = ((("subject", "id"), False),)


Notice.add_index(Notice.index(Notice.due_at, Notice.id, name="notice_due", where=Notice.ended_at.is_null()))


class AuditEntry(Table):
    """Something that somebody has done, or tried, see auth/audit.py. The database refuses to change or delete one, but
    for those up to `AuditHead.pruned`. who: their name at that time; identity: of a user or key, whatever it is called;
    kind, target: what it was done to; address: where it came from; code: why it was refused; digest: HMAC over the one
    before and this."""

    id = peewee.BigIntegerField(primary_key=True)  # without gaps
    at = peewee.BigIntegerField()
    who = peewee.CharField(max_length=100)
    identity = peewee.CharField(max_length=32)
    action = peewee.CharField(max_length=64)
    kind = peewee.CharField(max_length=32)
    target = peewee.CharField(max_length=128)
    address = peewee.CharField(max_length=64)
    result = peewee.CharField(max_length=16)
    code = peewee.CharField(max_length=64)
    digest = peewee.CharField(max_length=64)

    class Meta:
        indexes = (
            (("at", "id"), False),
            (("who", "at", "id"), False),
            (("action", "at", "id"), False),
        )


class AuditHead(Table):
    """The newest entry of the audit log, and the last one that was deleted as too old. One row; whoever adds an entry
    locks it. seal: HMAC over what was deleted."""

    id = peewee.IntegerField(primary_key=True)
    last = peewee.BigIntegerField()
    digest = peewee.CharField(max_length=64)
    pruned = peewee.BigIntegerField()
    pruned_digest = peewee.CharField(max_length=64)
    seal = peewee.CharField(max_length=64)


TABLES = [
    Account, Picture, PageCheck, Job, Message, MessagePart, Tally, Quarter, Reason, JobStep, Handover, Minute, Event,
    Evidence, Suppression, Removal, Reply, OldStop, OpenedChat, User, Session, LoginFailure, Draft, KnownColumns,
    Template, ContactList, ListEntry, RowSet, KeptRow, Upload, Attachment, Answer, KeptAnswer, UnmatchedChat, Series,
    Run, ApiKey, KeySecret, Happening, Webhook, Delivery, Duty, KeptMedia, Throughput, CloudBatch, CloudProgress,
    CloudSeen, CloudCount, CloudStanding, LastWrote, Portfolio, PortfolioPerson, KnownUser, CloudTemplate,
    MetricCount, MetricPosition, Installation, Erased, Notice, SecondFactor, RecoveryCode, LoginStep, AuditEntry,
    AuditHead, OldHistory, Unfinished, Kept, Consent,
]  # fmt: skip
