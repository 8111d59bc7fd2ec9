"""Which accounts the caller may see and use. It is set for a request, as the masking of numbers is, so that no read can
forget to ask: what reads jobs, messages, replies or accounts for somebody goes through here.

A process of its own, such as a sender, has no caller and sees everything.
"""

from __future__ import annotations

from collections.abc import Collection
from contextvars import ContextVar
from typing import Any, TypeVar

from daemon import errors
from daemon.accounts.refusals import Why
from daemon.i18n.coded import refusal

Query = TypeVar("Query")

allowed: ContextVar[frozenset[str] | None] = ContextVar("allowed", default=None)  # None: all
caller: ContextVar[str] = ContextVar("caller", default="")  # their name: what is of no account yet is theirs

SHOWN = 20  # names in a refusal


def limited() -> bool:
    """Whether there are accounts that the caller may not see."""
    return allowed.get() is not None


def may(account: str) -> bool:
    """Whether the caller may see and use that account."""
    mine = allowed.get()
    return mine is None or account in mine


def within(query: Query, account: Any) -> Query:
    """The query, without rows of accounts that are not the caller's. account: the column."""
    mine = allowed.get()
    narrowed: Query = query if mine is None else query.where(account.in_(sorted(mine)))  # type: ignore[attr-defined]
    return narrowed


def usual(account: str) -> str:
    """The account of what names none: that of the settings, or the first of the caller's where that is not theirs."""
    mine = allowed.get()
    return account if mine is None or account in mine else min(mine)


def check_said(settings_account: str) -> None:
    """Raises InvalidInput where the caller has several accounts, and not that of the settings: they have to say
    which."""
    mine = allowed.get()
    if mine is not None and settings_account not in mine and len(mine) > 1:
        raise errors.InvalidInput(refusal(Why.SAY_WHICH_ACCOUNT, accounts=named(mine))).at("account")


def named(accounts: Collection[str]) -> str:
    """The names of accounts, for a sentence."""
    known = sorted(accounts)
    return ", ".join(known[:SHOWN]) + (" …" if len(known) > SHOWN else "")
