"""The state behind the page: switches, links, chats, history, record; one SQLite file in the data folder."""

from __future__ import annotations

import json
import secrets
import sqlite3
import time
from pathlib import Path
from typing import Any

from standin import phone, switches

SCHEMA = """
CREATE TABLE IF NOT EXISTS switches (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS links (token TEXT PRIMARY KEY, at_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS chats (number TEXT PRIMARY KEY, name TEXT, unread INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS messages (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, number TEXT NOT NULL, own INTEGER NOT NULL,
    text TEXT NOT NULL, file TEXT, quoted TEXT, at_ms INTEGER NOT NULL, ack INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS messages_number ON messages (number, seq);
CREATE TABLE IF NOT EXISTS record (id TEXT PRIMARY KEY, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS violations (body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS events (n INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL);
"""


def now_ms() -> int:
    """UTC epoch milliseconds."""
    return int(time.time() * 1000)


class World:
    """What WhatsApp's servers know. Every write is committed before the call returns."""

    def __init__(self, data: Path) -> None:
        self.files = data / "files"
        self.files.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(data / "standin.sqlite", isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")  # survives a killed process; power cuts do not matter here
        self._db.executescript(SCHEMA)
        stored = {row["name"]: json.loads(row["value"]) for row in self._db.execute("SELECT * FROM switches")}
        self.switches: dict[str, Any] = switches.DEFAULTS | stored

    def close(self) -> None:
        """Close the file; the object cannot be used afterwards."""
        self._db.close()

    # -- switches ----------------------------------------------------------------------------------------------

    def set_switches(self, changes: dict[str, Any]) -> None:
        """Merge and keep; raises ValueError on an unknown name and then changes nothing."""
        switches.check(changes)
        self.switches |= changes
        self._db.executemany(
            "INSERT OR REPLACE INTO switches VALUES (?, ?)",
            [(name, json.dumps(value)) for name, value in changes.items()],
        )

    # -- links -------------------------------------------------------------------------------------------------

    def link(self) -> str:
        """Make a session; returns its token."""
        token = secrets.token_hex(16)
        self._db.execute("INSERT INTO links VALUES (?, ?)", (token, now_ms()))
        return token

    def is_linked(self, token: str | None) -> bool:
        """Tell whether the phone still trusts this session."""
        return self._db.execute("SELECT 1 FROM links WHERE token = ?", (token or "",)).fetchone() is not None

    def unlink_all(self) -> None:
        """Log every session out."""
        self._db.execute("DELETE FROM links")

    # -- chats and history -------------------------------------------------------------------------------------

    def chat(self, number: str) -> dict[str, Any]:
        """Describe one chat as the page needs it, whether or not anything was said in it."""
        row = self._db.execute("SELECT * FROM chats WHERE number = ?", (number,)).fetchone()
        saved = {phone.plain(key): name for key, name in self.switches["names"].items()}
        group = not number.startswith("+")
        last = self._db.execute(
            "SELECT * FROM messages WHERE number = ? ORDER BY seq DESC LIMIT 1", (number,)
        ).fetchone()
        heard = self._db.execute("SELECT 1 FROM messages WHERE number = ? AND NOT own LIMIT 1", (number,)).fetchone()
        called = {phone.plain(key): phone.plain(other) for key, other in self.switches["called"].items()}
        name = saved.get(number) or (row["name"] if row else None) or (number.removeprefix("group:") if group else None)
        return {
            "number": number,
            "jid": phone.jid(number),
            "formatted": number if group else phone.formatted(called.get(number, number)),
            "name": name,
            "group": group,
            "archived": number in {phone.plain(each) for each in self.switches["archived"]},
            "unread": row["unread"] if row else 0,
            "heard": heard is not None,
            "last": _message(last) if last else None,
        }

    def chats(self) -> list[dict[str, Any]]:
        """List the chats something was said in, newest first, then groups and fillers, which are silent."""
        rows = self._db.execute("SELECT number FROM messages GROUP BY number ORDER BY max(seq) DESC").fetchall()
        known = [row["number"] for row in rows]
        groups = [f"group:{name}" for name in self.switches["group_names"]]
        return [self.chat(number) for number in known + [number for number in groups if number not in known]]

    def history(self, number: str) -> list[dict[str, Any]]:
        """All messages of one chat, oldest first."""
        rows = self._db.execute("SELECT * FROM messages WHERE number = ? ORDER BY seq", (number,))
        return [_message(row) for row in rows]

    def say(
        self,
        number: str,
        text: str,
        *,
        own: bool,
        id: str | None = None,
        name: str | None = None,
        file: dict[str, Any] | None = None,
        quoted: str | None = None,
        at_ms: int | None = None,
    ) -> dict[str, Any]:
        """Add one row to a chat; a received one counts as unread. Adding the same id again does nothing."""
        id = id or secrets.token_hex(16).upper()  # made on a phone: no 3EB0 in front
        self._db.execute("INSERT OR IGNORE INTO chats (number) VALUES (?)", (number,))
        if name:
            self._db.execute("UPDATE chats SET name = ? WHERE number = ?", (name, number))
        if not own:
            self._db.execute("UPDATE chats SET unread = unread + 1 WHERE number = ?", (number,))
        self._db.execute(
            "INSERT OR IGNORE INTO messages (id, number, own, text, file, quoted, at_ms, ack) VALUES (?,?,?,?,?,?,?,?)",
            (id, number, own, text, json.dumps(file) if file else None, quoted, at_ms or now_ms(), 0),
        )
        return _message(self._db.execute("SELECT * FROM messages WHERE id = ?", (id,)).fetchone())

    def read(self, number: str) -> None:
        """The chat was opened: nothing in it is unread."""
        self._db.execute("UPDATE chats SET unread = 0 WHERE number = ?", (number,))

    def tick(self, id: str, ack: int) -> dict[str, Any] | None:
        """Raise a message to `ack` (1 sent, 2 delivered, 3 read); None when it is there already."""
        changed = self._db.execute("UPDATE messages SET ack = ? WHERE id = ? AND ack < ?", (ack, id, ack)).rowcount
        if not changed:
            return None
        return _message(self._db.execute("SELECT * FROM messages WHERE id = ?", (id,)).fetchone())

    def unticked(self) -> list[str]:
        """Ids of own messages still without a tick, for a restarted server to go on with."""
        return [row["id"] for row in self._db.execute("SELECT id FROM messages WHERE own AND ack = 0")]

    # -- record and events -------------------------------------------------------------------------------------

    def receive(self, entry: dict[str, Any]) -> bool:
        """Keep one really delivered message; False when this id was received before."""
        body = entry | {"at_ms": now_ms()}
        sql = "INSERT OR IGNORE INTO record VALUES (?, ?)"
        return self._db.execute(sql, (entry["id"], json.dumps(body))).rowcount == 1

    def violate(self, what: str, detail: str) -> None:
        """Record something that a careful driver never does."""
        body = {"what": what, "detail": detail, "at_ms": now_ms()}
        self._db.execute("INSERT INTO violations VALUES (?)", (json.dumps(body),))

    def record(self) -> dict[str, Any]:
        """Everything received and everything done wrong, in order."""
        messages = [json.loads(row["body"]) for row in self._db.execute("SELECT body FROM record ORDER BY rowid")]
        violations = [json.loads(row["body"]) for row in self._db.execute("SELECT body FROM violations ORDER BY rowid")]
        return {"messages": messages, "violations": violations}

    def note(self, event: str, detail: dict[str, Any]) -> None:
        """Append to the event list."""
        self._db.execute(
            "INSERT INTO events (body) VALUES (?)", (json.dumps({"event": event, "at_ms": now_ms()} | detail),)
        )

    def events(self, after: int) -> list[dict[str, Any]]:
        """Events with a number above `after`."""
        rows = self._db.execute("SELECT * FROM events WHERE n > ? ORDER BY n", (after,))
        return [{"n": row["n"]} | json.loads(row["body"]) for row in rows]


def _message(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "number": row["number"],
        "own": bool(row["own"]),
        "text": row["text"],
        "file": json.loads(row["file"]) if row["file"] else None,
        "quoted": row["quoted"],
        "at_ms": row["at_ms"],
        "ack": row["ack"],
    }
