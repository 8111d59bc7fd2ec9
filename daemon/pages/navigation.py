"""The way from page to page: three groups, what waits for somebody beside its entry, and what a phone shows of it."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass

from daemon.campaigns import confirming, progress
from daemon.delivery import replies, unmatched
from daemon.i18n.languages import N_
from daemon.states import Role


@dataclass(frozen=True)
class Entry:
    """name: see PageContent.here; short: its words on a phone, "" for one that is in the menu only; least: who may go
    there; everywhere: of those only who may use all accounts."""

    name: str
    path: str
    label: str
    least: Role
    short: str = ""
    everywhere: bool = False


@dataclass(frozen=True)
class Section:
    title: str
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Badge:
    """How many things wait there, and what they are, for who does not see where it stands."""

    count: int
    words: str


SECTIONS = (
    Section(
        N_("Send"),
        (
            Entry("campaigns", "/app", N_("Campaigns"), Role.VIEWER, N_("Campaigns")),
            Entry("new", "/app/new", N_("New campaign"), Role.OPERATOR, N_("New")),
            Entry("templates", "/app/templates", N_("Templates"), Role.OPERATOR),
            Entry("decisions", "/app/decisions", N_("Decisions"), Role.VIEWER, N_("Decide")),
        ),
    ),
    Section(
        N_("People"),
        (
            Entry("replies", "/app/replies", N_("Replies"), Role.VIEWER, N_("Replies")),
            Entry("lists", "/app/lists", N_("Lists"), Role.OPERATOR),
            Entry("suppressions", "/app/suppressions", N_("Suppression"), Role.OPERATOR),
            Entry("consent", "/app/consent", N_("Consent"), Role.OPERATOR),
            Entry("privacy", "/app/privacy", N_("Data protection"), Role.ADMIN, everywhere=True),
        ),
    ),
    Section(
        N_("Settings"),
        (
            Entry("accounts", "/app/accounts", N_("Accounts"), Role.VIEWER),
            Entry("notices", "/app/notices", N_("Notices"), Role.VIEWER),
            Entry("users", "/app/users", N_("Users"), Role.ADMIN, everywhere=True),
            Entry("keys", "/app/keys", N_("Keys"), Role.ADMIN, everywhere=True),
            Entry("webhooks", "/app/webhooks", N_("Webhooks"), Role.ADMIN, everywhere=True),
            Entry("audit", "/app/audit", N_("Audit log"), Role.ADMIN, everywhere=True),
        ),
    ),
)

MANY = 1_000  # unread replies: up to so many are counted

badges: ContextVar[dict[str, Badge]] = ContextVar("badges", default={})  # noqa: B039 (nobody changes it)


def counted() -> dict[str, Badge]:
    """What waits for somebody, by the name of its entry."""
    return {
        "confirmations": Badge(confirming.count(), N_("to decide")),
        "decisions": Badge(progress.undecided(), N_("to decide")),
        "replies": Badge(unmatched.count() + replies.fresh(MANY), N_("new")),
    }


def sections(role: Role, everywhere: bool = True) -> list[Section]:
    """The groups with what this role may open, without those that are empty. everywhere: with all accounts."""

    def opens(entry: Entry) -> bool:
        return entry.least <= role and (everywhere or not entry.everywhere)

    allowed = [Section(each.title, tuple(filter(opens, each.entries))) for each in SECTIONS]
    return [each for each in allowed if each.entries]


def shortcuts(role: Role) -> list[Entry]:
    """What a phone shows beside the menu: four at most."""
    return [one for each in sections(role) for one in each.entries if one.short]
