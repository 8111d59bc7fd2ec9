"""What a look at the page means for the account, as rules in order: the first that applies decides.

Nothing here touches the page: what may heal it is named in the verdict, and done by `screens.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto

from daemon.i18n.coded import Coded, refusal
from daemon.states import AccountState, Hold
from daemon.transports.browser.bridge import mask
from daemon.transports.browser.looks import Dialog, Look
from daemon.transports.browser.refusals import Screen, Unsent
from daemon.transports.protocol import Health

UNKNOWN_SCREEN_S = 60.0  #: how long the page may show nothing we know
PROMPT = "prompt"  #: the step of the check by passkey that waits for a person's click


@dataclass(frozen=True)
class Seen:
    """All that the rules judge by: a look, and what was known before it.

    until: when what the page speaks of ends, UTC epoch ms. unknown_s: how long it has shown nothing we know. bar: why
    a chat could not be written in. changed: the parts that were looked for and not found. linked: whether the page has
    shown last that this device is linked, None where it has not shown it yet.
    """

    look: Look
    until: int | None = None
    unknown_s: float = 0.0
    bar: Hold | None = None
    changed: Sequence[str] = ()
    linked: bool | None = None

    def says(self, *names: str) -> bool:
        """Whether the page says any of these."""
        return not set(names).isdisjoint(self.look["said"])

    @property
    def unknown_dialog(self) -> Dialog | None:
        """A dialog that waits for an answer."""
        return next((dialog for dialog in self.look["dialogs"] if not dialog["waiting"]), None)


class Heal(Enum):
    """What may help without a person. Most of it waits its time, or until nothing is in hand."""

    RELOAD = auto()
    RECONNECT = auto()
    TAKE_WINDOW = auto()
    RENEW_QR = auto()
    RENEW_CODE = auto()
    PROBE = auto()  # see whether the chat that could not be written in can be
    ACCEPT_UPDATE = auto()


@dataclass(frozen=True)
class Verdict:
    """What is not over in its time is looked at anew by a reload, see `patience`.

    known: false while the page shows nothing that we know. linking: where somebody may be linking on this page, what
    shows how far they are: it is left alone while that changes.
    """

    health: Health
    heal: Heal | None = None
    known: bool = True
    linking: str | None = None


Rule = tuple[Callable[[Seen], bool], Callable[[Seen], Verdict]]


def first(rules: Sequence[Rule], seen: Seen) -> Verdict | None:
    """The verdict of the first rule that applies."""
    return next((verdict(seen) for applies, verdict in rules if applies(seen)), None)


def judge(rules: Sequence[Rule], seen: Seen) -> Verdict:
    """The same by START or PARTS, whose last rule takes what is left."""
    return next(verdict(seen) for applies, verdict in rules if applies(seen))


def _held(hold: Hold, detail: Coded, heal: Heal | None = None) -> Callable[[Seen], Verdict]:
    return lambda seen: Verdict(Health(AccountState.HELD, hold, detail=detail), heal)


def _no_new_chats(hold: Hold, until: int | None = None) -> Verdict:
    detail = {
        Hold.RESTRICTED: refusal(Screen.RESTRICTED_NEW),
        Hold.MONTHLY_CAP: refusal(Screen.MONTHLY_CAP),
    }[hold]
    return Verdict(Health(AccountState.HELD, hold, until, detail, known_chats=True))


# -- whatever is on the screen -----------------------------------------------------------------------------------------


def _offline(seen: Seen) -> bool:
    return (
        seen.says("offline")
        or seen.look["offline_icon"]
        or not seen.look["online"]
        or (seen.says("reconnecting") and seen.look["main"])
    )


ANYWHERE: list[Rule] = [
    (
        lambda seen: bool(seen.look["error_page"]),
        lambda seen: Verdict(
            Health(AccountState.OFFLINE, detail=refusal(Screen.UNREACHED, error=seen.look["error_page"])),
            Heal.RELOAD,
        ),
    ),
    (
        lambda seen: seen.says("banned"),
        lambda seen: Verdict(
            Health(
                AccountState.BANNED,
                Hold.TEMPORARY_BAN,
                seen.until,
                refusal(Screen.BANNED),
            )
        ),
    ),
    (
        lambda seen: seen.says("conflict"),
        _held(Hold.CONFLICT, refusal(Screen.OTHER_WINDOW), Heal.TAKE_WINDOW),
    ),
    (
        _offline,
        lambda seen: Verdict(Health(AccountState.OFFLINE, detail=refusal(Unsent.NO_CONNECTION)), Heal.RECONNECT),
    ),
]

# -- before, or instead of, the chats ----------------------------------------------------------------------------------


def _linking(seen: Seen) -> Verdict:
    code = None if seen.look["link_expired"] else seen.look["link_code"]
    return Verdict(Health(AccountState.NEEDS_LINK, link_code=code), Heal.RENEW_CODE, linking=f"code {code}")


def _needs_link(seen: Seen) -> Verdict:
    detail = refusal(Screen.LOGGED_OUT) if seen.says("logged_out") else None
    qr = None if seen.look["qr_reload"] else seen.look["qr"]
    linking = f"QR {qr}" if seen.look["qr"] or seen.look["qr_reload"] else None  # a page without one is still loading
    return Verdict(Health(AccountState.NEEDS_LINK, detail=detail, qr=qr), Heal.RENEW_QR, linking=linking)


def may_link(look: Look) -> bool:
    """Whether the page shows a step of linking by a code, of either kind."""
    by_qr = look["qr"] or look["qr_screen"] or look["qr_reload"]
    return bool(by_qr or look["link_code"] or look["link_entry"] or look["link_expired"])


def _asks_passkey(seen: Seen) -> bool:
    return bool(seen.look["passkey"]) or (seen.says("passkey") and not seen.look["qr"])


def _asks_in_session(seen: Seen) -> bool:
    """A check of who uses this device, which hides the chats. The same parts are shown to who links one."""
    guarded = any(dialog["guarded"] for dialog in seen.look["dialogs"])
    if not (guarded or seen.look["passkey"] or seen.says("passkey", "checkpoint")):
        return False
    if seen.look["chats_hidden"]:
        return True
    if may_link(seen.look):
        return False
    return guarded if seen.linked is None else seen.linked


def _checkpoint(seen: Seen) -> Verdict:
    """While it waits for a person's first click a reload does no harm; later it would end what they do."""
    step = seen.look["passkey"]
    linking = None if step is None or step.startswith(PROMPT) else f"passkey {step}"
    return Verdict(Health(AccountState.HELD, Hold.CHECKPOINT, detail=refusal(Screen.CHECKPOINT)), linking=linking)


