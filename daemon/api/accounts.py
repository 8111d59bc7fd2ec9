"""Accounts: their state and limits, linking them, and commands to their senders."""

from __future__ import annotations

from typing import Annotated, cast

from pydantic import Field

from daemon.accounts import cloud_lines, commands, directory, installed, limits, status
from daemon.api import endpoint, paging
from daemon.api.answers import Document, Png, Svg, Text
from daemon.api.endpoint import Caller
from daemon.api.parameters import MAX_LIMIT, AccountName, Cancel, Limit, Named, SortedCursor
from daemon.api.refusals import Why
from daemon.api.schemas.accounts import (
    Account,
    AccountAsked,
    AccountRemoved,
    Accounts,
    Limits,
    Link,
    LinkCode,
    NewAccount,
)
from daemon.campaigns import removing
from daemon.campaigns.idempotency import Once
from daemon.db import clock
from daemon.errors import AccountHasWork, IllegalMove, NotFound
from daemon.formats import qr as qr_code
from daemon.server.scopes import Scope
from daemon.server.visitors import require_all_accounts
from daemon.states import AccountState

InState = Annotated[AccountState, Field(description="Only those in this state.")]
ASKED = "Request queued. Check GET /accounts/{name} for the outcome."


@endpoint.get("/accounts", scope=Scope.READ, tag="accounts")
def all_accounts(
    caller: Caller,
    *,
    state: InState | None = None,
    search: Named = "",
    cursor: SortedCursor | None = None,
    limit: Limit = MAX_LIMIT,
) -> Accounts:
    """The accounts, by name, a page at a time."""
    now = clock.now_ms()
    rows = directory.every()
    lacking = status.lacking(caller.settings, rows, now)
    wanted = [row for row in rows if state in (None, row.state) and paging.found_by(search, row.name)]
    page, after = paging.page(sorted(wanted, key=_by_name), _by_name, cursor, limit)
    shown = [status.report(caller.settings, row, now) for row in page]
    return Accounts(
        accounts=[Account.model_validate(each) for each in shown],
        next_cursor=after,
        senders=caller.settings.senders,
        without_sender=[row.name for row in rows if not directory.alive(row, now)],
        note=str(lacking) if lacking else None,
    )


def _by_name(row: directory.AccountRow) -> tuple[str]:
    return (row.name,)


@endpoint.post("/accounts", scope=Scope.ADMIN, errors=(IllegalMove,), tag="accounts")
def add_account(caller: Caller, *, body: NewAccount) -> Account:
    """Add an account. A sender that has none takes it; then its phone can be linked."""
    require_all_accounts()
    given = cast(limits.Limits, body.model_dump(exclude_unset=True, exclude={"name"}))
    added = installed.add(caller.settings, body.name, given, caller.name, clock.now_ms())
    return Account.model_validate(_report(caller, added.name))


@endpoint.get("/accounts/{name}", scope=Scope.READ, errors=(NotFound,), tag="accounts")
def account(caller: Caller, *, name: AccountName) -> Account:
    """One account: its state, its limits, and what it waits for."""
    return Account.model_validate(_report(caller, name))


@endpoint.patch("/accounts/{name}", scope=Scope.ADMIN, errors=(NotFound, IllegalMove), tag="accounts")
def limit_account(caller: Caller, *, name: AccountName, body: Limits) -> Account:
    """Rename the account, or set its own caps, pauses and so on. They apply from the next message on.

    A new name is its `title`: `name` stays the same, so that jobs and addresses go on to be right.

    With `version`, this is refused if somebody has changed them since.
    """
    given = cast(limits.Limits, body.model_dump(exclude_unset=True, exclude={"version"}))
    cloud_lines.check_ids(caller.settings, name, given)
    limits.set_limits(name, given, caller.name, body.version)
    return Account.model_validate(_report(caller, name))


@endpoint.delete("/accounts/{name}", scope=Scope.ADMIN, errors=(NotFound, IllegalMove, AccountHasWork), tag="accounts")
def remove_account(caller: Caller, *, name: AccountName, cancel: Cancel = False, once: Once) -> AccountRemoved:
    """Remove an account. What was sent from it can still be read; its browser's profile is deleted.

    It is refused while the account has campaigns that are not over. With `cancel=true` these are stopped first; a
    message that is being sent at that moment is finished. Log the phone out first, or remove the device on the phone.
    """
    now = clock.now_ms()

    def work() -> AccountRemoved:
        removing.remove(caller.settings, name, cancel, caller.name, now)
        return AccountRemoved(message=f"Account {name} is removed. What was sent from it can still be read.")

    answer = once.run(work, now)
    removing.finish(name, now)
    return answer


