"""Users of the page: who there is, and a way in again for who has lost theirs."""

from __future__ import annotations

from daemon.api import endpoint
from daemon.api.endpoint import Caller
from daemon.api.parameters import UserId
from daemon.api.schemas.common import Done
from daemon.api.schemas.users import PasswordReset, User, Users
from daemon.auth import second_factor, users
from daemon.auth.refusals import Why
from daemon.db import clock
from daemon.errors import Forbidden, IllegalMove, NotFound
from daemon.server.scopes import Scope
from daemon.server.visitors import require_all_accounts


@endpoint.get("/users", scope=Scope.ADMIN, tag="users")
def list_users(caller: Caller) -> Users:
    """Everybody who may use the page."""
    require_all_accounts()
    coded = second_factor.who_has()
    every = [User.model_validate({**vars(row), "second_factor": row.id in coded}) for row in users.every()]
    return Users(users=every)


@endpoint.post("/users/{user_id}/password/reset", scope=Scope.ADMIN, errors=(NotFound,), tag="users")
def reset_password(caller: Caller, *, user_id: UserId) -> PasswordReset:
    """Give a user a temporary password, for 24 hours. All their sessions end, and at the login they choose their own.

    Not with a key of a program: it could let itself in.
    """
    _by_a_person(caller)
    now = clock.now_ms()
    made = users.reset_password(user_id, caller.name, now)
    return PasswordReset(user_id=user_id, password=made, password_until=now + users.TEMPORARY_MS)


@endpoint.post("/users/{user_id}/second_factor/remove", scope=Scope.ADMIN, errors=(NotFound, IllegalMove), tag="users")
def remove_second_factor(caller: Caller, *, user_id: UserId) -> Done:
    """Ask a user for no code any more who has lost phone and recovery codes. All their sessions end.

    Not with a key of a program.
    """
    _by_a_person(caller)
    users.remove_second_factor(user_id, caller.name)
    return Done()


def _by_a_person(caller: Caller) -> None:
    require_all_accounts()
    if caller.key is not None:
        raise Forbidden(Why.KEY_NOT_FOR_PASSWORDS)
