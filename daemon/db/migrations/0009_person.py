"""Who somebody is, however their number is written: a key with every row that is about a person. Frozen.

The number stays as it was given. Two rows that turn out to be one person's both stay: nothing is merged.
"""

from __future__ import annotations

import re
from typing import Any

RULES = (  # as contacts/person.py had them at that time
    (r"\+55([1-9]\d)([6-9]\d{7})", r"+55\g<1>9\g<2>"),
    (r"\+521([2-9]\d{9})", r"+52\g<1>"),
    (r"\+54(?=9?\d{12}$)9?(11|[23]\d{2,3})15(\d+)", r"+549\g<1>\g<2>"),
    (r"\+54(11\d{8}|[23]\d{9})", r"+549\g<1>"),
    (r"\+229([24-9]\d{7})", r"+22901\g<1>"),
    (r"\+225((?:0[1-3]|[457][0-3])\d{6})", r"+22501\g<1>"),
    (r"\+225([04-9][4-6]\d{6})", r"+22505\g<1>"),
    (r"\+225((?:[04578][789]|[69][78])\d{6})", r"+22507\g<1>"),
    (r"\+2410(1\d{6})", r"+2411\g<1>"),
    (r"\+2410?([256]\d{6})", r"+2416\g<1>"),
    (r"\+2410?([47]\d{6})", r"+2417\g<1>"),
    (r"\+8412([068]\d{7})", r"+847\g<1>"),
    (r"\+84121(\d{7})", r"+8479\g<1>"),
    (r"\+84122(\d{7})", r"+8477\g<1>"),
    (r"\+8412([3-5]\d{7})", r"+848\g<1>"),
    (r"\+84127(\d{7})", r"+8481\g<1>"),
    (r"\+84129(\d{7})", r"+8482\g<1>"),
    (r"\+8416([2-9]\d{7})", r"+843\g<1>"),
    (r"\+8418([68]\d{7})", r"+845\g<1>"),
    (r"\+84199(\d{7})", r"+8459\g<1>"),
)
COUNTRIES = ("+55", "+52", "+54", "+225", "+229", "+241", "+84")
TABLES = {  # and the column that a row is found by
    "message": "id", "handover": "id", "reply": "id", "opened_chat": "id", "list_entry": "id", "suppression": "number",
}  # fmt: skip
BATCH = 1_000


def up(migrator: Any, db: Any) -> None:
    for table, row_id in TABLES.items():
        db.execute_sql(f'ALTER TABLE "{table}" ADD COLUMN "person" VARCHAR(140)')
        db.execute_sql(f'UPDATE "{table}" SET "person" = "number"')
        _bring_up_to_date(db, table, row_id)
    migrator.migrate(
        migrator.drop_index("message", "message_account_number"),
        migrator.add_index("message", ("account", "person"), False),
        migrator.drop_index("message", "message_number_submitted_at"),
        migrator.drop_index("handover", "handover_number_at"),
        migrator.add_index("handover", ("person", "at"), False),
        migrator.add_index("suppression", ("person",), False),
        migrator.add_index("reply", ("account", "person"), False),
        migrator.drop_index("opened_chat", "opened_chat_account_number"),
        migrator.add_index("opened_chat", ("account", "person"), False),
        migrator.add_index("list_entry", ("list_id", "person"), False),
    )
    db.execute_sql(
        'CREATE INDEX "message_person_submitted_at" ON "message" ("person", "submitted_at") '
        'WHERE ("submitted_at" IS NOT NULL)'
    )


def _bring_up_to_date(db: Any, table: str, row_id: str) -> None:
    """The keys of those whose number is in a former notation; few have one, and they are never all in memory."""
    place = db.param
    theirs = " OR ".join(f'"number" LIKE {place}' for _ in COUNTRIES)
    after: Any = "" if row_id == "number" else 0
    while True:
        rows = db.execute_sql(
            f'SELECT "{row_id}", "number" FROM "{table}" WHERE "{row_id}" > {place} AND ({theirs}) '
            f'ORDER BY "{row_id}" LIMIT {BATCH}',
            (after, *(f"{code}%" for code in COUNTRIES)),
        ).fetchall()
        if not rows:
            return
        after = rows[-1][0]
        changed = [(at, key) for at, number in rows if (key := _key(number)) != number]
        if changed:
            lines = ", ".join(f"({place}, {place})" for _ in changed)
            db.execute_sql(
                f'WITH "found" ("at", "key") AS (VALUES {lines}) UPDATE "{table}" SET "person" = "found"."key" '
                f'FROM "found" WHERE "{table}"."{row_id}" = "found"."at"',
                [value for line in changed for value in line],
            )


def _key(number: str) -> str:
    for former, today in RULES:
        key, count = re.subn(rf"\A{former}\Z", today, number)
        if count:
            return key
    return number
