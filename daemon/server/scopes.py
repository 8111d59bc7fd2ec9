"""What a caller may do, in four scopes: a key has those that it was given, a person those of their role."""

from __future__ import annotations

from daemon.states import Role, Scope

__all__ = ["GRANTED", "Role", "Scope", "least_role"]

GRANTED: dict[Role, frozenset[Scope]] = {
    Role.VIEWER: frozenset({Scope.READ}),
    Role.OPERATOR: frozenset({Scope.READ, Scope.SEND, Scope.CONTROL}),
    Role.ADMIN: frozenset(Scope),
}


def least_role(scope: Scope) -> Role:
    """The lowest role that has the scope."""
    return min(role for role, scopes in GRANTED.items() if scope in scopes)
