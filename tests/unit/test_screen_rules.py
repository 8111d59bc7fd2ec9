"""What a look at WhatsApp's page means for the account, and which of two things that it shows counts."""

from __future__ import annotations

import pytest

from daemon.states import AccountState, Hold
from daemon.transports.browser import screen_rules
from daemon.transports.browser.screen_rules import ACCOUNT, ANYWHERE, PARTS, START, Heal, Rule, Seen, first
from tests.support.screens import dialog, seen


@pytest.mark.parametrize(
    ("rules", "what", "state", "hold", "heal"),
    [
        (ANYWHERE, seen("banned", error_page="ERR_X"), AccountState.OFFLINE, None, Heal.RELOAD),
        (ANYWHERE, seen("banned", "conflict"), AccountState.BANNED, Hold.TEMPORARY_BAN, None),
        (ANYWHERE, seen("conflict", "offline"), AccountState.HELD, Hold.CONFLICT, Heal.TAKE_WINDOW),
        (ANYWHERE, seen("offline"), AccountState.OFFLINE, None, Heal.RECONNECT),
        (ANYWHERE, seen(offline_icon=True), AccountState.OFFLINE, None, Heal.RECONNECT),
        (ANYWHERE, seen(online=False), AccountState.OFFLINE, None, Heal.RECONNECT),
        (ANYWHERE, seen("reconnecting", main=True), AccountState.OFFLINE, None, Heal.RECONNECT),
        (START, seen(link_code="ABCD1234", qr="q"), AccountState.NEEDS_LINK, None, Heal.RENEW_CODE),
        (START, seen(link_expired=True), AccountState.NEEDS_LINK, None, Heal.RENEW_CODE),
        (START, seen("logging_out", qr="q"), AccountState.NEEDS_LINK, None, Heal.RENEW_QR),
        (START, seen("logging_out", "unsupported"), AccountState.LOADING, None, None),
        (START, seen("unsupported"), AccountState.HELD, Hold.UNSUPPORTED_BROWSER, None),
        (START, seen("deprecated"), AccountState.HELD, Hold.APP_TOO_OLD, None),
        (START, seen("terms"), AccountState.HELD, Hold.TERMS, None),
        (START, seen("terms", splash=True), AccountState.LOADING, None, None),
        (START, seen("unreachable", "loading"), AccountState.HELD, Hold.UNREACHABLE, Heal.RELOAD),
        (START, seen("reconnecting"), AccountState.LOADING, None, None),
        (START, seen(progress=True, unknown_s=999), AccountState.LOADING, None, None),
        (START, seen(unknown_s=59), AccountState.LOADING, None, None),
        (START, seen(unknown_s=60), AccountState.HELD, Hold.UNREACHABLE, Heal.RELOAD),
        (START, seen(unknown_s=60, dialogs=[dialog("?")]), AccountState.HELD, Hold.UNKNOWN_DIALOG, Heal.RELOAD),
        (ACCOUNT, seen("monthly_cap", "restricted"), AccountState.HELD, Hold.MONTHLY_CAP, None),
        (ACCOUNT, seen(cap_used=(30, 30)), AccountState.HELD, Hold.MONTHLY_CAP, None),
        (ACCOUNT, seen("restricted", dialogs=[dialog("?")]), AccountState.HELD, Hold.RESTRICTED, None),
        (ACCOUNT, seen(dialogs=[dialog("?")]), AccountState.HELD, Hold.UNKNOWN_DIALOG, None),
        (START, seen("too_many", qr_screen=True), AccountState.NEEDS_LINK, None, None),
        (START, seen("too_many", link_entry=True), AccountState.NEEDS_LINK, None, None),
        (START, seen(passkey="prompt shortcake_passkey_screen", qr="q"), AccountState.NEEDS_LINK, None, None),
        (START, seen("passkey", qr_screen=True), AccountState.NEEDS_LINK, None, None),
        (START, seen("passkey", qr="q"), AccountState.NEEDS_LINK, None, Heal.RENEW_QR),  # of it there is only talk
        (ACCOUNT, seen(passkey="step shortcake_passkey_screen"), AccountState.HELD, Hold.CHECKPOINT, None),
        # Who links a device sees the same parts as who is asked in a session that hides its chats.
        (START, seen(passkey="prompt", chats_hidden=True), AccountState.HELD, Hold.CHECKPOINT, None),
        (START, seen(passkey="step", chats_hidden=True, linked=False), AccountState.HELD, Hold.CHECKPOINT, None),
        (START, seen(passkey="step", linked=True), AccountState.HELD, Hold.CHECKPOINT, None),
        (START, seen("passkey", linked=True), AccountState.HELD, Hold.CHECKPOINT, None),
        (START, seen("checkpoint", linked=True), AccountState.HELD, Hold.CHECKPOINT, None),
        (START, seen(dialogs=[dialog("?", guarded=True)]), AccountState.HELD, Hold.CHECKPOINT, None),
        (START, seen(passkey="prompt", linked=False), AccountState.NEEDS_LINK, None, None),
        (START, seen(passkey="prompt", qr_screen=True, linked=True), AccountState.NEEDS_LINK, None, None),
        (START, seen("passkey", linked=True, link_entry=True), AccountState.NEEDS_LINK, None, None),
        (START, seen("checkpoint", linked=False), AccountState.LOADING, None, None),
        (ACCOUNT, seen("passkey", dialogs=[dialog("?")]), AccountState.HELD, Hold.CHECKPOINT, None),
        (ACCOUNT, seen("checkpoint", dialogs=[dialog("?")]), AccountState.HELD, Hold.CHECKPOINT, None),
        (ACCOUNT, seen("restricted", dialogs=[dialog("?", guarded=True)]), AccountState.HELD, Hold.CHECKPOINT, None),
        (ACCOUNT, seen(lang="unknown"), AccountState.HELD, Hold.LANGUAGE, None),
        (ACCOUNT, seen(lang="pt-BR"), AccountState.HELD, Hold.LANGUAGE, None),
        (ACCOUNT, seen("restricted", lang="ar"), AccountState.HELD, Hold.LANGUAGE, None),
        (ACCOUNT, seen(lang="de", dialogs=[dialog("?")]), AccountState.HELD, Hold.LANGUAGE, None),
        (PARTS, seen(bar=Hold.RESTRICTED, changed=("send",)), AccountState.HELD, Hold.RESTRICTED, Heal.PROBE),
        (PARTS, seen("update_banner", changed=("send",)), AccountState.HELD, Hold.PAGE_CHANGED, None),
        (PARTS, seen("update_banner"), AccountState.READY, None, Heal.ACCEPT_UPDATE),
        (PARTS, seen(), AccountState.READY, None, None),
    ],
)  # fmt: skip
def test_what_counts(rules: list[Rule], what: Seen, state: AccountState, hold: Hold | None, heal: Heal | None) -> None:
    """The first rule that applies."""
    verdict = first(rules, what)

    assert verdict and (state, hold, heal) == (verdict.health.state, verdict.health.hold, verdict.heal)


