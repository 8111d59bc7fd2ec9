"""What becomes of the things that Meta tells: receipts move messages, what people write becomes replies, and what is
about templates and accounts is handed to those rooms. Everything here can be done again without harm."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import structlog

from daemon.accounts import cloud_standing, happenings, portfolios
from daemon.accounts.cloud_lines import Line
from daemon.campaigns import cloud_templates
from daemon.contacts import optout, suppression
from daemon.db.connection import write
from daemon.db.proxy import tuples
from daemon.delivery import cloud_inbox, receipts, replies, unmatched, windows
from daemon.delivery.cloud_inbox import Counted
from daemon.delivery.receipts import Outcome
from daemon.delivery.refusals import Held
from daemon.i18n.coded import Told as Why
from daemon.i18n.coded import refusal
from daemon.models import Job, Message
from daemon.states import E164, Hold, Status
from daemon.transports.cloud import codes, hooks, tiers
from daemon.transports.cloud.codes import Do
from daemon.transports.cloud.hooks import Told, Who
from daemon.transports.protocol import Said, StatusUpdate

log = structlog.get_logger()

LONGEST_KEY = 64
NEW_NUMBER = "new number of somebody on the list"
WANTS_AGAIN = "asked WhatsApp for marketing again"
TEMPLATE_STANDS = {132015: "PAUSED", 132016: "DISABLED"}
RESTRICTED = frozenset({"ACCOUNT_RESTRICTION"})
HARMLESS = frozenset({"RESTRICTED_ADD_PHONE_NUMBER_ACTION"})  # restrictions that concern no message


Reported = tuple[hooks.Reported, int]
"""A receipt, and when its batch came."""


@dataclass(frozen=True)
class Known:
    """Whose numbers and business accounts are ours. further: additional stop words of the settings; beside: by account,
    which others send from its number."""

    numbers: dict[str, str]
    businesses: dict[str, list[str]]
    further: frozenset[str] = field(default=frozenset())
    beside: dict[str, list[str]] = field(default_factory=dict)


def known(lines: Iterable[Line], further: frozenset[str]) -> Known:
    """By Meta's ids. Several accounts may share a business account. Of two with one number it is the first's, which
    gets what people write to it; each is told what became of its own messages."""
    numbers: dict[str, str] = {}
    businesses: dict[str, list[str]] = {}
    beside: dict[str, list[str]] = {}
    for line in lines:
        if line.number_id and (first := numbers.setdefault(line.number_id, line.account)) != line.account:
            beside.setdefault(first, []).append(line.account)
        if line.business_id:
            businesses.setdefault(line.business_id, []).append(line.account)
    return Known(numbers, businesses, further, beside)


@dataclass(frozen=True)
class NotTheirs:
    """Something that is told of an account, and signed by the apps of others."""

    account: str
    signers: frozenset[str]


def told_by(signers: frozenset[str] | None, told: Told, ours: Known) -> Told | NotTheirs:
    """It, if those who have signed it may tell it. What is of no account stays what it is. signers: see `Posted`."""
    if signers is None or isinstance(told, hooks.Unread):
        return told
    if isinstance(told, hooks.OfTemplate | hooks.OfAccount):
        accounts = ours.businesses.get(told.business_id, [])
    else:
        first = ours.numbers.get(told.number_id)
        accounts = [] if first is None else [first, *ours.beside.get(first, ())]
    return told if not accounts or not signers.isdisjoint(accounts) else NotTheirs(accounts[0], signers)


def take_reported(told: Sequence[Reported], ours: Known, now: int) -> None:
    """Part of the caller's transaction: apply these receipts; each comes with when its batch came."""
    by_account: dict[str, list[Reported]] = {}
    strange = 0
    pairs: dict[str, E164] = {}
    for each, came_at in told:
        account = ours.numbers.get(each.number_id)
        if account is None:
            strange += 1
            continue
        by_account.setdefault(account, []).append((each, came_at))
        if each.who.bsuid and each.who.phone:
            pairs[each.who.bsuid] = each.who.phone
    if strange:
        cloud_inbox.count("", Counted.UNKNOWN_NUMBER, strange, now)
    for first in sorted(by_account):
        left = by_account[first]
        for account in (first, *ours.beside.get(first, ())):
            if left:
                left, found = _of_account(account, left, now)
                pairs = found | pairs
        if left:
            cloud_inbox.count(first, Counted.UNMATCHED, len(left), now)
    _learn(pairs, ours, now)


