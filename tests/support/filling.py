"""Something to be found in each place of an installation, by the names and ids that are tried first."""

from __future__ import annotations

from daemon.accounts import directory, pacing
from daemon.campaigns import create, templates
from daemon.config import Settings
from daemon.contacts import lists, suppression
from daemon.contacts.importer import Contact, ContactList
from daemon.db import clock
from daemon.delivery import claim, moves
from daemon.states import AccountState
from daemon.transports.protocol import Health, Mark


def fill(settings: Settings) -> None:
    """Jobs, an uncertain message, an account that is linked, a template, a list and a suppression."""
    now = clock.now_ms()
    directory.open_account("default", now)
    for name in "ABC":
        order = create.Order("Hi {{ name }}", recipients=[{"number": "+4915110000000", "name": name}], name=name)
        create.create(settings, order, "test", now)
    (message,) = claim.claim("default", 1, now, 60_000, pacing.Rules())
    moves.submit(message, Mark(None), now, pacing.Gap(0, pacing.Why.PAUSE, 1))
    moves.lose(message, "Nobody can tell.", now)
    directory.report("default", Health(AccountState.NEEDS_LINK, qr="2@payload", link_code="ABCD1234"), now)
    templates.keep("Sale", "Hi {{ name }}", now)
    guests = ContactList([Contact(1, "+4915110000001", {"name": "Ada"})], columns=["name"])
    lists.create_list("Guests", guests, now)
    suppression.suppress(settings, "+4915110000009", "asked", "test", now)
