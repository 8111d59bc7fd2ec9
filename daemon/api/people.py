"""What is known of one person, and its erasure."""

from __future__ import annotations

from daemon.api import endpoint
from daemon.api.endpoint import Caller
from daemon.api.parameters import ToNumber
from daemon.api.schemas.privacy import Erase, ErasedPerson, Known
from daemon.campaigns.idempotency import Once
from daemon.db import clock
from daemon.errors import IllegalMove
from daemon.ops import erase, people
from daemon.server.scopes import Scope
from daemon.server.visitors import require_all_accounts


@endpoint.get("/people/export", scope=Scope.ADMIN, tag="people")
def export_person(caller: Caller, *, number: ToNumber) -> Known:
    """All that is known of the person with that number, in whichever notation: for a person who asks for it."""
    require_all_accounts()
    return Known.model_validate(vars(people.known(caller.settings, number)))


@endpoint.post("/people/erase", scope=Scope.ADMIN, errors=(IllegalMove,), tag="people")
def erase_person(caller: Caller, *, body: Erase, once: Once) -> ErasedPerson:
    """Remove a person everywhere. This cannot be undone.

    Of their messages stays that there was one, when and with which outcome. A keyed digest of their number stays on the
    suppression list, so that they are never messaged again. While something is being sent to them it is 409: repeat it.
    """
    require_all_accounts()
    now = clock.now_ms()
    done = erase.erase(caller.settings, body.number, caller.name, now)
    return once.run(lambda: ErasedPerson(**vars(done)), now)