def _of_account(account: str, told: Sequence[Reported], now: int) -> tuple[list[Reported], dict[str, E164]]:
    """Returns those that are about no message of the account, and whose ids are told without their numbers: the
    messages were to them."""
    outcomes = receipts.take(account, [_update(each, came_at) for each, came_at in told], now)
    cloud_standing.heard(account, now)
    left, found = [], dict[str, E164]()
    for (each, came_at), outcome in zip(told, outcomes, strict=True):
        if outcome is Outcome.UNMATCHED:
            left.append((each, came_at))
            continue
        if each.code is not None:
            _heed(account, each, each.code, outcome is Outcome.MOVED, came_at, now)
        bsuid = each.who.bsuid
        if bsuid and not each.who.phone and bsuid not in found:
            number = windows.number_of(None, bsuid) or _message(account, each)[0]
            found |= {bsuid: number} if number else {}
    return left, found


def _heed(account: str, told: hooks.Reported, code: int, news: bool, came_at: int, now: int) -> None:
    """What an error means beyond the message that failed by it."""
    rule = codes.rule(code)
    if rule.do is Do.SUPPRESS:
        _wants_no_more(account, told, now)
    elif news and code in TEMPLATE_STANDS:
        _stands(account, told, TEMPLATE_STANDS[code], now)
    elif news and rule.do is Do.HOLD_ACCOUNT:
        at = told.at or came_at
        if cloud_standing.is_news(account, _message(account, told)[1] or at, at, now):
            cloud_standing.hold(account, rule.hold or Hold.RESTRICTED, None, rule.told(code, told.words), now)


def _wants_no_more(account: str, told: hooks.Reported, now: int) -> None:
    """They have stopped marketing of this business in WhatsApp: once for each message that is told of."""
    name = told.wamid or f"{told.message_id}:{told.submission}"
    if cloud_inbox.first_time(_digest("failed", account, name, str(told.code)), now):
        number, _ = _message(account, told)
        if number is not None:
            suppression.put(number, suppression.NO_MARKETING, suppression.WHATSAPP, now)


def _stands(account: str, told: hooks.Reported, status: str, now: int) -> None:
    """Meta sends nothing more with the template of this message: the campaigns that use it are held."""
    this = Message.id == told.message_id if told.message_id is not None else Message.transport_id == told.wamid
    jobs = Message.select(Job.template).join(Job).where(this, Message.account == account, Job.template.is_null(False))
    for (template,) in tuples(jobs.limit(1)):
        cloud_templates.changed(account, template["name"], template["language"], status, now=now)


def _message(account: str, told: hooks.Reported) -> tuple[E164 | None, int | None]:
    """Whom the message was to, and when it was handed over."""
    this = Message.id == told.message_id if told.message_id is not None else Message.transport_id == told.wamid
    rows = tuples(Message.select(Message.number, Message.submitted_at).where(this, Message.account == account).limit(1))
    return (rows[0][0], rows[0][1]) if rows else (None, None)


def _update(each: hooks.Reported, came_at: int) -> StatusUpdate:
    return StatusUpdate(
        each.status,
        each.at or came_at,
        transport_id=each.wamid,
        message_id=each.message_id,
        submission=each.submission,
        reason=why(each.code, each.words) if each.status is Status.FAILED else None,
        part=each.part,
        job_at=each.job_at,
    )


