"""Whose app has signed what Meta has posted: it may tell of these accounts only. What is waiting counts for all. Frozen."""

from __future__ import annotations

from typing import Any

from peewee import TextField


def up(migrator: Any, db: Any) -> None:
    migrator.migrate(migrator.add_column("cloud_batch", "signers", TextField(null=True)))