@pytest.mark.parametrize(
    ("rules", "what"),
    [
        (ANYWHERE, seen()),
        (ANYWHERE, seen("reconnecting")),  # before the chats that is how it loads
        (ACCOUNT, seen(cap_used=(29, 30))),
        (ACCOUNT, seen("passkey", "checkpoint")),  # words somewhere, and no dialog
        (ACCOUNT, seen(lang="en-US")),
        (ACCOUNT, seen(lang="EN")),
        (ACCOUNT, seen(lang="en_GB")),
        (ACCOUNT, seen(lang="")),  # it does not say
        (ACCOUNT, seen(dialogs=[dialog("Starting chat", waiting=True)])),
    ],
)
def test_what_says_nothing_of_the_account(rules: list[Rule], what: Seen) -> None:
    """The next list decides."""
    assert first(rules, what) is None


@pytest.mark.parametrize(
    ("what", "known_chats", "until"),
    [
        (seen("restricted", "new_chats_only"), True, 9_000),
        (seen("restricted"), False, 9_000),
        (seen("fail_cap"), True, 9_000),
    ],
)
def test_what_bars_new_chats_only_lets_the_others_go_on(what: Seen, known_chats: bool, until: int) -> None:
    """And the time that WhatsApp names is kept."""
    verdict = first(ACCOUNT, what)

    assert verdict and (known_chats, until) == (verdict.health.known_chats, verdict.health.until_ms)


@pytest.mark.parametrize("rules", [START, PARTS], ids=["start", "parts"])
def test_a_list_that_decides_has_a_last_rule_for_everything(rules: list[Rule]) -> None:
    """So judging by it always ends in a verdict."""
    assert rules[-1][0](seen())
    assert screen_rules.judge(rules, seen()) == rules[-1][1](seen())


def test_a_credential_that_has_expired_is_not_shown() -> None:
    """Neither code: nobody could link with it."""
    expired = first(START, seen(link_code="ABCD1234", link_expired=True))
    reload = first(START, seen(qr="payload", qr_reload=True))

    assert expired and expired.health.link_code is None
    assert reload and reload.health.qr is None


@pytest.mark.parametrize(
    ("rules", "what", "linking"),
    [
        (START, seen(qr="payload"), "QR payload"),
        (START, seen(qr="payload", qr_reload=True), "QR None"),
        (START, seen(qr_screen=True), None),  # nothing to scan yet
        (START, seen(link_entry=True), "code None"),
        (START, seen(link_code="ABCD1234"), "code ABCD1234"),
        (START, seen(passkey="prompt"), "passkey prompt"),
        (START, seen(passkey="step 12"), "passkey step 12"),
        (START, seen("too_many"), "too many attempts"),
        (START, seen(progress=True), None),
        (ACCOUNT, seen(passkey="prompt shortcake_passkey_screen"), None),  # nobody is at it yet
        (ACCOUNT, seen(passkey="step 12"), "passkey step 12"),
    ],
)
def test_who_may_be_linking(rules: list[Rule], what: Seen, linking: str | None) -> None:
    """What they have come to is told apart from what comes next: while it changes, the page is left alone."""
    verdict = first(rules, what)

    assert verdict and linking == verdict.linking


@pytest.mark.parametrize(
    ("rules", "what"), [(START, seen(passkey="prompt")), (ACCOUNT, seen(passkey="prompt")), (START, seen("passkey"))]
)
def test_a_passkey_is_called_by_its_name(rules: list[Rule], what: Seen) -> None:
    """With what the person does about it."""
    verdict = first(rules, what)

    assert verdict and verdict.health.words
    assert "passkey" in verdict.health.words and "docs/install.md" in verdict.health.words