def why(code: int | None, words: str) -> Why | None:
    """Why it was not delivered."""
    return (words or None) if code is None else codes.reported(code, words)


def take(each: Told, ours: Known, came_at: int, now: int) -> None:
    """Take one thing that is no receipt. Raises DatabaseBusy: then it can be taken again."""
    if isinstance(each, hooks.OfTemplate | hooks.OfAccount):
        _of_business(each, ours, came_at, now)
    elif isinstance(each, hooks.Unread):
        if each.what:
            _count("", Counted.UNREAD, now)
    elif not isinstance(each, hooks.Reported):
        account = ours.numbers.get(each.number_id)
        if account is None:
            _count("", Counted.UNKNOWN_NUMBER, now)
        elif isinstance(each, hooks.Wrote):
            _wrote(account, each, ours, came_at, now)
        elif isinstance(each, hooks.Prefers):
            _prefers(account, each, ours, came_at, now)
        elif isinstance(each, hooks.Changed):
            _changed(account, each, ours, came_at, now)
        else:
            _note(account, str(each.code or ""), each.words, _digest("error", account, repr(each)), None, now)


def _count(account: str, kind: Counted, now: int) -> None:
    with write():
        cloud_inbox.count(account, kind, 1, now)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()


def _key(wamid: str) -> str:
    """An id as replies keep it: they are told apart by their ends, and one may be too long."""
    return wamid if len(wamid) <= LONGEST_KEY else _digest(wamid)


def _wrote(account: str, each: hooks.Wrote, ours: Known, came_at: int, now: int) -> None:
    at = min(each.at or came_at, now)
    with write():
        cloud_standing.heard(account, now)
        _learn_one(each.who, ours, now)
    asked = any(optout.asks_to_stop(words, ours.further) for words in each.asked)
    number = windows.number_of(each.who.phone, each.who.bsuid)
    said = Said(_key(each.key), False, each.text, at)
    taken = replies.take_one(account, number, said, asked, each.answers, ours.further, now)
    if not taken.proved:
        stops = asked or optout.asks_to_stop(each.text, ours.further)
        _unknown(account, each.who, said.key if stops else None, now)
    elif taken.number is not None:
        windows.wrote(account, windows.key_of(taken.number), at, now)


def _learn(pairs: dict[str, E164], ours: Known, now: int) -> None:
    """Part of the caller's transaction: whose ids these are; and what those have asked for before is done."""
    unmatched.users_known(set(ours.numbers.values()), windows.learn(pairs, now), now)


def _learn_one(who: Who, ours: Known, now: int) -> None:
    if who.bsuid and who.phone:
        _learn({who.bsuid: who.phone}, ours, now)


def _unknown(account: str, who: Who, stop_key: str | None, now: int) -> None:
    """Nobody knows whose number that is: a person can say; or it turns out by the next message to them."""
    _count(account, Counted.UNKNOWN_PERSON, now)
    if who.bsuid is not None:
        unmatched.note_user(account, who.bsuid, stop_key, now)


def _prefers(account: str, each: hooks.Prefers, ours: Known, came_at: int, now: int) -> None:
    number = windows.number_of(each.who.phone, each.who.bsuid)
    if number is None:
        at = each.at or came_at
        _unknown(account, each.who, _digest("preference", each.who.bsuid or "", str(at)) if each.stop else None, now)
        return
    with write():
        _learn_one(each.who, ours, now)
        if not cloud_inbox.newer(_digest("preference", account, windows.key_of(number)), each.at or came_at):
            return
        if each.stop:
            suppression.put(number, suppression.NO_MARKETING, suppression.WHATSAPP, now)
        else:
            suppression.lift(number, suppression.WHATSAPP, WANTS_AGAIN, now)


