"""Whose app has signed what Meta has posted: it may tell of these accounts only. What is waiting counts for all.

So far the secret of one account was believed about all. Where there is one only, it is that of the app of all of them.
Frozen."""

from __future__ import annotations

from typing import Any

from peewee import TextField

ONE_FOR_ALL = """
    UPDATE "account" SET "cloud_app_secret" = (SELECT MIN("cloud_app_secret") FROM "account" WHERE "cloud_app_secret" <> '')
    WHERE "cloud_phone_number_id" IS NOT NULL AND COALESCE("cloud_app_secret", '') = ''
        AND (SELECT COUNT(DISTINCT "cloud_app_secret") FROM "account" WHERE "cloud_app_secret" <> '') = 1
"""


def up(migrator: Any, db: Any) -> None:
    migrator.migrate(migrator.add_column("cloud_batch", "signers", TextField(null=True)))
    db.execute_sql(ONE_FOR_ALL)
