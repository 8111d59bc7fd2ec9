"""What is kept how long."""

from __future__ import annotations

from daemon.api import endpoint
from daemon.api.endpoint import Caller
from daemon.api.schemas.privacy import Kept, Retention
from daemon.db import clock
from daemon.ops import keeping
from daemon.server.scopes import Scope
from daemon.server.visitors import require_all_accounts


@endpoint.get("/retention", scope=Scope.ADMIN, tag="people")
def retention(caller: Caller) -> Retention:
    """What is kept how long, how much of it there is, how much is too old now, and what was removed last."""
    require_all_accounts()
    return Retention(kinds=[Kept.model_validate(vars(each)) for each in keeping.held(caller.settings, clock.now_ms())])