def _changed(account: str, each: hooks.Changed, ours: Known, came_at: int, now: int) -> None:
    """Nothing of theirs is moved to the new number, which is shown among the replies. Only who is on the suppression
    list is there by it, too."""
    before, number = windows.number_of(each.before.phone, each.before.bsuid), each.now.phone
    with write():
        _learn_one(each.now, ours, now)
        listed = before and suppression.among([before])
        if before and number and listed and cloud_inbox.first_time(_digest("changed", account, each.key), now):
            source = suppression.source_of(before) or suppression.ERASED
            suppression.put(number, NEW_NUMBER, source, now)
    if before is None:
        _count(account, Counted.UNKNOWN_PERSON, now)
        return
    said = Said(_key(each.key), False, each.words, each.at or came_at)
    replies.take_one(account, before, said, False, None, ours.further, now)


def _of_business(each: hooks.OfTemplate | hooks.OfAccount, ours: Known, came_at: int, now: int) -> None:
    accounts = ours.businesses.get(each.business_id, [])
    if not accounts:
        _count("", Counted.UNKNOWN_NUMBER, now)
    for account in accounts:
        # `repr` has all of it but whom it is about.
        key = _digest(each.topic, account, repr(each), getattr(each, "phone", None) or "")
        if isinstance(each, hooks.OfTemplate):
            _of_template(account, each, key, came_at, now)
        else:
            _of_account_itself(account, each, key, came_at, now)


def _of_template(account: str, each: hooks.OfTemplate, key: str, came_at: int, now: int) -> None:
    """What came earlier and is told later is no news."""
    latest = _digest("template", account, each.topic, each.name, each.language)
    with write():
        if not cloud_inbox.newer(latest, each.at or came_at):
            return
        cloud_templates.changed(account, each.name, each.language, each.status, each.quality, each.category, now)
    words = ": ".join(filter(None, (each.name, each.status or each.quality or each.category, each.why)))
    _note(account, each.topic, words, key, None, now)


def _of_account_itself(account: str, each: hooks.OfAccount, key: str, came_at: int, now: int) -> None:
    """Meta may have barred it from sending, or let it send again."""
    words = "; ".join(filter(None, (each.event, *each.restrictions, each.words)))
    with write():
        if not cloud_inbox.first_time(key, now):
            return
        _hold_or_release(account, each, words, came_at, now)
        if (limit := tiers.limit(each.limit)) is not None:
            portfolios.told(each.business_id, limit.most, now)
        about: happenings.About = {"hold": None, "detail": words, "code": each.topic, "until": each.until}
        happenings.note("account.notice", account, None, about, now)


def _hold_or_release(account: str, each: hooks.OfAccount, words: str, came_at: int, now: int) -> None:
    """What came earlier and is told later is no news."""
    barring = [kind for kind in each.restrictions if kind not in HARMLESS]
    restricted = each.event in RESTRICTED and bool(barring)
    disabled = each.event == "ACCOUNT_DELETED" or each.banned == "DISABLE"
    if not (restricted or disabled or each.banned == "REINSTATE"):
        return
    at = each.at or came_at
    if not cloud_inbox.newer(_digest("standing", account), at):
        return
    if restricted:
        over = each.until is not None and each.until <= now
        maybe = (each.until or 0) > at and cloud_standing.of(account, now).hold is None  # our clock may be ahead
        if not over or maybe:
            cloud_standing.hold(account, Hold.RESTRICTED, each.until, refusal(Held.META_RESTRICTS, what=words), now)
    elif disabled:
        cloud_standing.hold(account, Hold.RESTRICTED, None, refusal(Held.META_DISABLED, what=words), now)
    else:
        cloud_standing.release(account, now)


def _note(account: str, code: str, words: str, key: str, until: int | None, now: int) -> None:
    with write():
        if cloud_inbox.first_time(key, now):
            about: happenings.About = {"hold": None, "detail": words or code, "code": code or None, "until": until}
            happenings.note("account.notice", account, None, about, now)
