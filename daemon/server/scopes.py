"""What a caller may do, in four scopes; the roles of the page and the API key are mapped to them."""

from __future__ import annotations

from enum import StrEnum

from daemon.states import Role


class Scope(StrEnum):
    """The permission an endpoint requires. Scopes do not include each other: each is granted by itself."""

    READ = "read"  #: look at jobs, messages, replies and accounts, with numbers masked for a viewer
    SEND = "send"  #: send, and prepare sending: uploads, templates, lists
    CONTROL = "control"  #: pause, stop, retry and decide; link an account; see and add to the suppression list
    ADMIN = "admin"  #: change limits, log an account out, take somebody off the suppression list


GRANTED: dict[Role, frozenset[Scope]] = {
    Role.VIEWER: frozenset({Scope.READ}),
    Role.OPERATOR: frozenset({Scope.READ, Scope.SEND, Scope.CONTROL}),
    Role.ADMIN: frozenset(Scope),
}


def least_role(scope: Scope) -> Role:
    """The lowest role that has the scope."""
    return min(role for role, scopes in GRANTED.items() if scope in scopes)
