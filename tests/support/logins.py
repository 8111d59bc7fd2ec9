"""Somebody who logs in, rightly or not."""

from __future__ import annotations

import pytest

from daemon import errors
from daemon.auth import sessions, users
from daemon.auth.lockout import Try
from daemon.auth.users import User
from daemon.db import clock
from daemon.states import Role

KEY = "the-key-of-this-test"
GOOD = "correct horse"
HOME, ELSEWHERE = Try("192.0.2.1"), Try("198.51.100.7")


def anna(role: Role = Role.OPERATOR) -> User:
    return users.create("Anna", role, GOOD, "test", clock.now_ms())


def wrong(origin: Try = HOME, name: str = "Anna") -> None:
    with pytest.raises(errors.Unauthorized):
        sessions.by_password(origin, name, "wrong password", clock.now_ms())
