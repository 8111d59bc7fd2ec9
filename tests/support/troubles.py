"""Everything that can keep an account from sending, as a transport reports it."""

from __future__ import annotations

from daemon.states import AccountState, Hold
from daemon.transports.protocol import Health

SOON_MS = 4_000_000_000_000  # the end of a hold, UTC epoch ms
TROUBLES = {
    "logout": Health(AccountState.NEEDS_LINK, qr="2@secret"),
    "offline": Health(AccountState.OFFLINE, detail="WhatsApp Web has no connection to its servers."),
    "restricted": Health(AccountState.HELD, Hold.RESTRICTED, SOON_MS, "It can't start new chats.", known_chats=True),
    "monthly cap": Health(AccountState.HELD, Hold.MONTHLY_CAP, detail="No new chats this month.", known_chats=True),
    "temporary ban": Health(AccountState.BANNED, Hold.TEMPORARY_BAN, SOON_MS, "Banned for a time."),
    "conflict": Health(AccountState.HELD, Hold.CONFLICT, detail="Open in another window."),
    "phone app too old": Health(AccountState.HELD, Hold.APP_TOO_OLD, detail="Update it on the phone."),
    "unknown dialog": Health(AccountState.HELD, Hold.UNKNOWN_DIALOG, detail="What is this?"),
    "page changed": Health(AccountState.HELD, Hold.PAGE_CHANGED, detail="Not found: composer."),
    "terms": Health(AccountState.HELD, Hold.TERMS, detail="Open WhatsApp on the phone."),
    "unsupported": Health(AccountState.HELD, Hold.UNSUPPORTED_BROWSER, detail="Update Chromium."),
    "checkpoint": Health(AccountState.HELD, Hold.CHECKPOINT, detail="WhatsApp wants a security check."),
    "language": Health(AccountState.HELD, Hold.LANGUAGE, detail="The page is in another language."),
    "stuck on the clock": Health(AccountState.HELD, Hold.STUCK_ON_CLOCK, detail="A message waits for its tick."),
    "failures": Health(AccountState.HELD, Hold.FAILURES, SOON_MS, "Message after message could not be sent."),
    "canary": Health(AccountState.HELD, Hold.CANARY, SOON_MS, "It did not come through as it was written."),
    "credentials": Health(AccountState.HELD, Hold.CREDENTIALS, detail="The token has expired."),
    "payment": Health(AccountState.HELD, Hold.PAYMENT, detail="There is no payment method."),
    "number": Health(AccountState.HELD, Hold.NUMBER, detail="The number is not registered."),
    "throttled": Health(AccountState.HELD, Hold.THROTTLED, SOON_MS, "Too many calls."),
    "unreachable": Health(AccountState.HELD, Hold.UNREACHABLE, detail="It does not load."),
}