@endpoint.post("/accounts/{name}/screenshot", scope=Scope.CONTROL, errors=(NotFound, IllegalMove), tag="accounts")
def ask_screenshot(caller: Caller, *, name: AccountName) -> AccountAsked:
    """Ask the account's sender for a screenshot of its browser, for `GET /accounts/{name}/screenshot.png`."""
    return _asked(caller, name, commands.What.SCREENSHOT)


@endpoint.post("/accounts/{name}/reload", scope=Scope.CONTROL, errors=(NotFound, IllegalMove), tag="accounts")
def ask_reload(caller: Caller, *, name: AccountName) -> AccountAsked:
    """Ask the account's sender to reload WhatsApp Web."""
    return _asked(caller, name, commands.What.RELOAD)


@endpoint.post("/accounts/{name}/page_check", scope=Scope.CONTROL, errors=(NotFound, IllegalMove), tag="accounts")
def ask_page_check(caller: Caller, *, name: AccountName) -> AccountAsked:
    """Ask the account's sender how WhatsApp's page is built, for `GET /accounts/{name}/page_check.json`."""
    return _asked(caller, name, commands.What.CHECK_PAGE)


@endpoint.get("/accounts/{name}/page_check.json", scope=Scope.CONTROL, errors=(NotFound,), tag="accounts")
def account_page_check(caller: Caller, *, name: AccountName) -> Document:
    """How the page was built, to be sent to those who mend `selectors.toml`: no names, numbers or texts of people.

    Which selectors find something, the ids and icons present, language, build, and dialogs with all words masked but
    WhatsApp's own. Not found if none was asked for in the last day.
    """
    return Document(commands.page_check(name, clock.now_ms()).encode())


@endpoint.post("/accounts/{name}/logout", scope=Scope.ADMIN, errors=(NotFound, IllegalMove), tag="accounts")
def ask_logout(caller: Caller, *, name: AccountName) -> AccountAsked:
    """Ask the account's sender to unlink the phone."""
    return _asked(caller, name, commands.What.LOG_OUT)


@endpoint.post("/accounts/{name}/link", scope=Scope.CONTROL, errors=(NotFound, IllegalMove), tag="accounts")
def ask_link(caller: Caller, *, name: AccountName, body: Link | None = None) -> AccountAsked:
    """Link with a code for the phone's `number`, read from `link_code`; without a number, with the QR code again."""
    number = (body.number if body else None) or None
    return _asked(caller, name, commands.What.LINK_BY_CODE if number else commands.What.LINK_BY_QR, number)


@endpoint.get("/accounts/{name}/screenshot.png", scope=Scope.CONTROL, errors=(NotFound,), tag="accounts")
def account_screenshot(caller: Caller, *, name: AccountName) -> Png:
    """The newest screenshot of the browser, which may show chats; not found if none was taken in the last day."""
    return Png(commands.screenshot(name, clock.now_ms()))


@endpoint.get("/accounts/{name}/link_code", scope=Scope.CONTROL, errors=(NotFound,), tag="accounts")
def link_code(caller: Caller, *, name: AccountName) -> LinkCode:
    """The code to enter on the phone; not found if there is none."""
    row = directory.find(name)
    if not row.link_code or not directory.alive(row, clock.now_ms()):
        raise NotFound(Why.NO_LINK_CODE, name=row.name)
    return LinkCode(code=row.link_code, number=row.link_number, at=row.link_code_at)


@endpoint.get("/accounts/{name}/qr.svg", scope=Scope.CONTROL, errors=(NotFound,), tag="accounts")
def qr(caller: Caller, *, name: AccountName) -> Svg:
    """The QR code to scan; not found if there is none. The phone that scans it is linked."""
    return Svg(qr_code.svg(_to_scan(name)))


@endpoint.get("/accounts/{name}/qr.txt", scope=Scope.CONTROL, errors=(NotFound,), tag="accounts")
def qr_text(caller: Caller, *, name: AccountName) -> Text:
    """The QR code in characters, for a terminal: to be shown dark on light, in a font whose lines touch each other."""
    return Text(qr_code.characters(_to_scan(name)).encode())


def _to_scan(name: str) -> str:
    row = directory.find(name)
    if row.state != AccountState.NEEDS_LINK or not row.qr or not directory.alive(row, clock.now_ms()):
        raise NotFound(Why.NO_QR_CODE, name=row.name, state=row.state)
    return row.qr


def _report(caller: Caller, name: str) -> status.Report:
    return status.report(caller.settings, directory.find(name), clock.now_ms())


def _asked(caller: Caller, name: str, what: commands.What, number: str | None = None) -> AccountAsked:
    status.ask(caller.settings, name, what, caller.name, clock.now_ms(), number)
    return AccountAsked.model_validate(vars(_report(caller, name)) | {"message": ASKED})
