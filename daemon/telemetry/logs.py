"""structlog set-up, and EVENTS: the name of every log event and what it means.

Each event is one JSON line on stdout. None may contain a message text, a whole phone number, a key or a QR
payload. A test checks EVENTS against the calls in the code.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog

from daemon.telemetry import unforeseen

log = structlog.get_logger()

MOST_CAUSES = 5
FOREIGN = "library.logged"
CUTS = (500, 100, 20)  # characters that are left of each text of a line that is too long, less and less

EVENTS: dict[str, str] = {
    "process.started": "the process is up (pid, version)",
    "setting.ignored": "no setting has this name, so what it is set to has no effect (name, meant: the nearest one)",
    "process.stopping": "a signal or an error is ending the process",
    "process.stopped": "the process ended properly (exit_code)",
    "process.refused": "the process cannot run with this configuration or machine (reason)",
    "process.stuck": "it gave no sign of life and ends, to be started anew (what, seconds, frames: where it was)",
    "process.crashed": "an unexpected exception ended the process (exception)",
    "thread.crashed": "an unexpected exception ended a thread (exception)",
    "cleanup.failed": "an unexpected exception while something was cleaned up (exception)",
    "library.logged": "what a library logs, without texts (logger, place, template)",
    "library.warned": "a warning of Python's or of a library, without its text (kind, place)",
    "database.upgraded": "the schema was brought up to date without losing a row (steps, rows)",
    "database.copy_removed": "the upgraded database is sound, so the copy made before was deleted (file)",
    "http.listening": "the http process accepts requests (url)",
    "connection.refused": "more connections than there may be at a time were turned away (count, open)",
    "connection.not_accepted": "connections could not be taken, as of files that may be open (count, open)",
    "request.finished": "an HTTP request was answered (method, route, status, elapsed_ms)",
    "request.malformed": "a request that is not valid HTTP (status)",
    "request.undeclared_error": "an endpoint raised an error that it does not declare (operation, error)",
    "request.failed": "a handler raised an unexpected exception",
    "download.cut": "a download could not be sent to its end, so its connection was cut (reason)",
    "webhook.created": "an administrator added a webhook (webhook_id, who)",
    "webhook.changed": "a webhook was changed, enabled or disabled (webhook_id, who, what)",
    "webhook.rotated": "a webhook got a new secret (webhook_id, who, hours: how long the old one is good)",
    "webhook.deleted": "a webhook was deleted (webhook_id, who)",
    "webhook.tested": "a test was sent (webhook_id, arrived)",
    "webhook.failed": "a webhook does not take what it is told; it is tried again (webhook_id, problem)",
    "webhook.recovered": "it takes what it is told again (webhook_id)",
    "webhook.disabled": "a webhook is told nothing any more: it failed for days, or is gone (webhook_id, why)",
    "webhooks.failed": "telling webhooks failed unexpectedly; it is tried again",
    "delivery.died": "a delivery was tried for three days and did not arrive (delivery_id, attempts)",
    "delivery.replayed": "a person had deliveries made again (webhook_id, count, who)",
    "feed.failed": "looking for changes failed; it is tried again",
    "login.opened": "somebody logged in (user_id; none: with the API key)",
    "login.refused": "a wrong password, code or key, or too many attempts (address, reason)",
    "login.ended": "one session, or all sessions of a user, ended (user_id)",
    "user.created": "an administrator added a user (user_id, role, who)",
    "user.changed": "role, password, second factor, disabled or enabled (user_id, what, who)",
    "key.created": "somebody made a key for a program (key: its first characters, name, scopes, who)",
    "key.changed": "what a key is called or may do was changed (key_id, name, what: the fields, who)",
    "key.rotated": "a key got a new secret (key, name, old_ends_at: until when the old one is taken, who)",
    "key.revoked": "a key was taken back (key_id, name, who)",
    "audit.sealed": "the newest entry of the audit log, to be compared later (entry_id, digest)",
    "audit.upkeep_failed": "old entries of the audit log were not deleted, or those of commands not taken in",
    "audit.entry_lost": "something is not in the audit log: it could not be written (action, result, reason)",
    "key.refused": "a right key that is not taken (key_id, name, address, reason)",
    "draft.begun": "somebody started a new campaign (draft_id)",
    "draft.discarded": "a draft was deleted (draft_id, who)",
    "draft.forgotten_untouched": "drafts that nobody had touched for long were deleted (count)",
    "draft.forgotten": "drafts of campaigns that were started long ago were deleted (count)",
    "series.people_forgotten": "the people of repeating campaigns that ended long ago were deleted (count)",
    "series.begun": "a repeating campaign was started (series_id, who)",
    "series.changed": "a person paused, resumed or ended it (series_id, who, state)",
    "series.ran": "one of its runs became a job (series_id, job_id)",
    "series.made_up": "a person sent a run that had been left out (series_id, job_id, who)",
    "series.left_out": "one of its runs became no job (series_id, why)",
    "series.set_right": "it goes on at its next time: the clock was ahead, and had led it past that (series_id)",
    "series.waited": "no run is made or left out: the clock may have jumped; it is believed after ten minutes",
    "series.failed": "a run could not be made for an unforeseen reason; it is tried again",
    "installation.interrupted": "an older database, or a long stop: campaigns wait for a person (cause, since, jobs)",
    "clock.jumped": "nothing is claimed until it is right again, or for ten minutes (ahead_s: below 0: it is behind)",
    "heartbeat.failed": "noting that the installation runs failed unexpectedly; it is tried again",
    "job.confirmed": "a person said what becomes of a campaign that waited for that (choice, count, who)",
    "job.created": "a job was queued (total, duplicates, rejected)",
    "job.discarded": "one whose process died while its recipients were being stored; nobody was told it is queued",
    "job.opened": "a scheduled job's time has come",
    "job.began": "its first message was claimed",
    "job.paused": "a person paused it, or its sender did because part of the job is missing (who, why)",
    "job.resumed": "a person resumed it",
    "job.moved": "a person gave a scheduled job another time (who)",
    "job.started_early": "a person started a scheduled job before its time (who)",
    "job.replaced": "a scheduled job was replaced by its changed version (who, why)",
    "job.stopped": "a person stopped it (who)",
    "job.stop_interrupted": "it is stopped, but not all that is queued is cancelled yet: it follows (reason)",
    "job.stop_finished": "what an interrupted stop had left in the queue is cancelled",
    "job.retried": "failed messages were queued again (count)",
    "job.reopened": "it was completed and has messages to send again",
    "job.archived": "a person put it away from the overview (who)",
    "job.unarchived": "a person brought it back to the overview (who)",
    "job.completed": "no recipient is left to send",
    "message.claimed": "a sender has leased it",
    "message.released": "it went back to the queue without an attempt (why)",
    "message.submitted": "the hand-over begins: from here on it may be out",
    "message.accepted": "WhatsApp took it, no tick yet (why: it is held)",
    "message.confirmed": "WhatsApp's server ticked it",
    "message.ticked": "a receipt says that WhatsApp's server has it",
    "message.bounced": "a receipt says that it was not delivered after all (why)",
    "message.expired": "its time to live ran out and it was not delivered (why)",
    "message.doubled": "WhatsApp has two ids for one hand-over: it may have gone out twice",
    "cloud.left_out": "something that Meta told of which nothing could be made was counted (account, kind, count)",
    "cloud.not_theirs": "what another account's app has signed about this one was left out: it is forged, or the "
    "secret of this one's app is not set (account, signers, count)",
    "cloud.batch_set_aside": "something that was posted with Meta's signature is no batch of Meta's (batch_id, why)",
    "cloud.item_failed": "something that Meta told could not be taken, unforeseen; the rest is (count)",
    "cloud.failed": "working through what Meta told failed unexpectedly; it is tried again",
    "account.hold_told": "Meta has told that the account may not send for now (account, hold, until)",
    "portfolio.limited": "Meta has told to how many people the business may begin to write in a day (business, most)",
    "reports.asked": "WhatsApp was asked for what it had not reported (count, found)",
    "reports.interrupted": "asking for what was not reported broke off; it goes on later (reason)",
    "receipt.unmatched": "it belongs to no message of this account (status)",
    "message.handed_over": "the hand-over finished (elapsed_ms)",
    "message.doubtful": "it may be out; the chat is checked next (why)",
    "message.retried": "an attempt failed; it is due again later (why, attempt)",
    "message.part_sent": "WhatsApp's server has one of its parts (part, of)",
    "message.requeued": "the chat proves that it never went out, so it is queued again",
    "message.failed": "it failed permanently (why)",
    "message.lost": "it is unclear whether it went out; a person decides (why)",
    "message.skipped": "it must not be sent (why)",
    "message.cancelled": "its job was stopped",
    "message.delivered": "it reached the recipient's phone",
    "message.read": "the recipient read it",
    "message.reinstated": "it had failed because of the account's trouble, and is queued again (why)",
    "message.doubted": "a person treats it as perhaps sent: the database was restored from before it was due",
    "message.settled": "a person decided that it was sent",
    "message.resent": "a person decided to send it again",
    "message.set_aside": "it waits for its tick, a reload did not help; others go on, and it is looked at again",
    "message.looked_up": "the chat was checked for it (finding, evidence)",
    "work.crashed": "an unexpected exception; other messages go on (work, kind, and frames once for each kind)",
    "templates.synced": "WhatsApp's templates of an account were read from Meta (account, total, added, changed, gone)",
    "template.handed_in": "a person or a program has given Meta a new WhatsApp template (account, status)",
    "template.changed": "Meta reports a change of a WhatsApp template (account, status, quality, category)",
    "template.saved": "a message template was created or changed (template_id)",
    "template.deleted": "a message template was deleted (template_id)",
    "list.changed": "people were added to or removed from a contact list (list_id, added, updated, removed)",
    "list.discarded": "what was left of a contact list that was not stored or deleted to the end was deleted (list_id)",
    "list.deleted": "a contact list and its entries were deleted (list_id)",
    "reply.received": "somebody replied (reply_id, job_id, stop)",
    "reply.unproved": "a chat with unread messages was opened, but nobody can tell whose it is; nothing was stored",
    "reply.kept": "replies that could not be stored are kept in memory until the database accepts them (count)",
    "reply.unread": "a chat could not be read; it is tried again (why)",
    "reply.given_up": "a chat was opened but could not be read to its end; look at it on the phone (tries)",
    "reply.out_of_reach": "archived chats are unread, and nothing tells whose they are: look on the phone (count)",
    "reply.cut": "a chat, or the list of chats, was too long to be read at once (what, rows)",
    "reply.stop_unmatched": "a STOP stands in a chat that is nobody's we know: a person must say whose it is (chat_id)",
    "reply.chat_assigned": "a person said whose chat it is (chat_id, who)",
    "reply.chat_ignored": "a person said that a chat is nothing to us (chat_id, who)",
    "reply.chat_reopened": "a person took back what was said about a chat (chat_id, who)",
    "reply.refused": "a reply cannot be stored at all, and is dropped so that it does not block others",
    "reply.deleted": "replies that are too old were deleted (count)",
    "keeping.removed": "what was too old of a kind was removed, or archived (kind, count, more: the next run goes on)",
    "keeping.waited": "nothing was removed: the clock may have jumped; an hour after the first of these it is (kind)",
    "evidence.deleted": "evidence that is no longer needed was deleted (count)",
    "picture.deleted": "screenshots older than a day were deleted (count)",
    "folder.left_open": "the disk keeps no modes: other users of the machine may read the data folder (folder)",
    "upload.swept": "what interrupted uploads had left was removed (count)",
    "rows.let_go": "rows that nothing has were found, and will be deleted (sets)",
    "rows.deleted": "rows of uploads, drafts or audiences that are gone were deleted (sets)",
    "upload.forgotten": "what nobody has used for long was deleted (uploads, attachments)",
    "mail.sent": "people were told something by mail (count: of notices, to: how many people)",
    "mail.tested": "somebody had a test mail sent (problem: null where the mail server took it)",
    "mail.refused_for_some": "the mail server took a mail, but not for all who are to get it (count, status)",
    "mail.failed": "a mail could not be sent; it is tried again (problem, tries)",
    "mail.given_up": "notices could not be mailed for three days, and are not tried any more (count, problem)",
    "notices.failed": "looking for what people are to be told failed unexpectedly; it is tried again",
    "traces.failed": "reading the history for traces failed unexpectedly; it is tried again",
    "metrics.failed": "counting for metrics failed unexpectedly; it is tried again",
    "pruning.failed": "old data could not be deleted; it is tried again in an hour",
    "person.erased": "a person was removed everywhere, at their request (who, messages, rows)",
    "suppression.added": "a number must not be messaged any more (source)",
    "consent.recorded": "that people agreed to be messaged was recorded (count, who)",
    "consent.withdrawn": "somebody withdrew, and is on the suppression list (who)",
    "suppression.imported": "a list of numbers was added (added, present, rejected, who)",
    "suppression.removed": "a number may be messaged again (who)",
    "suppression.confirmed": "somebody who wrote STOP got the confirmation",
    "suppression.not_confirmed": "the confirmation could not be sent; it is not repeated once it may be out (why)",
    "lanes.narrowed": "time ran out before messages were handed over: so many are in hand at once from now on",
    "lease.lost": "this sender may no longer write the message",
    "lease.extend_failed": "the database did not answer the heartbeat",
    "account.taken": "this sender owns it now (proved: whether the previous one certainly cannot send any more)",
    "account.in_use": "another sender owns the account; this one watches whether that one is alive (reason)",
    "account.lost": "another sender owns the account now; this one stops (reason)",
    "account.limited": "the account's own settings were changed (who, limits)",
    "account.added": "an account was added (who)",
    "account.removed": "an account was removed; its history stays (who)",
    "account.removal_interrupted": "it is removed, but not all that was queued is cancelled yet: it follows (reason)",
    "account.let_go": "this sender gives the account up, and a new one takes its place (reason)",
    "profile.discarded": "the browser profile of a removed account was deleted",
    "sender.idle": "this sender waits for an account that has no sender (reason)",
    "command.asked": "a person asked the account's sender for something (what, who)",
    "command.ended": "the command was carried out, or could not be (what, stage, why)",
    "account.changed": "the account's state changed (state, hold, detail)",
    "account.forgiven": "a run of failures was the account's fault; its recipients keep their attempts (count)",
    "account.checked": "after a run of refusals, a number known to be on WhatsApp was looked up (works)",
    "canary.confirmed": "the message to oneself arrived as it was written (elapsed_ms)",
    "canary.failed": "the message to oneself did not arrive as written; the account holds (why)",
    "account.rescued": "messages of a dead sender were taken over (released, looked_up)",
    "transport.started": "the transport is up (elapsed_ms)",
    "transport.renewed": "the transport is restarted between two messages (reason)",
    "transport.failed": "the transport failed and is started again (error, failures)",
    "browser.started": "Chrome is up (version, elapsed_ms)",
    "browser.closed": "Chrome was closed properly",
    "browser.locks_removed": "stale locks and folders of a previous run were removed (count)",
    "browser.orphans_killed": "processes left over from a previous run were ended (count)",
    "browser.hung": "Chrome did not answer within its deadline (operation, elapsed_ms)",
    "browser.lost": "Chrome died or cannot be reached any more (operation, reason)",
    "graph.answered": "Meta's Graph API answered a call (call, status, code, trace, elapsed_ms; without error: debug)",
    "graph.unanswered": "the answer to a call of the Graph API did not come (call, error)",
    "batch.taken_apart": "moves that share a transaction failed together, and are made one by one (count, kind)",
    "media.uploaded": "a file was uploaded to Meta (size)",
    "page.self_checked": "whether everything that sending needs is on the page (missing)",
    "page.part_missing": "part of the page is not as expected; another way is tried (name, group)",
    "page.selector_used": "which of several selectors found a part of the page (name, choice)",
    "page.script_failed": "our script on the page raised an error (command, reason)",
    "page.dialog_dismissed": "a known dialog was closed (name)",
    "page.dialog_unknown": "an unknown dialog is open; the account holds (buttons)",
    "page.bar_cleared": "WhatsApp's warning above the chats is gone (reason)",
    "page.qr_reloaded": "a stale QR code was renewed",
    "page.code_asked": "WhatsApp shows a code for a phone number instead of the QR code",
    "page.code_renewed": "the code for linking had expired; a new one is requested",
    "page.logged_out": "this device was logged out at a person's request",
    "page.update_accepted": "WhatsApp Web asked to be reloaded for its update",
    "page.window_taken": "WhatsApp was moved back to this window from another one (elapsed_ms)",
    "page.reloaded": "the page did not load or showed nothing, and is reloaded (later ones of one trouble: debug)",
    "page.looked_anew": "what the page shows has lasted: it is loaded anew to see whether it is over (state, hold)",
    "page.foreign": "the page is not in English: English is asked for, and it is loaded anew (language)",
    "page.selectors_used": "what is looked for on the page (date, own: from the data folder)",
    "page.selectors_refused": "the data folder's selectors.toml cannot be used; the built-in one is (reason)",
    "page.selectors_outdated": "the data folder's selectors.toml is older than the built-in one (date, used)",
    "page.not_reloaded": "the page could not be loaded anew (reason)",
    "account.bar_seen": "WhatsApp says that the account may not start chats (reason)",
    "chat.opened": "the right chat is open (way, proof, elapsed_ms)",
    "chat.way_failed": "one way to open it did not work; the next is tried (way)",
    "chat.answer_of_another": "'not on WhatsApp' was about another number, or about none; the chat is opened again",
    "composer.cleared": "our own unsent text was removed from a chat",
    "composer.differed": "the text read back is not what was written; it is written again (way, length, expected)",
    "message.not_clicked": "the send button was not pressed, so nothing left (reason)",
    "database.busy": "the database did not accept a change; it is tried again",
    "notifications.lost": "PostgreSQL does not tell this sender of new work; it goes on looking for it (reason)",
    "notifications.regained": "PostgreSQL tells this sender of new work again",
}


class _Stdout:
    """Standard output, a line at a time. Several processes write to one pipe, and supervisord passes on what it finds
    there: only what is written at once, and is no longer than PIPE_BUF, stays in one piece.

    A closed pipe is ignored. When supervisord has died nobody reads it any more; logging must not fail then, because
    the process still has to shut down properly before its successor can start.
    """

    def __init__(self) -> None:
        self._gone = False
        self._one_by_one = threading.RLock()  # reentrant: a signal handler may log, too

    def write(self, text: str) -> None:
        """Write a line, with its end, or several; within `together` at its end."""
        if (held := getattr(_held, "lines", None)) is not None:
            held.append(text)
            return
        with self._one_by_one:
            if self._gone:
                return
            try:
                sys.stdout.write(text)
                sys.stdout.flush()
            except BrokenPipeError:
                self._gone = True
                os.kill(os.getpid(), signal.SIGTERM)

    def flush(self) -> None:
        """Nothing is kept back."""


_held = threading.local()  # lines: of a thread that is within `together`


@contextmanager
def together() -> Iterator[None]:
    """What this thread logs here is written at its end, by as few writes as leave each line in one piece."""
    lines = _held.lines = list[str]()
    try:
        yield
    finally:
        _held.lines = None
        piece = ""
        for line in [*lines, ""]:
            if piece and (not line or len(piece) + len(line) > select.PIPE_BUF):  # they are ASCII
                _out.write(piece)
                piece = ""
            piece += line


class _Line:
    """An event as one line of JSON that fits into a pipe at once: texts and lists are cut until it does."""

    def __init__(self) -> None:
        self._json = structlog.processors.JSONRenderer()

    def __call__(self, logger: Any, method: str, event: dict[str, Any]) -> str:
        line = str(self._json(logger, method, dict(event)))
        for longest in CUTS:
            if len(line) < select.PIPE_BUF:  # it is ASCII, and its end is to come
                break
            cut = {name: _cut(value, longest) for name, value in event.items()}
            line = str(self._json(logger, method, cut | {"cut": True}))
        return line


def _cut(value: Any, longest: int) -> Any:
    if isinstance(value, (list, tuple)):
        return [_cut(each, longest) for each in value[: longest // CUTS[-1]]]
    if isinstance(value, (bool, int, float)) or value is None:
        return value
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= longest else f"{text[:longest]}…"


class _Template(logging.Filter):
    """Leaves of a library's message what is in its source: the text before its arguments were put in. A message
    that came without arguments may be made of anything, and is left out."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = record.msg if record.args else "", None
        return True


