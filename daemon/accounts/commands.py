"""Commands from a person to an account's sender, which alone may touch its browser: take a screenshot, link, log out.

A command is stored in the account's row. The sender takes it when no message is in hand, and stores the outcome. A
command that nobody took within WAIT_MS (a reload: RELOAD_WAIT_MS) expires, so that nothing happens long after it was
asked for.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Any

import structlog

from daemon import errors
from daemon.accounts import directory, ownership
from daemon.accounts.directory import AccountRow, Wish
from daemon.accounts.refusals import Why
from daemon.db import notifications
from daemon.db.clock import lately, within
from daemon.db.connection import after_commit, write
from daemon.db.prepared import Prepared, param
from daemon.db.proxy import locked
from daemon.db.records import record
from daemon.i18n.coded import WORDS, Coded, filed, told
from daemon.i18n.languages import N_
from daemon.models import Account, PageCheck, Picture
from daemon.states import E164

log = structlog.get_logger()

WAIT_MS = 60_000  # how long a command may wait to be taken
RELOAD_WAIT_MS = 600_000  # the same for a reload: it does no harm later, and is granted after the longest send
KEEP_MS = 24 * 3_600_000  # how long a screenshot is kept; it may show chats, so no longer than it is useful
WORK_MS = 180_000  # longer than any transport takes; after that the sender must have died while carrying it out


class What(StrEnum):
    """What can be asked for."""

    SCREENSHOT = "screenshot"
    LOG_OUT = "logout"
    LINK_BY_CODE = "link_by_code"
    LINK_BY_QR = "link_by_qr"
    RELOAD = "reload"
    CHECK_PAGE = "check_page"


class Stage(StrEnum):
    """How far a command has come."""

    ASKED = "asked"
    TAKEN = "taken"
    DONE = "done"
    FAILED = "failed"
    MISSED = "missed"  #: no sender took it in time


class Code(StrEnum):
    """What came of a command. These words are `code` in the API: new ones may come, none is ever changed."""

    PICTURE_READY = "picture_ready"
    LOGGED_OUT = "logged_out"
    CODE_SHOWN = "code_shown"
    QR_SHOWN = "qr_shown"
    RELOADED = "reloaded"
    PAGE_CHECKED = "page_checked"
    UNTOLD = "sender_ended"  #: while it carried out the command: nobody knows the outcome
    BUSY = "sender_busy"
    BROKEN = "browser_crashed"
    SILENT = "sender_not_running"
    STOPPED = "sender_stopped"
    NOT_OFFERED = "not_offered"  #: with a sentence of the transport, as the next one
    REFUSED = "refused"
    OTHER = "other"  #: stored by a version that kept only the sentence


SENTENCES: dict[Code, str] = {
    Code.PICTURE_READY: N_("The screenshot is ready."),
    Code.LOGGED_OUT: N_("This device is logged out. Link it again to send."),
    Code.CODE_SHOWN: N_("WhatsApp shows a code. Enter it on the phone."),
    Code.QR_SHOWN: N_("WhatsApp shows the QR code again."),
    Code.RELOADED: N_("WhatsApp Web was reloaded."),
    Code.PAGE_CHECKED: N_("The page was checked. The result is ready to be downloaded."),
    Code.UNTOLD: N_("The sender stopped before finishing. Try again."),
    Code.BUSY: N_("The sender was busy for more than a minute. Try again."),
    Code.BROKEN: N_("The browser crashed while doing this. Try again."),
    Code.SILENT: N_("The sender of this account is not running."),
    Code.STOPPED: N_("The sender was stopped. Try again when it is running."),
    Code.NOT_OFFERED: "{sentence}",
    Code.REFUSED: "{sentence}",
    Code.OTHER: "{sentence}",
}
DONE = {
    What.SCREENSHOT: Code.PICTURE_READY,
    What.LOG_OUT: Code.LOGGED_OUT,
    What.LINK_BY_CODE: Code.CODE_SHOWN,
    What.LINK_BY_QR: Code.QR_SHOWN,
    What.RELOAD: Code.RELOADED,
    What.CHECK_PAGE: Code.PAGE_CHECKED,
}


class Outcome(Coded):
    """What came of a command: a code, and the transport's words where it has none of its own."""

    SENTENCES = SENTENCES
    OTHER = Code.OTHER


