"""What the app of one account has signed may be about that account only: its secret may be somebody's who may not see
the others."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from structlog.testing import capture_logs

from daemon.accounts import cloud_standing, directory, limits
from daemon.db import proxy
from daemon.delivery import cloud_inbox
from daemon.delivery.cloud_inbox import Counted
from daemon.models import Account, CloudBatch, CloudProgress, Reply, Suppression
from daemon.states import State
from tests.support.hand import Hand, fresh
from tests.support.meta import BUSINESS_ID, batch, change, failed, text
from tests.support.posting import Post, named, sent, told

BANNED = {"field": "account_update", "value": {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "DISABLE"}}}


@pytest.fixture
def another(post: Post) -> str:
    """An account with a number and a business account of its own, beside that of the settings."""
    directory.ensure("another")
    ids = {"cloud_phone_number_id": "222", "cloud_business_account_id": "333", "cloud_app_secret": "known-to-somebody"}
    limits.set_limits("another", ids, "test")  # type: ignore[arg-type]
    return "another"


async def test_what_another_account_has_signed_changes_nothing(hand: Hand, post: Post, another: str) -> None:
    """Neither receipts nor replies nor holds; what is its own in the same batch counts. One warning for what stands
    together."""
    delivered, refused = sent(hand, 2)
    forged = [
        change("statuses", [told(delivered, "delivered"), failed(131026, named(refused), wamid="wamid.x")]),
        change("messages", [text("STOP", delivered.number[1:])]),
        BANNED,
    ]
    own = change("messages", [text("Hello", "4915200000000", "wamid.own")], number_id="222")
    post.store(batch(*forged, own), signers=[another])
    with capture_logs() as logged:
        await post.work()
    assert [State.ACCEPTED] * 2 == [fresh(each).state for each in (delivered, refused)]
    assert (None, 0) == (cloud_standing.of("default", post.clock()).hold, Suppression.select().count())
    assert {("default", Counted.OTHER_APP): 4} == cloud_inbox.counts()
    heard = [cloud_standing.of(account, post.clock()).heard_at for account in ("default", another)]
    assert [0, post.clock()] == heard
    warned = [
        (each["account"], each["signers"], each["count"]) for each in logged if each["event"] == "cloud.not_theirs"
    ]
    assert [("default", [another], 2), ("default", [another], 2)] == warned
    assert [0, 0, 0] == [table.select().count() for table in (CloudBatch, CloudProgress, Reply)]


@pytest.mark.parametrize("signers", [["default"], ["another", "default"], None], ids=["its own", "one app", "all"])
async def test_what_its_own_app_has_signed_is_taken(
    hand: Hand, post: Post, another: str, signers: list[str] | None
) -> None:
    """Also where several accounts have one app; and what counts for all, as what the version before has stored."""
    (message,) = sent(hand)
    changes = [change("statuses", [told(message, "delivered")]), BANNED]
    post.store(batch(*changes, business_id=BUSINESS_ID), signers=signers)
    await post.work()
    assert State.DELIVERED == fresh(message).state
    assert cloud_standing.of("default", post.clock()).hold is not None
    assert {} == cloud_inbox.counts()


async def test_what_is_of_no_account_is_counted_as_such(hand: Hand, post: Post, another: str) -> None:
    """Whoever has signed it."""
    (message,) = sent(hand)
    post.store(batch(change("statuses", [told(message, "read")], number_id="1")), signers=[another])
    await post.work()
    assert {("", Counted.UNKNOWN_NUMBER): 1} == cloud_inbox.counts()


async def test_what_is_left_out_is_so_once(hand: Hand, post: Post, another: str, monkeypatch: Any) -> None:
    """Also where a batch is taken in several steps, and begun again by another worker."""
    messages = sent(hand, 3)
    changes = [change("statuses", [told(messages[0], "read")]), change("statuses", [{"odd": 1}], number_id="222")]
    post.store(batch(*changes, change("statuses", [told(each, "read") for each in messages[1:]])), signers=[another])
    post.worker._size = 1
    real = cloud_inbox.not_theirs

    def dies(account: str, signers: frozenset[str], by: int, now: int) -> None:
        if cloud_inbox.counts():
            raise SystemExit
        real(account, signers, by, now)

    monkeypatch.setattr(cloud_inbox, "not_theirs", dies)
    with pytest.raises(SystemExit):
        await post.work()
    monkeypatch.undo()
    await post.work()
    assert {("default", Counted.OTHER_APP): 3, ("", Counted.UNREAD): 1} == cloud_inbox.counts()
    assert [0, 0] == [CloudBatch.select().count(), CloudProgress.select().count()]


@pytest.mark.parametrize(
    ("secrets", "then"),
    [
        (("one", None, None), ("one", "one", None)),
        (("one", "one", None), ("one", "one", None)),
        (("one", "two", None), ("one", "two", None)),
        (("one", "two", "three"), ("one", "two", "three")),
        ((None, "", None), (None, "", None)),
    ],
)
def test_the_upgrade_gives_the_only_secret_to_those_that_have_a_number_and_none(
    hand: Hand, secrets: tuple[str | None, ...], then: tuple[str | None, ...]
) -> None:
    """It was believed about them until then. Where there are several apps nobody knows whose theirs is."""
    for name, secret in zip("abc", secrets, strict=True):
        directory.ensure(name)
        Account.update(cloud_phone_number_id=None if name == "c" else name, cloud_app_secret=secret).where(
            Account.name == name
        ).execute()
    proxy.database.execute_sql(importlib.import_module("daemon.db.migrations.0087_signers").ONE_FOR_ALL)
    assert then == tuple(Account.get_by_id(name).cloud_app_secret for name in "abc")