def _of_a_library(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """What the standard library's logging is given: who logs and where, in place of the message."""
    record: logging.LogRecord = event["_record"]
    place = f"{record.filename} line {record.lineno} in {record.funcName}"
    text = {"template": event["event"]} if event["event"] else {}
    return {**event, "event": FOREIGN, "logger": record.name, "place": place, **text}


def _warned(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: Any = None, line: Any = None
) -> None:
    """In place of `warnings.showwarning`: a warning about a file may repeat what is in it."""
    log.warning("library.warned", kind=category.__name__, place=f"{Path(filename).name} line {lineno}")


def _hook() -> None:
    """Exceptions that nothing caught, and warnings, go to the log without their texts, too, not to stderr."""
    sys.excepthook = lambda _kind, error, _trace: log.error("process.crashed", exc_info=error)
    threading.excepthook = lambda met: log.error("thread.crashed", exc_info=met.exc_value)
    sys.unraisablehook = lambda met: log.error("cleanup.failed", exc_info=met.exc_value)
    warnings.showwarning = _warned


def _without_its_text(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """An exception as its types, from the one raised to what caused it, and its frames. Its text and the source
    lines of a traceback may hold a number, a name or a message."""
    given = event.pop("exc_info", None)
    error = given if isinstance(given, BaseException) else given[1] if isinstance(given, tuple) else None
    if error is None and given:
        error = sys.exc_info()[1]
    if error is None:
        return event
    kinds: list[str] = []
    each: BaseException | None = error
    while each is not None and len(kinds) < MOST_CAUSES:
        kinds.append(type(each).__name__)
        each = each.__cause__ or each.__context__
    return {**event, "exception": " from ".join(kinds), "frames": unforeseen.frames(error)}


_out = _Stdout()


def configure(process: str, level: str = "info", style: str = "json") -> None:
    """Send structlog and the standard library's warnings to stdout, as JSON lines or in a readable format."""
    out = _out
    foreign: Any = _of_a_library
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        lambda _logger, _method, event: {"process": process, **event},
        _without_its_text,
    ]
    last: Any = _Line() if style == "json" else structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(out),  # type: ignore[arg-type]
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[foreign, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    handler.addFilter(_Template())
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    _hook()
