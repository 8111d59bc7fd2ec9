"""The history says under which lease a move was made, so that a repeated one is recognised."""

from __future__ import annotations

from typing import Any

from peewee import CharField


def up(migrator: Any, db: Any) -> None:
    migrator.migrate(migrator.add_column("event", "lease", CharField(null=True)))