def refused(error: errors.TransportError) -> Outcome:
    """What came of a command that the transport did not carry out."""
    code = Code.NOT_OFFERED if isinstance(error, errors.NotOffered) else Code.REFUSED
    return Outcome(code, ((WORDS, error.told),))


@dataclass(frozen=True)
class Command:
    """A command that a sender has taken. number: E.164, for LINK_BY_CODE."""

    id: str
    what: What
    number: E164 | None


def ask(name: str, what: What, who: str, now: int, number: E164 | None = None) -> AccountRow:
    """Ask for something; asking again while the same command waits changes nothing.

    Raises NotFound, IllegalMove (the sender is busy with another command).
    """
    with write():
        row = _row(name)
        present = last(record(AccountRow, row), now)
        stage = present.stage if present else None
        if stage == Stage.TAKEN:
            raise errors.IllegalMove(Why.SENDER_AT_WORK, name=name)
        if stage == Stage.ASKED and (row.wish["what"], row.wish.get("number")) == (what, number):
            return record(AccountRow, row)
        wish: Wish = {"id": secrets.token_hex(4), "what": what, "who": who, "at": now, "stage": Stage.ASKED}
        if number is not None:
            wish["number"] = number
        Account.update(wish=wish).where(Account.name == name).execute()
        notifications.notify(name)
        after_commit(partial(log.info, "command.asked", account=name, what=what.value, who=who))
    return directory.find(name)


def _patience_ms(command: Wish) -> int:
    return RELOAD_WAIT_MS if command["what"] == What.RELOAD else WAIT_MS


def waiting(name: str) -> bool:
    """Whether a command waits to be taken; only reads, so the sender needs no write lock to find out."""
    row = _stored(name=name).fetchone()
    return bool(row and row[0]) and Stage(json.loads(row[0])["stage"]) is Stage.ASKED


@Prepared
def _stored() -> Any:
    return Account.select(Account.wish).where(Account.name == param("name"))


def take(name: str, idle: bool, now: int) -> Command | None:
    """Take the account's waiting command, to be carried out by the caller; None when there is none.

    idle: whether no message is in doubt; while one is, nobody logs out, which would take the proof away.
    """
    with write():
        row = _row(name)
        command = row.wish
        if (
            command is None
            or command["stage"] != Stage.ASKED
            or not within(command["at"], now, _patience_ms(command) + 1)
        ):
            return None
        what = What(command["what"])
        if not idle and what is What.LOG_OUT:
            return None
        taken = Account.update(wish=command | {"stage": Stage.TAKEN, "taken_at": now})
        ownership.check(taken.where(ownership.guard(name)).execute(), name)
    return Command(command["id"], what, command.get("number"))


def fulfil(name: str, command: Command, now: int, found: bytes | str | None = None) -> None:
    """Store that the command was carried out. found: the PNG of a SCREENSHOT, the JSON of CHECK_PAGE."""
    changes: dict[str, Any] = {}
    if command.what is What.SCREENSHOT:
        changes = {"screenshot_at": now}
    elif command.what in (What.LINK_BY_CODE, What.LINK_BY_QR):
        changes = {"link_number": command.number}
    with write():
        if isinstance(found, bytes):
            _keep(name, found, now)
        elif found is not None:
            PageCheck.delete().where(PageCheck.account == name).execute()
            PageCheck.create(account=name, at=now, body=json.loads(found))
        _end(name, command, Stage.DONE, Outcome(DONE[command.what]), now, **changes)


def _keep(name: str, png: bytes, now: int) -> None:
    Picture.delete().where((Picture.account == name) | ~lately(Picture.at, now - KEEP_MS - 1, now)).execute()
    Picture.create(account=name, at=now, png=png)


def prune(now: int) -> int:
    """Delete screenshots and checks that are too old to be shown; returns how many screenshots."""
    with write():
        PageCheck.delete().where(~lately(PageCheck.at, now - KEEP_MS - 1, now)).execute()
        gone = int(Picture.delete().where(~lately(Picture.at, now - KEEP_MS - 1, now)).execute())
        if gone:
            after_commit(partial(log.info, "picture.deleted", count=gone))
    return gone