def _passkey(seen: Seen) -> Verdict:
    return Verdict(
        Health(AccountState.NEEDS_LINK, detail=refusal(Screen.PASSKEY)), linking=f"passkey {seen.look['passkey']}"
    )


def _too_many(seen: Seen) -> Verdict:
    return Verdict(Health(AccountState.NEEDS_LINK, detail=refusal(Screen.TOO_MANY)), linking="too many attempts")


def _stands(name: str) -> Callable[[Seen], bool]:
    """The page says it, and is not on its way to something else."""
    return lambda seen: seen.says(name) and not (seen.look["progress"] or seen.look["splash"])


def _shown(dialog: str) -> Coded:
    """The words of a dialog that nobody here knows."""
    return refusal(Screen.DIALOG, sentence=mask(dialog))


def _unknown(seen: Seen) -> Verdict:
    if seen.unknown_s < UNKNOWN_SCREEN_S:
        return Verdict(Health(AccountState.LOADING), known=False)
    if seen.look["dialogs"]:
        hold, detail = Hold.UNKNOWN_DIALOG, _shown(seen.look["dialogs"][0]["text"])
    else:
        hold, shown = Hold.UNREACHABLE, seen.look["text"]
        detail = refusal(Screen.INSTEAD, shown=mask(shown, 80)) if shown else refusal(Screen.INSTEAD_NOTHING)
    return Verdict(Health(AccountState.HELD, hold, detail=detail), Heal.RELOAD, known=False)


