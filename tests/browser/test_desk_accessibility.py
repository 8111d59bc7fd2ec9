"""Every page of the desk, for everybody: axe-core, a small phone, either way of writing, how much there is to load."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from daemon import pages
from daemon.accounts import installed, pacing
from daemon.auth import keys, users
from daemon.campaigns import cloning, create, drafts, dry_run, series, templates
from daemon.campaigns.draft_content import ChosenTemplate, Weekly, When
from daemon.config import Settings
from daemon.contacts import importer, lists, suppression, uploads
from daemon.db import clock
from daemon.delivery import claim, moves, replies, unmatched
from daemon.models import Job, Reply, Upload
from daemon.pages import job_tabs
from daemon.states import AccountState, Finding, Hold, Role, Scope
from daemon.states import Ack as Tick
from daemon.transports.protocol import ChatRow, Health, Heard, Lookup, Mark, Receipt, Said, Unread
from daemon.webhooks import outbox, subscriptions
from daemon.webhooks.refusals import Problem
from daemon.webhooks.sending import Result
from daemon.webhooks.subscriptions import Wish
from tests.support.axe import violations, violations_by_width
from tests.support.cloud_templates import LINK, STOP, body, buttons, listed, there
from tests.support.rehearsing import prepare, rehearse
from tests.support.visitor import Instance, Visitor

PEOPLE = [{"number": f"+49302312500{n}", "name": name} for n, name in enumerate(("Anna", "José", "فاطمة", "Zoë <b>"))]
SEEN = Lookup(
    Finding.UNKNOWN, "The chat's history could not be loaded as far as needed.", rows=(ChatRow(True, "Hi", "sent"),)
)
DRAFT = "c0ffee"
TEMPLATED = "7e3b"  # whose message is a WhatsApp template
FAMILY = "fa312"  # of siblings with one number, and damaged ones
REJECTED = "0123456789abcdef"  # an upload with many rejected rows
TABS = [f"/app/jobs/1?tab={tab}" for tab in job_tabs.TABS if tab != job_tabs.RECIPIENTS]
STEPS = ("people", "columns", "numbers", "message", "when", "check", "start", "discard")
PAGES = {  # address of the route: the addresses that are looked at
    "/": [],  # leads to /app
    r"/app/static/{name:[a-z]+\.(?:css|js|svg)}": [],
    r"/app/drafts/{id:[0-9a-f]{1,32}}/rejected.csv": [],
    r"/app/drafts/{id:[0-9a-f]{1,32}}/left-out.csv": [],
    r"/app/drafts/{id:[0-9a-f]{1,32}}": [],  # leads to the step that is reached
    r"/app/drafts/{id:[0-9a-f]{1,32}}/work": [],  # likewise; see test_desk_campaign
    r"/app/uploads/{id:[0-9a-f]{1,32}}/rejected.csv": [],
    r"/app/lists/imports/{id:[0-9a-f]{1,32}}": [],  # the same page as of a draft
    r"/app/suppressions/imports/{id:[0-9a-f]{1,32}}": [],
    "/app/login": ["/app/login"],
    "/app": ["/app"],
    "/app/accounts": ["/app/accounts", "/app/accounts?edit=shop"],
    "/app/users": ["/app/users"],
    r"/app/users/{id:\d{1,18}}": ["/app/users/1"],
    "/app/keys": ["/app/keys"],
    r"/app/keys/{id:\d{1,18}}": ["/app/keys/1"],
    "/app/webhooks": ["/app/webhooks"],
    r"/app/webhooks/{id:\d{1,18}}": ["/app/webhooks/1"],
    "/app/me": ["/app/me"],
    "/app/me/second_factor": [],  # of somebody with a password; see what strangers see
    "/app/login/step": [],  # likewise
    "/app/audit": ["/app/audit"],
    r"/app/jobs/{id:\d{1,18}}": ["/app/jobs/1", *TABS, "/app/jobs/1?state=uncertain", "/app/jobs/999"],
    r"/app/messages/{id:\d{1,18}}": ["/app/messages/1", "/app/messages/2"],
    r"/app/jobs/{id:\d{1,18}}/summary": ["/app/jobs/1/summary"],
    "/app/series": ["/app/series"],
    r"/app/series/{id:\d{1,18}}": ["/app/series/1"],
    "/app/decisions": ["/app/decisions"],
    "/app/confirmations": ["/app/confirmations"],
    "/app/privacy": ["/app/privacy"],
    "/app/notices": ["/app/notices"],
    "/app/consent": ["/app/consent"],
    r"/app/lists/{id:\d{1,18}}/consent": ["/app/lists/1/consent"],
    "/app/new": ["/app/new"],
    **{rf"/app/drafts/{{id:[0-9a-f]{{1,32}}}}/{step}": [f"/app/drafts/{DRAFT}/{step}"] for step in STEPS},
    r"/app/drafts/{id:[0-9a-f]{1,32}}/numbers": [f"/app/drafts/{DRAFT}/numbers", f"/app/drafts/{FAMILY}/numbers"],
    r"/app/drafts/{id:[0-9a-f]{1,32}}/message": [f"/app/drafts/{DRAFT}/message", f"/app/drafts/{TEMPLATED}/message"],
    "/app/cloud-templates": ["/app/cloud-templates"],
    "/app/cloud-templates/new": ["/app/cloud-templates/new"],
    "/app/accounts/{name}/cloud": ["/app/accounts/meta/cloud"],
    "/app/templates": ["/app/templates"],
    "/app/templates/new": ["/app/templates/new"],
    r"/app/templates/{id:\d{1,18}}": ["/app/templates/1"],
    r"/app/templates/{id:\d{1,18}}/delete": ["/app/templates/1/delete"],
    "/app/lists": ["/app/lists"],
    "/app/lists/new": ["/app/lists/new"],
    r"/app/lists/{id:\d{1,18}}": ["/app/lists/1", f"/app/lists/1?added=1&upload={REJECTED}"],
    r"/app/lists/{id:\d{1,18}}/delete": ["/app/lists/1/delete"],
    "/app/replies": ["/app/replies"],
    "/app/suppressions": [
        "/app/suppressions",
        f"/app/suppressions?imported=1&refused=1200&encoding=cp1252&upload={REJECTED}",
    ],
    "/app/suppressions/remove": ["/app/suppressions/remove?number=%2B4930231250"],
}
ADDRESSES = sorted({address for addresses in PAGES.values() for address in addresses} - {"/app/login"})
PAGE_BYTES = 100 * 1024


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Instance]:
    """One of everything there is to see."""
    with Instance(tmp_path_factory.mktemp("accessible"), log_level="warning") as running:
        _fill(Settings(_env_file=None, data_dir=running.folder / "data"), running)
        yield running


def _fill(settings: Settings, running: Instance) -> None:
    unmatched.note("default", [Unread("Kim <3", None, 2)], clock.now_ms())
    replies.take("default", Heard(None, (Said("s", False, "STOP"),), "Anna"), frozenset(), clock.now_ms())
    running.report(
        Health(AccountState.HELD, Hold.RESTRICTED, clock.now_ms() + 90_000, "It can't start.", known_chats=True)
    )
    running.report(Health(AccountState.NEEDS_LINK, qr="2@secret,a,b,c,d"), "shop")
    create.create(
        settings, create.Order("Hi {{ name }}, *soon*", recipients=PEOPLE, name="Spring"), "test", clock.now_ms()
    )
    for number, message in enumerate(claim.claim("default", 3, clock.now_ms(), 60_000, pacing.Rules())):
        moves.submit(message, Mark(None), clock.now_ms(), pacing.Gap(0, pacing.Why.PAUSE, 0))
        ends = [
            lambda m: moves.confirm(m, Receipt("A1", Tick.READ), clock.now_ms()),
            lambda m: moves.lose(m, SEEN.evidence, clock.now_ms(), SEEN),
            lambda m: moves.fail(m, "The number is not on WhatsApp.", clock.now_ms()),
        ]
        ends[number](message)
    cloning.clone(1, DRAFT, "all", "test", clock.now_ms())
    draft = drafts.find(DRAFT)
    dry_run.run(settings, DRAFT, draft.version, 7, leave_out_recent=False, now=clock.now_ms())
    _repeat(settings)
    _templated(settings)
    _restored(settings)
    templates.keep("Reminder", "Dear {{ name }}", clock.now_ms())
    found = importer.read(b"phone,name\n+4930231250,Ann\n+4930231251,Bo\n", "people.csv", "")
    lists.create_list("Patients", found, clock.now_ms())
    _damaged(settings)
    suppression.suppress(settings, "+4930231250", "asked for it", "test", clock.now_ms())
    Reply.create(
        account="default", number="+49302312500", text="STOP", at=clock.now_ms(), key="B1", stop=True, message=1
    )
    users.create("vera", Role.VIEWER, "a-long-password", "test", clock.now_ms())
    limits = {"accounts": ("shop",), "addresses": ("192.0.2.0/24",), "rate_limit": 60}
    keys.create(keys.Terms("till", frozenset(Scope), **limits), "test", clock.now_ms())
    keys.rotate(1, clock.now_ms() + 3_600_000, "test", clock.now_ms())
    hook = subscriptions.make(Wish("https://example.org/hook", "CRM"), (), "test", clock.now_ms()).webhook.id
    subscriptions.rotate(hook, 24, "test", clock.now_ms())
    for problem in (None, Problem.TIMEOUT):
        outbox.tested(hook, f"t{problem}", Result(None, problem, 5), clock.now_ms())
    subscriptions.change(hook, Wish(enabled=False), (), "test", clock.now_ms())


def _damaged(settings: Settings) -> None:
    """Siblings with one number, and numbers that a spreadsheet has damaged: in a draft, and of an import."""
    damaged = "Dora,4.915112345671E+12\nEva,+49l51l2345674\nFay,15112345673\nGus,12\n"
    family = (
        f"name,phone\nAnna,{PEOPLE[0]['number']}\nBen <b>,{PEOPLE[0]['number']}\nCem,{PEOPLE[1]['number']}\n{damaged}"
    )
    draft = drafts.begin(FAMILY, "test", clock.now_ms())
    drafts.take_sheets(
        settings, draft, importer.sheets(family.encode(), "family.csv", "", 1_000), clock.now_ms(), "family.csv"
    )
    draft = drafts.find(FAMILY)
    assert draft.data.columns is not None
    columns = draft.data.columns.model_copy(update={"sure": True})
    drafts.save(FAMILY, draft.version, {"columns": columns}, clock.now_ms(), "Families")
    many = "".join(f"Person {n},4.9151123{n:05}E+12\n" for n in range(1_200))
    found = importer.read(f"name,phone\nAnna,{PEOPLE[0]['number']}\n{damaged}{many}".encode(), "left.csv", "")
    kept = uploads.add_contacts(settings, found, "left.csv", clock.now_ms())
    Upload.update(id=REJECTED).where(Upload.id == kept.id).execute()


def _templated(settings: Settings) -> None:
    """An account of the Cloud API, and a draft with one of its templates."""
    installed.add(settings, "meta", {"transport": "cloud"}, "test", clock.now_ms())
    shown = {"type": "HEADER", "format": "TEXT", "text": "Order {{1}}"}
    footer = {"type": "FOOTER", "text": "Reply STOP to end"}
    refused = listed("sale", status="REJECTED", reason="PROMOTIONAL")
    there(clock.now_ms(), listed("ready", shown, body(), footer, buttons(LINK, STOP)), refused, account="meta")
    cloning.clone(1, TEMPLATED, "all", "test", clock.now_ms())
    draft = drafts.find(TEMPLATED)
    template = ChosenTemplate(name="ready", language="en_US", values={"1": "{{ name }}"}, account="meta")
    when = (draft.data.when or When()).model_copy(update={"account": "meta"})
    drafts.save(TEMPLATED, draft.version, {"template": template, "when": when}, clock.now_ms())


def _restored(settings: Settings) -> None:
    """A campaign that waits for a person, as after a restore."""
    made = create.create(settings, create.Order("Hi", recipients=PEOPLE, name="Autumn"), "test", clock.now_ms())
    since = {"unconfirmed_at": clock.now_ms(), "unconfirmed_since": clock.now_ms() - 90_000}
    Job.update(unconfirmed="restored", **since).where(Job.id == made.job_id).execute()


def _repeat(settings: Settings) -> None:
    """A campaign every Tuesday."""
    when = When(delay_min=1, delay_max=1, zone="UTC", weekly=Weekly(days=(1,), time="08:30"))
    draft = prepare(settings)
    draft = drafts.save(draft.id, draft.version, {"when": when}, clock.now_ms())
    rehearse(settings, draft)
    draft = drafts.find(draft.id)
    series.begin(settings, draft.id, draft.version, "test", clock.now_ms())


@pytest.fixture(scope="module")
def visitor(instance: Instance) -> Iterator[Visitor]:
    """Logged in as admin."""
    with Visitor(instance) as browser:
        browser.size(1200, 900)
        browser.log_in()
        yield browser


def test_every_page_there_is_is_looked_at() -> None:
    """A new page belongs into the list."""
    assert PAGES.keys() == {route.path for route in pages.routes if route.method == "GET"}


def test_every_page_is_accessible_small_and_narrow_enough(visitor: Visitor) -> None:
    """axe-core finds nothing: names, roles, contrast, order of headings, wide and narrow, light and dark. With all that
    it loads a page is under 100 KB, and its style is in it: nothing is waited for before it is shown. 360 pixels are
    enough: only what scrolls by itself may be wider."""
    wrong, heavy, waiting, wide = {}, {}, {}, {}
    for address in ADDRESSES:
        visitor.size(1200, 900)
        visitor.open(address)
        entries = visitor.driver.execute_script(
            "return [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
            ".map((e) => ({name: e.name, size: e.encodedBodySize, blocking: e.renderBlockingStatus === 'blocking'}))"
        )
        own = [entry for entry in entries if not re.search(r"screenshot\.png|qr\.svg", entry["name"])]
        if (size := sum(entry["size"] for entry in own)) > PAGE_BYTES:
            heavy[address] = size
        if blocking := [entry["name"] for entry in own if entry["blocking"] and not entry["name"].endswith(address)]:
            waiting[address] = blocking
        if found := violations_by_width(visitor, 1200, 360):
            wrong[address] = found
        if (width := width_of(visitor)) > 360:
            wide[address] = width
    assert ({}, {}, {}, {}) == (wrong, heavy, waiting, wide)


def test_a_faint_text_is_noticed_in_either_colours_and_at_either_width(visitor: Visitor) -> None:
    """Although a page is not asked again about what was drawn in the same way before."""
    visitor.size(1200, 900)
    visitor.open("/app/me")
    assert [] == violations_by_width(visitor, 1200, 360)
    style = "@media (prefers-color-scheme: dark) and (max-width: 400px) { h1 { color: #26312c !important } }"
    adopt = "const s = new CSSStyleSheet(); s.replaceSync(arguments[0]); document.adoptedStyleSheets = [s];"
    visitor.driver.execute_script(adopt, style)

    found = violations_by_width(visitor, 1200, 360)

    assert ["360 px: dark: color-contrast"] == [each.partition(" (")[0] for each in found]


def width_of(visitor: Visitor) -> int:
    """Pixels that the page would like to have."""
    return int(visitor.driver.execute_script("return document.documentElement.scrollWidth"))


def test_axe_finds_nothing_on_what_strangers_see(instance: Instance) -> None:
    """The login, with a temporary password, and up to a second factor; and the description of the API, which keeps to
    the policy, and fits a small phone."""
    tess = users.create("tess", Role.VIEWER, "a-long-password", "test", clock.now_ms())
    temporary = users.reset_password(tess.id, "test", clock.now_ms())
    with Visitor(instance) as stranger:
        stranger.open("/app/login")
        assert [] == violations(stranger)
        stranger.open("/docs")
        fits(stranger)
        stranger.open("/app/login")
        stranger.fill("name", "tess")
        stranger.fill("password", temporary)
        stranger.press("Log in", "form:has(#password)")
        stranger.until(lambda: stranger.path().startswith("/app/login/step"))
        fits(stranger)
        for field in ("new", "again"):
            stranger.fill(field, "another-long-password")
        stranger.press("Log in")
        stranger.until(lambda: stranger.path() == "/app")
        stranger.open("/app/me/second_factor")
        fits(stranger)
        stranger.press("Set it up")
        stranger.find("#code")
        fits(stranger)


def fits(visitor: Visitor) -> None:
    """It is accessible, wide and narrow, and no wider than a small phone."""
    assert [] == violations_by_width(visitor, 1200, 360)
    assert width_of(visitor) <= 360


@pytest.mark.parametrize("language", ["ar", "hi"])
def test_nothing_is_wider_than_a_small_phone(visitor: Visitor, language: str) -> None:
    """From either side, and with other letters."""
    visitor.size(360, 740)
    visitor.driver.add_cookie({"name": "wasender_language", "value": language, "path": "/"})
    wide = {}
    for address in ADDRESSES:
        visitor.open(address)
        if (width := width_of(visitor)) > 360:
            wide[address] = width
    visitor.driver.delete_cookie("wasender_language")
    assert {} == wide
