"""Why something happened by a code beside its words: of messages, their history and
evidence, jobs and accounts. Frozen.

What a decision counts gets its code here, by the words that earlier versions have stored; for the rest of what they
have stored the words stay all there is.
"""

from __future__ import annotations

from typing import Any

COUNTED = {
    "browser_broke_down": "the browser broke down before anything left",
    "browser_keeps_breaking_down": "the browser broke down each time it was tried",
    "chat_in_use_by_person": "Somebody has started to write in this chat: send or delete that text in WhatsApp.",
}


def up(migrator: Any, db: Any) -> None:
    for table in ("account", "job", "message", "event", "evidence"):
        db.execute_sql(f'ALTER TABLE "{table}" ADD COLUMN "coded" TEXT')
    quoted = {code: words.replace("'", "''") for code, words in COUNTED.items()}
    choice = " ".join(
        f"""WHEN '{words}' THEN '{{"kind":"Refusal","code":"{code}","values":{{}}}}'""" for code, words in quoted.items()
    )
    listed = ", ".join(f"'{words}'" for words in quoted.values())
    # Only of what waits to be tried again: that is what the count is asked for.
    db.execute_sql(
        f'UPDATE "event" SET "coded" = CASE "why" {choice} END '
        f"WHERE \"why\" IN ({listed}) AND \"move\" IN ('release', 'retry') AND \"message_id\" IN "
        "(SELECT \"id\" FROM \"message\" WHERE \"state\" IN ('pending', 'claimed'))"
    )
