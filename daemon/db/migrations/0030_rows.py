"""The rows of uploads, of draft sheets and of audiences are rows of a table, instead of one value each. Frozen.

A set has the rows of one of these, in order. The values that earlier versions kept are moved, then their columns go.
"""

from __future__ import annotations

import json
from typing import Any

from peewee import AutoField, BigIntegerField, BooleanField, CompositeKey, ForeignKeyField, IntegerField, Model, TextField

BATCH = 300  # rows in a statement


def up(migrator: Any, db: Any) -> None:
    class Base(Model):
        class Meta:
            database = db
            legacy_table_names = False

    class RowSet(Base):
        id = AutoField()
        touched_at = BigIntegerField()
        held = BooleanField()
        count = IntegerField()
        size = BigIntegerField()
        distinct = BooleanField()

    class KeptRow(Base):
        set = ForeignKeyField(RowSet, on_delete="CASCADE", index=False)
        n = IntegerField()
        body = TextField()

        class Meta:
            primary_key = CompositeKey("set", "n")

    db.create_tables([RowSet, KeptRow])
    for name in ("people_set", "rejected_set", "sheet_set"):
        db.execute_sql(f'ALTER TABLE "upload" ADD COLUMN "{name}" INTEGER')
    db.execute_sql('ALTER TABLE "draft" ADD COLUMN "sheets" TEXT')
    db.execute_sql('ALTER TABLE "draft" ADD COLUMN "audience_set" INTEGER')

    def moved(rows: Any) -> int | None:
        if rows is None:
            return None
        bodies = [json.dumps(each, ensure_ascii=False, separators=(",", ":")) for each in rows]
        size = sum(map(len, bodies))
        made = RowSet.create(touched_at=0, held=True, count=len(bodies), size=size, distinct=False)
        for start in range(0, len(bodies), BATCH):
            some = enumerate(bodies[start : start + BATCH], start)
            KeptRow.insert_many([(made.id, n, body) for n, body in some], [KeptRow.set, KeptRow.n, KeptRow.body]).execute()
        return int(made.id)

    def value(table: str, column: str, row: Any) -> Any:
        (text,) = db.execute_sql(f'SELECT "{column}" FROM "{table}" WHERE "id" = {db.param}', (row,)).fetchone()
        return None if text is None else json.loads(text)

    def put(table: str, column: str, row: Any, kept: Any) -> None:
        db.execute_sql(f'UPDATE "{table}" SET "{column}" = {db.param} WHERE "id" = {db.param}', (kept, row))

    for (row,) in db.execute_sql('SELECT "id" FROM "upload" ORDER BY "id"').fetchall():
        for old, new in (("contacts", "people_set"), ("rejected", "rejected_set"), ("sheet", "sheet_set")):
            put("upload", new, row, moved(value("upload", old, row)))
    for (row,) in db.execute_sql('SELECT "id" FROM "draft" ORDER BY "id"').fetchall():
        sheets = value("draft", "sheet", row)
        kept = None if sheets is None else [[each[0], moved(each[1] if len(each) > 1 else [])] for each in sheets]
        put("draft", "sheets", row, json.dumps(kept, ensure_ascii=False) if kept else None)
        put("draft", "audience_set", row, moved(value("draft", "audience", row)))
    for table, column in (
        ("upload", "contacts"), ("upload", "rejected"), ("upload", "sheet"), ("draft", "sheet"), ("draft", "audience"),
    ):  # fmt: skip
        db.execute_sql(f'ALTER TABLE "{table}" DROP COLUMN "{column}"')