START: list[Rule] = [
    (_asks_in_session, _checkpoint),
    (lambda seen: seen.says("too_many"), _too_many),
    (_asks_passkey, _passkey),
    (lambda seen: bool(seen.look["link_code"] or seen.look["link_entry"] or seen.look["link_expired"]), _linking),
    (lambda seen: bool(seen.look["qr"] or seen.look["qr_screen"] or seen.look["qr_reload"]), _needs_link),
    (
        lambda seen: seen.says("logging_out"),
        lambda seen: Verdict(Health(AccountState.LOADING, detail=refusal(Screen.LOGGING_OUT))),
    ),
    (
        _stands("unsupported"),
        _held(Hold.UNSUPPORTED_BROWSER, refusal(Screen.UNSUPPORTED)),
    ),
    (_stands("deprecated"), _held(Hold.APP_TOO_OLD, refusal(Screen.TOO_OLD))),
    (
        _stands("terms"),
        _held(Hold.TERMS, refusal(Screen.TERMS)),
    ),
    (
        lambda seen: seen.says("unreachable"),
        _held(
            Hold.UNREACHABLE,
            refusal(Screen.NOT_LOADING),
            Heal.RELOAD,
        ),
    ),
    (
        lambda seen: seen.look["splash"] or seen.look["progress"] or seen.says("loading", "reconnecting"),
        lambda seen: Verdict(Health(AccountState.LOADING)),
    ),
    (lambda seen: True, _unknown),
]

# -- with the chats on the screen --------------------------------------------------------------------------------------


def _monthly_cap(seen: Seen) -> bool:
    cap = seen.look["cap_used"]
    return seen.says("monthly_cap", "fail_cap") or bool(cap and cap[0] >= cap[1])


def _dialog(seen: Seen) -> Verdict:
    dialog = seen.unknown_dialog
    return Verdict(Health(AccountState.HELD, Hold.UNKNOWN_DIALOG, detail=_shown(dialog["text"] if dialog else "")))


def _changed(seen: Seen) -> Verdict:
    detail = refusal(Unsent.PARTS_MISSING, parts=", ".join(seen.changed))
    return Verdict(Health(AccountState.HELD, Hold.PAGE_CHANGED, detail=detail))


def _barred(seen: Seen) -> Verdict:
    return replace(_no_new_chats(seen.bar or Hold.RESTRICTED), heal=Heal.PROBE)


def _foreign(seen: Seen) -> Verdict:
    detail = refusal(Screen.FOREIGN, language=seen.look["lang"][:12])
    return Verdict(Health(AccountState.HELD, Hold.LANGUAGE, detail=detail))


def is_foreign(look: Look) -> bool:
    """Whether the page says that it is not in English."""
    return bool(look["lang"]) and re.split("[-_]", look["lang"].lower())[0] != "en"


def _ready(seen: Seen) -> Verdict:
    detail = refusal(Screen.PHONE_OFFLINE) if seen.says("phone_offline") else None
    return Verdict(
        Health(AccountState.READY, detail=detail), Heal.ACCEPT_UPDATE if seen.says("update_banner") else None
    )


#: What the page says of the account, by one look.
ACCOUNT: list[Rule] = [
    (
        lambda seen: (
            seen.look["passkey"] is not None
            or any(dialog["guarded"] for dialog in seen.look["dialogs"])
            or (seen.unknown_dialog is not None and seen.says("passkey", "checkpoint"))
        ),
        _checkpoint,
    ),
    (lambda seen: is_foreign(seen.look), _foreign),
    (_monthly_cap, lambda seen: _no_new_chats(Hold.MONTHLY_CAP, seen.until)),
    (
        lambda seen: seen.says("restricted") and seen.says("new_chats_only"),
        lambda seen: _no_new_chats(Hold.RESTRICTED, seen.until),
    ),
    (
        lambda seen: seen.says("restricted"),
        lambda seen: Verdict(Health(AccountState.HELD, Hold.RESTRICTED, seen.until, refusal(Screen.RESTRICTED))),
    ),
    (lambda seen: seen.unknown_dialog is not None, _dialog),
]

#: Where it says nothing: what is known of its chats and parts, which may take more than a look.
PARTS: list[Rule] = [
    (lambda seen: seen.bar is not None, _barred),
    (lambda seen: bool(seen.changed), _changed),
    (lambda seen: True, _ready),
]