def fail(name: str, command: Command, why: Outcome, now: int) -> None:
    """Store that the command could not be carried out, and why."""
    _end(name, command, Stage.FAILED, why, now)


def _end(name: str, command: Command, stage: Stage, outcome: Outcome, now: int, **changes: Any) -> None:
    with write():
        row = _row(name)
        if row.wish and row.wish["id"] == command.id:  # otherwise another one was asked for in the meantime
            ended = {key: value for key, value in row.wish.items() if key != "number"}
            changes["wish"] = ended | {"stage": stage, "ended_at": now, **outcome.stored()}
            changes["wish"]["told"] = filed(dict(outcome.values).get(WORDS))
        if changes:
            ownership.check(Account.update(changes).where(ownership.guard(name)).execute(), name)
        told = {"what": command.what.value, "stage": stage.value, "why": str(outcome)}
        after_commit(partial(log.info, "command.ended", account=name, **told))


@dataclass(frozen=True)
class Asked:
    """An account's last command as its readers see it. who: asked for it; at, ended_at: UTC ms; outcome: None while
    it is not ended."""

    what: What
    stage: Stage
    who: str
    at: int
    ended_at: int | None
    outcome: Outcome | None


def last(account: AccountRow, now: int) -> Asked | None:
    """The account's last command; None if there was none. One that nobody took in time, or whose outcome never came,
    counts as ended."""
    command = account.wish
    if command is None:
        return None
    stage, ended_at = Stage(command["stage"]), command.get("ended_at")
    outcome = None
    if "code" in command or "outcome" in command:  # before there were codes, `outcome` was the sentence
        outcome = Outcome.restored(command.get("code"), command.get("values"), command.get("outcome") or "")
        if command.get("told"):  # what a transport has said, by its code
            outcome = Outcome(outcome.code, ((WORDS, told(str(outcome), command["told"])),))
    if stage is Stage.ASKED and not within(command["at"], now, _patience_ms(command) + 1):
        stage, ended_at = Stage.MISSED, command["at"] + _patience_ms(command)
        outcome = Outcome(Code.BUSY if directory.alive(account, now) else Code.SILENT)
    elif stage is Stage.TAKEN and not within(command["taken_at"], now, WORK_MS + 1):
        stage, outcome, ended_at = Stage.FAILED, Outcome(Code.UNTOLD), command["taken_at"] + WORK_MS
    return Asked(What(command["what"]), stage, command["who"], command["at"], ended_at, outcome)


def screenshot(name: str, now: int) -> bytes:
    """The newest screenshot (PNG) of the account's browser, at most a day old. Raises NotFound."""
    directory.find(name)
    row = Picture.get_or_none(Picture.account == name, lately(Picture.at, now - KEEP_MS - 1, now))
    if row is None:
        raise errors.NotFound(Why.NO_BROWSER_PICTURE, name=name)
    return bytes(row.png)


def page_check(name: str, now: int) -> str:
    """The newest check of the page of the account's browser, at most a day old, as JSON with the time of it. Nobody
    here reads what is in it. Raises NotFound."""
    directory.find(name)
    row = PageCheck.get_or_none(*_checked(name, now))
    if row is None:
        raise errors.NotFound(Why.NO_PAGE_CHECK, name=name)
    return json.dumps({"at": row.at, **row.body}, ensure_ascii=False, indent=1)


def page_checked_at(name: str, now: int) -> int | None:
    """The time of that check; None if there is none."""
    row = PageCheck.select(PageCheck.at).where(*_checked(name, now)).tuples().first()
    return row[0] if row else None


def _checked(name: str, now: int) -> tuple[Any, Any]:
    return PageCheck.account == name, lately(PageCheck.at, now - KEEP_MS - 1, now)


def _row(name: str) -> Account:
    """The account, locked until the transaction ends. Raises NotFound."""
    row = locked(Account.select().where(Account.name == name)).first()
    if row is None:
        raise errors.NotFound(Why.NO_ACCOUNT, name=name)
    account: Account = row
    return account
