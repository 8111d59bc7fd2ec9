"""Hand-overs of dry runs of earlier versions no longer count towards how often a person is written to. Frozen."""

from __future__ import annotations

from typing import Any


def up(migrator: Any, db: Any) -> None:
    # What a dry run has handed over bears its name.
    db.execute_sql(
        'UPDATE "handover" SET "missed" = TRUE WHERE "message_id" IN '
        "(SELECT \"id\" FROM \"message\" WHERE SUBSTR(\"transport_id\", 1, 7) = 'dryrun-')"
    )
