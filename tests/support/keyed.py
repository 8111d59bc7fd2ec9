"""Callers of the API with a key of their own."""

from __future__ import annotations

from typing import Any

from daemon.auth import keys
from daemon.auth.keys import Terms
from daemon.db import clock
from daemon.states import Scope
from tests.http.conftest import Caller


def terms(name: str = "shop", *scopes: Scope, **more: Any) -> Terms:
    """What a key is made with; without scopes it has all."""
    return Terms(name, frozenset(scopes or Scope), **more)


def keyed(api: Caller, name: str = "shop", *scopes: Scope, **more: Any) -> Caller:
    """A program with a key of that name."""
    made = keys.create(terms(name, *scopes, **more), "test", clock.now_ms())
    return Caller(api.client, made.secret)
