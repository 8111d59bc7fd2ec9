"""structlog set-up, and EVENTS: the name of every log event and what it means.

Each event is one JSON line on stdout. None may contain a message text, a whole phone number, a key or a QR
payload. A test checks EVENTS against the calls in the code.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable
from typing import Any

import structlog

EVENTS: dict[str, str] = {
    "process.started": "a process is up (pid, version)",
    "process.stopping": "a signal or an error ends it",
    "process.stopped": "it has ended in order (exit_code)",
    "process.refused": "it cannot run as things are (reason)",
    "process.crashed": "something unexpected ended it (exception)",
    "database.upgraded": "the schema was brought up to date, with all its rows (steps, rows)",
    "database.copy_removed": "the upgraded database is in order, so the copy made before is gone (file)",
    "http.listening": "the http process takes requests (url)",
    "request.finished": "an HTTP request was answered (method, route, status, elapsed_ms)",
    "request.malformed": "something came that is not HTTP (status)",
    "request.undeclared_error": "an endpoint raised an error that it does not declare (operation, error)",
    "request.failed": "a handler raised something unexpected",
    "feed.failed": "a look for what has changed raised something; it is tried again",
    "login.opened": "somebody has logged in (user_id; none: with the API key)",
    "login.refused": "a wrong password or key, or too many of them (address, reason)",
    "login.ended": "a session was ended, or all of a user (user_id)",
    "user.created": "an administrator added a user (user_id, role, who)",
    "user.changed": "role, password, disabled or enabled (user_id, what, who)",
    "draft.begun": "somebody begins a campaign (draft_id)",
    "draft.discarded": "a draft was forgotten (draft_id, who)",
    "job.created": "a job was queued (total, duplicates, rejected)",
    "job.opened": "a scheduled job's time has come",
    "job.began": "its first message was claimed",
    "job.paused": "a person paused it, or its sender as something of the job is missing (who, why)",
    "job.resumed": "a person resumed it",
    "job.stopped": "a person stopped it (cancelled)",
    "job.retried": "failed messages were queued again (count)",
    "job.reopened": "it was completed and has messages to send again",
    "job.completed": "no recipient is left to send",
    "message.claimed": "a sender holds it",
    "message.released": "it went back untried (why)",
    "message.submitted": "from here on it may be out",
    "message.confirmed": "WhatsApp's server ticked it",
    "message.handed_over": "how long that took (elapsed_ms)",
    "message.doubtful": "it may be out; the chat is consulted next (why)",
    "message.retried": "tried in vain; due again later (why, attempt)",
    "message.requeued": "a crash; the chat proves that it never went out",
    "message.failed": "for good (why)",
    "message.lost": "nobody can tell whether it went out (why)",
    "message.skipped": "not to be sent (why)",
    "message.cancelled": "its job was stopped",
    "message.delivered": "it reached the recipient's phone",
    "message.read": "the recipient read it",
    "message.reinstated": "it had failed by what was the account's trouble, and is queued again (why)",
    "message.settled": "a person decided that it was sent",
    "message.resent": "a person decided that it is sent again",
    "message.looked_up": "the chat was consulted (finding, evidence)",
    "work.crashed": "nobody foresaw what it raised; others are served (work, kind, and frames once for each kind)",
    "template.saved": "a text was kept for reuse, or changed (template_id)",
    "template.deleted": "it is kept no longer (template_id)",
    "list.changed": "people were put on a contact list, or taken off it (list_id, added, updated, removed)",
    "list.deleted": "it is kept no longer, nor who was on it (list_id)",
    "reply.received": "somebody has answered (reply_id, job_id, stop)",
    "reply.unproved": "a chat with something unread was opened, and nobody can tell whose it is; nothing was kept",
    "reply.kept": "what was heard could not be stored; it is kept and stored as soon as the database takes it (count)",
    "reply.unread": "a chat could not be read; it is tried again (why)",
    "reply.given_up": "a chat was opened and then never read to its end; look at it on the phone (tries)",
    "reply.out_of_reach": "archived chats are unread, and nothing tells whose they are: look on the phone (count)",
    "reply.cut": "a chat, or the list of chats, was too long to be read to its end in one look (what, rows)",
    "reply.refused": "what was heard cannot be stored at all, and is dropped so that it blocks no other",
    "reply.deleted": "replies that are older than 90 days were deleted (count)",
    "evidence.deleted": "what chats looked like is no longer needed and was deleted (count)",
    "picture.deleted": "pictures of browsers that are older than a day were deleted (count)",
    "pruning.failed": "what is no longer needed could not be deleted; it is tried again in an hour",
    "suppression.added": "somebody must not be written to any more (source)",
    "suppression.imported": "a list of them was added (added, present, rejected, who)",
    "suppression.removed": "somebody may be written to again (who)",
    "suppression.confirmed": "somebody who wrote STOP was told that nothing more comes",
    "suppression.not_confirmed": "they could not be told; it is not tried again once it may be out (why)",
    "lease.lost": "this sender may no longer write the message",
    "lease.extend_failed": "the database did not answer the heartbeat",
    "account.taken": "this sender owns it now (proved: whether nothing of an earlier one can still send)",
    "account.in_use": "another sender owns it; this one looks on whether that one lives (reason)",
    "account.lost": "another sender owns it by now; this one stops (reason)",
    "account.limited": "its own caps, quiet hours or time zone were changed (who, limits)",
    "wish.made": "a person asks something of an account's sender (what, who)",
    "wish.ended": "it was done, or could not be (what, stage, why)",
    "account.changed": "the account's state changed (state, hold, detail)",
    "account.forgiven": "a run of failures was the account's; its recipients keep their attempts (count)",
    "account.checked": "after a run of refusals somebody known to be there was asked for (works)",
    "canary.confirmed": "the message to oneself came through as it was written (elapsed_ms)",
    "canary.failed": "it did not; the account holds (why)",
    "account.rescued": "messages of a dead sender were taken over (released, looked_up)",
    "transport.started": "the transport is up (elapsed_ms)",
    "transport.renewed": "it is closed and started anew between two messages (reason)",
    "transport.failed": "it broke and is brought up again (error, failures)",
    "browser.started": "Chrome is up (version, elapsed_ms)",
    "browser.closed": "Chrome was closed in order",
    "browser.locks_removed": "stale locks and folders of a previous life were removed (count)",
    "browser.orphans_killed": "what a previous life had left running was ended (count)",
    "browser.hung": "it did not answer within its deadline (operation, elapsed_ms)",
    "browser.lost": "it died or cannot be talked to any more (operation, reason)",
    "page.self_checked": "whether all that sending needs is on the page (missing)",
    "page.part_missing": "a part of the page is not as expected; another way is tried (name, group)",
    "page.selector_used": "which of several selectors found a part of the page (name, choice)",
    "page.script_failed": "our script on the page raised something (command, reason)",
    "page.dialog_dismissed": "a known dialog was closed (name)",
    "page.dialog_unknown": "an unknown one is open; the account holds (buttons)",
    "page.bar_cleared": "WhatsApp's warning above the chats is gone (reason)",
    "page.qr_reloaded": "a stale QR code was renewed",
    "page.code_asked": "WhatsApp shows a code for a phone number instead of the QR code",
    "page.code_renewed": "such a code had expired; another one is asked for",
    "page.logged_out": "this device was logged out, as a person wished",
    "page.update_accepted": "WhatsApp Web asked to be reloaded for its update",
    "page.window_taken": "WhatsApp is used here again, after another window had it (elapsed_ms)",
    "page.reloaded": "it is loaded anew: it did not come, or showed nothing",
    "account.bar_seen": "WhatsApp says that the account may not start chats (reason)",
    "chat.opened": "the right chat is open (way, proof, elapsed_ms)",
    "chat.way_failed": "one way to open it did not work; the next is tried (way)",
    "chat.answer_of_another": "'not on WhatsApp' was said of another number, or of none; the chat is asked for again",
    "composer.cleared": "text of ours that was not sent was taken out of a chat again",
    "composer.differed": "the text read back is not the one written; it is written anew (way, length, expected)",
    "message.not_clicked": "the send button was not pressed, so nothing left (reason)",
    "database.busy": "the database did not take a change; tried again",
}


class _Stdout:
    """Standard output that ignores a closed pipe. When supervisord has died nobody reads it any more; logging must not
    fail then, because the process still has to shut down properly before its successor can start."""

    def __init__(self) -> None:
        self._gone = False

    def write(self, text: str) -> None:
        self._unless_gone(sys.stdout.write, text)

    def flush(self) -> None:
        self._unless_gone(sys.stdout.flush)

    def _unless_gone(self, work: Callable[..., object], *arguments: str) -> None:
        if self._gone:
            return
        try:
            work(*arguments)
        except BrokenPipeError:
            self._gone = True
            os.kill(os.getpid(), signal.SIGTERM)


def configure(process: str, level: str = "info", style: str = "json") -> None:
    """Send structlog and the standard library's warnings to stdout, as JSON lines or in a readable format."""
    out = _Stdout()
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        lambda _logger, _method, event: {"process": process, **event},
        structlog.processors.format_exc_info,
    ]
    last: Any = (
        structlog.processors.JSONRenderer()
        if style == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())
    )
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(out),  # type: ignore[arg-type]
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
