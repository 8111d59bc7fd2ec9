"""What a database refuses however often it is asked is no passing trouble: a long statement, a full disk."""

from __future__ import annotations

import peewee
import pytest

from daemon import errors
from daemon.db import connection, proxy
from daemon.models import Message, Template


def deep() -> peewee.Query:
    """More conditions in each other than either database follows."""
    many = 1_001
    if proxy.on_postgres():
        proxy.database.execute_sql("SET max_stack_depth = '100kB'")
    return Message.select().where(peewee.SQL("NOT (" * many + "false" + ")" * many))


def many_ids() -> peewee.Query:
    return Message.select().where(Message.id.in_(range(300_000)))


@pytest.mark.parametrize("ask", [deep, many_ids])
@pytest.mark.parametrize("way", [connection.available, connection.write])
def test_too_many_words_or_ids_are_refused(database, ask, way):
    """Not with "try again": it would never be taken. The connection goes on."""
    with pytest.raises(errors.InvalidInput, match="use fewer words or ids"), way():
        list(ask())
    assert 0 == Message.select().count()


@pytest.mark.parametrize("backend", ["sqlite"])  # PostgreSQL's disk is not ours to fill: the next test has its words
@pytest.mark.parametrize("way", [connection.available, connection.write])
def test_a_full_disk_is_said(database, way):
    """Nothing of the transaction is kept; with room everything goes on."""
    limit = proxy.database.execute_sql("PRAGMA max_page_count").fetchone()[0]
    used = proxy.database.execute_sql("PRAGMA page_count").fetchone()[0]
    proxy.database.execute_sql(f"PRAGMA max_page_count = {used + 2}")
    with pytest.raises(errors.DiskFull, match="The disk is full: free some space"), way():
        Template.create(name="a", text="x" * 100_000, created_at=0, updated_at=0)
    proxy.database.execute_sql(f"PRAGMA max_page_count = {limit}")
    assert [] == list(Template.select())
    with connection.write():
        Template.create(name="a", text="x" * 100_000, created_at=0, updated_at=0)


@pytest.mark.parametrize(
    "words",
    [
        "database or disk is full",
        'could not extend file "base/16384/2619": No space left on device\nHINT:  Check free disk space.',
        'could not write to file "pg_wal/xlogtemp.29": No space left on device',
        'could not extend file "base/16384/2619": Disk quota exceeded',
    ],
)
def test_both_databases_words_for_a_full_disk(database, words):
    """PostgreSQL's come from its server's language, which is English unless somebody changed it."""
    with pytest.raises(errors.DiskFull), connection.write():
        raise peewee.OperationalError(words)
